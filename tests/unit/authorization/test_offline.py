"""The decision API offline: the Knooppunt's contract, our reasons, and no unless yes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.authorization.bundle import load
from nuts_pzp.authorization.knooppunt import Unparsable, policies, read
from nuts_pzp.authorization.offline import Loaded, decide
from nuts_pzp.systems.regorus import RegorusJudge

FORM = {"Content-Type": ["application/x-www-form-urlencoded"]}
BSN = "http://fhir.nl/fhir/NamingSystem/bsn%7C"


async def decided(document: object, loaded: dict[str, Loaded]) -> dict[str, Any]:
    return await decide(json.dumps(document).encode(), loaded)


async def reasons(document: object, loaded: dict[str, Loaded]) -> list[tuple[str, str | None]]:
    answer = await decided(document, loaded)
    assert answer["allow"] is False
    (ruling,) = answer["policies"].values()
    assert ruling["allow"] is False
    return [(reason["code"], reason.get("reason")) for reason in ruling["reasons"]]


async def test_an_allowed_call_is_answered_in_the_contract(call: Any, loaded: Any) -> None:
    assert await decided(call(), loaded) == {"allow": True, "policies": {"pzp": {"allow": True, "reasons": []}}}


async def test_a_posted_patient_search_is_allowed(call: Any, loaded: Any) -> None:
    request = {"method": "POST", "path": "/Patient/_search", "query": "", "header": FORM}
    document = call(request={**request, "body": f"identifier={BSN}999911120"}, context={"patient_id": ""})
    assert (await decided(document, loaded))["allow"] is True


@pytest.mark.parametrize(
    "header",
    [
        {"content-type": ["application/x-www-form-urlencoded; charset=UTF-8"]},
        {"CONTENT-TYPE": ["Application/X-WWW-Form-Urlencoded"]},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
async def test_headers_are_read_whatever_their_case_and_shape(call: Any, loaded: Any, header: Any) -> None:
    request = {"method": "POST", "path": "/Patient/_search", "query": "", "header": header}
    document = call(request={**request, "body": f"identifier={BSN}999911120"})
    assert (await decided(document, loaded))["allow"] is True


async def test_a_path_without_slash_is_the_same_path(call: Any, loaded: Any) -> None:
    assert (await decided(call(request={"path": "Consent"}), loaded))["allow"] is True


async def test_further_claims_change_nothing(call: Any, loaded: Any) -> None:
    subject = {"active": True, "iss": "https://node.example", "cnf": {"jkt": "x"}, "exp": 1790000000}
    assert (await decided(call(subject=subject), loaded))["allow"] is True


@pytest.mark.parametrize("consent", [False, None, "true", 1, [True], {"permit": True}])
async def test_only_the_boolean_true_is_consent(call: Any, loaded: Any, consent: Any) -> None:
    assert await reasons(call(context={"mitz_consent": consent}), loaded) == [
        ("not_allowed", "PZP-CONSENT-005"),
        ("info", None),
    ]


@pytest.mark.parametrize("role", ["tuinman", "Medisch secretaresse", "", None])
async def test_an_unmapped_role_is_not_allowed(call: Any, loaded: Any, role: Any) -> None:
    assert (await reasons(call(subject={"user_role": role}), loaded))[0] == ("not_allowed", "PZP-POLICY-002")


async def test_an_organization_without_ura_is_not_allowed(call: Any, loaded: Any) -> None:
    assert (await reasons(call(subject={"organization_ura": None}), loaded))[0] == ("not_allowed", "PZP-POLICY-001")


@pytest.mark.parametrize("active", [False, "true", 0])
async def test_a_token_that_is_not_active_is_not_allowed(call: Any, loaded: Any, active: Any) -> None:
    assert await reasons(call(subject={"active": active}), loaded) == [("not_allowed", "PZP-AUTHN-002")]


@pytest.mark.parametrize(
    "context", [{"patient_id": "p2"}, {"patient_id": ""}, {"patient_id": None}, {"patient_id": "Patient/p1"}]
)
async def test_a_patient_that_does_not_agree_is_not_allowed(call: Any, loaded: Any, context: Any) -> None:
    assert await reasons(call(context=context), loaded) == [("not_allowed", "PZP-PATIENT-004")]


@pytest.mark.parametrize("bsn", ["900186021", "", None])
async def test_a_bsn_that_does_not_agree_is_not_allowed(call: Any, loaded: Any, bsn: Any) -> None:
    request = {"method": "POST", "path": "/Patient/_search", "query": "", "header": FORM}
    document = call(request={**request, "body": f"identifier={BSN}999911120"}, context={"patient_bsn": bsn})
    assert await reasons(document, loaded) == [("not_allowed", "PZP-PATIENT-004")]


async def test_a_read_of_another_patient_is_not_allowed(call: Any, loaded: Any) -> None:
    document = call(request={"path": "/Patient/p2", "query": ""})
    assert await reasons(document, loaded) == [("not_allowed", "PZP-PATIENT-004")]
    assert (await decided(call(request={"path": "/Patient/p1", "query": ""}), loaded))["allow"] is True


@pytest.mark.parametrize("purpose", ["treatment", "TREAT", ""])
async def test_the_scope_means_treatment(call: Any, loaded: Any, purpose: str) -> None:
    assert (await decided(call(context={"purpose_of_use": purpose}), loaded))["allow"] is True


@pytest.mark.parametrize("purpose", ["ETREAT", "emergency", "HRESCH", "COC"])
async def test_no_context_changes_the_purpose(call: Any, loaded: Any, purpose: str) -> None:
    document = call(context={"purpose_of_use": purpose})
    assert await reasons(document, loaded) == [("not_allowed", "PZP-REQUEST-011")]


@pytest.mark.parametrize(
    ("request_changed", "code", "reason"),
    [
        ({"method": "DELETE"}, "unexpected_input", "PZP-REQUEST-004"),
        ({"path": "/Consent/a/b/c"}, "not_allowed", "PZP-REQUEST-003"),
        ({"path": "/List", "query": "patient=Patient/p1"}, "not_allowed", "PZP-REQUEST-012"),
        ({"path": "/Practitioner/x", "query": ""}, "not_allowed", "PZP-REQUEST-012"),
        ({"path": "/Condition", "query": "patient=Patient/p1"}, "not_allowed", "PZP-REQUEST-003"),
        ({"query": "patient=Patient/p1&date=gt2020"}, "not_allowed", "PZP-REQUEST-003"),
        ({"query": "patient=Patient/p1&patient=Patient/p2"}, "unexpected_input", "PZP-REQUEST-001"),
        ({"query": "patient=%zz"}, "unexpected_input", "PZP-REQUEST-002"),
        ({"query": ""}, "unexpected_input", "PZP-REQUEST-007"),
        ({"path": "/Patient", "query": f"identifier={BSN}999911120"}, "unexpected_input", "PZP-REQUEST-004"),
        ({"body": "patient=Patient/p2"}, "unexpected_input", "PZP-REQUEST-001"),
        ({"path": None, "query": None}, "unexpected_input", "PZP-REQUEST-002"),
        (
            {"method": "POST", "path": "/Patient/_search", "query": "", "body": f"identifier={BSN}999911120"},
            "unexpected_input",
            "PZP-REQUEST-005",
        ),
    ],
)
async def test_a_request_that_is_none_of_ours_says_why(
    call: Any, loaded: Any, request_changed: Any, code: str, reason: str
) -> None:
    assert await reasons(call(request=request_changed), loaded) == [(code, reason)]


@pytest.mark.parametrize("connection", ["hl7-v3", "", None])
async def test_only_fhir_is_decided_on(call: Any, loaded: Any, connection: Any) -> None:
    document = call(context={"connection_type_code": connection})
    assert await reasons(document, loaded) == [("unexpected_input", "PZP-REQUEST-003")]


async def test_consent_alone_without_its_category_is_not_allowed(call: Any, loaded: Any) -> None:
    document = call(request={"query": "patient=Patient/p1"})
    assert await reasons(document, loaded) == [("not_allowed", "PZP-POLICY-001"), ("info", None)]


@pytest.mark.parametrize(
    ("scope", "answered"),
    [
        ("bgz", {"bgz": False}),
        ("pzp_gf", {"pzp_gf": False}),
        ("PZP-GF", {"pzp_gf": False}),
        ("pzp", {"pzp": True}),
        ("Zorg-Scope zorg_scope ZORG-SCOPE", {"zorg_scope": False}),
        ("zz pzp-gf", {"pzp": True}),
        ("aa pzp-gf", {"aa": False, "pzp": True}),
        ("  pzp-gf  pzp-gf ", {"pzp": True}),
    ],
)
async def test_scopes_choose_policies_and_the_first_that_allows_ends_it(
    call: Any, loaded: Any, scope: str, answered: dict[str, bool]
) -> None:
    answer = await decided(call(subject={"scope": scope}), loaded)
    assert {name: ruling["allow"] for name, ruling in answer["policies"].items()} == answered
    assert answer["allow"] is any(answered.values())


async def test_an_unknown_policy_is_not_implemented(call: Any, loaded: Any) -> None:
    assert await reasons(call(subject={"scope": "bgz"}), loaded) == [("not_implemented", None)]


@pytest.mark.parametrize("scope", ["", "  ", None])
async def test_without_scope_there_is_an_error_and_no_policy(call: Any, loaded: Any, scope: Any) -> None:
    answer = await decided(call(subject={"scope": scope}), loaded)
    assert answer["allow"] is False
    assert answer["policies"] == {}
    assert "scope" in answer["error"]


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"input": []},
        {"input": {"subject": [], "request": {}, "context": {}}},
        {"input": {"subject": {"scope": ["pzp-gf"]}}},
        {"input": {"subject": {"scope": "pzp-gf"}, "request": {"header": {"a": [1]}}}},
        {"input": {"subject": {"scope": "pzp-gf"}, "request": {"path": 7}}},
        {"input": {"subject": {"scope": "pzp-gf"}, "context": {"patient_bsn": 999911120}}},
        {"input": {"subject": {"scope": "pzp-gf"}, "request": {"body": "\ud800"}}},
    ],
)
async def test_json_of_another_shape_is_a_no_with_an_error(document: object, loaded: Any) -> None:
    answer = await decided(document, loaded)
    assert answer["allow"] is False
    assert answer["error"]
    assert "999911120" not in answer["error"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100_000, b'"' + b"x" * 300_000 + b'"']
)
async def test_what_is_not_json_is_not_decided_on(body: bytes, loaded: Any) -> None:
    with pytest.raises(Unparsable):
        await decide(body, loaded)


async def test_no_answer_echoes_the_call(call: Any, loaded: Any) -> None:
    request = {"query": "patient=Patient/999911120-secret&category=secret-value"}
    for changes in ({"request": request}, {"request": request, "context": {"patient_id": "999911120-secret"}}):
        text = json.dumps(await decided(call(**changes), loaded))
        assert "secret" not in text
        assert "999911120" not in text


async def test_a_published_policy_decides_beside_ours(call: Any, loaded: Any, tmp_path: Path) -> None:
    (tmp_path / "policy.rego").write_text(
        "package region_x\n\nimport rego.v1\n\ndefault allow := false\n\n"
        "allow if {\n\tinput.context.mitz_consent\n\tinput.subject.user.role == `tuinman`\n"
        "\tnot input.action.fhir_rest.capability_checked\n}\n"
    )
    bundle = load(tmp_path)
    both = {**loaded, "region_x": Loaded(bundle, RegorusJudge(bundle))}
    document = call(subject={"scope": "pzp-gf region-x", "user_role": "tuinman"})
    answer = await decided(document, both)
    assert answer["allow"] is True
    assert answer["policies"]["pzp"]["allow"] is False
    assert answer["policies"]["region_x"] == {
        "allow": True,
        "reasons": [{"code": "info", "description": "the policy has no CapabilityStatement"}],
    }


async def test_a_policy_that_fails_is_an_internal_error(call: Any, tmp_path: Path) -> None:
    (tmp_path / "policy.rego").write_text(
        "package pzp\n\nimport rego.v1\n\nallow if startswith(input.context.mitz_consent, `x`)\n"
    )
    bundle = load(tmp_path)
    answer = await decided(call(), {"pzp": Loaded(bundle, RegorusJudge(bundle))})
    assert answer["policies"]["pzp"]["reasons"][-1]["code"] == "internal_error"
    assert answer["policies"]["pzp"]["reasons"][-1]["reason"] == "PZP-POLICY-003"


def test_policies_are_sorted_and_each_is_asked_once() -> None:
    assert policies(("z", "pzp-gf", "A-b", "a_b")) == ("a_b", "pzp", "z")
    assert policies(("x",), {"x": "own"}) == ("own",)


def test_a_call_shows_no_patient() -> None:
    call = read(b'{"input":{"context":{"patient_bsn":"999911120","patient_id":"p1"}}}')
    assert "999911120" not in repr(call)
    assert "p1" not in repr(call)


@pytest.mark.parametrize("part", ["scope", "user_role", "client_id", "extra"])
async def test_half_a_character_is_no_text_and_a_no(call: Any, loaded: Any, part: str) -> None:
    answer = await decided(call(subject={part: "x\ud800"}), loaded)
    assert (answer["allow"], answer["error"]) == (False, "invalid request: a text of the call is not Unicode")
    assert answer["policies"] == {}


async def test_two_halves_that_are_one_character_are_text(call: Any, loaded: Any) -> None:
    assert (await decided(call(subject={"organization_name": "Post \U0001f600"}), loaded))["allow"] is True


async def test_a_head_is_decided_as_the_get_it_stands_for(call: Any, loaded: Any) -> None:
    assert (await decided(call(request={"method": "HEAD"}), loaded))["allow"] is True
    posted = call(request={"method": "HEAD", "path": "/Consent/_search"})
    assert await reasons(posted, loaded) == [("unexpected_input", "PZP-REQUEST-004")]


async def test_the_names_of_the_nodes_serve_as_well_as_the_contract_s(call: Any, loaded: Any) -> None:
    said = {"user_id": None, "user_role": None, "employee_identifier": "e-17", "employee_role": "SEH-arts"}
    assert (await decided(call(subject=said), loaded))["allow"] is True
    administrative = {**said, "employee_role": "medisch secretaresse"}
    assert (await reasons(call(subject=administrative), loaded))[0] == ("not_allowed", "PZP-POLICY-002")


@pytest.mark.parametrize(
    "said", [{"employee_role": "huisarts"}, {"employee_identifier": "e-18"}, {"employee_role": ["SEH-arts"]}]
)
async def test_two_names_of_one_claim_must_agree(call: Any, loaded: Any, said: dict[str, Any]) -> None:
    assert await reasons(call(subject=said), loaded) == [("not_allowed", "PZP-AUTHN-005")]


@pytest.mark.parametrize("depth", [130, 500, 900])
async def test_claims_that_are_nested_too_deeply_for_a_policy_are_a_no(call: Any, loaded: Any, depth: int) -> None:
    claim = json.loads("[" * depth + "]" * depth)
    assert await reasons(call(subject={"extra": claim}), loaded) == [("internal_error", "PZP-POLICY-003")]
