"""A patient's generation: never twice the same, seen by every process at once, and cheap to look at (ADR 0059)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from nuts_pzp.exchange import Generation
from nuts_pzp.identity import Bsn, Organization, Tenant, Ura
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.store.patients import CHOICES, Patients
from nuts_pzp.store.port import StoreFailed
from nuts_pzp.store.sqlite import SqliteStore, TenantStore
from nuts_pzp.store.vault import Vault

OURS = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
BSN, OTHER = Bsn("999912008"), Bsn("999912033")


class Counting:
    """The store of one tenant, and how often it was read."""

    def __init__(self, inner: TenantStore) -> None:
        self._inner, self.reads, self.looks, self.broken = inner, 0, 0, ""
        self.put, self.scan = inner.put, inner.scan

    async def get(self, kind: str, key: str, /) -> tuple[bytes, int]:
        self.reads += 1
        if self.broken == "get":
            raise StoreFailed("the state file: SQLITE_IOERR")
        return await self._inner.get(kind, key)

    async def versions(self, key: str, /, *kinds: str) -> tuple[int, ...]:
        self.looks += 1
        if self.broken:
            raise StoreFailed("the state file: SQLITE_IOERR")
        return await self._inner.versions(key, *kinds)


class Process:
    """One process of the deployment: its own connections, its own memory."""

    def __init__(self, file: Path) -> None:
        self.whole = SqliteStore(file)
        self.store = Counting(self.whole.of(OURS))
        self.patients = Patients(Vault(self.store, b"k" * 32, OURS.id))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    one, other = Process(tmp_path / "store.sqlite"), Process(tmp_path / "store.sqlite")
    yield one, other
    one.whole.close()
    other.whole.close()


async def test_a_patient_of_whom_nothing_was_learnt_has_generation_zero(two: tuple[Process, Process]) -> None:
    learnt = await two[0].patients.learnt(BSN)
    assert (dict(learnt.document), learnt.generation) == ({}, 0)


async def test_an_advance_in_one_process_is_seen_by_the_other_at_its_next_look(two: tuple[Process, Process]) -> None:
    one, other = two
    seen = [await other.patients.generation(BSN)]
    for _ in range(3):
        told = await one.patients.advance(BSN)
        seen.append(await other.patients.generation(BSN))
        assert seen[-1] == (told, 0)
    assert len(set(map(str, seen))) == 4


async def test_an_advance_leaves_the_other_patients(two: tuple[Process, Process]) -> None:
    before = await two[0].patients.generation(OTHER)
    await two[1].patients.advance(BSN)
    assert await two[0].patients.generation(OTHER) == before


async def test_looking_again_reads_no_document_until_this_patient_s_was_put(two: tuple[Process, Process]) -> None:
    one, other = two
    await other.patients.advance(BSN)
    for _ in range(5):
        await one.patients.generation(BSN)
    await other.patients.advance(OTHER)
    await one.patients.generation(BSN)
    assert one.store.reads == 1
    await other.patients.advance(BSN)
    await one.patients.generation(BSN)
    assert one.store.reads == 2


async def test_every_advance_of_many_at_once_counts(two: tuple[Process, Process]) -> None:
    found = await asyncio.gather(*(one.patients.advance(BSN) for one in two for _ in range(5)))
    assert await two[0].patients.generation(BSN) == (max(found), 0)
    document = await two[0].patients.change(BSN, lambda found: {**found, "a": 1})
    assert document > max(found)
    assert dict((await two[1].patients.learnt(BSN)).document) == {"a": 1}


async def test_a_file_that_is_busy_for_the_quick_look_is_read_the_long_way(
    two: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    await one.patients.generation(BSN)
    told = await other.patients.advance(BSN)

    def busy(*_: object) -> int:
        raise StoreFailed("the state file: SQLITE_BUSY")

    monkeypatch.setattr(one.whole, "look", busy)
    assert await one.patients.generation(BSN) == (told, 0)


async def test_a_recorded_choice_is_another_generation_before_anybody_begins_one(two: tuple[Process, Process]) -> None:
    one, other = two
    before = await one.patients.generation(BSN)
    vault = other.patients.vault
    await vault.put(CHOICES, vault.pseudonym(OTHER), {"choices": []}, 0)
    assert await one.patients.generation(BSN) == before
    await vault.put(CHOICES, vault.pseudonym(BSN), {"choices": []}, 0)
    after = await one.patients.generation(BSN)
    assert isinstance(after, Generation)
    assert (after.learnt, after.choices > 0) == (0, True)


async def test_what_was_seen_a_moment_ago_needs_no_look_and_what_is_not_kept_does(two: tuple[Process, Process]) -> None:
    one, other = two
    await other.patients.change(BSN, lambda _: {"a": 1})
    seen = await one.patients.generation(BSN)
    assert isinstance(seen, Generation)
    looks = one.store.looks
    assert dict((await one.patients.learnt(BSN, seen)).document) == {"a": 1}
    assert one.store.looks == looks
    await other.patients.change(BSN, lambda _: {"a": 2})
    now = await other.patients.generation(BSN)
    assert isinstance(now, Generation)
    assert dict((await one.patients.learnt(BSN, now)).document) == {"a": 2}
    assert one.store.looks == looks + 1


async def test_a_store_that_cannot_be_read_is_unavailable_and_not_the_last_that_was_known(
    two: tuple[Process, Process],
) -> None:
    one, _ = two
    await one.patients.generation(BSN)
    one.store.broken = "get"
    found = await one.patients.generation(BSN)
    assert isinstance(found, Unavailable)
    assert found.reason is Reason.CONSENT_STATE_UNREADABLE


async def test_no_bsn_stands_in_the_file_or_in_what_is_shown(two: tuple[Process, Process], tmp_path: Path) -> None:
    await two[0].patients.change(BSN, lambda _: {"bsn": BSN.value})
    await two[0].patients.learnt(BSN)
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert BSN.value.encode() not in written
    assert BSN.value not in repr(two[0].patients) + repr(await two[0].patients.learnt(BSN))
