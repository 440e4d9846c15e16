"""Every PZP request of both R4 dialects, and the STU3 ones, passes and is written again as the guide has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuts_pzp.consult.queries import PZP, patient_by_bsn, read
from nuts_pzp.fhir.capability import read_capability
from nuts_pzp.fhir.request import Capability, FhirRequest, RawRequest, ResourceCapability, encode, parse
from nuts_pzp.identity import Bsn

BASE = "https://gateway.example/meerwijck/fhir"
SHIPPED = read_capability((Path(__file__).parents[3] / "policies/pzp/capability.json").read_bytes())
FORM = (("content-type", "application/x-www-form-urlencoded"),)
SCT = "http://snomed.info/sct|"

R4 = {
    "conversation by procedure": (
        "Procedure",
        f"patient=Patient/p1&code={SCT}713603004&_include=Procedure:encounter",
    ),
    "conversation by encounter": (
        "Encounter",
        f"patient=Patient/p1&reason-reference:Procedure.code={SCT}713603004&_include=Encounter:reason-reference",
    ),
    "treatment directives": (
        "Consent",
        "patient=Patient/p1&scope=http://terminology.hl7.org/CodeSystem/consentscope|treatment"
        f"&category={SCT}129125009&_include=Consent:actor",
    ),
    "advance directives": (
        "Consent",
        "patient=Patient/p1&scope=http://terminology.hl7.org/CodeSystem/consentscope|adr"
        "&category=http://terminology.hl7.org/CodeSystem/consentcategorycodes|acd&_include=Consent:actor",
    ),
    "goal, 1.0.0-rc2": ("Goal", f"patient=Patient/p1&category={SCT}713603004"),
    "goal, 0.1.3-beta3": (
        "Goal",
        "patient=Patient/p1&description:in=https://fhir.iknl.nl/fhir/ValueSet/ACP-MedicalPolicyGoal",
    ),
    "goal without a code": ("Goal", "patient=Patient/p1"),
    "observations": (
        "Observation",
        "patient=Patient/p1&code="
        + ",".join(
            SCT + code for code in ("153851000146100", "395091006", "340171000146104", "247751003", "570801000146104")
        ),
    ),
    "icd": (
        "DeviceUseStatement",
        "patient=Patient/p1&device.type:in=https://api.iknl.nl/docs/pzp/r4/ValueSet/ACP-MedicalDeviceProductType-ICD"
        "&_include=DeviceUseStatement:device",
    ),
    "icd without a code": ("DeviceUseStatement", "patient=Patient/p1&_include=DeviceUseStatement:device"),
    "inform relatives, 1.0.0-rc2": ("CommunicationRequest", f"patient=Patient/p1&category={SCT}223449006"),
    "inform relatives, 0.1.3-beta3": ("Communication", f"patient=Patient/p1&reason-code={SCT}713603004"),
    "form by subject, 1.0.0-rc2": (
        "QuestionnaireResponse",
        "subject=Patient/p1&questionnaire=https://api.iknl.nl/docs/pzp/r4/Questionnaire/ACP-zib2020",
    ),
    "form by patient, 0.1.3-beta3": (
        "QuestionnaireResponse",
        "patient=Patient/p1&questionnaire=https://fhir.iknl.nl/fhir/Questionnaire/ACP-zib2020",
    ),
}

STU3 = Capability(
    {
        "Consent": ResourceCapability(frozenset({"search-type"}), frozenset({"patient", "category"}), frozenset()),
        "Encounter": ResourceCapability(frozenset({"search-type"}), frozenset({"patient", "reason"}), frozenset()),
        "DeviceUseStatement": ResourceCapability(
            frozenset({"search-type"}), frozenset({"patient", "device.type"}), frozenset({"DeviceUseStatement:device"})
        ),
    },
    "3" * 64,
)
STU3_REQUESTS = {
    "treatment directives": ("Consent", f"patient=Patient/p1&category={SCT}11291000146105"),
    "advance directives": ("Consent", f"patient=Patient/p1&category={SCT}11341000146107"),
    "conversation": ("Encounter", f"patient=Patient/p1&reason={SCT}713603004"),
    "icd": (
        "DeviceUseStatement",
        f"patient=Patient/p1&device.type={SCT}72506001,{SCT}465460004,{SCT}468542000,{SCT}704707009,{SCT}1263462004,"
        f"{SCT}1236894001&_include=DeviceUseStatement:device",
    ),
}


@pytest.mark.parametrize("name", R4)
def test_r4_request_passes_by_get_and_is_written_again_unchanged(name: str) -> None:
    resource_type, query = R4[name]
    found = parse(RawRequest("GET", f"/{resource_type}", query, (), b""), SHIPPED, BASE)
    assert isinstance(found, FhirRequest)
    again = encode(found)
    assert (again.method, again.path, again.query) == ("GET", f"/{resource_type}", query.replace("|", "%7C"))


@pytest.mark.parametrize("name", R4)
def test_r4_request_passes_by_post_and_stays_out_of_the_url(name: str) -> None:
    resource_type, query = R4[name]
    found = parse(RawRequest("POST", f"/{resource_type}/_search", "", FORM, query.encode()), SHIPPED, BASE)
    assert isinstance(found, FhirRequest)
    again = encode(found)
    assert (again.method, again.path, again.query) == ("POST", f"/{resource_type}/_search", "")
    assert again.body == query.replace("|", "%7C").encode()


@pytest.mark.parametrize("name", STU3_REQUESTS)
def test_stu3_request_passes_where_the_holder_speaks_stu3_and_not_otherwise(name: str) -> None:
    resource_type, query = STU3_REQUESTS[name]
    raw = RawRequest("GET", f"/{resource_type}", query, (), b"")
    assert isinstance(parse(raw, STU3, BASE), FhirRequest)
    if resource_type != "Consent":
        assert not isinstance(parse(raw, SHIPPED, BASE), FhirRequest)


@pytest.mark.parametrize("query", PZP, ids=[query.name for query in PZP])
def test_what_we_ask_of_others_is_what_we_would_answer(query: object) -> None:
    for one in query.tries:  # type: ignore[attr-defined]
        asked = one.about("p1")
        assert parse(encode(asked), SHIPPED, BASE) == asked


def test_bsn_search_and_read_pass() -> None:
    by_bsn = patient_by_bsn(Bsn("900012341"))
    assert parse(encode(by_bsn), SHIPPED, BASE) == by_bsn
    assert parse(encode(read("RelatedPerson", "r1")), SHIPPED, BASE) == read("RelatedPerson", "r1")
