"""Deciding offline: which facts of a call are believed, and that a no has the codes that it has online."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.authorization.knooppunt import remarks
from nuts_pzp.authorization.offline import decide
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason


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
