"""What every store promises (store port, design D11): durable, compare-and-set, apart by tenant, seen at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.store.port import State, Store, StoreFailed
from nuts_pzp.store.postgres import PostgresStore
from nuts_pzp.store.sqlite import SqliteStore

OURS = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
THEIRS = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof"))

Opening = Callable[[], Any]


@pytest.fixture(params=["sqlite", "postgres"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opening]:
    """Opens the same deployment's store once more, as another process would."""
    opened: list[State] = []
    dsn = request.getfixturevalue("cluster").fresh("contract") if request.param == "postgres" else ""

    def another() -> State:
        opened.append(PostgresStore(dsn) if dsn else SqliteStore(tmp_path / "state" / "store.sqlite"))
        return opened[-1]

    yield another
    for one in opened:
        one.close()


@pytest.fixture
def store(opening: Opening) -> Store:
    bound: Store = opening().of(OURS)
    return bound


async def version(store: Store) -> int:
    """The number of the one document that these tests are about."""
    (found,) = await store.versions("regio", "serial")
    return found


async def test_what_is_not_there_is_empty_and_of_version_zero(store: Store) -> None:
    assert await store.get("serial", "regio") == (b"", 0)


async def test_what_is_put_is_read_back_byte_for_byte(store: Store) -> None:
    assert await store.put("serial", "regio", b"\x00\xffabc", 0)
    value, version = await store.get("serial", "regio")
    assert (value, version > 0) == (b"\x00\xffabc", True)


async def test_an_empty_value_is_a_document(store: Store) -> None:
    assert await store.put("serial", "regio", b"", 0)
    value, version = await store.get("serial", "regio")
    assert value == b""
    assert version > 0


async def test_put_with_a_stale_version_changes_nothing(store: Store) -> None:
    await store.put("serial", "regio", b"1", 0)
    _, first = await store.get("serial", "regio")
    await store.put("serial", "regio", b"2", first)
    assert not await store.put("serial", "regio", b"3", first)
    assert not await store.put("serial", "regio", b"3", 0)
    assert (await store.get("serial", "regio"))[0] == b"2"


async def test_removing_needs_the_version_too(store: Store) -> None:
    await store.put("serial", "regio", b"1", 0)
    _, version = await store.get("serial", "regio")
    assert not await store.put("serial", "regio", None, version + 1)
    assert await store.put("serial", "regio", None, version)
    assert await store.get("serial", "regio") == (b"", 0)


async def test_no_version_comes_twice_after_a_removal(store: Store) -> None:
    await store.put("serial", "regio", b"1", 0)
    _, former = await store.get("serial", "regio")
    await store.put("serial", "regio", None, former)
    await store.put("serial", "regio", b"1", 0)
    assert (await store.get("serial", "regio"))[1] != former
    assert not await store.put("serial", "regio", b"2", former)


async def test_of_many_at_once_exactly_one_wins(opening: Opening) -> None:
    stores = [opening().of(OURS) for _ in range(2)]
    won = await asyncio.gather(*(stores[n % 2].put("serial", "regio", str(n).encode(), 0) for n in range(16)))
    assert won.count(True) == 1
    assert (await stores[0].get("serial", "regio"))[0] == str(won.index(True)).encode()


async def test_counting_by_compare_and_set_loses_nothing(opening: Opening) -> None:
    stores = [opening().of(OURS) for _ in range(2)]

    async def add(store: Store) -> None:
        while True:
            value, version = await store.get("count", "x")
            if await store.put("count", "x", str(int(value or b"0") + 1).encode(), version):
                return

    await asyncio.gather(*(add(stores[n % 2]) for n in range(30)))
    assert (await stores[1].get("count", "x"))[0] == b"30"


async def test_another_process_sees_it_at_once(opening: Opening) -> None:
    gateway, command = opening().of(OURS), opening().of(OURS)
    assert await gateway.get("serial", "regio") == (b"", 0)
    await command.put("serial", "regio", b"1", 0)
    assert (await gateway.get("serial", "regio"))[0] == b"1"


async def test_it_is_there_after_a_new_start(opening: Opening) -> None:
    first = opening()
    await first.of(OURS).put("serial", "regio", b"1", 0)
    first.close()
    assert (await opening().of(OURS).get("serial", "regio"))[0] == b"1"


