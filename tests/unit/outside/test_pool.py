"""Places: who gets one, in which order, and that none is ever lost. Connections that are only said to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nuts_pzp.outside import Trouble
from nuts_pzp.outside.connection import Connection
from nuts_pzp.outside.pool import Pool
from nuts_pzp.outside.request import Origin

A, B = Origin(False, "a.example", 80, "a.example"), Origin(False, "b.example", 80, "b.example")


class Still(Connection):
    """Stands until it is closed, without a socket."""

    def __init__(self, origin: Origin, lost: Callable[[Connection], None]) -> None:
        super().__init__(origin, lost)
        self.reusable = self.open = True

    @property
    def usable(self) -> bool:
        return self.open

    @property
    def quiet(self) -> bool:
        return self.open

    def abort(self) -> None:
        if self.open:
            self.open = False
            asyncio.get_running_loop().call_soon(self.lose)

    def lose(self) -> None:
        """The other side is gone."""
        self.open = False
        if not self.gone.done():
            self.connection_lost(None)


class Reaching:
    """Connects to anybody, or ends as told, when the gate is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.ends: Trouble | None = None
        self.made: list[Still] = []

    async def connect(self, origin: Origin, made: Callable[[], Connection]) -> Connection | Trouble:
        await self.gate.wait()
        if self.ends is not None:
            return self.ends
        self.made.append(Still(origin, made()._lost))
        return self.made[-1]


class Scene:
    """A pool of so many places, and what it may be asked for."""

    def __init__(self, limit: int) -> None:
        self.reaching, self.limit = Reaching(), limit
        self.pool = Pool(self.reaching, limit)  # type: ignore[arg-type]

    def ask(self, origin: Origin, seconds: float = 20.0, **how: bool) -> asyncio.Task[Connection | Trouble]:
        return asyncio.create_task(self.pool.opened(origin, self.pool.loop.time() + seconds, **how))

    async def opened(self, origin: Origin) -> Still:
        found = await self.ask(origin)
        assert isinstance(found, Still)
        return found

    @property
    def left(self) -> int:
        """Places that nobody holds, when no call is under way: free ones and those of kept connections."""
        return self.pool._free + len(self.pool._since)

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def scene() -> Any:
    made: list[Scene] = []

    def opened(limit: int) -> Scene:
        made.append(Scene(limit))
        return made[-1]

    yield opened
    for one in made:
        await one.pool.close()


async def test_what_was_used_last_is_taken_first(scene: Any) -> None:
    here = scene(2)
    one, other = await here.opened(A), await here.opened(A)
    here.pool.give_back(one)
    here.pool.give_back(other)
    assert here.pool.kept(B) is None
    assert here.pool.kept(A) is other
    assert here.pool.kept(A) is one
    assert here.pool.kept(A) is None


async def test_a_closed_one_is_not_taken_and_leaves_its_place(scene: Any) -> None:
    here = scene(2)
    one, other = await here.opened(A), await here.opened(A)
    here.pool.give_back(one)
    here.pool.give_back(other)
    other.open = False
    assert here.pool.kept(A) is one
    assert here.left == 1
    one.open = False
    here.pool.give_back(one)
    assert here.pool.kept(A) is None
    assert here.pool._free == 2


