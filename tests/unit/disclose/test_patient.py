"""The patient of a request is whom the holder's own server says it is about."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from nuts_pzp.disclose.patient import patient_of
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Patient, Standing
from nuts_pzp.outcome import Deny, Stop, Unavailable
from nuts_pzp.reasons import Reason

BASE = "https://gateway.example/meerwijck/fhir"
INSIDE = "http://10.1.2.3:8080/fhir"
BSN, OTHER_BSN = "900012341", "999911120"

BY_BSN = FhirRequest("search-type", "Patient", params=(("identifier", (f"{BSN_SYSTEM}|{BSN}",)),), via="POST")
BY_ID = FhirRequest("search-type", "Consent", params=(("patient", ("Patient/p1",)),))
READ = FhirRequest("read", "Consent", "c1")
OUT_OF_USE = [
    {"active": False},
    {"active": True, "link": [{"other": {"reference": "Patient/p9"}, "type": "replaced-by"}]},
]
P1 = Patient(Bsn(BSN), "p1", Standing.KNOWN, date(1951, 4, 3))


async def found(holder: Any, request: FhirRequest) -> Patient:
    patient = await patient_of(request, holder.records, BASE)
    assert isinstance(patient, Patient), patient
    return patient


async def stopped(holder: Any, request: FhirRequest) -> Stop:
    stop = await patient_of(request, holder.records, BASE)
    assert isinstance(stop, Stop), stop
    return stop


@pytest.mark.parametrize(
    "request_",
    [
        BY_BSN,
        BY_ID,
        READ,
        FhirRequest("read", "Patient", "p1"),
        FhirRequest("search-type", "QuestionnaireResponse", params=(("subject", ("Patient/p1",)),)),
    ],
)
async def test_patient_comes_from_bsn_parameter_or_resource(request_: FhirRequest, holder: Any) -> None:
    assert await found(holder, request_) == P1


async def test_search_on_bsn_asks_for_the_bsn_alone_and_by_post(holder: Any) -> None:
    counted = FhirRequest("search-type", "Patient", params=(*BY_BSN.params, ("_count", ("1",))), via="POST")
    await found(holder, counted)
    assert holder.records.asked == [BY_BSN]


async def test_bsn_that_the_holder_does_not_know_is_unknown_there(holder: Any) -> None:
    holder.records.resources = []
    assert await found(holder, BY_BSN) == Patient(Bsn(BSN), None, Standing.UNKNOWN)


@pytest.mark.parametrize("out", OUT_OF_USE)
async def test_patient_out_of_use_is_unknown(out: dict[str, Any], holder: Any, fakes: Any) -> None:
    holder.records.resources = [fakes.patient("p1", BSN, **out)]
    assert (await found(holder, BY_BSN)).standing is Standing.UNKNOWN
    assert (await stopped(holder, BY_ID)).reason is Reason.PATIENT_UNKNOWN


@pytest.mark.parametrize("out", OUT_OF_USE)
async def test_merged_record_does_not_make_the_current_one_ambiguous(
    out: dict[str, Any], holder: Any, fakes: Any
) -> None:
    holder.records.resources.append(fakes.patient("p0", BSN, **out))
    assert (await found(holder, BY_BSN)).logical_id == "p1"


async def test_a_record_that_came_in_the_place_of_another_is_in_use(holder: Any, fakes: Any) -> None:
    links = [{"other": {"reference": "Patient/p0"}, "type": kind} for kind in ("replaces", "seealso", "refer")]
    holder.records.resources = [fakes.patient("p1", BSN, link=links)]
    assert await found(holder, BY_ID) == P1


async def test_two_patients_with_one_bsn_are_ambiguous_and_one_twice_is_not(holder: Any, fakes: Any) -> None:
    holder.records.resources.append(fakes.patient("p1", BSN))
    assert (await found(holder, BY_BSN)).logical_id == "p1"
    holder.records.resources.append(fakes.patient("p3", BSN))
    assert (await stopped(holder, BY_BSN)).reason is Reason.PATIENT_AMBIGUOUS


@pytest.mark.parametrize("other", [{"deceasedBoolean": True}, {"active": False}, {"birthDate": "1950-01-01"}])
@pytest.mark.parametrize("last", [False, True])
async def test_one_patient_in_two_versions_is_ambiguous(
    other: dict[str, Any], last: bool, holder: Any, fakes: Any
) -> None:
    both = [fakes.patient("p1", BSN), fakes.patient("p1", BSN, **other)]
    holder.records.resources = both if last else both[::-1]
    assert (await stopped(holder, BY_BSN)).reason is Reason.PATIENT_AMBIGUOUS


async def test_further_page_of_patients_is_ambiguous(holder: Any, fakes: Any) -> None:
    holder.records.answers["Patient"] = fakes.answer(fakes.searchset(fakes.patient("p1", BSN)), "/Patient?page=2")
    assert (await stopped(holder, BY_BSN)).reason is Reason.PATIENT_AMBIGUOUS


@pytest.mark.parametrize("how", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-01-02"}])
async def test_deceased_is_a_standing(how: dict[str, Any], holder: Any, fakes: Any) -> None:
    holder.records.resources = [fakes.patient("p1", BSN, **how)]
    for request in (BY_BSN, BY_ID):
        assert (await found(holder, request)).standing is Standing.DECEASED


async def test_not_deceased_is_known(holder: Any, fakes: Any) -> None:
    holder.records.resources = [fakes.patient("p1", BSN, deceasedBoolean=False)]
    assert (await found(holder, BY_ID)).standing is Standing.KNOWN


async def test_server_that_ignores_the_bsn_is_an_incident(holder: Any, fakes: Any) -> None:
    everybody = fakes.searchset(fakes.patient("p1", BSN), fakes.patient("p2", OTHER_BSN))
    holder.records.answers["Patient"] = fakes.answer(everybody)
    assert (await stopped(holder, BY_BSN)).reason is Reason.SOURCE_OTHER_PATIENT


async def test_server_that_reads_another_patient_is_an_incident(holder: Any, fakes: Any) -> None:
    for wrong in (fakes.patient("p2", BSN), fakes.consent("p1", "Patient/p1")):
        holder.records.answers["Patient/p1"] = fakes.answer(json.dumps(wrong).encode())
        assert (await stopped(holder, BY_ID)).reason is Reason.SOURCE_OTHER_PATIENT


async def test_patient_without_a_bsn_is_unknown_and_with_two_ambiguous(holder: Any, fakes: Any) -> None:
    two = [{"system": BSN_SYSTEM, "value": BSN}, {"system": BSN_SYSTEM, "value": OTHER_BSN}]
    for resource, reason in (
        (fakes.patient("p1", None), Reason.PATIENT_UNKNOWN),
        (fakes.patient("p1", None, identifier=[{"system": "urn:other", "value": BSN}]), Reason.PATIENT_UNKNOWN),
        (fakes.patient("p1", None, identifier=two), Reason.PATIENT_AMBIGUOUS),
    ):
        holder.records.resources = [resource]
        assert (await stopped(holder, BY_ID)).reason is reason


async def test_bsn_written_twice_is_one_bsn(holder: Any, fakes: Any) -> None:
    mark = {"system": BSN_SYSTEM, "value": BSN}
    holder.records.resources = [fakes.patient("p1", None, identifier=[mark, mark | {"use": "official"}])]
    assert await found(holder, BY_ID) == P1


@pytest.mark.parametrize("request_", [BY_ID, READ, FhirRequest("read", "Patient", "p1")])
async def test_what_is_not_there_looks_like_an_unknown_patient(request_: FhirRequest, holder: Any) -> None:
    holder.records.resources = []
    stop = await stopped(holder, request_)
    assert stop.reason is Reason.PATIENT_UNKNOWN
    assert stop.reason.face.status == 403


@pytest.mark.parametrize(
    "owner",
    [
        {},
        {"patient": {"display": "p1"}},
        {"patient": {"reference": "Group/g"}},
        {"patient": {"reference": "https://elsewhere.example/fhir/Patient/p1"}},
        {"patient": {"reference": "Patient/p1"}, "subject": {"reference": "Patient/p2"}},
    ],
)
async def test_resource_without_one_patient_of_this_holder_is_refused(owner: dict[str, Any], holder: Any) -> None:
    holder.records.resources.insert(0, {"resourceType": "Consent", "id": "c1"} | owner)
    assert (await stopped(holder, READ)).reason is Reason.RESOURCE_REFUSED


@pytest.mark.parametrize("base", [BASE, INSIDE])
async def test_absolute_reference_to_this_holder_is_followed(base: str, holder: Any, fakes: Any) -> None:
    holder.records.resources.insert(0, fakes.consent("c1", f"{base}/Patient/p1"))
    assert await found(holder, READ) == P1


async def test_own_server_that_cannot_be_asked_is_unavailable(holder: Any) -> None:
    down = Unavailable(Reason.SOURCE_DOWN)
    holder.records.answers |= {"Patient": down, "Patient/p1": down, "Consent/c1": down}
    for request in (BY_BSN, BY_ID, READ):
        assert await stopped(holder, request) is down


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Patient","id":"p1","identifier":[{"system":"http://fhir.nl/fhir/NamingSystem/bsn","value":"1"}]}',
        b'{"resourceType":"Patient","id":"p1","birthDate":"1951-13-01"}',
        b'{"resourceType":"Patient","id":"p1","id":"p1"}',
        b'{"resourceType":"Patient","id":"p1","name":"\xff"}',
    ],
)
async def test_answer_that_cannot_be_read_is_unavailable_without_content(body: bytes, holder: Any, fakes: Any) -> None:
    holder.records.answers["Patient/p1"] = fakes.answer(body)
    stop = await stopped(holder, BY_ID)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.SOURCE_BROKEN
    assert "1951" not in stop.detail


async def test_outcome_among_patients_is_no_patient(holder: Any, fakes: Any) -> None:
    outcome = {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}}
    holder.records.answers["Patient"] = fakes.answer(fakes.searchset(outcome))
    assert (await found(holder, BY_BSN)).standing is Standing.UNKNOWN


async def test_no_patient_beside_an_error_is_no_patient_who_is_unknown(holder: Any, fakes: Any) -> None:
    issue = [{"severity": "error", "code": "exception", "diagnostics": "1951"}]
    outcome = {"resource": {"resourceType": "OperationOutcome", "issue": issue}}
    holder.records.answers["Patient"] = fakes.answer(fakes.searchset(outcome))
    stop = await stopped(holder, BY_BSN)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.SOURCE_BROKEN
    assert "1951" not in stop.detail


async def test_search_on_bsn_without_a_searchset_is_broken(holder: Any, fakes: Any) -> None:
    holder.records.answers["Patient"] = fakes.answer(json.dumps(fakes.patient("p1", BSN)).encode())
    stop = await stopped(holder, BY_BSN)
    assert not isinstance(stop, Deny)
    assert stop.reason is Reason.SOURCE_BROKEN


async def test_a_read_of_what_the_patient_chose_about_sharing_stops_before_anybody_is_asked(
    holder: Any, fakes: Any
) -> None:
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
    holder.records.resources = [fakes.patient("p1", BSN), fakes.consent("c1", "Patient/p1", scope=scope)]
    assert (await stopped(holder, READ)).reason is Reason.RESOURCE_REFUSED
    reply = await holder.disclose(fakes.get("/Consent/c1"))
    assert (reply.content.reason, "consent" in holder.journal) == (Reason.RESOURCE_REFUSED, False)
