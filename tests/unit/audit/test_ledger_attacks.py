"""What happens to a ledger at its worst moments: crowds, closing, clocks, months, folders, kills, old copies."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.accounted import Kept, Receipt
from nuts_pzp.audit import anchors
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.sqlite import LedgerInUse, StoreFailed
from nuts_pzp.audit.ledger.tail import Damaged
from nuts_pzp.audit.ledger.waiting import Limits
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.reading import records
from nuts_pzp.audit.seal import reader
from nuts_pzp.audit.verify import Report, Verdict, verify
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.keys import BadKeyFile

Opening = Callable[..., Ledger]


def verified(place: Place, tenant: str = "meerwijck") -> Report:
    key = VerifierKey.parse((place.keys / tenant / "audit-1.pub").read_text())
    assert place.anchor
    with opened(place.path) as ledger:
        return verify(ledger, [key], anchors.read(place.anchor), tenant=tenant)


def stored_ids(place: Place) -> dict[int, str]:
    return {entry.index: entry.record["id"] for entry in records(place.path, "meerwijck")}


async def test_ten_thousand_at_once_are_recorded_or_refused_and_none_is_both(
    opening: Opening, place: Place, tenant: Tenant
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    event = Kept("policy.activated")
    results = await asyncio.gather(*(audit.append(event) for _ in range(10_000)), return_exceptions=True)
    receipts = [one for one in results if isinstance(one, Receipt)]
    refused = [one for one in results if isinstance(one, NotRecorded)]
    assert len(receipts) + len(refused) == 10_000
    assert len(receipts) >= Limits().waiting
    assert ledger.condition().waiting == 0
    await ledger.aclose()
    stored = stored_ids(place)
    assert {one.index: stored[one.index] for one in receipts} == {one.index: one.record_id for one in receipts}
    assert len(stored) >= len(receipts) + 2  # those that came too late for their caller stand as well
    assert verified(place).verdict is Verdict.OK


async def test_appending_while_it_closes_ends_for_everybody(opening: Opening, place: Place, tenant: Tenant) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    receipts: list[Any] = []
    refused = 0

    async def call() -> None:
        nonlocal refused
        while True:
            try:
                receipts.append(await audit.append(Kept("policy.activated")))
            except NotRecorded:
                refused += 1
                return

    callers = [asyncio.create_task(call()) for _ in range(20)]
    while len(receipts) < 40:
        await asyncio.sleep(0.005)
    await ledger.aclose()
    await asyncio.wait_for(asyncio.gather(*callers), 5)
    assert refused == 20
    stored = stored_ids(place)
    assert {one.index: stored.get(one.index) for one in receipts} == {one.index: one.record_id for one in receipts}
    assert verified(place).verdict is Verdict.OK


async def test_callers_that_leave_at_random_lose_nothing_for_those_who_stay(
    opening: Opening, place: Place, tenant: Tenant
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    chance = random.Random(7513)
    tasks = [asyncio.create_task(audit.append(Kept("policy.activated"))) for _ in range(400)]
    while not all(task.done() for task in tasks):
        chance.choice(tasks).cancel()
        await asyncio.sleep(0.0005)
    stay = [task.result() for task in tasks if not task.cancelled()]
    await ledger.aclose()
    stored = stored_ids(place)
    assert {one.index: stored[one.index] for one in stay} == {one.index: one.record_id for one in stay}
    assert len(stored) <= 402
    assert verified(place).verdict is Verdict.OK


async def test_a_deadline_that_passes_at_the_commit_leaves_the_record_and_never_a_false_receipt(
    opening: Opening, place: Place, tenant: Tenant
) -> None:
    ledger = opening(replace(place, limits=Limits(deadline=0.002)))
    audit = ledger.of(tenant)
    told = {"yes": 0, "no": 0}
    for _ in range(60):
        try:
            receipt = await audit.append(Kept("policy.activated"))
        except NotRecorded:
            told["no"] += 1
        else:
            told["yes"] += 1
            assert receipt.index in {entry.index for entry in records(place.path, "meerwijck")}
    await ledger.aclose()
    stands = len(stored_ids(place)) - 2
    assert told["yes"] <= stands <= 60
    assert verified(place).verdict is Verdict.OK


async def test_a_month_that_ends_between_two_records_seals_each_under_its_own_key(
    opening: Opening, place: Place, tenant: Tenant, events: Any, clock: Any
) -> None:
    clock.wall_ns = 1_796_083_199_999_000_000  # 2026-11-30T23:59:59.999Z
    ledger = opening(wall=clock.wall, monotonic=clock.monotonic)
    audit = ledger.of(tenant)
    await audit.append(events.allowed("before"))
    clock.advance(0.002)
    await audit.append(events.disclosed("after"))
    clock.wall_ns -= 5_000_000  # and the clock steps back over midnight
    await audit.append(events.denied("back"))
    await ledger.aclose()
    seal = reader(place.keys / "meerwijck", "meerwijck")
    assert seal
    told = {}
    for entry in records(place.path, "meerwijck"):
        if patient := entry.record.get("patient"):
            assert seal.open(patient["kid"], f"{entry.record['id']}|bsn", patient["enc"]) == events.bsn.value
            told[entry.correlation] = (patient["kid"], entry.ts[:7])
    assert told == {
        "before": ("2026-11", "2026-11"),
        "after": ("2026-12", "2026-12"),
        "back": ("2026-11", "2026-11"),
    }
    assert verified(place).verdict is Verdict.OK


async def test_a_month_whose_key_cannot_be_made_refuses_the_record_and_heals(
    opening: Opening, place: Place, tenant: Tenant, events: Any, clock: Any
) -> None:
    ledger = opening(wall=clock.wall, monotonic=clock.monotonic)
    audit = ledger.of(tenant)
    await audit.append(events.allowed("c1"))
    squatter = place.keys / "meerwijck" / "dek-2027-01.wrapped"
    squatter.write_bytes(b"x" * 40)
    squatter.chmod(0o644)
    clock.advance(60 * 86_400)
    with pytest.raises(NotRecorded):
        await audit.append(events.allowed("c2"))
    squatter.unlink()
    assert (await audit.append(events.allowed("c3"))).index == 2


@pytest.mark.parametrize("name", ["signing.key", "kek.key"])
@pytest.mark.parametrize("spoil", ["mode", "link", "empty", "long", "folder"])
def test_a_key_file_that_may_not_be_one_refuses_the_start(
    opening: Opening, place: Place, tenant: Tenant, name: str, spoil: str
) -> None:
    first = opening()
    first.of(tenant)
    first.close()
    path = place.keys / "meerwijck" / name
    genuine = path.read_bytes()
    if spoil == "mode":
        path.chmod(0o640)
    else:
        path.unlink()
    if spoil == "link":
        (other := path.with_name("other")).write_bytes(genuine)
        other.chmod(0o600)
        path.symlink_to(other)
    elif spoil == "folder":
        path.mkdir()
    elif spoil != "mode":
        path.write_bytes(b"" if spoil == "empty" else genuine + b"\n" + b"x" * 100_000)
        path.chmod(0o600)
    ledger = opening()
    with pytest.raises(BadKeyFile) as refused:
        ledger.of(tenant)
    assert genuine[28:60].decode() not in str(refused.value)


def test_two_gateways_on_one_ledger_by_two_names_are_refused(opening: Opening, place: Place, tmp_path: Path) -> None:
    opening()
    link = tmp_path / "other-name"
    link.symlink_to(place.path.parent)
    with pytest.raises(LedgerInUse):
        Ledger.open(replace(place, path=link / place.path.name, name="other.example"))


def test_two_gateways_by_links_to_the_file_itself_are_refused(opening: Opening, place: Place, tmp_path: Path) -> None:
    opening()
    soft, hard = tmp_path / "soft.db", tmp_path / "hard.db"
    soft.symlink_to(place.path)
    hard.hardlink_to(place.path)
    for link in (soft, hard):
        with pytest.raises(LedgerInUse):
            Ledger.open(replace(place, path=link))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_refuses_the_start_in_words(place: Place) -> None:
    place.path.parent.mkdir(parents=True)
    place.path.parent.chmod(0o500)
    with pytest.raises(StoreFailed, match="Permission denied"):
        Ledger.open(place)


def test_a_ledger_whose_place_is_a_folder_or_a_pipe_refuses_the_start_in_words(place: Place) -> None:
    place.path.mkdir(parents=True)
    with pytest.raises(StoreFailed):
        Ledger.open(place)
    place.path.rmdir()
    os.mkfifo(place.path)
    with pytest.raises(StoreFailed):
        Ledger.open(place)


async def test_an_old_backup_under_a_newer_anchor_does_not_start_whatever_its_checkpoints_say(
    opening: Opening, place: Place, tenant: Tenant, events: Any, tmp_path: Path
) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    backup = tmp_path / "backup.db"
    shutil.copy(place.path, backup)
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c2"))
    await ledger.aclose()
    shutil.copy(backup, place.path)
    with pytest.raises(Damaged, match="anchored"):
        Ledger.open(place)
    report = verified(place).logs[0]
    assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, 3)


async def test_a_kill_between_commit_and_anchor_is_no_accusation_and_the_next_anchor_covers_it(
    opening: Opening, place: Place, tenant: Tenant, events: Any, tmp_path: Path
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    ledger._upkeep.anchor_now()
    await audit.append(events.denied("c1"))
    left = tmp_path / "left"
    left.mkdir()
    for part in place.path.parent.iterdir():  # what a killed process leaves: records beyond the anchor, no end
        if part.is_file() and not part.name.endswith((".lock", ".reserve")):
            shutil.copy(part, left / part.name)
    assert place.anchor
    anchor = shutil.copy(place.anchor, tmp_path / "anchor")
    then = replace(place, path=left / place.path.name, anchor=Path(anchor))
    assert verified(then).verdict is Verdict.OK
    again = opening(then)
    again.of(tenant)
    again.close()
    report = verified(then).logs[0]
    assert report.verdict is Verdict.OK
    sizes = [int(one.note.split(b"\n")[1]) for one in anchors.read(Path(anchor)).of(audit.log.signer.verifier.name)]
    assert max(sizes) == report.size


def test_a_tenant_may_change_its_name_but_not_its_ura_nor_take_anothers(
    opening: Opening, place: Place, tenant: Tenant
) -> None:
    ledger = opening()
    ledger.of(tenant)
    renamed = replace(tenant, organization=replace(tenant.organization, name="Meerwijck Ziekenhuis"))
    ledger.of(renamed).keep("policy.activated", {}).result(5)
    assert list(records(place.path, "meerwijck"))[-1].responder == "Meerwijck Ziekenhuis"
    moved = replace(tenant, organization=replace(tenant.organization, ura=Ura("90000111")))
    with pytest.raises(Damaged, match="began as"):
        ledger.of(moved)
    with pytest.raises(Damaged, match="origin"):
        ledger.of(Tenant("other", Organization(tenant.organization.ura, "V6", "Other")))


async def test_an_error_of_any_statement_of_a_commit_is_never_a_success(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    failing_at: list[str] = []

    class Breaking(sqlite3.Connection):
        def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:  # type: ignore[override]
            if failing_at and sql.lstrip().startswith(failing_at[0]):
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *given)

    def breaking(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0, factory=Breaking)

    async def healed() -> None:
        failing_at.clear()
        for _ in range(500):
            if ledger.condition().ready:
                break
            await asyncio.sleep(0.01)

    ledger = opening(connecting=breaking)
    failing_at[:] = ["INSERT INTO log_head"]  # of the first record of a log
    with pytest.raises(NotRecorded):
        ledger.of(tenant)
    await healed()
    audit = ledger.of(tenant)
    receipts = []
    for statement in ("BEGIN", "INSERT INTO log_record", "UPDATE log_head", "COMMIT"):
        failing_at[:] = [statement]
        with pytest.raises(NotRecorded):
            await audit.append(events.denied("lost"))
        await healed()
        receipts.append(await audit.append(events.denied("kept")))
    await ledger.aclose()
    told = [entry.correlation for entry in records(place.path, "meerwijck")]
    assert told.count("kept") == 4
    assert "lost" not in told
    assert [one.index for one in receipts] == [1, 2, 3, 4]
    with closing(sqlite3.connect(place.path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert verified(place).verdict is Verdict.OK