async def test_one_that_was_kept_too_long_is_not_taken_whatever_the_timer_does(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = scene(1)
    one = await here.opened(A)
    here.pool.give_back(one)
    monkeypatch.setattr("nuts_pzp.outside.pool._IDLE", 0.0)
    assert here.pool.kept(A) is None
    assert not one.open
    assert here.pool._free == 1


async def test_what_is_not_reusable_is_closed(scene: Any) -> None:
    here = scene(1)
    one = await here.opened(A)
    one.reusable = False
    here.pool.give_back(one)
    assert not one.open
    assert (here.pool._free, here.pool.kept(A)) == (1, None)


async def test_a_kept_one_that_is_lost_leaves_its_place(scene: Any) -> None:
    here = scene(1)
    one = await here.opened(A)
    here.pool.give_back(one)
    one.lose()
    assert (here.pool._free, here.pool._kept, here.pool._since, here.pool._all) == (1, {}, {}, set())
    assert here.pool.kept(A) is None


@pytest.mark.usefixtures("leaping")
async def test_each_kept_one_is_closed_when_its_time_is_up(scene: Any) -> None:
    here = scene(3)
    first, second, third = [await here.opened(origin) for origin in (A, A, B)]
    here.pool.give_back(first)
    await asyncio.sleep(10)
    here.pool.give_back(second)
    here.pool.give_back(third)
    await asyncio.wait_for(first.gone, 20)
    assert second.open
    assert here.pool._sweep.when() == here.pool._since[second] + 15  # and not before, over and over
    await asyncio.wait_for(asyncio.gather(second.gone, third.gone), 20)
    assert (here.pool._free, here.pool._kept) == (3, {})
    fourth = await here.opened(A)
    here.pool.give_back(fourth)
    await asyncio.wait_for(fourth.gone, 20)


async def test_a_place_is_made_by_closing_what_was_kept_longest(scene: Any) -> None:
    here = scene(2)
    old, new = await here.opened(A), await here.opened(A)
    here.pool.give_back(old)
    here.pool.give_back(new)
    await here.opened(B)
    assert (old.open, new.open) == (False, True)
    assert here.pool.kept(A) is new
    assert here.pool._free == 0


async def test_who_waits_is_given_what_comes_free_in_order(scene: Any) -> None:
    here = scene(1)
    one = await here.opened(A)
    first, second, third = here.ask(A), here.ask(B), here.ask(A)
    await here.settle()
    here.pool.give_back(one)
    assert await first is one
    assert not second.done()
    here.pool.give_back(one)
    other = await second
    assert (other.origin, one.open) == (B, False)
    other.reusable = False
    here.pool.give_back(other)
    assert (await third).origin == A
    assert len(here.reaching.made) == 3


async def test_a_fresh_one_is_fresh_also_for_who_waits(scene: Any) -> None:
    here = scene(1)
    one = await here.opened(A)
    waiting = here.ask(A, fresh=True)
    await here.settle()
    here.pool.give_back(one)
    assert await waiting is not one
    assert not one.open


async def test_what_is_closed_while_it_is_handed_on_is_replaced(scene: Any) -> None:
    here = scene(1)
    one = await here.opened(A)
    waiting = here.ask(A)
    await here.settle()
    here.pool.give_back(one)
    one.lose()
    found = await waiting
    assert found is not one
    assert found.usable
    here.pool.give_back(found)
    assert here.left == 1


@pytest.mark.parametrize("given", ["a connection", "a place"])
async def test_a_turn_that_comes_to_who_is_called_off_goes_to_the_next(scene: Any, given: str) -> None:
    here = scene(1)
    one = await here.opened(A)
    one.reusable = given == "a connection"
    first, second = here.ask(A), here.ask(A)
    await here.settle()
    here.pool.give_back(one)
    first.cancel()
    found = await asyncio.wait_for(second, 5)
    assert (found is one) is one.reusable
    with pytest.raises(asyncio.CancelledError):
        await first
    here.pool.give_back(found)
    assert here.left == 1


async def test_who_is_called_off_or_late_while_waiting_is_passed_over(scene: Any) -> None:
    here = scene(1)
    one = await here.opened(A)
    called_off, late, third = here.ask(A), here.ask(A, seconds=0.05), here.ask(A)
    await here.settle()
    called_off.cancel()
    assert await late is Trouble.TIMEOUT
    here.pool.give_back(one)
    assert await third is one


@pytest.mark.parametrize("end", ["refused", "late", "cancelled"])
async def test_a_connection_that_is_not_made_leaves_its_place(scene: Any, end: str) -> None:
    here = scene(1)
    if end == "refused":
        here.reaching.ends = Trouble.REFUSED
    else:
        here.reaching.gate.clear()
    asked = here.ask(A, seconds=0.05 if end == "late" else 20.0)
    waiting = here.ask(A)
    await here.settle()
    if end == "cancelled":
        asked.cancel()
    found = await asyncio.gather(asked, return_exceptions=True)
    assert found[0] is {"refused": Trouble.REFUSED, "late": Trouble.TIMEOUT}.get(end, found[0])
    here.reaching.ends = here.reaching.ends and Trouble.TLS
    here.reaching.gate.set()
    last = await asyncio.wait_for(waiting, 5)
    if isinstance(last, Still):
        here.pool.give_back(last)
    assert here.left == 1


async def test_closing_ends_all_waiting_at_once(scene: Any) -> None:
    here = scene(2)
    one = await here.opened(A)
    here.reaching.gate.clear()
    connecting, waiting = here.ask(A), here.ask(A)
    await here.settle()
    await here.pool.close()
    assert not one.open
    assert await asyncio.wait_for(waiting, 5) is Trouble.BROKEN
    here.reaching.gate.set()
    assert await asyncio.wait_for(connecting, 5) is Trouble.BROKEN
    assert not here.reaching.made[-1].open
    assert await here.ask(A) is Trouble.BROKEN


async def test_nothing_is_kept_by_a_closed_pool(scene: Any) -> None:
    here = scene(1)
    one = await here.opened(A)
    await here.pool.close()
    one.open = True  # as if its call had ended well in the same moment
    here.pool.give_back(one)
    assert (here.pool._kept, here.pool._free, one.open) == ({}, 1, False)
