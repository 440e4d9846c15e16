"""Turns are taken in order, given back whatever happens, and never are there more than there may be."""

from __future__ import annotations

import asyncio

import pytest

from nuts_pzp.protection.turns import Turns


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_there_is_room_until_there_is_none() -> None:
    turns = Turns()
    assert [await turns.take(2, 0, 1.0) for _ in range(3)] == [True, True, False]
    turns.give()
    assert await turns.take(2, 0, 1.0)


async def test_who_waits_is_served_in_order() -> None:
    turns, served = Turns(), []

    async def one(name: str) -> None:
        assert await turns.take(1, 5, 1.0)
        served.append(name)
        turns.give()

    assert await turns.take(1, 5, 1.0)
    tasks = [asyncio.create_task(one(name)) for name in "abc"]
    await settle()
    assert (turns.inside, turns.waiting, served) == (1, 3, [])
    turns.give()
    await asyncio.gather(*tasks)
    assert served == ["a", "b", "c"]
    assert (turns.inside, turns.waiting) == (0, 0)


async def test_who_waits_too_long_leaves_and_holds_nothing() -> None:
    turns = Turns()
    assert await turns.take(1, 1, 1.0)
    assert not await turns.take(1, 1, 0.01)
    assert turns.waiting == 0
    turns.give()
    assert turns.inside == 0


async def test_more_may_not_wait_than_the_limit() -> None:
    turns = Turns()
    assert await turns.take(1, 2, 1.0)
    waiting = [asyncio.create_task(turns.take(1, 2, 1.0)) for _ in range(2)]
    await settle()
    assert not await turns.take(1, 2, 1.0)
    for _ in range(3):
        turns.give()
        await settle()
    assert [task.result() for task in waiting] == [True, True]
    assert turns.inside == 0


async def test_a_waiter_that_is_cancelled_leaves_its_place_to_the_next() -> None:
    turns = Turns()
    assert await turns.take(1, 5, 1.0)
    first, second = (asyncio.create_task(turns.take(1, 5, 1.0)) for _ in range(2))
    await settle()
    first.cancel()
    turns.give()
    assert await second
    with pytest.raises(asyncio.CancelledError):
        await first
    turns.give()
    assert (turns.inside, turns.waiting) == (0, 0)


async def test_a_turn_that_arrives_as_its_waiter_is_cancelled_is_not_lost() -> None:
    turns = Turns()
    assert await turns.take(1, 5, 1.0)
    first, second = (asyncio.create_task(turns.take(1, 5, 1.0)) for _ in range(2))
    await settle()
    turns.give()
    first.cancel()
    assert await second
    assert turns.inside == 1


async def test_one_leaves_room_for_others() -> None:
    turns = Turns()
    assert [await turns.take(4, 0, 1.0, "a") for _ in range(4)] == [True, True, True, False]
    assert await turns.take(4, 0, 1.0, "b")
    assert not await turns.take(4, 0, 1.0, "c"), "there are four turns, whosever they are"
    turns.give("a")
    assert await turns.take(4, 0, 1.0, "c")


async def test_who_may_come_in_does_not_wait_behind_who_may_not() -> None:
    turns = Turns()
    assert [await turns.take(4, 8, 1.0, "a") for _ in range(3)] == [True] * 3
    greedy = [asyncio.create_task(turns.take(4, 8, 1.0, "a")) for _ in range(7)]
    await settle()
    assert [task.result() for task in greedy if task.done()] == [False], "six of eight places to wait"
    assert await turns.take(4, 8, 1.0, "b")
    patient = asyncio.create_task(turns.take(4, 8, 1.0, "b"))
    await settle()
    turns.give("b")
    await settle()
    assert patient.result() is True
    assert (turns.inside, turns.waiting) == (4, 6)
    for _ in range(9):
        turns.give("a")
        await settle()
    turns.give("b")
    assert (turns.inside, turns.waiting) == (0, 0)
    assert not turns._inside


async def test_under_a_storm_there_are_never_more_inside_than_may_be() -> None:
    turns, most, inside = Turns(), 0, 0

    async def one(number: int) -> bool:
        nonlocal most, inside
        if not await turns.take(3, 20, 0.05):
            return False
        inside += 1
        most = max(most, inside)
        try:
            await asyncio.sleep(0.001 * (number % 3))
        finally:
            inside -= 1
            turns.give()
        return True

    tasks = [asyncio.create_task(one(number)) for number in range(100)]
    await settle()
    for task in tasks[::7]:
        task.cancel()
    said = await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert said.count(True) > 3
    assert said.count(False) > 3
    assert (turns.inside, turns.waiting) == (0, 0)
