"""The decision API in AuthZEN, and in our own words."""

from __future__ import annotations

from typing import Any

import pytest
from decisions import BASE, OWN, by_search, evaluation, own, request, subject

from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason


@pytest.fixture
def api(decision_api: Any) -> Any:
    return decision_api


async def test_authzen_permits_with_the_request_to_forward(api: Any) -> None:
    answer = await api.ask("/access/v1/evaluation", evaluation())
    assert answer.json["decision"] is True
    [forward, release] = answer.json["context"]["obligations"]
    assert forward == {
        "type": "forward", "method": "GET", "path": "/Consent", "query": "patient=Patient/p1", "header": {}, "body": "",
    }  # fmt: skip
    assert release == {"type": "release-only", "patient": "Patient/p1"}


async def test_authzen_denies_with_a_reason_for_its_administrator(api: Any, holder: Any) -> None:
    holder.consent.says = Deny(Reason.MITZ_DENY)
    said = (await api.ask("/meerwijck/access/v1/evaluation", evaluation())).json
    assert said["decision"] is False
    assert (said["context"]["code"], said["context"]["kind"]) == ("PZP-CONSENT-010", "deny")
    assert said["context"]["reason_admin"]["nl"]


@pytest.mark.parametrize(
    "change",
    [
        {"subject": {"type": "user", "id": "h-13", "properties": subject()}},
        {"action": {"name": "read", "properties": {"request": request()}}},
        {"resource": {"type": "Goal", "id": "*"}},
        {"resource": {"type": "Consent", "id": "c1"}},
        {"context": {"data_holder_organization_id": "90000222", "patient_id": "p2"}},
    ],
)
async def test_authzen_names_that_differ_from_the_request_are_refused(api: Any, holder: Any, change: Any) -> None:
    said = (await api.ask("/access/v1/evaluation", evaluation(**change))).json
    assert said["decision"] is False
    assert "consent" not in holder.journal


async def test_authzen_a_read_names_its_resource(api: Any) -> None:
    change = {
        "action": {"name": "read", "properties": {"request": request("/Consent/c1", "")}},
        "resource": {"type": "Consent", "id": "c1"},
    }
    assert (await api.ask("/access/v1/evaluation", evaluation(**change))).json["decision"] is True


async def test_authzen_repeats_the_identifier_of_a_request(api: Any) -> None:
    asked = "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"
    for content in (evaluation(), {"subject": 4}, b"{"):
        answer = await api.ask("/access/v1/evaluation", content, x_request_id=asked)
        assert answer.headers["x-request-id"] == asked
    assert "x-request-id" not in (await api.ask("/access/v1/evaluation", evaluation())).headers


@pytest.mark.parametrize("odd", ["a\r\nset-cookie: b", "a b", "", "x" * 201, "\u00e9"])
async def test_authzen_repeats_no_identifier_that_is_no_plain_word(api: Any, odd: str) -> None:
    answer = await api.ask("/access/v1/evaluation", evaluation(), x_request_id=odd)
    assert answer.json["decision"] is True
    assert "x-request-id" not in answer.headers


async def test_authzen_a_read_of_anything_is_not_a_read_of_this(api: Any, holder: Any) -> None:
    change = {
        "action": {"name": "read", "properties": {"request": request("/Consent/c1", "")}},
        "resource": {"type": "Consent", "id": "*"},
    }
    said = (await api.ask("/access/v1/evaluation", evaluation(**change))).json
    assert (said["decision"], said["context"]["code"]) == (False, "PZP-REQUEST-020")
    assert "consent" not in holder.journal


@pytest.mark.parametrize(
    ("part", "name"), [("subject", "id"), ("action", "name"), ("resource", "type"), ("resource", "id")]
)
async def test_authzen_a_name_that_is_empty_names_nothing(api: Any, part: str, name: str) -> None:
    whole = evaluation()
    answer = await api.ask("/access/v1/evaluation", whole | {part: whole[part] | {name: ""}})
    assert (answer.status, answer.json["detail"]) == (400, f"{part}.{name} is empty")


@pytest.mark.parametrize("name", ["subject", "action", "resource"])
async def test_authzen_without_a_part_is_a_bad_request(api: Any, name: str) -> None:
    whole = evaluation()
    for broken in ({}, [], {**whole[name], "type": 4, "name": 4}, None):
        answer = await api.ask("/access/v1/evaluation", whole | {name: broken})
        assert answer.status == 400


async def test_our_own_answer_says_what_to_forward_and_by_which_policy(api: Any) -> None:
    answer = await api.ask("/decision/v1/evaluate", own())
    said = answer.json
    assert (said["schema"], said["allow"], said["policy"]) == ("nuts-pzp-decision/1", True, "f" * 64)
    assert said["obligations"][0]["query"] == "patient=Patient/p1&_count=10"
    assert said["meldcode"] == answer.headers["x-meldcode"]


async def test_our_own_refusal_says_why_and_what_an_outsider_may_see(api: Any, holder: Any) -> None:
    holder.consent.says = Unavailable(Reason.MITZ_UNAVAILABLE)
    said = (await api.ask("/decision/v1/evaluate", own())).json
    assert said["allow"] is False
    assert (said["reason"]["code"], said["reason"]["kind"]) == ("PZP-CONSENT-014", "unavailable")
    assert said["outward"] == {"status": 503, "issue": "transient", "retry_after": 30}
    assert "obligations" not in said


async def test_a_posted_search_is_written_anew_with_its_body(api: Any) -> None:
    said = (await api.ask("/decision/v1/evaluate", own(request=by_search(OWN)))).json
    forward = said["obligations"][0]
    assert (forward["method"], forward["path"], forward["query"]) == ("POST", "/Patient/_search", "")
    assert forward["header"] == {"content-type": ["application/x-www-form-urlencoded"]}
    assert forward["body"].endswith(OWN)


async def test_the_token_itself_is_verified_as_at_the_network_door(api: Any, holder: Any) -> None:
    token = {"authorization": "DPoP abc", "dpop": "proof"}
    assert (await api.ask("/decision/v1/evaluate", own(subject=..., token=token))).json["allow"] is True
    [(presented,)] = holder.network.seen
    assert (presented.authorization, presented.dpop, presented.method) == ("DPoP abc", "proof", "GET")
    assert presented.url == f"{BASE}/Consent"
    holder.network.says = Deny(Reason.TOKEN_INVALID)
    assert (await api.ask("/decision/v1/evaluate", own(subject=..., token=token))).json["outward"]["status"] == 401
    holder.network.says = OSError("broken")
    assert (await api.ask("/decision/v1/evaluate", own(subject=..., token=token))).json["allow"] is False


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": ...},
        {"token": {"authorization": "Bearer x"}},
        {"subject": ..., "token": {}},
        {"input": {}},
        {"context": []},
    ],
)
async def test_our_own_question_is_read_strictly(api: Any, changes: Any, holder: Any) -> None:
    answer = await api.ask("/decision/v1/evaluate", own(**changes))
    assert (answer.status, holder.journal) == (400, [])
