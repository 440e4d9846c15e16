"""Deciding offline: which facts of a call are believed, and that a no has the codes that it has online."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.authorization.bundle import load
from nuts_pzp.authorization.knooppunt import remarks
from nuts_pzp.authorization.offline import Loaded, decide
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.regorus import RegorusJudge

OPEN = "package pzp\n\nimport rego.v1\n\ndefault allow := false\n\nallow if input.subject.user.role\n"


@pytest.fixture
def lenient(tmp_path: Path) -> dict[str, Loaded]:
    """A policy that allows whatever it is asked."""
    (tmp_path / "policy.rego").write_text(OPEN)
    bundle = load(tmp_path)
    return {"pzp": Loaded(bundle, RegorusJudge(bundle))}


async def answered(document: object, loaded: Any) -> dict[str, Any]:
    return await decide(json.dumps(document).encode(), loaded)


async def first_reason(document: object, loaded: Any) -> tuple[str, str]:
    answer = await answered(document, loaded)
    assert answer["allow"] is False
    reason = answer["policies"]["pzp"]["reasons"][0]
    return reason["code"], reason["reason"]


@pytest.mark.parametrize("bsn", ["123456789", "000000000", "99991112", "9999111200", " 999911120", "x"])
@pytest.mark.parametrize("path", ["/Consent", "/Patient/p1"])
async def test_a_bsn_that_nobody_has_agrees_with_no_patient(call: Any, loaded: Any, bsn: str, path: str) -> None:
    request = {"path": path} if path == "/Consent" else {"path": path, "query": ""}
    document = call(request=request, context={"patient_bsn": bsn})
    assert await first_reason(document, loaded) == ("not_allowed", "PZP-PATIENT-004")


async def test_a_bsn_that_was_given_is_not_told_back(call: Any, loaded: Any) -> None:
    assert "123456789" not in json.dumps(await answered(call(context={"patient_bsn": "123456789"}), loaded))


@pytest.mark.parametrize("bsn", ["", None])
async def test_an_id_alone_says_whose_it_is(call: Any, loaded: Any, bsn: str | None) -> None:
    assert (await answered(call(context={"patient_bsn": bsn}), loaded))["allow"] is True


async def test_whether_the_token_is_complete_and_in_time_is_not_judged(call: Any, loaded: Any) -> None:
    subject = {"user_id": None, "organization_name": None, "exp": 1, "iat": 0}
    assert (await answered(call(subject=subject), loaded))["allow"] is True


@pytest.mark.parametrize("name", ["method", "protocol", "path", "query", "body"])
async def test_every_part_of_a_request_is_text(call: Any, loaded: Any, name: str) -> None:
    answer = await answered(call(request={name: 1}), loaded)
    assert answer == {"allow": False, "error": f"invalid request: input.request.{name} is not a string", "policies": {}}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"header": {"Accept": ["application/fhir+xml"]}}, Reason.REQUEST_NOT_ACCEPTABLE),
        ({"query": "patient=Patient/p1&_format=xml"}, Reason.REQUEST_NOT_ACCEPTABLE),
        ({"query": "patient=Patient/p1&date=gt2020"}, Reason.REQUEST_UNSUPPORTED),
        ({"query": "patient=Patient/p1&patient=Patient/p1"}, Reason.REQUEST_AMBIGUOUS),
        ({"query": "patient=%zz"}, Reason.REQUEST_MALFORMED),
        ({"method": "PUT"}, Reason.REQUEST_METHOD),
        ({"query": ""}, Reason.REQUEST_PATIENT),
    ],
)
async def test_offline_and_online_give_a_refused_request_the_same_code(
    call: Any, loaded: Any, changed: dict[str, Any], reason: Reason
) -> None:
    online = remarks(Deny(reason))[0].code
    assert await first_reason(call(request=changed), loaded) == (online, reason.code)


@pytest.mark.parametrize("consent", [False, None, "true"])
async def test_no_policy_stands_in_for_consent(call: Any, lenient: Any, consent: Any) -> None:
    assert (await answered(call(), lenient))["allow"] is True
    document = call(context={"mitz_consent": consent})
    assert await first_reason(document, lenient) == ("not_allowed", "PZP-CONSENT-005")


async def test_what_a_server_can_do_is_no_disclosure_and_not_decided_on(call: Any, lenient: Any, loaded: Any) -> None:
    document = call(request={"path": "/metadata", "query": ""})
    for policies in (lenient, loaded):
        assert await first_reason(document, policies) == ("not_allowed", "PZP-REQUEST-012")


@pytest.mark.parametrize("scope", ["pzp\u00a0-gf", "pzp-gf\u3000openid", "pzp-gf\topenid", "pzp\n", "x\x1fpzp"])
async def test_only_a_space_parts_two_scopes(call: Any, loaded: Any, scope: str) -> None:
    document = await answered(call(subject={"scope": scope}), loaded)
    assert document["allow"] is False
    [policy] = document["policies"].values()
    assert policy["reasons"][0]["code"] == "not_implemented"
