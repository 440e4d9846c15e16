"""One source, asked: what came is kept, what did not is named, nobody else is believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nuts_pzp.accounted import Addressed, Receipt
from nuts_pzp.consult.inquiry import inquire
from nuts_pzp.consult.queries import PZP, patient_by_bsn
from nuts_pzp.consult.source import answers
from nuts_pzp.consult.visit import ALTOGETHER, AT_ONCE, Errand
from nuts_pzp.exchange import Answer, Asked, Attempt, Presented
from nuts_pzp.fhir.request import FhirRequest, encode
from nuts_pzp.identity import Bsn
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason

REFUSED = Deny(Reason.SOURCE_REFUSED)
UNSUPPORTED = Unavailable(Reason.SOURCE_QUERY)


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def person(bsn: str = "999900006", born: str | None = "1941-03-09") -> dict[str, Any]:
    identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": bsn}]
    found = {"resourceType": "Patient", "id": "1", "identifier": identifier}
    return found | ({"birthDate": born} if born else {})


async def visit(region: Any, asked: Asked, presented: Presented, deadline: float = 30.0) -> list[Answer]:
    house = region.house(deadline)
    caller = await house.ehr.verify(presented)
    inquiry = inquire(caller, asked)
    sources = await house.directory.sources(region.holders.items)
    event = Addressed(Attempt("C", trace="00-" + "a" * 32 + "-" + "b" * 16 + "-01"), inquiry, sources.items, ())
    return [answer async for answer in answers(house, recorded(event), as_it_is)]


async def recorded(*events: Addressed) -> AsyncIterator[Receipt[Addressed]]:
    for event in events:
        yield Receipt(event, 0, "r")


async def as_it_is(answer: Answer) -> Answer:
    return answer


def gaps(answer: Answer) -> set[tuple[str, Reason]]:
    return {(gap.where, gap.stop.reason) for gap in answer.got.gaps}


async def test_every_query_about_a_patient_is_under_way_at_once(region: Any, question: Asked, presented: Any) -> None:
    under_way, all_there = 0, asyncio.Event()

    async def waits_for_the_others(request: FhirRequest) -> Any:
        nonlocal under_way
        under_way += 1
        if under_way == len(PZP):
            all_there.set()
        await all_there.wait()
        return bundle({"resourceType": request.resource_type, "id": "1"})

    def holds(request: FhirRequest) -> Any:
        if request.interaction != "search-type":
            return {"resourceType": "CapabilityStatement"}
        return bundle(person()) if request.resource_type == "Patient" else waits_for_the_others(request)

    region.source("90000222", holds)
    [answer] = await visit(region, question, presented)
    assert answer.got.gaps == ()


async def test_no_more_than_that_is_under_way_when_references_are_read(
    region: Any, question: Asked, presented: Any
) -> None:
    under_way = most = 0

    async def slowly(answer: Any) -> Any:
        nonlocal under_way, most
        under_way, most = under_way + 1, max(most, under_way + 1)
        await asyncio.sleep(0.01)
        under_way -= 1
        return answer

    def points_at_many(request: FhirRequest) -> Any:
        if request.interaction != "search-type":
            return slowly({"resourceType": request.resource_type, "id": request.id})
        if request.resource_type == "Patient":
            return bundle(person())
        actors = [{"reference": {"reference": f"RelatedPerson/{number}"}} for number in range(20)]
        return slowly(bundle({"resourceType": "Consent", "id": "1", "provision": {"actor": actors}}))

    region.source("90000222", points_at_many)
    [answer] = await visit(region, question, presented)
    assert sum(one.type == "RelatedPerson" for one in answer.got.items) == 20
    assert most == AT_ONCE


@pytest.mark.parametrize("sources", [0, 1, 10, 33, 34, 50])
def test_of_very_many_sources_each_is_asked_less_at_once(sources: int) -> None:
    each = Errand.to(sources, None, "").at_once  # type: ignore[arg-type]
    assert 1 <= each <= AT_ONCE
    assert each * sources <= ALTOGETHER
    assert each == AT_ONCE or (each + 1) * sources > ALTOGETHER


def test_however_many_sources_there_are_each_is_asked() -> None:
    assert Errand.to(ALTOGETHER + 1, None, "").at_once == 1  # type: ignore[arg-type]


async def test_everything_a_source_holds_is_asked_for_and_kept(region: Any, question: Asked, presented: Any) -> None:
    def holds(request: FhirRequest) -> Any:
        if request.resource_type == "Patient":
            return bundle(person())
        return bundle({"resourceType": request.resource_type, "id": f"{request.resource_type}-1"})

    region.source("90000222", holds)
    [answer] = await visit(region, question, presented)
    assert answer.got.gaps == ()
    assert {resource.type for resource in answer.got.items} == {
        "Patient", "Procedure", "Consent", "Goal", "Observation", "DeviceUseStatement", "CommunicationRequest",
        "QuestionnaireResponse",
    }  # fmt: skip


async def test_a_source_that_does_not_know_the_patient_is_asked_nothing_more(
    region: Any, question: Asked, presented: Any
) -> None:
    seen: list[FhirRequest] = []

    def nobody(request: FhirRequest) -> Any:
        seen.append(request)
        return bundle()

    region.source("90000222", nobody)
    [answer] = await visit(region, question, presented)
    assert (answer.got.items, answer.got.gaps) == ((), ())
    assert [request.resource_type for request in seen] == ["Patient"]


@pytest.mark.parametrize(
    ("patient", "reason"),
    [
        (person(bsn="999900018"), Reason.SOURCE_OTHER_PATIENT),
        (person(born="1941-03-10"), Reason.PATIENT_BIRTH_DATE),
        (person(born="1942"), Reason.PATIENT_BIRTH_DATE),
        ({"resourceType": "Patient", "id": "1", "birthDate": "1941-03-09"}, Reason.SOURCE_OTHER_PATIENT),
        ({"resourceType": "Patient", "id": "1", "identifier": "x"}, Reason.SOURCE_OTHER_PATIENT),
    ],
)
async def test_a_source_that_speaks_of_somebody_else_is_rejected_whole(
    region: Any, question: Asked, presented: Any, patient: dict[str, Any], reason: Reason
) -> None:
    region.source("90000222", lambda request: bundle(patient))
    [answer] = await visit(region, question, presented)
    assert answer.got.items == ()
    assert gaps(answer) == {("patient", reason)}


async def test_one_wrong_patient_among_right_ones_rejects_the_source(
    region: Any, question: Asked, presented: Any
) -> None:
    region.source("90000222", lambda request: bundle(person(), person(bsn="999900018") | {"id": "2"}))
    [answer] = await visit(region, question, presented)
    assert gaps(answer) == {("patient", Reason.SOURCE_OTHER_PATIENT)}


async def test_a_birth_year_alone_agrees_with_a_date_in_that_year(region: Any, question: Asked, presented: Any) -> None:
    region.source(
        "90000222", lambda request: bundle(person(born="1941")) if request.resource_type == "Patient" else bundle()
    )
    [answer] = await visit(region, question, presented)
    assert answer.got.gaps == ()


async def test_consents_yes_goals_refused_is_one_source_s_normal_answer(
    region: Any, question: Asked, presented: Any
) -> None:
    def partly(request: FhirRequest) -> Any:
        if request.resource_type == "Patient":
            return bundle(person())
        if request.resource_type == "Consent" and request.values("category")[0][0].endswith("|129125009"):
            return bundle({"resourceType": "Consent", "id": "c1"})
        return REFUSED

    region.source("90000222", partly)
    [answer] = await visit(region, question, presented)
    assert [resource.type for resource in answer.got.items] == ["Patient", "Consent"]
    assert gaps(answer) == {(query.name, Reason.SOURCE_REFUSED) for query in PZP} - {
        ("TreatmentDirective", Reason.SOURCE_REFUSED)
    }


async def test_a_query_that_a_source_does_not_know_is_asked_in_its_other_dialect(
    region: Any, question: Asked, presented: Any
) -> None:
    def beta3(request: FhirRequest) -> Any:
        if request.resource_type == "Patient":
            return bundle(person())
        if request.resource_type == "Goal" and request.values("description:in"):
            return bundle({"resourceType": "Goal", "id": "g1"})
        if request.resource_type == "Communication":
            return bundle({"resourceType": "Communication", "id": "m1"})
        return bundle() if request.resource_type in ("Consent", "Observation", "Goal") else UNSUPPORTED

    region.source("90000111", beta3)
    [answer] = await visit(region, question, presented)
    assert {"Goal", "Communication"} <= {resource.type for resource in answer.got.items}
    assert gaps(answer) == {
        ("Encounter", Reason.SOURCE_QUERY),
        ("DeviceUseStatement", Reason.SOURCE_QUERY),
        ("QuestionnaireResponse", Reason.SOURCE_QUERY),
        ("QuestionnaireResponse-beta3", Reason.SOURCE_QUERY),
    }


@pytest.mark.usefixtures("leaping")
async def test_a_source_that_hangs_half_way_keeps_what_it_gave_and_is_named(
    region: Any, question: Asked, presented: Any
) -> None:
    async def forever() -> Any:
        await asyncio.sleep(30)

    def slow_goals(request: FhirRequest) -> Any:
        if request.resource_type == "Patient":
            return bundle(person())
        return (
            forever() if request.resource_type == "Goal" else bundle({"resourceType": request.resource_type, "id": "1"})
        )

    region.source("90000222", slow_goals)
    [answer] = await visit(region, question, presented, deadline=0.15)
    assert "Consent" in {resource.type for resource in answer.got.items}
    assert gaps(answer) == {("Goal", Reason.SOURCE_TIMEOUT)}
    assert answer.seconds == pytest.approx(0.15, abs=0.01)


@pytest.mark.usefixtures("leaping")
async def test_a_slow_source_does_not_hold_up_a_fast_one(region: Any, question: Asked, presented: Any) -> None:
    async def forever() -> Any:
        await asyncio.sleep(30)

    region.source("90000555", lambda request: forever())
    region.source("90000222", lambda request: bundle())
    first, second = await visit(region, question, presented, deadline=0.15)
    assert (first.source.holder.ura.value, second.source.holder.ura.value) == ("90000222", "90000555")
    assert gaps(second) == {("patient", Reason.SOURCE_TIMEOUT)}


async def test_no_token_means_no_question(region: Any, question: Asked, presented: Any) -> None:
    region.source("90000222", lambda request: bundle())
    region.grants["90000222"] = Deny(Reason.TOKEN_REFUSED)
    [answer] = await visit(region, question, presented)
    assert gaps(answer) == {("token", Reason.TOKEN_REFUSED)}
    assert region.asked == ["grant 90000222"]


async def test_a_bug_in_one_source_costs_the_others_nothing(region: Any, question: Asked, presented: Any) -> None:
    def bug(request: FhirRequest) -> Any:
        raise RuntimeError("999900006")

    region.source("90000111", bug)
    region.source("90000222", lambda request: bundle())
    found = {answer.source.holder.ura.value: answer for answer in await visit(region, question, presented)}
    assert gaps(found["90000111"]) == {("patient", Reason.INTERNAL)}
    assert "999900006" not in repr(found["90000111"].got.gaps)
    assert found["90000222"].got.gaps == ()


async def test_what_is_pointed_at_and_missing_is_read_once(region: Any, question: Asked, presented: Any) -> None:
    reads: list[str] = []
    actor = {"actor": {"reference": "RelatedPerson/r1"}}
    elsewhere = {"actor": {"reference": "https://elsewhere.example/fhir/RelatedPerson/r2"}}

    def holds(request: FhirRequest) -> Any:
        if request.interaction == "read":
            reads.append(f"{request.resource_type}/{request.id}")
            return {"resourceType": request.resource_type, "id": request.id}
        if request.resource_type == "Patient":
            return bundle(person())
        if request.resource_type == "Consent":
            return bundle({"resourceType": "Consent", "id": "c", "provision": {"actor": [actor, actor, elsewhere]}})
        return bundle()

    region.source("90000222", holds)
    [answer] = await visit(region, question, presented)
    assert reads == ["RelatedPerson/r1"]
    assert "RelatedPerson" in {resource.type for resource in answer.got.items}


def test_the_bsn_is_in_no_url_and_the_published_strings_are_exact() -> None:
    search = encode(patient_by_bsn(Bsn("999900006")))
    assert (search.method, search.path, search.query) == ("POST", "/Patient/_search", "")
    consent = encode(next(query for query in PZP if query.name == "TreatmentDirective").tries[0].about("1"))
    from urllib.parse import parse_qsl

    assert parse_qsl(consent.query) == [
        ("patient", "Patient/1"),
        ("scope", "http://terminology.hl7.org/CodeSystem/consentscope|treatment"),
        ("category", "http://snomed.info/sct|129125009"),
        ("_include", "Consent:actor"),
    ]
