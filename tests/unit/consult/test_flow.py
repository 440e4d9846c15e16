"""Consult: nothing is asked before it is recorded, nothing leaves before it is recorded, nothing missing is hidden."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from nuts_pzp.accounted import Addressed, Consulted, Denied, Intended, Received
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.consult.flow import Arrived, Complete, consult
from nuts_pzp.exchange import Asked
from nuts_pzp.identity import Assurance, Professional, Purpose
from nuts_pzp.outcome import Deny, Gap, Gathered, Unavailable
from nuts_pzp.overview.shape import Overview
from nuts_pzp.reasons import Reason

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def knows(request: Any) -> Any:
    if request.resource_type == "Patient":
        identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"}]
        return bundle({"resourceType": "Patient", "id": "1", "identifier": identifier, "birthDate": "1941-03-09"})
    return bundle()


async def steps(region: Any, presented: Any, question: Any) -> list[Arrived | Complete]:
    return [step async for step in consult(region.house(), presented, question, NOW)]


async def test_every_step_is_recorded_before_the_next(region: Any, presented: Any, question: Asked) -> None:
    region.source("90000222", knows)
    region.source("90000111", knows)
    *arrived, last = await steps(region, presented, question)
    assert [type(event) for event in region.events] == [Intended, Addressed, Received, Received, Consulted]
    assert len(arrived) == 2
    assert isinstance(last, Complete)
    assert isinstance(last.content, Overview)
    assert last.content.complete
    assert {event.attempt.correlation for event in region.events} == {"CODE12345678"}


def knows_somebody_not_capable(request: Any) -> Any:
    found = knows(request)
    for entry in found.get("entry", ()):
        url = "https://api.iknl.nl/docs/pzp/r4/StructureDefinition/ext-LegallyCapable-MedicalTreatmentDecisions"
        said = [{"url": "legallyCapable", "valueBoolean": False}]
        entry["resource"]["extension"] = [{"url": url, "extension": said}]
    return found


@pytest.mark.parametrize(("on", "checks"), [(True, ["X4"]), (False, [])])
async def test_a_tenant_may_switch_off_the_cross_checks(
    region: Any, presented: Any, question: Asked, on: bool, checks: list[str]
) -> None:
    region.source("90000222", knows_somebody_not_capable)
    *_, last = [step async for step in consult(region.house(cross_checks=on), presented, question, NOW)]
    assert isinstance(last, Complete)
    assert isinstance(last.content, Overview)
    assert [check.code for check in last.content.cross_checks] == checks
    capacity = last.content.item("capacity")
    assert capacity is not None
    assert capacity.display == "Nee"


@pytest.mark.parametrize(("fail_at", "asked"), [(1, []), (2, ["locate"])])
async def test_without_a_record_nobody_is_asked(
    region: Any, presented: Any, question: Asked, fail_at: int, asked: list[str]
) -> None:
    region.source("90000222", knows)
    region.fail_at = fail_at
    with pytest.raises(NotRecorded):
        await steps(region, presented, question)
    assert region.asked == asked


@pytest.mark.parametrize("fail_at", [3, 4])
async def test_without_a_record_nothing_leaves(region: Any, presented: Any, question: Asked, fail_at: int) -> None:
    region.source("90000222", knows)
    region.fail_at = fail_at
    left: list[Any] = []

    async def take_all() -> None:
        async for step in consult(region.house(), presented, question, NOW):
            left.append(step)

    with pytest.raises(NotRecorded):
        await take_all()
    assert not any(isinstance(step, Complete) for step in left)
    assert len(left) == fail_at - 3


async def test_a_stranger_is_refused_recorded_and_told_nothing_of_the_question(
    region: Any, presented: Any, question: Asked
) -> None:
    region.caller = Deny(Reason.CERTIFICATE_UNLISTED)
    for asked in (question, Deny(Reason.BODY_MALFORMED)):
        region.events.clear()
        [last] = await steps(region, presented, asked)
        assert isinstance(last, Complete)
        assert last.content == Deny(Reason.CERTIFICATE_UNLISTED)
        assert [type(event) for event in region.events] == [Denied]
        assert region.events[0].attempt.flow == "consult"
    assert region.asked == []


async def test_a_malformed_question_is_refused_and_recorded(region: Any, presented: Any) -> None:
    [last] = await steps(region, presented, Deny(Reason.BODY_MALFORMED, detail="patient.bsn"))
    assert last.content == Deny(Reason.BODY_MALFORMED, detail="patient.bsn")
    assert [type(event) for event in region.events] == [Denied]


async def test_localization_failed_and_no_source_known_is_not_no_sources(
    region: Any, presented: Any, question: Asked
) -> None:
    down = Unavailable(Reason.LOCALIZATION_DOWN)
    region.holders = Gathered(gaps=(Gap("localization", down),))
    [last] = await steps(region, presented, question)
    assert last.content == down
    assert [type(event) for event in region.events] == [Intended, Addressed, Denied]


async def test_a_register_that_refuses_us_could_not_be_asked(region: Any, presented: Any, question: Asked) -> None:
    region.holders = Gathered(gaps=(Gap("localization", Deny(Reason.LOCALIZATION_REFUSED, detail="NVI: 403")),))
    [last] = await steps(region, presented, question)
    assert last.content == Unavailable(Reason.LOCALIZATION_REFUSED, detail="NVI: 403")


async def test_what_a_known_caller_asked_wrongly_is_on_record_in_its_name(
    region: Any, presented: Any, question: Asked
) -> None:
    await steps(region, presented, Deny(Reason.BODY_MALFORMED))
    await steps(region, presented, replace(question, purpose=Purpose.EMERGENCY))
    region.holders = Gathered(gaps=(Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN)),))
    await steps(region, presented, question)
    refusals = [event for event in region.events if isinstance(event, Denied)]
    assert [event.attempt.caller.organization.ura.value for event in refusals] == ["90000444"] * 3


@pytest.mark.usefixtures("leaping")
async def test_finding_the_sources_and_asking_them_share_one_deadline(
    region: Any, presented: Any, question: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(intended: Any) -> Any:
        await asyncio.sleep(0.4)
        return region.holders

    async def silent() -> Any:
        await asyncio.sleep(5)

    region.source("90000222", lambda request: silent())
    monkeypatch.setattr(region, "locate", slow)
    began = time.monotonic()
    *_, last = await steps(region, presented, replace(question, deadline=0.5))
    assert time.monotonic() - began == pytest.approx(0.5, abs=0.01)
    assert not last.content.complete


async def test_localization_failed_but_a_source_is_known_makes_the_answer_incomplete(
    region: Any, presented: Any, question: Asked
) -> None:
    region.source("90000222", knows)
    region.holders += Gathered(gaps=(Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN)),))
    *_, last = await steps(region, presented, question)
    assert isinstance(last.content, Overview)
    assert not last.content.complete
    consulted = region.events[-1]
    assert (consulted.complete, consulted.missing) == (False, ("localization",))


async def test_nobody_registered_anything_is_an_answer(region: Any, presented: Any, question: Asked) -> None:
    [last] = await steps(region, presented, question)
    assert isinstance(last.content, Overview)
    assert (last.content.complete, last.content.sources) == (True, ())


async def test_all_sources_failed_is_still_an_answer_that_says_so(region: Any, presented: Any, question: Asked) -> None:
    region.source("90000222", lambda request: Unavailable(Reason.SOURCE_DOWN))
    *_, last = await steps(region, presented, question)
    assert isinstance(last.content, Overview)
    assert not last.content.complete
    assert region.events[-1].missing == ("90000222",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"purpose": Purpose.EMERGENCY, "reason": "niet aanspreekbaar"}, Reason.PURPOSE_NOT_ALLOWED),
        ({"purpose": Purpose.COORDINATION}, Reason.PURPOSE_NOT_ALLOWED),
        (
            {"professional": Professional("k-17", "huisarts", "M. Okker", Assurance.UZI)},
            Reason.PROFESSIONAL_MISMATCH,
        ),
    ],
)
async def test_no_element_of_the_question_widens_what_may_be_asked(
    region: Any, presented: Any, question: Asked, change: dict[str, Any], reason: Reason
) -> None:
    [last] = await steps(region, presented, replace(question, **change))
    assert last.content.reason is reason
    assert region.asked == []


async def test_the_record_proves_what_was_shown_without_holding_it(
    region: Any, presented: Any, question: Asked
) -> None:
    from nuts_pzp.overview.merge import RULES, digest

    region.source("90000222", knows)
    *_, last = await steps(region, presented, question)
    consulted = region.events[-1]
    assert (consulted.digest, consulted.rules) == (digest(last.content), RULES)
    assert consulted.references == ("90000222:Patient/1",)
