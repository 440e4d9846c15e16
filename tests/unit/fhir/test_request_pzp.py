"""Every PZP request of both R4 dialects, and the STU3 ones, passes and is written again as the guide has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuts_pzp.consult.queries import PZP, Query, patient_by_bsn, read
from nuts_pzp.consult.queries_stu3 import PZP_STU3
from nuts_pzp.fhir.capability import Capability, read_capability
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest, encode, parse
from nuts_pzp.identity import Bsn
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

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

STU3 = read_capability((Path(__file__).parents[3] / "policies/pzp_stu3/capability.json").read_bytes())
STU3_REQUESTS = {
    "treatment directives": ("Consent", f"patient=Patient/p1&category={SCT}11291000146105"),
    "advance directives": ("Consent", f"patient=Patient/p1&category={SCT}11341000146107"),
    "conversation": ("Encounter", f"patient=Patient/p1&reason={SCT}713603004"),
    "icd": (
        "DeviceUseStatement",
        f"patient=Patient/p1&device.type={SCT}72506001,{SCT}465460004,{SCT}468542000,{SCT}704707009,{SCT}1263462004,"
        f"{SCT}1236894001&_include=DeviceUseStatement:device",
    ),
    "form": (
        "QuestionnaireResponse",
        "subject=Patient/p1&questionnaire=https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017|1.0.0-rc2",
    ),
    "conversation and its context": ("Procedure", f"patient=Patient/p1&code={SCT}713603004&_include=Procedure:context"),
    "directives and who consented": (
        "Consent",
        f"patient=Patient/p1&category={SCT}11291000146105&_include=Consent:consentor",
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
    refused = parse(raw, SHIPPED, BASE)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.REQUEST_VERSION


@pytest.mark.parametrize("name", R4)
def test_an_r4_request_where_the_holder_speaks_stu3_passes_or_is_refused_as_r4(name: str) -> None:
    resource_type, query = R4[name]
    found = parse(RawRequest("GET", f"/{resource_type}", query, (), b""), STU3, BASE)
    only_r4 = ("scope=", "reason", ":in=", "zib2020")
    if not any(mark in query for mark in only_r4):
        assert isinstance(found, FhirRequest), "the same question in both"
    else:
        assert isinstance(found, Deny)
        assert found.reason is Reason.REQUEST_VERSION


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/Consent", "patient=Patient/p1&category=http://snomed.info/sct|129125009"),
        ("/Consent", "patient=Patient/p1&category=http://snomed.info/sct|11291000146105,acd"),
        ("/Communication/c1", ""),
        ("/Encounter", "patient=Patient/p1&reason=x&_include=Encounter:reason-reference"),
    ],
)
def test_a_mark_of_r4_in_any_place_is_refused_by_a_stu3_holder(path: str, query: str) -> None:
    found = parse(RawRequest("GET", path, query, (), b""), STU3, BASE)
    assert isinstance(found, Deny)
    assert found.reason is Reason.REQUEST_VERSION


@pytest.mark.parametrize("capability", [SHIPPED, STU3], ids=["r4", "stu3"])
@pytest.mark.parametrize(
    ("path", "query", "reason"),
    [
        ("/Consent", "patient=Patient/p1&status=active", Reason.REQUEST_UNSUPPORTED),
        ("/Consent", "category=http://snomed.info/sct|1", Reason.REQUEST_PATIENT),
        ("/Medication", "patient=Patient/p1", Reason.REQUEST_UNSUPPORTED),
        ("/Bundle", "patient=Patient/p1&reason=x&scope=y", Reason.RESOURCE_REFUSED),
    ],
)
def test_what_is_wrong_in_every_version_is_said_as_what_it_is(
    capability: Capability, path: str, query: str, reason: Reason
) -> None:
    found = parse(RawRequest("GET", path, query, (), b""), capability, BASE)
    assert isinstance(found, Deny)
    assert found.reason is reason


@pytest.mark.parametrize(
    ("accept", "in_r4", "in_stu3"),
    [
        ("application/fhir+json; fhirVersion=3.0", False, True),
        ("application/fhir+json; fhirVersion=4.0", True, False),
        ("application/fhir+json; fhirVersion=4.0, application/fhir+json; fhirVersion=3.0;q=0.1", True, True),
        ("application/fhir+json", True, True),
        ("*/*", True, True),
    ],
)
def test_an_answer_is_asked_in_the_version_of_the_holder(accept: str, in_r4: bool, in_stu3: bool) -> None:
    for capability, good in ((SHIPPED, in_r4), (STU3, in_stu3)):
        raw = RawRequest("GET", "/Goal", "patient=Patient/p1", (("accept", accept),), b"")
        found = parse(raw, capability, BASE)
        assert isinstance(found, FhirRequest) is good
        assert good or found.reason is Reason.REQUEST_NOT_ACCEPTABLE  # type: ignore[union-attr]


def test_a_statement_says_in_which_version_it_is_asked() -> None:
    assert (SHIPPED.version, STU3.version) == ("r4", "stu3")


@pytest.mark.parametrize(
    ("query", "capability"),
    [*((query, SHIPPED) for query in PZP), *((query, STU3) for query in PZP_STU3)],
    ids=[*(query.name for query in PZP), *(f"stu3 {query.name}" for query in PZP_STU3)],
)
def test_what_we_ask_of_others_is_what_we_would_answer(query: Query, capability: Capability) -> None:
    for one in query.tries:
        asked = one.about("p1")
        assert parse(encode(asked), capability, BASE) == asked


def test_bsn_search_and_read_pass() -> None:
    by_bsn = patient_by_bsn(Bsn("900012341"))
    assert parse(encode(by_bsn), SHIPPED, BASE) == by_bsn
    assert parse(encode(read("RelatedPerson", "r1")), SHIPPED, BASE) == read("RelatedPerson", "r1")
