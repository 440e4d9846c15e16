"""With registers that keep us waiting: nobody is asked before the record of it, and who leaves ends all that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.accounted import Addressed, Consulted
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.consult.whom import GRACE

from ..conftest import bundle, holding
from .conftest import OWN, A, Flow, Held, L, M, Night, arrived, nothing_runs, to_the_end

# What is recorded before what


def holding_back(night: Night, which: int, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Let the record of this part of the sources wait: handed in, and may be durable."""
    handed, may, at_once = asyncio.Event(), asyncio.Event(), night.region.append
    parts = 0

    async def append(event: Any) -> Any:
        nonlocal parts
        if isinstance(event, Addressed):
            parts += 1
            if parts == which:
                handed.set()
                await may.wait()
        return await at_once(event)

    monkeypatch.setattr(night.region, "append", append)
    night.house = replace(night.house, audit=night.region)
    return handed, may


async def test_nobody_is_asked_before_the_record_that_names_them_is_durable(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed, may = holding_back(night, 1, monkeypatch)
    flow = night.consult()
    first = asyncio.create_task(arrived(flow))
    await handed.wait()
    await asyncio.sleep(3)
    assert (night.region.asked, night.own.log, first.done()) == ([], [], False)
    may.set()
    await first
    await flow.aclose()


async def test_the_found_are_not_asked_before_the_second_record_while_the_first_answer(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed, may = holding_back(night, 2, monkeypatch)
    flow = night.consult()
    asyncio.get_running_loop().call_later(1, night.registers.answer, M)
    assert {await arrived(flow), await arrived(flow)} == {OWN, L}
    rest = asyncio.create_task(to_the_end(flow))
    await handed.wait()
    await asyncio.sleep(3)
    assert (night.times(M), rest.done()) == (0, False)
    may.set()
    assert (await rest)[0] == [M]


@pytest.mark.parametrize(
    ("fail_at", "asked", "left"),
    [(2, {OWN: 0, L: 0, M: 0}, 0), (3, {OWN: 1, L: 1, M: 0}, 0), (5, {OWN: 1, L: 1, M: 0}, 2)],
)
async def test_without_a_record_of_whom_nobody_is_asked_and_all_that_runs_ends(
    night: Night, fail_at: int, asked: dict[str, int], left: int
) -> None:
    night.region.fail_at = fail_at
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, M)
    told: list[Any] = []

    async def take_all() -> None:
        async for step in night.consult():
            told.append(step)

    with pytest.raises(NotRecorded):
        await take_all()
    assert {ura: night.times(ura) for ura in asked} == asked
    assert len(told) == left
    assert night.registers.left is (fail_at < 5)
    assert nothing_runs()


# Who leaves


async def in_grace(night: Night, flow: Flow) -> asyncio.Task[Any]:
    following = asyncio.create_task(arrived(flow))
    await asyncio.sleep(GRACE / 2)
    return following


async def early_under_way(night: Night, flow: Flow) -> asyncio.Task[Any]:
    held = night.region.answering[L] = Held()
    assert await arrived(flow) == OWN
    following = asyncio.create_task(arrived(flow))
    await held.asked.wait()
    return following


async def early_done(night: Night, flow: Flow) -> asyncio.Task[Any]:
    assert {await arrived(flow), await arrived(flow)} == {OWN, L}
    following = asyncio.create_task(arrived(flow))
    await asyncio.sleep(1)
    return following


async def both_under_way(night: Night, flow: Flow) -> asyncio.Task[Any]:
    following = await early_under_way(night, flow)
    held = night.region.answering[M] = Held()
    night.registers.answer(M)
    await held.asked.wait()
    return following


@pytest.mark.parametrize("state", [in_grace, early_under_way, early_done, both_under_way])
async def test_who_hangs_up_while_waiting_ends_the_sources_and_the_registers(
    night: Night, state: Callable[[Night, Flow], Awaitable[asyncio.Task[Any]]]
) -> None:
    flow = night.consult()
    waiting = await state(night, flow)
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert night.registers.left or night.registers.may.is_set()
    assert all(one.left for one in night.region.answering.values() if isinstance(one, Held))
    assert nothing_runs()
    assert night.house.turns.running == 0
    assert not any(isinstance(event, Consulted) for event in night.region.events)


@pytest.mark.parametrize("taken", [0, 1, 2, 3])
async def test_who_closes_between_two_steps_ends_the_sources_and_the_registers(night: Night, taken: int) -> None:
    flow = night.consult()
    held = night.region.answering[M] = Held()
    for _ in range(min(taken, 2)):
        await arrived(flow)
    if taken == 3:
        night.region.answering[A] = holding("permit", "2024-01-01")
        night.registers.answer(M, A)
        assert await arrived(flow) == A
        assert held.asked.is_set()
    await flow.aclose()
    assert night.registers.asked == (taken > 0)
    assert night.registers.left is (taken in (1, 2))
    assert held.left is (taken == 3)
    assert nothing_runs()


async def test_a_consumer_that_takes_its_time_holds_up_neither_registers_nor_records(night: Night) -> None:
    flow = night.consult()
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, M)
    await arrived(flow)
    await asyncio.sleep(5)
    assert night.told[4:] == [([M], ""), M], "asked and on record while the first answer was being taken"
    told, overview = await to_the_end(flow)
    assert (set(told), overview.complete) == ({OWN, L, M} - {night.told[2]}, True)


