"""A flight serves everyone who waits for it and outlives those who leave."""

from __future__ import annotations

import asyncio

import pytest

from nuts_pzp.systems.nuts_node.flights import Ended, Flights, Memory


async def test_what_a_flight_raises_every_waiter_gets_and_the_next_starts_anew() -> None:
    flights: Flights[str, int] = Flights()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise LookupError

    async def succeed() -> int:
        return 7

    outcomes = await asyncio.gather(*(flights.join("k", fail) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in outcomes] == [LookupError, LookupError]
    assert await flights.join("k", succeed) == 7


async def test_closing_cancels_what_is_under_way_and_its_waiter_is_told_so() -> None:
    flights: Flights[str, int] = Flights()
    ended: list[str] = []

    async def wait() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return 0

    waiting = asyncio.create_task(flights.join("k", wait))
    for _ in range(3):
        await asyncio.sleep(0)
    await flights.close()
    with pytest.raises(Ended):
        await waiting
    assert ended == ["cancelled"]


async def test_a_waiter_that_is_cancelled_itself_stays_cancelled() -> None:
    flights: Flights[str, int] = Flights()

    async def wait() -> int:
        await asyncio.Event().wait()
        return 0

    waiting = asyncio.create_task(flights.join("k", wait))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await flights.close()


def test_memory_is_bounded_and_the_least_used_makes_room() -> None:
    memory: Memory[str, int] = Memory(2)
    memory.put("a", 1, 10.0)
    memory.put("b", 2, 10.0)
    assert memory.get("a", 0.0) == 1
    memory.put("c", 3, 10.0)
    assert (memory.get("a", 0.0), memory.get("b", 0.0), memory.get("c", 0.0)) == (1, None, 3)
    assert len(memory) == 2


def test_memory_ends_on_time() -> None:
    memory: Memory[str, int] = Memory(2)
    memory.put("a", 1, 10.0)
    assert memory.get("a", 9.999) == 1
    assert memory.get("a", 10.0) is None
