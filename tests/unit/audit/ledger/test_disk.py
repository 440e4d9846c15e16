"""The ledger whose disk hangs, fails, fills up, or whose file is taken away."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from failing_disk import Faults, Opening, codes, faulty, until, verified

from nuts_pzp.audit.ledger.disk import MIB, Thresholds
from nuts_pzp.audit.ledger.ledger import Place
from nuts_pzp.audit.ledger.sqlite import SqliteStore
from nuts_pzp.audit.ledger.waiting import Limits
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.reading import records
from nuts_pzp.audit.verify import Verdict
from nuts_pzp.identity import Tenant
from nuts_pzp.values import replace


async def test_a_store_that_hangs_is_not_waited_for_longer_than_the_deadline(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(replace(place, limits=Limits(deadline=0.1)), connecting=faulty)
    audit = ledger.of(tenant)
    Faults.hold = threading.Event()
    began = time.monotonic()
    with pytest.raises(NotRecorded, match="in time"):
        await audit.append(events.allowed("c1"))
    assert 0.05 < time.monotonic() - began < 5.0, "ten seconds, if it had waited"
    Faults.hold.set()
    async with asyncio.timeout(20):
        while True:  # a tenth of a second is short for a disk that is well, too
            with suppress(NotRecorded):
                await audit.append(events.denied("c2"))
                break


async def test_what_does_not_fit_the_queue_is_refused_at_once(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(replace(place, limits=Limits(waiting=5, group=1)), connecting=faulty)
    audit = ledger.of(tenant)
    Faults.hold = threading.Event()
    tasks = [asyncio.create_task(audit.append(events.denied(f"c{n}"))) for n in range(20)]
    await until(lambda: sum(task.done() for task in tasks) >= 14)
    refused = [task for task in tasks if task.done()]
    assert all(isinstance(task.exception(), NotRecorded) for task in refused)
    Faults.hold.set()
    receipts = [await task for task in tasks if task not in refused]
    assert len(receipts) in (5, 6)  # five wait, one may be in the writer's hands


async def test_the_queue_is_bounded_in_bytes_too(opening: Opening, place: Place, tenant: Tenant, events: Any) -> None:
    audit = opening(replace(place, limits=Limits(waiting_bytes=2_000))).of(tenant)
    await audit.append(events.denied("c1"))
    event = replace(events.disclosed("c1"), references=tuple(f"Observation/{n}" for n in range(200)))
    with pytest.raises(NotRecorded, match="too many"):
        await audit.append(event)


@pytest.mark.parametrize(
    "words", ["disk I/O error", "database or disk is full", "attempt to write a readonly database"]
)
async def test_a_failing_commit_is_never_a_success_and_heals_without_restart(
    opening: Opening, place: Place, tenant: Tenant, events: Any, words: str
) -> None:
    ledger = opening(connecting=faulty)
    audit = ledger.of(tenant)
    await audit.append(events.denied("before"))
    Faults.words = words
    with pytest.raises(NotRecorded):
        await audit.append(events.allowed("lost"))
    with pytest.raises(NotRecorded):
        await audit.append(events.allowed("lost too"))
    assert not ledger.condition().ready
    Faults.words = None
    await until(lambda: ledger.condition().ready)
    receipt = await audit.append(events.denied("after"))
    await ledger.aclose()
    assert [entry.correlation for entry in records(place.path, "meerwijck")] == ["", "before", "after", ""]
    assert receipt.index == 2
    assert "audit.degraded" in codes(place, "system")
    assert verified(place).verdict is Verdict.OK
    assert verified(place, "system").verdict is Verdict.OK


async def test_a_commit_of_unknown_outcome_counts_as_not_recorded_and_its_record_stands(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(connecting=faulty)
    audit = ledger.of(tenant)
    Faults.words, Faults.late = "disk I/O error", True
    with pytest.raises(NotRecorded):
        await audit.append(events.allowed("unsure"))
    Faults.words = None
    await until(lambda: ledger.condition().ready)
    receipt = await audit.append(events.denied("after"))
    assert receipt.index == 2
    await ledger.aclose()
    unsure = [entry.word for entry in records(place.path, "meerwijck") if entry.correlation == "unsure"]
    assert unsure == ["Toegestaan", "Afgebroken (ga uit van verstrekking)"]
    assert verified(place).verdict is Verdict.OK


async def test_a_bug_in_the_writer_refuses_the_group_and_is_survived(
    opening: Opening, tenant: Tenant, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    commit = SqliteStore.commit
    monkeypatch.setattr(SqliteStore, "commit", lambda *given: 1 / 0)
    with pytest.raises(NotRecorded, match="ZeroDivisionError"):
        await audit.append(events.allowed("c1"))
    monkeypatch.setattr(SqliteStore, "commit", commit)
    await until(lambda: ledger.condition().ready)
    await audit.append(events.denied("c2"))


@pytest.mark.parametrize("what", ["audit.db", "audit.db-wal", "audit.db.lock"])
async def test_a_deleted_file_is_noticed_before_anything_is_acknowledged(
    opening: Opening, place: Place, tenant: Tenant, events: Any, what: str
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    await audit.append(events.denied("before"))
    (place.path.parent / what).unlink()
    with pytest.raises(NotRecorded, match="moved, replaced or deleted"):
        await audit.append(events.allowed("lost"))


async def test_a_replaced_ledger_is_refused_for_good(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    await audit.append(events.denied("before"))
    copy = place.path.with_name("copy.db")
    shutil.copy(place.path, copy)
    copy.replace(place.path)
    for _ in range(3):
        with pytest.raises(NotRecorded):
            await audit.append(events.allowed("lost"))
        await asyncio.sleep(0.1)
    assert not ledger.condition().ready


async def test_a_ledger_that_was_moved_and_put_back_heals(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    aside = place.path.with_name("aside.db")
    place.path.rename(aside)
    with pytest.raises(NotRecorded):
        await audit.append(events.allowed("lost"))
    aside.rename(place.path)
    await until(lambda: ledger.condition().ready)
    await audit.append(events.denied("after"))


async def test_without_room_on_the_disk_nothing_is_accepted_until_there_is(
    opening: Opening, place: Place, tenant: Tenant, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = opening(replace(place, thresholds=Thresholds(0.2, 0.1, 4 * MIB, MIB)))
    audit = ledger.of(tenant)
    reserve = place.path.with_name("audit.db.reserve")
    assert reserve.stat().st_size == MIB
    free = {"bytes": MIB}

    class Full:
        f_frsize, f_blocks = 1, 100 * MIB

        @property
        def f_bavail(self) -> int:
            return free["bytes"]

    monkeypatch.setattr("nuts_pzp.audit.ledger.disk.os.statvfs", lambda folder: Full())
    await until(lambda: not ledger.condition().ready)
    assert ledger.condition().room == "stop"
    with pytest.raises(NotRecorded, match="no room"):
        await audit.append(events.allowed("lost"))
    await until(lambda: "audit.degraded" in codes(place, "system"))
    assert not reserve.exists()
    free["bytes"] = 90 * MIB
    await until(lambda: ledger.condition().ready)
    await audit.append(events.denied("after"))
    assert reserve.exists()
