"""One sick source: left alone when it was away the last times, asked again after a rest, never at others' cost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.accounted import Denied, Received
from nuts_pzp.consult.flow import Complete, consult
from nuts_pzp.exchange import Asked
from nuts_pzp.forwarding.turns import AT_A_SOURCE, FAILURES, REST, Turns
from nuts_pzp.house import Consulting
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.overview.shape import Overview
from nuts_pzp.reasons import Reason

from .conftest import NOW, Region, bundle, patient

pytestmark = pytest.mark.usefixtures("leaping")

M, L = "90000222", "90000333"


def well(request: Any) -> Any:
    return bundle(patient()) if request.resource_type == "Patient" else bundle()


async def never(request: Any) -> Any:
    await asyncio.sleep(60)


async def told(house: Consulting, presented: Any, question: Asked) -> Overview:
    *_, last = [step async for step in consult(house, presented, question, NOW)]
    assert isinstance(last, Complete)
    assert isinstance(last.content, Overview)
    return last.content


def reasons(overview: Overview) -> dict[str, list[str]]:
    return {row.id: sorted({gap.code for gap in row.gaps}) for row in overview.sources}


@pytest.mark.parametrize("sick", [lambda request: Unavailable(Reason.SOURCE_DOWN), never])
async def test_a_source_that_was_away_the_last_times_is_named_and_not_asked(
    region: Region, presented: Any, question: Asked, sick: Any
) -> None:
    region.source(M, sick)
    region.source(L, well)
    house = region.house(deadline=0.05)
    for _ in range(FAILURES):
        assert reasons(await told(house, presented, question))[M] != [Reason.SOURCE_RESTING.code]
    region.asked.clear()
    overview = await told(house, presented, question)
    assert reasons(overview) == {M: [Reason.SOURCE_RESTING.code], L: []}
    [row] = [row for row in overview.sources if row.id == M]
    assert row.notice == f"Bron tijdelijk niet bereikbaar: bron {M} is niet gevraagd, bel 0570-1"
    assert (row.status, row.reason, row.phone) == ("failed", "not-asked", "0570-1")
    assert f"connect {M}" not in region.asked
    assert f"grant {M}" not in region.asked
    received = [event for event in region.events if isinstance(event, Received)]
    assert len(received) == 2 * (FAILURES + 1), "a source that is not asked has its record too"


async def test_after_its_rest_one_consultation_tries_and_the_source_is_back(
    region: Region, presented: Any, question: Asked
) -> None:
    region.source(M, lambda request: Unavailable(Reason.SOURCE_DOWN))
    house = region.house()
    for _ in range(FAILURES):
        await told(house, presented, question)
    region.answering[M] = well
    assert reasons(await told(house, presented, question))[M] == [Reason.SOURCE_RESTING.code]
    await asyncio.sleep(REST - 0.1)
    assert reasons(await told(house, presented, question))[M] == [Reason.SOURCE_RESTING.code]
    await asyncio.sleep(0.2)
    assert reasons(await told(house, presented, question))[M] == []
    assert reasons(await told(house, presented, question))[M] == []


@pytest.mark.parametrize(
    "answering",
    [
        lambda request: Deny(Reason.SOURCE_REFUSED),
        lambda request: Unavailable(Reason.SOURCE_BROKEN),
        lambda request: well(request) if request.resource_type == "Patient" else never(request),
    ],
    ids=["refuses", "talks nonsense", "slow on its queries"],
)
async def test_a_source_that_answers_anything_is_asked_again(
    region: Region, presented: Any, question: Asked, answering: Any
) -> None:
    region.source(M, answering)
    house = region.house(deadline=0.05)
    for _ in range(FAILURES + 2):
        assert Reason.SOURCE_RESTING.code not in reasons(await told(house, presented, question))[M]


async def test_tokens_that_are_not_had_say_nothing_of_the_source(
    region: Region, presented: Any, question: Asked
) -> None:
    region.source(M, well)
    region.grants[M] = Unavailable(Reason.TOKEN_UNAVAILABLE)
    house = region.house()
    for _ in range(FAILURES + 2):
        assert reasons(await told(house, presented, question))[M] == [Reason.TOKEN_UNAVAILABLE.code]


async def test_a_hanging_source_has_so_many_requests_in_hand_and_no_more(
    region: Region, presented: Any, question: Asked
) -> None:
    hand = most = 0

    async def hang() -> Any:
        nonlocal hand, most
        hand += 1
        most = max(most, hand)
        try:
            await asyncio.sleep(60)
        finally:
            hand -= 1

    region.source(M, lambda request: hang())
    house = replace(region.house(deadline=60.0), turns=Turns(most=AT_A_SOURCE + 6))
    early = [asyncio.create_task(told(house, presented, replace(question, deadline=60.0))) for _ in range(AT_A_SOURCE)]
    while hand < AT_A_SOURCE:
        await asyncio.sleep(0.01)
    late = [told(house, presented, replace(question, deadline=0.2)) for _ in range(6)]
    said = [reasons(overview)[M] for overview in await asyncio.gather(*late)]
    assert said == [[Reason.SOURCE_NO_TURN.code]] * 6, "who had no turn was never asked, and is told apart from late"
    for task in early:
        task.cancel()
    await asyncio.gather(*early, return_exceptions=True)
    assert (most, hand) == (AT_A_SOURCE, 0)


async def test_more_consultations_than_may_run_are_refused_recorded_and_nobody_is_asked(
    region: Region, presented: Any, question: Asked
) -> None:
    region.source(M, never)
    house = replace(region.house(deadline=0.2), turns=Turns(most=3))
    steps = [step async for step in _together(house, presented, question, 5)]
    refused = [step for step in steps if isinstance(step.content, Unavailable)]
    assert len(refused) == 2
    assert {step.content.reason for step in refused} == {Reason.CONSULT_BUSY}  # type: ignore[union-attr]
    assert all(isinstance(step.receipt.event, Denied) for step in refused)
    assert house.turns.running == 0


async def _together(house: Consulting, presented: Any, question: Asked, times: int) -> Any:
    async def last() -> Complete:
        *_, end = [step async for step in consult(house, presented, question, NOW)]
        assert isinstance(end, Complete)
        return end

    for end in await asyncio.gather(*(last() for _ in range(times))):
        yield end


async def test_an_abandoned_consultation_frees_its_place_and_condemns_nobody(
    region: Region, presented: Any, question: Asked
) -> None:
    region.source(M, never)
    house = region.house(deadline=5)
    for _ in range(FAILURES + 1):
        task = asyncio.create_task(told(house, presented, question))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert house.turns.running == 0
    region.answering[M] = well
    assert reasons(await told(house, presented, question))[M] == []
