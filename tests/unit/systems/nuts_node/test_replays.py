"""A proof serves once: for every process, at any moment, and when nobody can tell, not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.store.port import StoreFailed
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.systems.nuts_node import replays
from nuts_pzp.systems.nuts_node.proof import Proof
from nuts_pzp.systems.nuts_node.replays import KIND, Replays

NOW = 1_790_000_000.0
TENANT = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))


def proof(number: int, shelf: int = 7) -> Proof:
    return Proof(bytes([shelf, number]) + b"p" * 30, NOW + 60)


@pytest.fixture
def store(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = SqliteStore(tmp_path / "store.sqlite")
    yield made
    made.close()


async def test_a_proof_serves_once(store: SqliteStore) -> None:
    seen = Replays(store.of(TENANT))
    assert await seen.use(proof(1), NOW) is None
    refused = await seen.use(proof(1), NOW)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.PROOF_INVALID
    assert await seen.use(proof(2), NOW) is None


async def test_another_process_sees_what_this_one_used(store: SqliteStore) -> None:
    one, other = Replays(store.of(TENANT)), Replays(store.of(TENANT))
    assert await one.use(proof(1), NOW) is None
    assert isinstance(await other.use(proof(1), NOW), Deny)


async def test_of_many_who_use_it_at_the_same_moment_one_succeeds(store: SqliteStore) -> None:
    replicas = [Replays(store.of(TENANT)) for _ in range(12)]
    said = await asyncio.gather(*(one.use(proof(1), NOW) for one in replicas))
    assert said.count(None) == 1
    assert all(isinstance(one, Deny) for one in said if one is not None)


async def test_different_proofs_on_one_shelf_do_not_lose_each_other(store: SqliteStore) -> None:
    replicas = [Replays(store.of(TENANT)) for _ in range(6)]
    said = await asyncio.gather(*(one.use(proof(at), NOW) for at, one in enumerate(replicas)))
    assert said == [None] * 6
    again = await asyncio.gather(*(Replays(store.of(TENANT)).use(proof(at), NOW) for at in range(6)))
    assert all(isinstance(one, Deny) for one in again)


async def test_a_clock_that_is_set_forward_and_back_lets_no_proof_serve_twice(store: SqliteStore) -> None:
    one, other = Replays(store.of(TENANT)), Replays(store.of(TENANT))
    assert await one.use(proof(1), NOW) is None
    assert await one.use(replace(proof(2), until=NOW + 7260), NOW + 7200) is None, "writes the same shelf meanwhile"
    assert isinstance(await other.use(proof(1), NOW + 1), Deny)


async def test_another_window_does_not_make_it_another_proof(store: SqliteStore) -> None:
    """The settings were changed, or another process has not read them yet."""
    one, other = Replays(store.of(TENANT)), Replays(store.of(TENANT))
    assert await one.use(proof(1), NOW) is None
    assert isinstance(await other.use(replace(proof(1), until=NOW + 120), NOW), Deny)


async def test_a_use_is_forgotten_when_the_proof_is_too_old_to_serve_and_room_is_needed(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "ROOM", 20)
    rows = store.of(TENANT)
    seen = Replays(rows)
    for number in range(20):
        assert await seen.use(proof(number), NOW) is None
    assert await seen.use(Proof(bytes([7]) + b"z" * 31, NOW + 300), NOW + 120) is None
    held, _ = await rows.get(KIND, "07")
    assert len(held) == 20  # one use of twenty bytes: the old ones left


async def test_a_full_shelf_refuses_and_stays_bounded(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "FULL", 3)
    monkeypatch.setattr(replays, "ROOM", 2)
    seen = Replays(store.of(TENANT))
    said = [await seen.use(proof(number), NOW) for number in range(5)]
    assert said[:3] == [None] * 3
    assert all(isinstance(one, Unavailable) and one.reason is Reason.PROOF_UNKNOWN for one in said[3:])


async def test_a_store_that_fails_never_lets_a_proof_through(store: SqliteStore) -> None:
    class Broken:
        async def get(self, kind: str, key: str, /) -> tuple[bytes, int]:
            raise StoreFailed("the state file: SQLITE_IOERR")

    said = await Replays(Broken()).use(proof(1), NOW)  # type: ignore[arg-type]
    assert isinstance(said, Unavailable)
    assert said.reason is Reason.PROOF_UNKNOWN


async def test_a_damaged_shelf_is_read_as_far_as_it_goes(store: SqliteStore) -> None:
    rows = store.of(TENANT)
    assert await Replays(rows).use(proof(1), NOW) is None
    held, version = await rows.get(KIND, "07")
    assert await rows.put(KIND, "07", held + b"torn", version)
    assert isinstance(await Replays(rows).use(proof(1), NOW), Deny)


async def test_what_is_kept_names_nobody(store: SqliteStore) -> None:
    rows = store.of(TENANT)
    await Replays(rows).use(proof(1), NOW)
    held, _ = await rows.get(KIND, "07")
    assert held == (int(NOW) + 61).to_bytes(4, "big") + proof(1).id[:16]


async def test_without_a_store_this_process_remembers(store: SqliteStore) -> None:
    seen = Replays(None)
    assert await seen.use(proof(1), NOW) is None
    assert isinstance(await seen.use(proof(1), NOW), Deny)
