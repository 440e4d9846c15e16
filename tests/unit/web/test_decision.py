"""The decision API: three dialects over one decision, recorded before it is told, with nothing taken on trust."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Denied
from nuts_pzp.authorization.policies import Policies
from nuts_pzp.outcome import Deny, Permit, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.web.decision import routed
from nuts_pzp.web.decision_clients import Enforcer, Guard

ISSUER = "https://node.meerwijck.example/oauth2/meerwijck"
BASE = "https://fhir.meerwijck.example/meerwijck/fhir"
OWN, SOMEONE_ELSE = "900012341", "999911120"
HERE = ("127.0.0.1", 5)
KNOOPPUNT = "/pdp/v1/data/knooppunt/authz"


@pytest.fixture
def api(decision_api: Any) -> Any:
    return decision_api


def subject(**changes: Any) -> dict[str, Any]:
    return {
        "active": True, "iss": ISSUER, "client_id": "x", "scope": "pzp-gf", "iat": 1_789_999_900, "exp": 1_790_000_800,
        "organization_ura": "90000444", "organization_name": "Huisartsenpost De Kade",
        "organization_facility_type": "N6", "employee_identifier": "h-12", "employee_role": "01.015",
        "employee_name": "A. de Wit",
    } | changes  # fmt: skip


def request(path: str = "/Consent", query: str = "patient=Patient/p1", **changes: Any) -> dict[str, Any]:
    return {"method": "GET", "protocol": "HTTP/1.1", "path": path, "query": query, "header": {}, "body": ""} | changes


def call(who: Any = None, what: Any = None, **context: Any) -> dict[str, Any]:
    about = {
        "connection_type_code": "hl7-fhir-rest",
        "data_holder_organization_id": "90000222",
        "data_holder_facility_type": "V6",
        "patient_bsn": "",
    }
    given = {"subject": who or subject(), "request": what or request(), "context": about | context}
    return {"input": given}


def evaluation(**changes: Any) -> dict[str, Any]:
    return {
        "subject": {"type": "user", "id": "h-12", "properties": subject()},
        "action": {"name": "search-type", "properties": {"request": request()}},
        "resource": {"type": "Consent", "id": "*"},
        "context": {"data_holder_organization_id": "90000222"},
    } | changes


def by_search(bsn: str) -> dict[str, Any]:
    form = {"content-type": ["application/x-www-form-urlencoded"]}
    body = f"identifier=http%3A%2F%2Ffhir.nl%2Ffhir%2FNamingSystem%2Fbsn%7C{bsn}"
    return request("/Patient/_search", "", method="POST", header=form, body=body)


# --- the Knooppunt's contract


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


@pytest.mark.parametrize("body", [[], "x", {"input": []}, {"input": {"subject": {"scope": 4}}}])
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


# --- whose decision


@pytest.mark.parametrize("ura", ["90000333", "", "x", "123456789"])
async def test_a_holder_that_is_not_here_is_refused_and_recorded_for_nobody(api: Any, holder: Any, ura: str) -> None:
    answer = await api.ask("/pdp", call(data_holder_organization_id=ura))
    assert answer.json["allow"] is False
    assert holder.journal == []
    assert api.system.events[-1].stop.reason is Reason.TENANT_UNKNOWN


async def test_two_tenants_of_one_ura_are_told_apart_by_path_only(api: Any) -> None:
    api.tenants = ("meerwijck", "proef")
    assert (await api.ask("/pdp", call())).json["allow"] is False
    assert (await api.ask("/meerwijck/pdp", call())).json["allow"] is True


async def test_the_path_and_the_holder_s_ura_must_agree(api: Any) -> None:
    answer = await api.ask("/meerwijck/pdp", call(data_holder_organization_id="90000333"))
    assert answer.json["policies"]["pzp"]["reasons"][0]["reason"] == "PZP-REQUEST-020"
    assert (await api.ask("/meerwijck/pdp", call(data_holder_organization_id=""))).json["allow"] is True
    assert (await api.ask("/onbekend/pdp", call())).json["allow"] is False


# --- who may ask


async def test_another_machine_is_not_answered_where_only_this_one_may_ask(api: Any, holder: Any) -> None:
    for client in (("192.0.2.7", 5), ("::ffff:192.0.2.7", 5), None, ("", 0)):
        answer = await api.ask("/pdp", call(), client=client)
        assert (answer.status, answer.json["code"]) == (401, "PZP-AUTHN-012")
    assert holder.journal == []
    assert len(api.system.events) == 4


async def test_a_listed_certificate_asks_for_its_own_tenants_only(api: Any, holder: Any) -> None:
    mine, other = b"certificate of nginx", b"certificate of somebody"
    api.guard = Guard(
        {
            sha256(mine).hexdigest(): Enforcer("nginx", frozenset({"meerwijck"})),
            sha256(other).hexdigest(): Enforcer("else", frozenset({"lindezicht"})),
        }
    )
    assert (await api.ask("/pdp", call(), certificate=mine)).json["allow"] is True
    assert api.events[-1].attempt.enforced_by == "nginx"
    holder.journal.clear()
    assert (await api.ask("/pdp", call(), certificate=other)).json["allow"] is False
    assert (await api.ask("/meerwijck/pdp", call(), certificate=other)).json["allow"] is False
    assert (await api.ask("/pdp", call(), certificate=b"unlisted")).status == 401
    assert (await api.ask("/pdp", call())).status == 401
    assert holder.journal == []


@pytest.mark.parametrize("media", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_a_page_in_a_browser_cannot_ask(api: Any, media: str) -> None:
    assert (await api.ask("/pdp", call(), content_type=media)).status == 415


async def test_bodies_are_bounded(api: Any, holder: Any) -> None:
    answer = await api.ask("/pdp", call(what=request(body="x" * 300_000)))
    assert (answer.status, holder.journal) == (413, [])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_only_post_asks(api: Any, method: str) -> None:
    assert (await api.ask("/pdp", call(), method=method)).status == 405


# --- the record comes first


@pytest.mark.parametrize("says", [Permit("explicit-consent:mitz"), Deny(Reason.MITZ_DENY)])
async def test_without_a_record_there_is_no_answer(api: Any, holder: Any, says: Any) -> None:
    holder.consent.says = says
    holder.audit.fails_at = 1
    for path, content in (
        ("/pdp", call()),
        ("/access/v1/evaluation", evaluation()),
        ("/meerwijck/decision/v1/evaluate", own()),
    ):
        holder.audit.fails_at = len(holder.audit.events) + 1
        answer = await api.ask(path, content)
        assert (answer.status, answer.json["code"]) == (503, "PZP-AUDIT-001")
        assert b"allow" not in answer.body
        assert b"decision" not in answer.body


async def test_a_refusal_of_nobody_s_is_not_told_without_a_record_either(api: Any) -> None:
    api.system.fails_at = 1
    assert (await api.ask("/pdp", b"{")).status == 503


# --- AuthZEN


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


@pytest.mark.parametrize("name", ["subject", "action", "resource"])
async def test_authzen_without_a_part_is_a_bad_request(api: Any, name: str) -> None:
    whole = evaluation()
    for broken in ({}, [], {**whole[name], "type": 4, "name": 4}, None):
        answer = await api.ask("/access/v1/evaluation", whole | {name: broken})
        assert answer.status == 400


# --- our own


def own(**changes: Any) -> dict[str, Any]:
    whole = {
        "subject": subject(),
        "request": request(query="patient=p1&_count=10"),
        "context": {"data_holder_organization_id": "90000222"},
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}


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


# --- headers only, as auth_request asks

AUTHORIZE = "/meerwijck/decision/v1/authorize"


def original(target: str = "/meerwijck/fhir/Consent?patient=p1", method: str = "GET", **more: str) -> dict[str, str]:
    return {"x_original_uri": target, "x_original_method": method, "authorization": "Bearer t"} | more


async def test_a_yes_says_what_to_forward(api: Any, holder: Any) -> None:
    answer = await api.ask(AUTHORIZE, method="GET", **original())
    assert answer.status == 200
    assert answer.headers["x-decided-method"] == "GET"
    assert answer.headers["x-decided-target"] == "/Consent?patient=Patient/p1"
    assert isinstance(api.events[-1], Allowed)
    [(presented,)] = holder.network.seen
    assert presented.url == f"{BASE}/Consent"


@pytest.mark.parametrize(
    ("room", "says", "status", "outward"),
    [
        ("consent", Deny(Reason.MITZ_DENY), 403, "403"),
        ("consent", Unavailable(Reason.MITZ_UNAVAILABLE), 503, "503"),
        ("consent", Unavailable(Reason.MITZ_TIMEOUT), 504, "504"),
        ("network", Deny(Reason.TOKEN_INVALID), 401, "401"),
        ("network", Unavailable(Reason.INTROSPECTION_DOWN), 503, "503"),
        ("policy", Deny(Reason.POLICY_ROLE), 403, "403"),
    ],
)
async def test_a_no_has_a_status_that_such_a_server_understands(
    api: Any, holder: Any, room: str, says: Any, status: int, outward: str
) -> None:
    getattr(holder, room).says = says
    answer = await api.ask(AUTHORIZE, method="GET", **original())
    assert (answer.status, answer.headers["x-outward-status"]) == (status, outward)
    assert "x-decided-target" not in answer.headers
    assert answer.headers.get("www-authenticate") == ('DPoP algs="ES256", Bearer' if status == 401 else None)


@pytest.mark.parametrize(
    "asked",
    [
        original("/meerwijck/fhir/Consent?patient=p1&patient=p2"),
        original("/meerwijck/fhir/Patient/_search", "POST"),
        original("/meerwijck/fhir/Consent?patient=p1", "DELETE"),
        original("/lindezicht/fhir/Consent?patient=p1"),
        original("/meerwijck/fhirx/Consent?patient=p1"),
        original("/%6deerwijck/fhir/Consent?patient=p1"),
        original("//meerwijck/fhir/Consent?patient=p1"),
        original("/meerwijck/fhir/../fhir/Consent?patient=p1"),
        original("https://fhir.meerwijck.example/meerwijck/fhir/Consent?patient=p1"),
        original("/meerwijck/fhir/Consent?patient=p1#x"),
        original(""),
        {"x_original_uri": "/meerwijck/fhir/Consent?patient=p1"},
    ],
)
async def test_a_target_in_two_readings_or_elsewhere_is_never_a_yes(api: Any, asked: dict[str, str]) -> None:
    answer = await api.ask(AUTHORIZE, method="GET", **asked)
    assert answer.status == 403
    assert "x-decided-target" not in answer.headers
    assert len(api.events) + len(api.system.events) == 1


async def test_headers_are_asked_of_a_named_tenant_only(api: Any) -> None:
    assert routed("/decision/v1/authorize") is None
    assert (await api.ask("/onbekend/decision/v1/authorize", method="GET", **original())).status == 403
    assert (await api.ask(AUTHORIZE, **original())).status == 405


@pytest.mark.parametrize("path", ["/", "/health", "/pdp/", "/pdp/v1", "//pdp", "/a/b/pdp", "/access/v1/evaluations"])
def test_other_paths_are_not_of_the_api(path: str) -> None:
    assert routed(path) is None
