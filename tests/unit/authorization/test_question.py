"""The policy input: complete, canonical, and without any BSN."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.authorization.question import Facts, Subject, agrees, asked, compose
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.parameters import Parameter
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Ura

BSN = "999911120"
OTHER = "900186021"
SYSTEM = "http://fhir.nl/fhir/NamingSystem/bsn"
HOLDER = Organization(Ura("90000111"), "Z3", "De Wilgenhof")
CAPABILITY = load(shipped()).stated
FACTS = Facts("p1", BSN, True, "TREAT", "90000111", "Z3")


def search(*params: Parameter, type: str = "Consent", via: Any = "GET") -> FhirRequest:
    return FhirRequest("search-type", type, params=params, via=via)


def question(request: FhirRequest, claims: dict[str, str] | None = None) -> dict[str, Any]:
    caller = Caller(
        Organization(Ura("90000444"), "N6", "De Kade"),
        Professional("e-17", "SEH-arts", "R. de Boer"),
        frozenset({"pzp-gf", "a-scope"}),
        Purpose.TREATMENT,
        None,
        claims or {},
        "nuts-dpop",
    )
    access = Access(caller, request, Patient(Bsn(BSN), "p1", Standing.KNOWN))
    return json.loads(asked(access, CAPABILITY, HOLDER))  # type: ignore[no-any-return]


def params_of(request: FhirRequest) -> dict[str, list[list[str]]]:
    return question(request)["action"]["fhir_rest"]["search_params"]  # type: ignore[no-any-return]


def test_the_input_is_that_of_the_decision_api() -> None:
    request = search(
        ("patient", ("Patient/p1",)),
        ("category", ("http://snomed.info/sct|129125009",)),
        ("_include", ("Consent:actor",)),
        ("_count", ("20",)),
    )
    assert question(request, {"client_id": "did:web:kade", "assurance": "substantial"}) == {
        "subject": {
            "client": {"id": "did:web:kade", "scopes": ["a-scope", "pzp-gf"]},
            "organization": {"ura": "90000444", "name": "De Kade", "facility_type": "N6"},
            "user": {"id": "e-17", "role": "SEH-arts"},
            "assurance": "substantial",
        },
        "resource": {"id": "", "type": "Consent", "version_id": "", "consents": None},
        "action": {
            "name": "search-type",
            "connection_type_code": "hl7-fhir-rest",
            "request": {
                "method": "GET",
                "protocol": "HTTP/1.1",
                "path": "/Consent",
                "query": "",
                "header": {},
                "body": "",
            },
            "fhir_rest": {
                "capability_checked": True,
                "include": ["Consent:actor"],
                "revinclude": [],
                "interaction_type": "search-type",
                "operation": None,
                "search_params": {
                    "patient": [["Patient/#patient"]],
                    "category": [["http://snomed.info/sct|129125009"]],
                },
            },
        },
        "context": {
            "data_holder_facility_type": "Z3",
            "data_holder_organization_id": "90000111",
            "mitz_consent": True,
            "patient_bsn": "#bsn",
            "patient_id": "#patient",
            "purpose_of_use": "TREAT",
        },
    }


def test_a_posted_patient_search_shows_its_method_and_no_bsn() -> None:
    request = search(("identifier", (f"{SYSTEM}|{BSN}",)), type="Patient", via="POST")
    made = question(request)
    assert made["action"]["request"]["method"] == "POST"
    assert made["action"]["request"]["path"] == "/Patient/_search"
    assert made["action"]["fhir_rest"]["search_params"] == {"identifier": [[f"{SYSTEM}|#bsn"]]}
    assert BSN not in json.dumps(made)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (("patient", ("Patient/p2",)), {"patient": [["Patient/#other"]]}),
        (("patient", ("p1",)), {"patient": [["#patient"]]}),
        (("patient", (OTHER,)), {"patient": [["#other"]]}),
        (("subject", ("Patient/p1",)), {"subject": [["Patient/#patient"]]}),
        (("subject", ("Group/p1",)), {"subject": [["#other/#other"]]}),
        (("patient:Patient", ("p1",)), {"patient:Patient": [["#patient"]]}),
        (("patient.identifier", (f"{SYSTEM}|{BSN}",)), {"patient.identifier": [["#other/#other"]]}),
        (("identifier", (f"{SYSTEM}|{OTHER}",)), {"identifier": [[f"{SYSTEM}|#other"]]}),
        (("identifier", (BSN,)), {"identifier": [["#other"]]}),
        (("identifier", (f"|{BSN}",)), {"identifier": [["|#other"]]}),
        (("_id", ("p1",)), {"_id": [["#other"]]}),
        (("note", (f"about {BSN}",)), {"note": [["about #bsn"]]}),
        (("code", ("a", "b")), {"code": [["a", "b"]]}),
    ],
)
def test_whoever_is_named_becomes_a_placeholder(given: Parameter, shown: dict[str, list[list[str]]]) -> None:
    assert params_of(search(given)) == shown


def test_repeated_parameters_stay_apart_and_in_order() -> None:
    request = search(("code", ("b", "a")), ("code", ("c",)))
    assert params_of(request) == {"code": [["b", "a"], ["c"]]}


def test_the_patients_own_record_is_a_placeholder_and_another_one_is_nobody() -> None:
    assert question(FhirRequest("read", "Patient", "p1"))["resource"]["id"] == "#patient"
    assert question(FhirRequest("read", "Patient", "p2"))["resource"]["id"] == "#other"
    assert question(FhirRequest("read", "RelatedPerson", "r1"))["resource"]["id"] == "r1"
    assert question(FhirRequest("read", "RelatedPerson", BSN))["resource"]["id"] == "#bsn"


def test_claims_are_passed_on_without_the_bsn_and_never_replace_what_we_know() -> None:
    claims = {"enrolled": f"{SYSTEM}|{BSN}", "user": "boss", "organization_ura": "90000999", "client": "x"}
    subject = question(search(), claims)["subject"]
    assert subject["enrolled"] == f"{SYSTEM}|#bsn"
    assert subject["user"] == {"id": "e-17", "role": "SEH-arts"}
    assert subject["organization"]["ura"] == "90000444"
    assert "organization_ura" not in subject


def test_nested_claims_lose_the_bsn_as_well() -> None:
    subject = Subject("", (), HOLDER, "e", "arts", {"a": {"b": [BSN, int(BSN), None, True]}})
    made = json.loads(compose(subject, search(), FACTS, None))
    assert made["subject"]["a"] == {"b": ["#bsn", "#bsn", None, True]}


def test_what_is_not_listed_is_not_checked() -> None:
    assert not question(search(("date", ("2020",))))["action"]["fhir_rest"]["capability_checked"]
    assert not question(search(("_include", ("Consent:patient",))))["action"]["fhir_rest"]["capability_checked"]
    assert not question(search(("_revinclude", ("Provenance:target",))))["action"]["fhir_rest"]["capability_checked"]
    assert not question(search(type="Condition"))["action"]["fhir_rest"]["capability_checked"]
    made = json.loads(compose(Subject("", (), HOLDER, "", ""), search(), FACTS, None))
    assert not made["action"]["fhir_rest"]["capability_checked"]


def test_the_same_question_about_two_patients_is_the_same_bytes() -> None:
    def about(patient_id: str, bsn: str) -> bytes:
        facts = Facts(patient_id, bsn, True, "TREAT", "90000111", "Z3")
        subject = Subject("", (), HOLDER, "e-17", "arts")
        return compose(subject, search(("patient", (f"Patient/{patient_id}",))), facts, CAPABILITY)

    assert about("p1", BSN) == about("p2", OTHER)


@pytest.mark.parametrize(
    ("request_made", "facts", "agreed"),
    [
        (search(("patient", ("Patient/p1",))), FACTS, True),
        (search(("patient", ("Patient/p2",))), FACTS, False),
        (search(("patient", ("Patient/p1", "Patient/p2"))), FACTS, False),
        (search(("subject", ("Patient/p2",))), FACTS, False),
        (search(("patient", ("Patient/",))), Facts("", BSN, True, "TREAT", "", ""), False),
        (search(("identifier", (f"{SYSTEM}|{BSN}",)), type="Patient"), FACTS, True),
        (search(("identifier", (f"{SYSTEM}|{OTHER}",)), type="Patient"), FACTS, False),
        (search(("identifier", (f"{SYSTEM}|",)), type="Patient"), Facts("p1", "", True, "TREAT", "", ""), False),
        (FhirRequest("read", "Patient", "p1"), FACTS, True),
        (FhirRequest("read", "Patient", "p2"), FACTS, False),
        (FhirRequest("read", "Goal", "g1"), FACTS, True),
    ],
)
def test_facts_agree_with_the_request_or_not(request_made: FhirRequest, facts: Facts, agreed: bool) -> None:
    assert agrees(request_made, facts) is agreed


def test_facts_show_no_patient() -> None:
    assert BSN not in repr(FACTS)
    assert "p1" not in repr(FACTS)
