"""A server that ignores a parameter answers with more than was asked for; only what was asked for leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.disclose.addresses import Outside
from nuts_pzp.disclose.minimize import Minimized, minimize
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import Bsn, Patient, Standing

BASE = "https://gateway.example/meerwijck/fhir"
INSIDE = "http://10.1.2.3:8080/fhir"
OURS = Patient(Bsn("900012341"), "p1", Standing.KNOWN)
SCT = "http://snomed.info/sct"
FORM = "https://fhir.iknl.nl/fhir/Questionnaire/ACP-zib2020"


def concept(*codes: str) -> dict[str, Any]:
    return {"coding": [{"system": SCT, "code": code} for code in codes]}


def asked(resource_type: str, *given: tuple[str, str | tuple[str, ...]]) -> FhirRequest:
    params = tuple((name, (value,) if isinstance(value, str) else value) for name, value in given)
    return FhirRequest("search-type", resource_type, params=(("patient", ("Patient/p1",)), *params))


def left(request: FhirRequest, fakes: Any, *elements: dict[str, Any]) -> Minimized:
    """What leaves of resources of the patient with these elements, numbered from 1."""
    listed = [
        {"resourceType": request.resource_type, "id": str(n), "subject": {"reference": "Patient/p1"}} | element
        for n, element in enumerate(elements, 1)
    ]
    answer = FhirAnswer(200, fakes.searchset(*listed), None, INSIDE)
    found = minimize(answer, Access(fakes.CALLER, request, OURS), Outside(BASE))
    assert isinstance(found, Minimized)
    return found


def ids(found: Minimized) -> list[str]:
    return [reference.partition("/")[2] for reference in found.references]


CODES = ("code", (f"{SCT}|395091006", "247751003"))


def test_only_observations_with_a_code_that_was_asked_for_leave(fakes: Any) -> None:
    secret = {"code": concept("86406008"), "valueString": "hiv"}
    found = left(
        asked("Observation", CODES), fakes, {"code": concept("395091006")}, secret, {"code": concept("247751003")}
    )
    assert ids(found) == ["1", "3"]
    assert found.withheld == ("Observation/2",)
    assert b"hiv" not in found.body
    assert json.loads(found.body)["total"] == 2


def test_a_code_elsewhere_in_the_resource_does_not_count(fakes: Any) -> None:
    beside = {"code": concept("86406008"), "valueCodeableConcept": concept("395091006"), "method": concept("395091006")}
    assert ids(left(asked("Observation", CODES), fakes, beside)) == []


def test_a_code_that_only_begins_alike_does_not_count(fakes: Any) -> None:
    assert (
        ids(left(asked("Observation", CODES), fakes, {"code": concept("3950910061")}, {"code": concept("95091006")}))
        == []
    )


def test_a_resource_without_the_element_is_not_what_was_asked_for(fakes: Any) -> None:
    assert ids(left(asked("Observation", CODES), fakes, {}, {"code": None}, {"code": {"text": "395091006"}})) == []


def test_nothing_that_was_asked_for_is_an_empty_answer_with_its_record(fakes: Any) -> None:
    found = left(asked("Observation", CODES), fakes, {"code": concept("86406008")})
    assert json.loads(found.body) == {"resourceType": "Bundle", "type": "searchset", "total": 0}
    assert found.withheld == ("Observation/1",)


def test_every_parameter_counts(fakes: Any) -> None:
    request = asked("Consent", ("scope", "http://x/scope|treatment"), ("category", f"{SCT}|129125009"))
    treatment, research = {"coding": [{"code": "treatment"}]}, {"coding": [{"code": "research"}]}
    found = left(
        request,
        fakes,
        {"scope": treatment, "category": [concept("129125009")]},
        {"scope": treatment, "category": [concept("1")]},
        {"scope": research, "category": [concept("129125009")]},
        {"scope": treatment, "category": [concept("1"), concept("2", "129125009")]},
    )
    assert ids(found) == ["1", "4"]


@pytest.mark.parametrize(
    ("kind", "name", "element"),
    [
        ("Goal", "category", "category"),
        ("CommunicationRequest", "category", "category"),
        ("Communication", "reason-code", "reasonCode"),
        ("Procedure", "code", "code"),
    ],
)
def test_each_parameter_looks_in_its_own_element(kind: str, name: str, element: str, fakes: Any) -> None:
    request = asked(kind, (name, f"{SCT}|713603004"))
    assert ids(left(request, fakes, {element: [concept("713603004")]}, {element: [concept("1")]}, {})) == ["1"]


@pytest.mark.parametrize("written", [FORM, f"{FORM}|1.0.0-rc2", {"reference": FORM}])
def test_a_form_is_known_by_its_canonical_with_or_without_version(written: Any, fakes: Any) -> None:
    for value in (FORM, f"{FORM}|1.0.0-rc2"):
        request = asked("QuestionnaireResponse", ("questionnaire", value))
        others = [{"questionnaire": f"{FORM}x"}, {"questionnaire": "https://fhir.example/Questionnaire/wens"}, {}]
        assert ids(left(request, fakes, {"questionnaire": written}, *others)) == ["1"]


def test_a_canonical_with_escaped_slashes_is_the_same(fakes: Any) -> None:
    body = fakes.searchset(
        {
            "resourceType": "QuestionnaireResponse",
            "id": "1",
            "subject": {"reference": "Patient/p1"},
            "questionnaire": FORM,
        }
    ).replace(FORM.encode(), FORM.replace("/", "\\/").encode())
    request = asked("QuestionnaireResponse", ("questionnaire", FORM))
    found = minimize(FhirAnswer(200, body, None, INSIDE), Access(fakes.CALLER, request, OURS), Outside(BASE))
    assert isinstance(found, Minimized)
    assert ids(found) == ["1"]


def test_what_selects_in_another_resource_or_by_a_value_set_is_left_to_the_server(fakes: Any) -> None:
    for kind, name in (
        ("Encounter", "reason-reference:Procedure.code"),
        ("DeviceUseStatement", "device.type:in"),
        ("Goal", "description:in"),
    ):
        assert ids(left(asked(kind, (name, f"{SCT}|713603004")), fakes, {})) == ["1"]


STU3_FORM = "https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"


def test_in_stu3_a_conversation_holds_the_reason_that_was_asked_for(fakes: Any) -> None:
    found = left(
        asked("Encounter", ("reason", f"{SCT}|713603004")),
        fakes,
        {"reason": [concept("185349003")]},
        {"reason": [concept("185349003"), concept("713603004")]},
        {},
    )
    assert ids(found) == ["2"]


@pytest.mark.parametrize("version", ["", "|1.0.0-rc2"])
def test_in_stu3_a_form_is_named_by_a_reference(version: str, fakes: Any) -> None:
    found = left(
        asked("QuestionnaireResponse", ("questionnaire", STU3_FORM)),
        fakes,
        {"questionnaire": {"reference": f"{STU3_FORM}{version}"}},
        {"questionnaire": {"reference": f"{STU3_FORM}x"}},
        {"questionnaire": {"reference": "Questionnaire/7"}},
    )
    assert ids(found) == ["1"]


@pytest.mark.parametrize("code", ["11291000146105", "11341000146107"])
def test_in_stu3_a_category_keeps_each_kind_of_directive_and_consents_to_share_apart(code: str, fakes: Any) -> None:
    found = left(
        asked("Consent", ("category", f"{SCT}|{code}")),
        fakes,
        {"category": [concept("11291000146105")]},
        {"category": [concept("11341000146107")]},
        {"category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}]},
    )
    assert len(ids(found)) == 1


def test_what_a_patient_chose_about_sharing_is_never_a_match(fakes: Any) -> None:
    """Also where it says that it is a treatment directive as well, or nothing was said of what is wanted."""
    scopes = "http://terminology.hl7.org/CodeSystem/consentscope"
    treatment = {"system": scopes, "code": "treatment"}
    both = {"scope": {"coding": [treatment, {"system": scopes, "code": "patient-privacy"}]}}
    for request in (asked("Consent", ("scope", f"{scopes}|treatment")), asked("Consent")):
        found = left(request, fakes, {"scope": {"coding": [treatment]}}, both)
        assert (ids(found), found.withheld) == (["1"], ("Consent/2",))
        assert json.loads(found.body)["total"] == 1
        assert json.loads(left(request, fakes, both).body).get("entry", []) == []
