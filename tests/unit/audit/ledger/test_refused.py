"""A ledger that must not start: a second one, forgetful file systems, keys; and orphans at the start."""

from __future__ import annotations

import shutil
import sqlite3
from typing import Any

import pytest
from failing_disk import Opening, codes, until, verified

from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.sqlite import LedgerInUse, StoreFailed
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.reading import records
from nuts_pzp.audit.verify import Verdict
from nuts_pzp.identity import Tenant
from nuts_pzp.keys import BadKeyFile
from nuts_pzp.values import replace


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
