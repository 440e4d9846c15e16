"""A source is asked in the FHIR version that it speaks; one that does not say is not waited for and taken for R4."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nuts_pzp.consult.flow import consult
from nuts_pzp.consult.queries_stu3 import PZP_STU3
from nuts_pzp.fhir.request import FhirRequest, encode
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason

from .conftest import NOW, bundle, patient

S = "90000222"
NATIONAL = {"meta": {"profile": ["http://fhir.nl/fhir/StructureDefinition/nl-core-patient"]}}


def speaking(statement: Any, log: list[FhirRequest], **more: Any) -> Any:
    def answering(request: FhirRequest) -> Any:
        log.append(request)
        if request.interaction == "capabilities":
            return statement() if callable(statement) else statement
        return bundle({**patient(), **more} if request.resource_type == "Patient" else {"resourceType": "Bundle"})

    return answering


async def run(house: Any, presented: Any, question: Any) -> Any:
    *_, last = [step async for step in consult(house, presented, question, NOW)]
    return last.content


def categories(log: list[FhirRequest]) -> set[str]:
    found = (
        value for one in log if one.resource_type == "Consent" for values in one.values("category") for value in values
    )
    return {value.rpartition("|")[2] for value in found}


R4, STU3 = {"129125009", "acd"}, {"11291000146105", "11341000146107"}
REFUSED = Deny(Reason.SOURCE_REFUSED)


@pytest.mark.parametrize(
    ("statement", "more", "asked"),
    [
        ({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}, {}, R4),
        ({"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}, {}, STU3),
        ({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}, NATIONAL, R4),
        (REFUSED, {}, R4),
        (REFUSED, NATIONAL, STU3),
        ({"resourceType": "CapabilityStatement"}, {}, R4),
    ],
)
async def test_the_version_that_a_source_says_decides_what_it_is_asked(
    region: Any, question: Any, presented: Any, statement: Any, more: dict[str, Any], asked: set[str]
) -> None:
    log: list[FhirRequest] = []
    region.source(S, speaking(statement, log, **more))
    overview = await run(region.house(), presented, question)
    assert categories(log) == asked
    assert overview.complete


async def test_another_version_is_named_and_not_asked(region: Any, question: Any, presented: Any) -> None:
    log: list[FhirRequest] = []
    region.source(S, speaking({"resourceType": "CapabilityStatement", "fhirVersion": "5.0.0"}, log))
    overview = await run(region.house(), presented, question)
    [row] = overview.sources
    assert (row.status, row.reason) == ("unsupported-version", "unsupported-version")
    assert categories(log) == set()


@pytest.mark.usefixtures("leaping")
async def test_a_source_that_never_says_is_not_waited_for(region: Any, question: Any, presented: Any) -> None:
    log: list[FhirRequest] = []

    async def silent() -> Any:
        await asyncio.sleep(60)

    region.source(S, speaking(silent, log))
    overview = await run(region.house(deadline=5.0), presented, question)
    assert overview.complete
    assert categories(log) == R4


async def test_what_was_heard_is_believed_for_a_while_and_then_asked_again(
    region: Any, question: Any, presented: Any
) -> None:
    log: list[FhirRequest] = []
    clock = [0.0]
    region.source(S, speaking(Unavailable(Reason.SOURCE_QUERY), log))
    house = region.house()
    house.turns.clock = lambda: clock[0]
    asked = []
    for moment in (0.0, 599.0, 601.0):
        clock[0] = moment
        await run(house, presented, question)
        asked.append(sum(one.interaction == "capabilities" for one in log))
    assert asked == [1, 1, 2]


def test_every_query_for_stu3_is_written_as_the_guide_has_it() -> None:
    sct = "http://snomed.info/sct%7C"
    written = {
        f"{raw.path}?{raw.query}" for query in PZP_STU3 for one in query.tries for raw in [encode(one.about("p1"))]
    }
    icd = ",".join(f"{sct}{code}" for code in (72506001, 465460004, 468542000, 704707009, 1263462004, 1236894001))
    form = "questionnaire=https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"
    assert {
        f"/Procedure?patient=Patient/p1&code={sct}713603004&_include=Procedure:encounter",
        f"/Encounter?patient=Patient/p1&reason={sct}713603004",
        f"/Consent?patient=Patient/p1&category={sct}11291000146105&_include=Consent:actor",
        f"/Consent?patient=Patient/p1&category={sct}11341000146107&_include=Consent:actor",
        f"/Goal?patient=Patient/p1&category={sct}713603004",
        f"/DeviceUseStatement?patient=Patient/p1&device.type={icd}&_include=DeviceUseStatement:device",
        f"/CommunicationRequest?patient=Patient/p1&category={sct}223449006",
        f"/QuestionnaireResponse?subject=Patient/p1&{form}",
        f"/QuestionnaireResponse?patient=Patient/p1&{form}",
    } <= written


def forms(further: Any, log: list[str]) -> Any:
    """A source that speaks STU3 and answers every question, but the form with its version as `further`."""

    def answering(request: FhirRequest) -> Any:
        if request.interaction == "capabilities":
            return {"resourceType": "CapabilityStatement", "fhirVersion": "3.0.2"}
        named = [value for values in request.values("questionnaire") for value in values]
        log.extend(named)
        if any("|" in one for one in named):
            return further
        return bundle(patient() if request.resource_type == "Patient" else {"resourceType": "Bundle"})

    return answering


@pytest.mark.parametrize(
    ("further", "complete"),
    [
        (bundle({"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed"}), True),
        (REFUSED, True),
        (Unavailable(Reason.SOURCE_QUERY), True),
        (Unavailable(Reason.SOURCE_DOWN), False),
    ],
)
async def test_an_stu3_form_is_also_asked_as_it_was_published_and_a_refusal_of_that_hides_nothing(
    region: Any, question: Any, presented: Any, further: Any, complete: bool
) -> None:
    """A Reference is compared whole. What the guide itself asks was answered; only silence leaves it open."""
    asked: list[str] = []
    region.source(S, forms(further, asked))
    overview = await run(region.house(), presented, question)
    canonical = "https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"
    assert asked == [canonical, f"{canonical}|1.0.0-rc2"]
    assert overview.complete is complete


async def test_a_refusal_of_the_guides_own_question_is_a_gap(region: Any, question: Any, presented: Any) -> None:
    plain = forms(REFUSED, [])

    def refusing(request: FhirRequest) -> Any:
        return REFUSED if request.resource_type == "QuestionnaireResponse" else plain(request)

    region.source(S, refusing)
    overview = await run(region.house(), presented, question)
    assert [gap.where for gap in overview.sources[0].gaps] == ["QuestionnaireResponse"]
