"""The ledger of a long log: folding, verified tails, checkpoints, and files changed under it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from contextlib import closing
from typing import Any

import pytest
from failing_disk import Faults, Opening, faulty, until, verified

from nuts_pzp.accounted import Kept
from nuts_pzp.audit.ledger.ledger import Place
from nuts_pzp.audit.ledger.merkle import Frontier, leaf_hash
from nuts_pzp.audit.ledger.tail import Damaged
from nuts_pzp.audit.ledger.waiting import Limits
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.verify import Verdict
from nuts_pzp.identity import Tenant
from nuts_pzp.values import replace


async def test_a_slow_disk_under_the_folding_does_not_hold_up_a_record(
    opening: Opening, tenant: Tenant, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    syncing, go_on = threading.Event(), threading.Event()

    def slow(descriptor: int) -> None:
        syncing.set()
        assert go_on.wait(5)

    monkeypatch.setattr("os.fdatasync", slow)
    folding = threading.Thread(target=ledger._store.fold)
    folding.start()
    await asyncio.to_thread(syncing.wait, 5)
    receipt = await audit.append(events.allowed())
    go_on.set()
    folding.join()
    assert receipt.index == 1


async def test_folding_in_part_moves_the_records_and_never_holds_up_the_writer(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    await audit.append(events.allowed())
    with ledger._store._turn:  # as if a commit took for ever
        assert ledger._store.fold(wholly=False) is False
    alone = place.path.with_name("alone.db")
    shutil.copy(place.path, alone)  # without its write-ahead log
    with closing(sqlite3.connect(alone)) as database:
        assert database.execute("SELECT count(*) FROM log_record WHERE tenant = 'meerwijck'").fetchone() == (2,)
    assert ledger._store.fold() is True


async def test_folding_keeps_every_record_while_writing_goes_on(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    stop = threading.Event()
    folds: list[bool] = []

    def fold() -> None:
        while not stop.is_set():
            folds.append(ledger._store.fold())

    folding = threading.Thread(target=fold)
    folding.start()
    for _ in range(30):
        await asyncio.gather(*(audit.append(Kept("policy.activated")) for _ in range(20)))
    stop.set()
    folding.join()
    assert any(folds)
    await ledger.aclose()
    assert verified(place).logs[0].size == 602
    assert verified(place).verdict is Verdict.OK


async def test_the_start_verifies_only_the_tail_of_a_long_log(
    opening: Opening, place: Place, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuts_pzp.audit.ledger.ledger.TAIL", 10)
    ledger = opening()
    audit = ledger.of(tenant)
    for _ in range(3):
        await asyncio.gather(*(audit.append(Kept("policy.activated")) for _ in range(20)))
    await ledger.aclose()
    with sqlite3.connect(place.path) as database:
        database.execute("UPDATE log_record SET body = x'78' WHERE tenant = 'meerwijck' AND idx = 1")
    database.close()
    opening(replace(place, anchor=None)).of(tenant).keep("policy.activated", {}).result(5)
    assert verified(place).logs[0].first_bad == 1  # what the start does not look at, the verifier does


def mend(place: Place, old: bytes, new: bytes) -> None:
    """Change records as somebody would who also mends the leaf hash beside them."""
    with sqlite3.connect(place.path) as database:
        for idx, body in database.execute("SELECT idx, body FROM log_record WHERE tenant = 'meerwijck'").fetchall():
            changed = body.replace(old, new)
            database.execute(
                "UPDATE log_record SET body = ?, leaf = ? WHERE tenant = 'meerwijck' AND idx = ?",
                (changed, leaf_hash(changed), idx),
            )
    database.close()


async def test_a_tail_whose_leaves_were_mended_too_refuses_the_start(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    mend(place, b'"c1"', b'"c2"')
    again = opening(replace(place, anchor=None))
    with pytest.raises(Damaged, match="changed at or after"):
        again.of(tenant)


async def test_a_ledger_changed_while_it_could_not_be_written_is_not_taken_up_again(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(connecting=faulty)
    audit = ledger.of(tenant)
    await audit.append(events.denied("c1"))
    Faults.words = "disk I/O error"
    with pytest.raises(NotRecorded):
        await audit.append(events.denied("lost"))
    mend(place, b'"c1"', b'"c2"')
    Faults.words = None
    await until(lambda: "changed" in (ledger.condition().trouble or ""))
    with pytest.raises(NotRecorded, match="changed"):
        await audit.append(events.denied("c3"))


async def test_another_genuine_history_is_not_taken_for_ours(opening: Opening, tenant: Tenant, events: Any) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    await audit.append(events.denied("c1"))
    other = Frontier()
    other.extend([leaf_hash(b"one"), leaf_hash(b"two")])
    audit.log.frontier = other
    with pytest.raises(Damaged, match="acknowledged records changed"):
        ledger._writer._reload()
    other.extend([leaf_hash(b"three")])
    with pytest.raises(Damaged, match="acknowledged records are gone"):
        ledger._writer._reload()


async def test_a_calm_log_keeps_a_checkpoint_per_sixteen_records_or_hour_and_a_busy_one_per_second(
    opening: Opening, place: Place, tenant: Tenant, events: Any, clock: Any
) -> None:
    ledger = opening(replace(place, limits=Limits()), wall=clock.wall, monotonic=clock.monotonic)
    audit = ledger.of(tenant)  # its opening is kept, at size 1
    for step in (30.0,) * 20 + (3_600.0,) + (0.05,) * 41:
        clock.advance(step)
        await audit.append(events.denied("c"))
    with opened(place.path) as material:
        assert [one.size for one in material.checkpoints("meerwijck")] == [1, 17, 22, 42, 62]
