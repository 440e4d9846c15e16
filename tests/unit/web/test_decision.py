"""The decision API in the Knooppunt's contract: nothing is taken on trust, and every no is recorded with its code."""

from __future__ import annotations

from typing import Any

import pytest
from decisions import KNOOPPUNT, OWN, SOMEONE_ELSE, by_search, call, request, subject

from nuts_pzp.accounted import Allowed, Denied
from nuts_pzp.authorization.policies import Policies
from nuts_pzp.outcome import Deny, Permit, Unavailable
from nuts_pzp.reasons import Reason


@pytest.fixture
def api(decision_api: Any) -> Any:
    return decision_api


@pytest.mark.parametrize("path", ["/pdp", KNOOPPUNT, "/meerwijck/pdp", f"/meerwijck{KNOOPPUNT}"])
async def test_a_permit_in_the_contract_s_words(api: Any, path: str) -> None:
    answer = await api.ask(path, call())
    assert (answer.status, answer.json) == (200, {"allow": True, "policies": {"pzp": {"allow": True, "reasons": []}}})
    [event] = api.events
    assert isinstance(event, Allowed)
    assert (event.attempt.correlation, event.attempt.enforced_by) == (answer.headers["x-meldcode"], "loopback")
    assert event.access.caller.means == "introspection"


async def test_the_patient_is_derived_and_consent_is_asked(api: Any, holder: Any) -> None:
    await api.ask("/pdp", call())
    assert holder.journal == ["directory", "records Patient/p1", "consent", "policy", "audit Allowed"]


async def test_nothing_is_released_by_a_decision(api: Any, holder: Any) -> None:
    await api.ask("/pdp", call())
    assert [one.resource_type for one in holder.records.asked] == ["Patient"]


@pytest.mark.parametrize(
    "context",
    [{"patient_id": "p2"}, {"patient_bsn": SOMEONE_ELSE}, {"patient_bsn": "x"}, {"patient_id": "Patient/p2"}],
)
async def test_a_supplied_patient_that_is_not_the_derived_one_is_refused_before_consent(
    api: Any, holder: Any, context: Any
) -> None:
    answer = await api.ask("/pdp", call(**context))
    assert answer.json["allow"] is False
    assert answer.json["policies"]["pzp"]["reasons"][0]["reason"] == "PZP-PATIENT-004"
    assert "consent" not in holder.journal
    assert SOMEONE_ELSE.encode() not in answer.body


async def test_a_supplied_patient_that_agrees_changes_nothing(api: Any) -> None:
    assert (await api.ask("/pdp", call(patient_id="p1", patient_bsn=OWN, mitz_consent=True))).json["allow"] is True
    assert (await api.ask("/pdp", call(what=by_search(OWN), patient_bsn=OWN))).json["allow"] is True


@pytest.mark.parametrize("said", [False, "true", 1, "false"])
async def test_consent_that_the_caller_denies_is_not_asked_for(api: Any, holder: Any, said: Any) -> None:
    answer = await api.ask("/pdp", call(mitz_consent=said))
    assert answer.json["allow"] is False
    assert "consent" not in holder.journal


async def test_consent_that_the_caller_claims_is_asked_all_the_same(api: Any, holder: Any) -> None:
    holder.consent.says = Deny(Reason.MITZ_DENY)
    answer = await api.ask("/pdp", call(mitz_consent=True))
    assert answer.json["policies"]["pzp"] == {
        "allow": False,
        "reasons": [
            {"code": "not_allowed", "description": Reason.MITZ_DENY.text("it", "en"), "reason": "PZP-CONSENT-010"}
        ],
    }


@pytest.mark.parametrize(
    ("room", "says", "code"),
    [
        ("consent", Unavailable(Reason.MITZ_TIMEOUT), "pip_error"),
        ("directory", Unavailable(Reason.DIRECTORY_DOWN), "pip_error"),
        ("policy", Deny(Reason.POLICY_DENY, detail="request"), "not_allowed"),
        ("policy", Deny(Reason.POLICY_ERROR), "internal_error"),
        ("policy", Unavailable(Reason.POLICY_UNAVAILABLE), "internal_error"),
        ("policy", RuntimeError("about 900012341"), "internal_error"),
        ("consent", None, "internal_error"),
    ],
)
async def test_every_failure_is_a_recorded_no_with_its_code(
    api: Any, holder: Any, room: str, says: Any, code: str
) -> None:
    getattr(holder, room).says = says
    answer = await api.ask("/pdp", call())
    assert (answer.status, answer.json["allow"]) == (200, False)
    assert answer.json["policies"]["pzp"]["reasons"][0]["code"] == code
    assert isinstance(api.events[-1], Denied)
    assert OWN.encode() not in answer.body


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (request(query="patient=Patient/p1&patient=Patient/p2"), "unexpected_input"),
        (request(query="patient=Patient/p1&_revinclude=Goal:subject"), "not_allowed"),
        (request(method="DELETE"), "unexpected_input"),
        (request("/List"), "not_allowed"),
        (request("/Patient", f"identifier=http://fhir.nl/fhir/NamingSystem/bsn%7C{OWN}"), "unexpected_input"),
        (request(query="patient=Patient/%zz"), "unexpected_input"),
        (request("/Patient/_search", f"identifier={OWN}", method="POST"), "unexpected_input"),
    ],
)
async def test_a_request_the_door_would_refuse_is_a_decision_no(api: Any, what: Any, code: str) -> None:
    answer = await api.ask("/pdp", call(what=what))
    assert answer.status == 200
    assert answer.json["policies"]["pzp"]["reasons"][0]["code"] == code
    assert OWN.encode() not in answer.body


