"""A key is taken once until its time, by whichever process, and the store does not tell what it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.store.once import Full, Once
from nuts_pzp.store.port import StoreFailed
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault

KADE = Tenant("kade", Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"))
MEERWIJCK = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite")
    yield store
    store.close()


def once(
    store: SqliteStore, clock: Clock, tenant: Tenant = KADE, kind: str = "jti", most: int = 5_000, room: int = 0
) -> Once:
    return Once(Vault(store.of(tenant), b"k" * 32, tenant.id), kind, most=most, room=room, clock=clock)


async def test_the_second_finds_the_note_of_the_first(store: SqliteStore, clock: Clock) -> None:
    assert await once(store, clock).first(("a", "b"), {"at": "1"}, 1_060) is None
    assert await once(store, clock).first(("a", "b"), {"at": "2"}, 1_060) == {"at": "1"}


@pytest.mark.parametrize("other", [("ab",), ("a", "b", ""), ("b", "a")])
async def test_another_key_is_another(store: SqliteStore, clock: Clock, other: tuple[str, ...]) -> None:
    mine = once(store, clock)
    await mine.first(("a", "b"), {}, 1_060)
    assert await mine.first(other, {}, 1_060) is None


async def test_tenants_and_kinds_do_not_meet(store: SqliteStore, clock: Clock) -> None:
    await once(store, clock).first(("a",), {}, 1_060)
    assert await once(store, clock, MEERWIJCK).first(("a",), {}, 1_060) is None
    assert await once(store, clock, kind="key").first(("a",), {}, 1_060) is None


async def test_of_many_at_once_one_is_first(store: SqliteStore, clock: Clock) -> None:
    both = [once(store, clock) for _ in range(8)]
    found = await asyncio.gather(*(one.first(("a",), {"at": str(n)}, 1_060) for n, one in enumerate(both)))
    assert [one for one in found if one is None] == [None]


async def test_after_its_time_a_key_is_free_again(store: SqliteStore, clock: Clock) -> None:
    mine = once(store, clock)
    await mine.first(("a",), {"at": "1"}, 1_060)
    clock.now = 1_059.9
    assert await mine.first(("a",), {}, 1_200) == {"at": "1"}
    clock.now = 1_060.0
    assert await mine.first(("a",), {}, 1_200) is None


async def test_no_more_keys_than_are_kept_and_what_is_past_makes_room(store: SqliteStore, clock: Clock) -> None:
    mine = once(store, clock, most=2)
    for name in "ab":
        await mine.first((name,), {}, 1_060)
    with pytest.raises(Full):
        await mine.first(("c",), {}, 1_060)
    assert await mine.first(("a",), {}, 1_060) == {}
    clock.now = 1_061.0
    assert await mine.first(("c",), {}, 1_200) is None


async def test_what_was_taken_does_not_stand_in_the_store(store: SqliteStore, clock: Clock, tmp_path: Path) -> None:
    await once(store, clock).first(("GEHEIM-SLEUTEL",), {"body": "GEHEIM-BODY"}, 1_060)
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"GEHEIM" not in kept


async def test_what_cannot_be_told_is_not_taken(store: SqliteStore, clock: Clock) -> None:
    mine = once(store, clock)
    store.close()
    with pytest.raises(StoreFailed):
        await mine.first(("a",), {}, 1_060)


async def test_a_clock_that_was_set_back_does_not_keep_what_is_past(store: SqliteStore, clock: Clock) -> None:
    mine = once(store, clock, most=2)
    clock.now = 90_000.0
    await mine.first(("far ahead",), {}, 90_001)
    clock.now = 1_000.0
    for second in range(10):
        clock.now += 61.0
        assert await mine.first((str(second),), {}, clock.now + 30) is None


async def test_a_clock_that_goes_forward_and_comes_back_frees_no_key_that_never_comes_again(
    store: SqliteStore, clock: Clock
) -> None:
    mine = once(store, clock, room=3)
    await mine.first(("a",), {"at": "1"}, 1_060)
    clock.now = 90_000.0
    await mine.first(("far ahead",), {}, 90_060)
    clock.now = 1_010.0
    assert await mine.first(("a",), {}, 1_070) == {"at": "1"}


async def test_what_is_past_makes_room_when_there_are_more_than_are_kept(store: SqliteStore, clock: Clock) -> None:
    mine = once(store, clock, room=3, most=4)
    for name in "abcd":
        await mine.first((name,), {}, 1_060)
    clock.now = 1_061.0
    assert await mine.first(("e",), {}, 1_200) is None
    assert await mine.first(("a",), {}, 1_200) is None
