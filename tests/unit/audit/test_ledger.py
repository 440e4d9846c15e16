"""The ledger as a whole: order, durability promises, start and end, and what it does when the disk lets it down."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.accounted import Kept, Receipt
from nuts_pzp.audit import anchors
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.disk import MIB, Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.merkle import Frontier, leaf_hash
from nuts_pzp.audit.ledger.sqlite import LedgerInUse, SqliteStore, StoreFailed
from nuts_pzp.audit.ledger.tail import Damaged
from nuts_pzp.audit.ledger.waiting import Limits
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.reading import records
from nuts_pzp.audit.verify import Report, Verdict, verify
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.keys import BadKeyFile
from nuts_pzp.values import replace

Opening = Callable[..., Ledger]


class Faults(sqlite3.Connection):
    """A connection that fails on purpose. `words` None: all well; `late`: fail after it happened."""

    words: str | None = None
    late = False
    hold: threading.Event | None = None

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:  # type: ignore[override]
        if sql == "COMMIT" and Faults.hold is not None:
            Faults.hold.wait(10.0)
        if sql == "COMMIT" and Faults.words is not None:
            if Faults.late:
                super().execute(sql, *given)
            raise sqlite3.OperationalError(Faults.words)
        return super().execute(sql, *given)


def faulty(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0, factory=Faults)


@pytest.fixture(autouse=True)
def _all_well() -> Any:
    yield
    Faults.words, Faults.late = None, False
    if Faults.hold is not None:
        Faults.hold.set()
    Faults.hold = None


def codes(place: Place, tenant: str = "meerwijck") -> list[str]:
    return [entry.code for entry in records(place.path, tenant)]


def verified(place: Place, tenant: str = "meerwijck") -> Report:
    key = VerifierKey.parse((place.keys / tenant / "audit-1.pub").read_text())
    lines = anchors.read(place.anchor) if place.anchor and place.anchor.exists() else None
    with opened(place.path) as ledger:
        return verify(ledger, [key], lines, tenant=tenant)


async def until(told: Callable[[], bool], seconds: float = 5.0) -> None:
    for _ in range(int(seconds / 0.01)):
        if told():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


async def test_a_receipt_comes_after_the_record_is_in_the_file(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    audit = opening().of(tenant)
    event = events.allowed("c1")
    receipt = await audit.append(event)
    assert isinstance(receipt, Receipt)
    assert receipt.event is event
    stored = [entry for entry in records(place.path, "meerwijck") if entry.index == receipt.index]
    assert [entry.record["id"] for entry in stored] == [receipt.record_id]


async def test_records_are_numbered_and_timed_in_the_order_of_commit(
    opening: Opening, place: Place, tenant: Tenant, events: Any, clock: Any
) -> None:
    audit = opening(wall=clock.wall, monotonic=clock.monotonic).of(tenant)
    first = await audit.append(events.allowed("c1"))
    clock.advance(1.5)
    second = await audit.append(events.disclosed("c1"))
    assert (first.index, second.index) == (1, 2)
    opened_, one, two = [entry.record for entry in records(place.path, "meerwijck")]
    assert one["ts"] == "2026-11-22T09:14:03.120000Z"
    assert two["ts"] == "2026-11-22T09:14:04.620000Z"
    assert (opened_["prev_ts_mono"], one["prev_ts_mono"], two["prev_ts_mono"]) == (None, 0, 1_500_000)


async def test_many_callers_share_few_commits_and_each_gets_its_own_index(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    groups: list[int] = []
    ledger._writer.on_commit = groups.append
    receipts = await asyncio.gather(*(audit.append(events.denied(f"c{number}")) for number in range(300)))
    assert sorted(receipt.index for receipt in receipts) == list(range(1, 301))
    assert len(groups) < 20
    await ledger.aclose()
    assert verified(place).verdict is Verdict.OK


@pytest.mark.parametrize("count", [*range(1, 20), 31, 33, 63, 64, 65, 79, 80, 81, 127, 128, 129, 200, 255, 256, 257])
async def test_a_group_of_any_size_is_whole(
    opening: Opening, place: Place, tenant: Tenant, events: Any, count: int
) -> None:
    ledger = opening(replace(place, limits=Limits(linger=0.5)))
    audit = ledger.of(tenant)
    receipts = await asyncio.gather(*(audit.append(events.denied(f"c{number}")) for number in range(count)))
    assert [receipt.index for receipt in receipts] == list(range(1, count + 1))
    stored = list(records(place.path, "meerwijck"))
    assert [entry.correlation for entry in stored] == ["", *(f"c{number}" for number in range(count))]
    assert [entry.record["id"] for entry in stored[1:]] == [receipt.record_id for receipt in receipts]


async def test_a_reload_seals_under_the_keys_and_writes_under_the_name_of_now(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    before = ledger.of(tenant)
    decision = events.allowed("c1")
    await before.append(decision)
    after = ledger.of(replace(tenant, organization=replace(tenant.organization, name="Meerwijck Noord")))
    await asyncio.gather(
        after.append(replace(events.disclosed("c1"), attempt=decision.attempt)), before.append(events.denied("c2"))
    )
    assert [entry.responder for entry in records(place.path, "meerwijck")][1:] == [
        "Ziekenhuis Meerwijck", "Meerwijck Noord", "Ziekenhuis Meerwijck",
    ]  # fmt: skip


async def test_two_tenants_have_logs_of_their_own(opening: Opening, place: Place, tenant: Tenant, events: Any) -> None:
    ledger = opening()
    other = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof"))
    mine, theirs = ledger.of(tenant), ledger.of(other)
    await asyncio.gather(*(audit.append(events.denied(f"c{n}")) for n in range(40) for audit in (mine, theirs)))
    await ledger.aclose()
    for slug, ura in (("meerwijck", "90000222"), ("wilgenhof", "90000111")):
        report = verified(place, slug).logs[0]
        assert (report.verdict, report.origin, report.size) == (Verdict.OK, f"gw.example/nuts-pzp/{ura}/1", 42)
        assert {entry.record["tenant"] for entry in records(place.path, slug)} == {slug}


def test_the_same_tenant_asked_twice_has_one_log(opening: Opening, place: Place, tenant: Tenant) -> None:
    ledger = opening()
    first = ledger.of(tenant)
    second = ledger.of(Tenant("meerwijck", replace(tenant.organization, name="Ziekenhuis Meerwijck (locatie Noord)")))
    assert second.log is first.log
    second.keep("policy.activated", {}).result(5)
    assert [entry.responder for entry in records(place.path, "meerwijck")] == [
        "Ziekenhuis Meerwijck",
        "Ziekenhuis Meerwijck (locatie Noord)",
    ]


def test_a_tenant_that_comes_back_with_another_ura_is_refused(opening: Opening, tenant: Tenant) -> None:
    ledger = opening()
    ledger.of(tenant)
    with pytest.raises(Damaged, match="began as"):
        ledger.of(replace(tenant, organization=replace(tenant.organization, ura=Ura("90000111"))))


def test_no_tenant_may_be_called_system_or_share_an_origin(opening: Opening, tenant: Tenant) -> None:
    ledger = opening()
    ledger.of(tenant)
    with pytest.raises(ValueError, match="system"):
        ledger.of(Tenant("system", tenant.organization))
    with pytest.raises(Damaged, match="origin"):
        ledger.of(Tenant("twin", tenant.organization))


async def test_opening_closing_and_their_sizes_are_recorded(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    again = opening()
    again.of(tenant)
    again.close()
    assert codes(place) == ["audit.opened", "disclosure.decision", "audit.closed", "audit.opened", "audit.closed"]
    kept = [entry.record["detail"]["size"] for entry in records(place.path, "meerwijck") if "detail" in entry.record]
    assert kept == ["0", "2", "3", "4"]
    assert codes(place, "system") == ["audit.opened", "audit.closed"] * 2
    logs = list(records(place.path, "system"))[2].record["detail"]["logs"]
    assert logs == "gw.example/nuts-pzp/90000222/1,gw.example/nuts-pzp/system/1"


async def test_after_closing_nothing_is_recorded(opening: Opening, tenant: Tenant, events: Any) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    await ledger.aclose()
    await ledger.aclose()
    with pytest.raises(NotRecorded, match="closed"):
        await audit.append(events.denied("c1"))
    assert not ledger.condition().ready


async def test_a_cancelled_callers_record_is_written_all_the_same(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(connecting=faulty)
    audit = ledger.of(tenant)
    Faults.hold = threading.Event()
    tasks = []
    for correlation in ("first", "gone", "stays"):
        tasks.append(asyncio.create_task(audit.append(events.denied(correlation))))
        await asyncio.sleep(0.02)  # the first is being committed, the other two are the next group
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    Faults.hold.set()
    assert [(await tasks[0]).index, (await tasks[2]).index] == [1, 3]
    assert [entry.correlation for entry in records(place.path, "meerwijck")] == ["", "first", "gone", "stays"]


async def test_a_store_that_hangs_is_not_waited_for_longer_than_the_deadline(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(replace(place, limits=Limits(deadline=0.1)), connecting=faulty)
    audit = ledger.of(tenant)
    Faults.hold = threading.Event()
    began = time.monotonic()
    with pytest.raises(NotRecorded, match="in time"):
        await audit.append(events.allowed("c1"))
    assert 0.05 < time.monotonic() - began < 1.0
    Faults.hold.set()
    await audit.append(events.denied("c2"))


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


def test_a_second_ledger_on_the_same_file_is_refused(opening: Opening, place: Place) -> None:
    opening()
    with pytest.raises(LedgerInUse):
        Ledger.open(place)


def test_a_file_system_that_forgets_is_refused_unless_accepted(
    place: Place, opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuts_pzp.audit.ledger.ledger.filesystem", lambda path: "tmpfs")
    with pytest.raises(StoreFailed, match="tmpfs"):
        Ledger.open(replace(place, accept_any_filesystem=False))
    opening(place)


def test_the_file_system_is_that_of_a_folder_yet_to_be_made(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = place.path.parent / "fresh"
    monkeypatch.setattr("nuts_pzp.audit.ledger.ledger.filesystem", lambda path: "nfs4" if path == fresh else "ext4")
    with pytest.raises(StoreFailed, match="nfs4"):
        Ledger.open(replace(place, path=fresh / "ledger.sqlite", accept_any_filesystem=False))
    assert not fresh.exists()


def test_a_store_without_full_synchronisation_is_refused(place: Place) -> None:
    class Lax(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:  # type: ignore[override]
            return super().execute(sql.replace("=FULL", "=NORMAL"), *given)

    with pytest.raises(StoreFailed, match="full synchronisation"):
        Ledger.open(place, connecting=lambda path: sqlite3.connect(path, isolation_level=None, factory=Lax))


def test_a_key_that_others_may_read_refuses_the_start(opening: Opening, place: Place) -> None:
    opening().close()
    (place.keys / "system" / "signing.key").chmod(0o640)
    with pytest.raises(BadKeyFile):
        Ledger.open(place)
    (place.keys / "system" / "signing.key").chmod(0o600)
    opening()


async def test_a_key_that_cannot_be_used_refuses_the_record(
    opening: Opening, place: Place, tenant: Tenant, events: Any, clock: Any
) -> None:
    audit = opening(wall=clock.wall, monotonic=clock.monotonic).of(tenant)
    (place.keys / "meerwijck" / "dek-2026-12.wrapped").mkdir()
    clock.advance(30 * 86_400)
    with pytest.raises(NotRecorded, match="dek-2026-12"):
        await audit.append(events.allowed("c1"))


async def test_decisions_without_result_are_called_unknown_at_the_next_start(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    await audit.append(events.allowed("whole"))
    await audit.append(events.disclosed("whole"))
    await audit.append(events.allowed("torn"))
    await audit.append(events.intended("asked"))
    crashed = crash(ledger, place)
    again = opening(crashed)
    again.of(tenant)
    again.close()
    unknown = [entry for entry in records(crashed.path, "meerwijck") if entry.code == "outcome.unknown"]
    assert [(one.correlation, one.record["detail"]["about"]) for one in unknown] == [("torn", "3"), ("asked", "4")]
    assert {one.word for one in unknown} == {"Afgebroken (ga uit van verstrekking)"}
    third = opening(crashed)
    third.of(tenant)
    third.close()
    assert codes(crashed).count("outcome.unknown") == 2


def crash(ledger: Ledger, place: Place) -> Place:
    """Return the place of a copy as a power cut would leave it: file and write-ahead log, no goodbye."""
    folder = place.path.parent.with_name("crashed")
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(place.path.with_name(place.path.name + suffix), folder / (place.path.name + suffix))
    return replace(place, path=folder / place.path.name)


async def test_orphans_are_swept_while_running_too(opening: Opening, place: Place, tenant: Tenant, events: Any) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    await audit.append(events.allowed("torn"))
    sizes = ledger._upkeep._sweep_all({})
    await audit.append(events.allowed("young"))
    ledger._upkeep._sweep_all(sizes)
    await until(lambda: "outcome.unknown" in codes(place))
    unknown = [entry.correlation for entry in records(place.path, "meerwijck") if entry.code == "outcome.unknown"]
    assert unknown == ["torn"]


async def test_the_hourly_checkpoint_tells_how_far_every_log_is(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    root = ledger.of(tenant).log.frontier.root().hex()
    ledger._upkeep._checkpoint_all()
    await until(lambda: codes(place, "system").count("audit.checkpoint") == 2)
    told = list(records(place.path, "system"))[-1].record["detail"]
    assert told["head:meerwijck"] == f"2 {root}"


async def test_a_jump_of_the_clock_is_recorded_and_order_stays(
    opening: Opening, place: Place, tenant: Tenant, events: Any, clock: Any
) -> None:
    ledger = opening(wall=clock.wall, monotonic=clock.monotonic)
    audit = ledger.of(tenant)
    await audit.append(events.denied("c1"))
    clock.wall_ns -= 3_600_000_000_000
    await audit.append(events.denied("c2"))
    steps = [one.record["detail"] for one in records(place.path, "system") if one.code == "clock.step"]
    assert steps == [{"microseconds": "-3600000000"}]
    await ledger.aclose()
    assert [entry.correlation for entry in records(place.path, "meerwijck")] == ["", "c1", "c2", ""]
    assert verified(place).verdict is Verdict.OK


async def test_a_damaged_tail_refuses_the_start(opening: Opening, place: Place, tenant: Tenant, events: Any) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    with sqlite3.connect(place.path) as database:
        database.execute(
            "UPDATE log_record SET body = CAST(replace(body, 'c1', 'c2') AS BLOB) WHERE tenant = ? AND idx = 1",
            ("meerwijck",),
        )
    database.close()
    again = opening()
    with pytest.raises(Damaged, match="changed at index 1"):
        again.of(tenant)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM log_record WHERE tenant = 'meerwijck' AND idx = 2", "do not end"),
        ("UPDATE log_head SET size = size - 1 WHERE tenant = 'meerwijck'", "do not end"),
        ("UPDATE log_head SET frontier = zeroblob(length(frontier)) WHERE tenant = 'meerwijck'", "frontier"),
        ("UPDATE log_head SET note = CAST(replace(note, '3', '2') AS BLOB) WHERE tenant = 'meerwijck'", "not genuine"),
        ("DELETE FROM log_head WHERE tenant = 'meerwijck'", "head is gone"),
        ("UPDATE log_head SET origin = 'x' WHERE tenant = 'meerwijck'", "began as"),
    ],
)
async def test_whatever_does_not_verify_refuses_the_start(
    opening: Opening, place: Place, tenant: Tenant, events: Any, statement: str, words: str
) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    with sqlite3.connect(place.path) as database:
        database.execute(statement)
    database.close()
    again = opening()
    with pytest.raises(Damaged, match=words):
        again.of(tenant)


async def test_an_older_copy_does_not_start_silently(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    backup = place.path.with_name("backup.db")
    shutil.copy(place.path, backup)
    again = opening()
    await again.of(tenant).append(events.denied("c2"))
    await again.aclose()
    backup.replace(place.path)
    with pytest.raises(Damaged, match="anchored"):
        Ledger.open(place)
    opening(replace(place, anchor=None)).of(tenant)  # nothing but the anchor can tell


async def test_a_vanished_ledger_does_not_start_anew(opening: Opening, place: Place, tenant: Tenant) -> None:
    ledger = opening()
    ledger.of(tenant)
    await ledger.aclose()
    place.path.unlink()
    with pytest.raises(Damaged, match="anchored"):
        Ledger.open(place)
    opening(replace(place, epoch=2)).of(tenant)


async def test_a_fork_of_the_anchored_history_is_refused(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    await ledger.aclose()
    fork = place.path.with_name("fork.db")
    shutil.copy(place.path, fork)
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    fork.replace(place.path)
    other = opening(replace(place, anchor=None))
    for number in range(5):
        await other.of(tenant).append(events.denied(f"x{number}"))
    other.system.keep("audit.verify", {}).result(5)
    other.system.keep("audit.verify", {}).result(5)
    await other.aclose()
    with pytest.raises(Damaged, match="not those that were anchored"):
        Ledger.open(place)


async def test_the_anchor_holds_every_log_at_the_end_and_ages_in_between(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    assert place.anchor
    ledger = opening()
    audit = ledger.of(tenant)
    await until(lambda: place.anchor is not None and place.anchor.exists())
    await audit.append(events.denied("c1"))
    age = ledger.condition().unanchored_seconds
    assert age is not None
    assert age > 0
    ledger._upkeep.anchor_now()
    assert ledger.condition().unanchored_seconds == 0.0
    await ledger.aclose()
    key = audit.log.signer.verifier
    assert max(one.size for one in anchors.checkpoints(anchors.read(place.anchor), key)) == 3


async def test_an_anchor_that_cannot_be_written_does_not_stop_the_log(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    blocked = place.path.parent.with_name("blocked")
    blocked.write_bytes(b"")
    ledger = opening(replace(place, anchor=blocked / "notes"))
    await ledger.of(tenant).append(events.denied("c1"))
    ledger._upkeep.anchor_now()
    age = ledger.condition().unanchored_seconds
    assert age is not None
    assert age > 0


def test_an_anchor_that_cannot_be_read_refuses_the_start_in_words(opening: Opening, place: Place) -> None:
    opening().close()
    assert place.anchor is not None
    place.anchor.unlink()
    place.anchor.mkdir()
    with pytest.raises(StoreFailed, match="the anchor cannot be read: Is a directory"):
        Ledger.open(place)


def test_a_forged_anchor_refuses_the_start(opening: Opening, place: Place) -> None:
    assert place.anchor
    opening().close()
    line = json.loads(place.anchor.read_text().splitlines()[-1])
    line["note"] = line["note"].replace("\n2\n", "\n9\n")
    with place.anchor.open("a") as file:
        file.write(json.dumps(line) + "\n")
    with pytest.raises(Damaged, match="anchor is not genuine"):
        Ledger.open(place)


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