@pytest.mark.parametrize(
    "change", [{"active": False}, {"iss": "https://else"}, {"exp": 1_789_999_999}, {"employee_role": None}]
)
async def test_a_subject_is_held_to_every_claim(api: Any, holder: Any, change: dict[str, Any]) -> None:
    answer = await api.ask("/pdp", call(subject(**change)))
    assert answer.json["allow"] is False
    assert holder.journal == ["audit Denied"]


async def test_a_subject_without_active_is_no_introspection_answer(api: Any) -> None:
    who = subject()
    del who["active"]
    assert (await api.ask("/pdp", call(who))).json["allow"] is False


async def test_no_scope_is_an_error_and_recorded(api: Any) -> None:
    answer = await api.ask("/pdp", call(subject(scope="")))
    assert answer.json == {"allow": False, "error": "PZP-AUTHN-004: input.subject.scope is empty", "policies": {}}
    assert isinstance(api.events[-1], Denied)


async def test_a_scope_of_no_policy_is_not_implemented_and_another_may_still_allow(api: Any) -> None:
    answer = await api.ask("/pdp", call(subject(scope="Eerste-Hulp")))
    assert answer.json["policies"]["eerste_hulp"]["reasons"][0]["code"] == "not_implemented"
    answer = await api.ask("/pdp", call(subject(scope="Eerste-Hulp pzp-gf zulu")))
    assert (answer.json["allow"], list(answer.json["policies"])) == (True, ["eerste_hulp", "pzp"])


def two(holder: Any, fakes: Any, scopes: dict[str, str]) -> tuple[Any, Policies]:
    other = fakes.Room(holder.journal, "bgz", Permit("policy:bgz"), digest="e" * 64)
    return other, Policies({"pzp": holder.policy, "bgz": other}, scopes)


async def test_an_unmapped_scope_means_the_policy_of_its_name(api: Any, holder: Any, fakes: Any) -> None:
    other, api.policies = two(holder, fakes, {"pzp-gf": "pzp"})
    answer = await api.ask("/pdp", call(subject(scope="BGZ bgz")))
    assert answer.json == {"allow": True, "policies": {"bgz": {"allow": True, "reasons": []}}}
    assert api.events[-1].policy == "e" * 64
    other.says = Deny(Reason.POLICY_DENY)
    answer = await api.ask("/pdp", call(subject(scope="pzp-gf bgz")))
    assert [(name, one["allow"]) for name, one in answer.json["policies"].items()] == [("bgz", False), ("pzp", True)]
    assert [type(one) for one in api.events[-2:]] == [Denied, Allowed]


async def test_the_first_policy_that_allows_ends_the_asking(api: Any, holder: Any, fakes: Any) -> None:
    _, api.policies = two(holder, fakes, {"pzp-gf": "pzp"})
    await api.ask("/pdp", call(subject(scope="pzp-gf bgz")))
    assert "bgz" in holder.journal
    assert "policy" not in holder.journal


async def test_two_mapped_scopes_are_refused(api: Any, holder: Any, fakes: Any) -> None:
    _, api.policies = two(holder, fakes, {"pzp-gf": "pzp", "bgz-gf": "bgz"})
    answer = await api.ask("/pdp", call(subject(scope="pzp-gf bgz-gf")))
    assert answer.json["error"] == "PZP-AUTHN-004: two scopes of the token choose a policy"
    assert holder.journal == ["audit Denied"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"input":{}', b'{"input":{},"input":{}}', b'{"input":{"a":NaN}}', b"[" * 100_000]
)
async def test_only_what_is_not_json_is_a_400(api: Any, body: bytes) -> None:
    answer = await api.ask("/pdp", body)
    assert (answer.status, answer.json["code"]) == (400, "PZP-REQUEST-010")
    [event] = api.system.events
    assert event.stop.reason is Reason.BODY_MALFORMED


@pytest.mark.parametrize(
    "body", [[], "x", {"input": []}, {"input": {"subject": {"scope": 4}}}, {"input": {"subject": {"scope": "\ud800"}}}]
)
async def test_json_that_is_no_call_is_a_decision_no(api: Any, body: Any) -> None:
    answer = await api.ask("/pdp", body)
    assert (answer.status, answer.json["allow"]) == (200, False)
    assert answer.json["error"].startswith("invalid request: ")
    assert len(api.system.events) == 1


@pytest.mark.parametrize(
    "context",
    [
        {"connection_type_code": "hl7-v2"},
        {"connection_type_code": ""},
        {"data_holder_facility_type": "Z3"},
        {"purpose_of_use": "ETREAT"},
        {"purpose_of_use": "marketing"},
    ],
)
async def test_what_is_stated_otherwise_is_refused_before_anything_is_asked(
    api: Any, holder: Any, context: Any
) -> None:
    assert (await api.ask("/pdp", call(**context))).json["allow"] is False
    assert holder.journal == ["audit Denied"]


@pytest.mark.parametrize("purpose", ["TREAT", "treatment", ""])
async def test_the_purpose_of_the_scope_may_be_stated(api: Any, purpose: str) -> None:
    assert (await api.ask("/pdp", call(purpose_of_use=purpose))).json["allow"] is True