# What breaks


async def test_a_bug_at_an_early_source_costs_neither_the_others_nor_the_found(night: Night) -> None:
    def bug(request: Any) -> Any:
        raise RuntimeError

    night.region.answering[L] = bug
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, M, L)
    told, overview = await to_the_end(night.consult())
    assert sorted(told) == sorted([OWN, L, M])
    assert {row.id for row in overview.sources if row.status != "ok"} == {L}


async def test_a_bug_at_a_register_ends_the_consultation_and_all_that_runs(night: Night) -> None:
    held = night.region.answering[L] = Held()
    flow = night.consult()
    assert await arrived(flow) == OWN
    night.registers.bug = RuntimeError("bug")
    night.registers.answer()
    with pytest.raises(RuntimeError, match="bug"):
        await anext(flow)
    assert held.left
    assert nothing_runs()


async def test_an_early_source_that_is_left_alone_is_a_gap_of_its_own_and_not_asked_twice(night: Night) -> None:
    breaker = night.house.turns.at(f"https://{L}.example/fhir").breaker
    for _ in range(5):
        breaker.failed()
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, M, L)
    told, overview = await to_the_end(night.consult())
    assert sorted(told) == sorted([OWN, L, M])
    assert night.times(L) == 0
    assert {row.id for row in overview.sources if row.status != "ok"} == {L}


async def test_an_early_source_that_does_not_know_the_patient_is_still_an_answer(night: Night) -> None:
    night.region.answering[L] = lambda request: bundle()
    flow = night.consult()
    assert {await arrived(flow), await arrived(flow)} == {OWN, L}
    night.registers.answer()
    told, overview = await to_the_end(flow)
    assert (told, overview.complete) == ([], True)
    assert night.told[4:] == [([], ""), "Consulted"]


# Whatever comes first

NEVER = 60.0


@pytest.mark.parametrize("left_at", [0.0, GRACE, 0.7, 2.0, 8.0, NEVER])
@pytest.mark.parametrize("named_at", [0.0, 0.3, GRACE, 1.5, NEVER])
@pytest.mark.parametrize("found_at", [0.0, GRACE - 0.01, GRACE, GRACE + 0.01, 1.0, 2.0, NEVER])
async def test_at_whatever_moment_each_is_asked_once_after_its_record_and_nothing_runs_on(
    night: Night, found_at: float, named_at: float, left_at: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, grant = Held(), night.region.grant
    loop, records = asyncio.get_running_loop(), night.region.events

    async def after_its_record(source: Any, inquiry: Any) -> Any:
        assert source.holder.ura.value in [ura for one in records if isinstance(one, Addressed) for ura in whom(one)]
        return await grant(source, inquiry)

    monkeypatch.setattr(night.region, "grant", after_its_record)
    night.region.answering[L] = named
    loop.call_later(named_at, named.may.set)
    loop.call_later(found_at, night.registers.answer, M, OWN, L)
    taking = asyncio.create_task(to_the_end(night.consult()))
    await asyncio.wait({taking}, timeout=left_at)
    left = not taking.done()
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    assert nothing_runs()
    parts = [one for one in records if isinstance(one, Addressed)]
    asked = [ura for one in parts for ura in whom(one)]
    assert len(set(asked)) == len(asked)
    assert [one.registers_awaited for one in parts] in ([], [False], [True], [True, False])
    assert all(night.times(ura) <= 1 for ura in (OWN, L, M))
    if left:
        assert not any(isinstance(one, Consulted) for one in records)
        return
    told, overview = taking.result()
    found = {M} if found_at < NEVER else set()
    assert (sorted(told), sorted(asked)) == (sorted({OWN, L} | found),) * 2
    assert parts[-1].registers_awaited is False
    assert overview.complete is (bool(found) and named_at < NEVER)


def whom(part: Addressed) -> list[str]:
    return [one.holder.ura.value for one in part.sources]
