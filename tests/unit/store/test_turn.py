"""Of several replicas one does what is done once; another takes over when it lets go, or is silent for a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.turn import LASTS, Turn
from nuts_pzp.store.vault import Vault

TENANT = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    store = SqliteStore(tmp_path / "store.sqlite")
    yield Vault(store.of(TENANT), b"k" * 32, "meerwijck")
    store.close()


async def test_one_has_the_turn_and_keeps_it_while_it_asks(vault: Vault, clock: Clock) -> None:
    one, other = Turn(vault, "books", "one", clock=clock), Turn(vault, "books", "other", clock=clock)
    for _ in range(10):
        assert (await one.mine(), await other.mine()) == (True, False)
        clock.now += LASTS / 3


async def test_who_lets_go_is_followed_at_once(vault: Vault, clock: Clock) -> None:
    one, other = Turn(vault, "books", "one", clock=clock), Turn(vault, "books", "other", clock=clock)
    assert await one.mine()
    await other.let_go()
    assert not await other.mine(), "nobody lets go for another"
    await one.let_go()
    assert (await other.mine(), await one.mine()) == (True, False)


async def test_who_is_silent_loses_it_after_a_while_and_not_before(vault: Vault, clock: Clock) -> None:
    one, other = Turn(vault, "books", "one", clock=clock), Turn(vault, "books", "other", clock=clock)
    assert await one.mine()
    clock.now += LASTS - 1
    assert not await other.mine()
    clock.now += 2
    assert (await other.mine(), await one.mine()) == (True, False)


async def test_after_a_restart_it_is_still_ones_own(vault: Vault, clock: Clock) -> None:
    assert await Turn(vault, "books", "one", clock=clock).mine()
    assert await Turn(vault, "books", "one", clock=clock).mine()
    assert await Turn(vault, "alerts", "other", clock=clock).mine(), "each duty has a turn of its own"


async def test_a_clock_that_is_set_back_does_not_prolong_a_turn(vault: Vault, clock: Clock) -> None:
    """Of whoever died, nobody knows any more when its half minute is over; of oneself one asks again."""
    one, other = Turn(vault, "books", "one", clock=clock), Turn(vault, "books", "other", clock=clock)
    assert await one.mine()
    clock.now -= 3600
    assert await other.mine()
    assert not await one.mine(), "another has it now"


async def test_replicas_whose_clocks_differ_a_little_do_not_take_it_from_each_other(vault: Vault, clock: Clock) -> None:
    late = Clock()
    late.now = clock.now - LASTS / 2
    one, other = Turn(vault, "books", "one", clock=clock), Turn(vault, "books", "other", clock=late)
    assert (await one.mine(), await other.mine()) == (True, False)