async def test_tenants_do_not_see_each_other(opening: Opening) -> None:
    whole = opening()
    ours, theirs = whole.of(OURS), whole.of(THEIRS)
    await ours.put("serial", "regio", b"1", 0)
    assert await theirs.get("serial", "regio") == (b"", 0)
    assert [key async for key, _ in theirs.scan("serial")] == []
    assert await theirs.put("serial", "regio", b"2", 0)
    assert (await ours.get("serial", "regio"))[0] == b"1"


async def test_scan_goes_by_key_within_one_kind(store: Store) -> None:
    for key in ("c", "a", "b"):
        await store.put("outbox", key, key.encode(), 0)
    await store.put("serial", "a", b"x", 0)
    assert [one async for one in store.scan("outbox")] == [("a", b"a"), ("b", b"b"), ("c", b"c")]
    assert [key async for key, _ in store.scan("outbox", "a")] == ["b", "c"]


async def test_scan_of_many_gives_each_once(store: Store) -> None:
    keys = [f"{n:04}" for n in range(450)]
    for key in keys:
        await store.put("outbox", key, b"", 0)
    assert [key async for key, _ in store.scan("outbox")] == keys


async def test_what_scan_yields_may_be_removed_meanwhile(store: Store) -> None:
    for key in ("a", "b", "c"):
        await store.put("outbox", key, b"", 0)
    seen = []
    async for key, _ in store.scan("outbox"):
        seen.append(key)
        _, version = await store.get("outbox", key)
        assert await store.put("outbox", key, None, version)
    assert seen == ["a", "b", "c"]
    assert [key async for key, _ in store.scan("outbox")] == []


async def test_a_closed_store_fails_and_says_so(opening: Opening) -> None:
    whole = opening()
    bound = whole.of(OURS)
    whole.close()
    with pytest.raises(StoreFailed):
        await bound.get("serial", "regio")
    with pytest.raises(StoreFailed):
        await bound.put("serial", "regio", b"1", 0)


async def test_a_document_that_is_too_large_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="bytes"):
        await store.put("serial", "regio", b"x" * 1_048_577, 0)


async def test_the_version_alone_is_that_of_the_document(store: Store) -> None:
    assert await version(store) == 0
    for value in (b"1", b"2"):
        was = await version(store)
        assert await store.put("serial", "regio", value, was)
        assert await version(store) == (await store.get("serial", "regio"))[1] != was
    assert await store.put("serial", "regio", None, await version(store))
    assert await version(store) == 0


async def test_the_version_is_another_one_as_soon_as_another_process_put(store: Store, opening: Opening) -> None:
    other = opening().of(OURS)
    seen = [await version(store)]
    for number in range(5):
        assert await other.put("serial", "regio", bytes([number]), seen[-1])
        seen.append(await version(store))
    assert len(set(seen)) == 6
    assert await version(opening().of(THEIRS)) == 0


async def test_versions_of_several_kinds_under_one_key_come_in_the_order_asked(store: Store) -> None:
    await store.put("serial", "regio", b"1", 0)
    await store.put("count", "regio", b"1", 0)
    await store.put("other", "elsewhere", b"1", 0)
    serial, count = [(await store.get(kind, "regio"))[1] for kind in ("serial", "count")]
    assert await store.versions("regio", "count", "other", "serial") == (count, 0, serial)
    assert await store.versions("nobody", "count", "serial") == (0, 0)


async def test_versions_of_several_kinds_are_of_one_moment(store: Store, opening: Opening) -> None:
    """One who puts `count` after `serial` each time is never seen with the later one first."""
    other, done = opening().of(OURS), False

    async def putting() -> None:
        nonlocal done
        for number in range(40):
            for kind in ("serial", "count"):
                was = (await other.get(kind, "regio"))[1]
                assert await other.put(kind, "regio", bytes([number]), was)
                order.append((await other.get(kind, "regio"))[1])
        done = True

    order: list[int] = [0, 0]
    seen: set[tuple[int, ...]] = set()
    task = asyncio.create_task(putting())
    while not done:
        seen.add(await store.versions("regio", "serial", "count"))
        await asyncio.sleep(0)
    await task
    allowed = {(order[n], order[n + 1]) for n in range(0, len(order), 2)}
    allowed |= {(order[n + 2], order[n + 1]) for n in range(0, len(order) - 2, 2)}
    assert seen <= allowed
    assert len(seen) > 1


async def test_the_version_in_a_closed_store_is_a_failure(opening: Opening) -> None:
    whole = opening()
    bound = whole.of(OURS)
    await version(bound)
    whole.close()
    with pytest.raises(StoreFailed):
        await version(bound)
