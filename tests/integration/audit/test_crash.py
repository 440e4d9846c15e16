"""kill -9 at any moment loses no acknowledged record; a full disk refuses and heals; a second process stays out."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nuts_pzp.accounted import Kept
from nuts_pzp.audit import anchors
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.sqlite import LedgerInUse
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.reading import records
from nuts_pzp.audit.verify import Verdict, verify
from nuts_pzp.identity import Organization, Tenant, Ura

Writing = Callable[..., "subprocess.Popen[str]"]
TENANT = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))


def ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == "ready\n", process.communicate()[1]


def rest(process: subprocess.Popen[str]) -> str:
    """Kill it and return what it wrote and nobody read yet; `communicate` would pass over what is buffered here."""
    assert process.stdout is not None
    process.kill()
    written = process.stdout.read()
    process.wait()
    return written


def acknowledged(lines: str) -> dict[int, str]:
    """Return index -> record id of every whole line; the last may be torn by the kill."""
    whole = lines[: lines.rfind("\n") + 1].splitlines()
    return {int(index): record for index, _, record in (line.partition(" ") for line in whole if line != "refused")}


def place(folder: Path) -> Place:
    return Place(
        folder / "audit.db",
        folder / "keys",
        "gw.example",
        folder / "anchor" / "notes",
        accept_any_filesystem=True,
        thresholds=Thresholds(0.0, 0.0, 0, 0),
    )


def check(folder: Path) -> Verdict:
    key = VerifierKey.parse((folder / "keys" / "meerwijck" / "audit-1.pub").read_text())
    with opened(folder / "audit.db") as ledger:
        return verify(ledger, [key], anchors.read(folder / "anchor" / "notes"), tenant="meerwijck").verdict


def kill_rounds(writer: Writing, folder: Path, rounds: int) -> int:
    """Kill a writer that many times on one ledger; return how many records were acknowledged.

    Every other round it wrote some first, however slow the machine is.
    """
    chance = random.Random(7513)
    acked: dict[int, str] = {}
    for number in range(rounds):
        process = writer(folder)
        ready(process)
        assert process.stdout is not None
        begun = "".join(process.stdout.readline() for _ in range(12 * (number % 2)))
        time.sleep(chance.uniform(0.01, 0.12))
        acked |= acknowledged(begun + rest(process))
        stored = {entry.index: entry.record["id"] for entry in records(folder / "audit.db", "meerwijck")}
        assert {index: stored.get(index) for index in acked} == acked
        assert sorted(stored) == list(range(len(stored)))
        assert check(folder) is Verdict.OK
    return len(acked)


@pytest.mark.timeout(180)
def test_twenty_kills_lose_no_acknowledged_record(writer: Writing, tmp_path: Path) -> None:
    assert kill_rounds(writer, tmp_path, 20) > 100
    ledger = Ledger.open(place(tmp_path))
    ledger.of(TENANT)
    ledger.close()
    trail: dict[str, list[str]] = {}
    for entry in records(tmp_path / "audit.db", "meerwijck"):
        if entry.correlation:
            trail.setdefault(entry.correlation, []).append(entry.code)
    ends = {code for codes in trail.values() for code in codes[-1:]}
    assert ends <= {"disclosure.result", "outcome.unknown"}  # every decision got its word


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_hundred_kills_lose_no_acknowledged_record(writer: Writing, tmp_path: Path) -> None:
    assert kill_rounds(writer, tmp_path, 200) > 1_000


@pytest.mark.timeout(60)
def test_a_file_that_cannot_grow_refuses_then_heals_without_restart(writer: Writing, tmp_path: Path) -> None:
    process = writer(tmp_path, limit=400_000)
    ready(process)
    assert process.stdout is not None
    lines: list[str] = []
    refused_at = None
    until = time.monotonic() + 30
    while time.monotonic() < until:
        lines.append(process.stdout.readline())
        if lines[-1] == "refused\n":
            refused_at = len(lines)
        elif refused_at is not None and len(lines) > refused_at + 50:
            break
    lines.append(rest(process))
    assert refused_at is not None, "the limit was never met: the test proves nothing"
    acked = acknowledged("".join(lines))
    assert len(acked) > 50
    stored = {entry.index: entry.record["id"] for entry in records(tmp_path / "audit.db", "meerwijck")}
    assert {index: stored.get(index) for index in acked} == acked
    assert check(tmp_path) is Verdict.OK
    degraded = [entry for entry in records(tmp_path / "audit.db", "system") if entry.code == "audit.degraded"]
    assert degraded


def test_a_second_process_is_refused_while_the_first_lives_and_may_follow_it(writer: Writing, tmp_path: Path) -> None:
    first = writer(tmp_path)
    ready(first)
    with pytest.raises(LedgerInUse):
        Ledger.open(place(tmp_path))
    second = writer(tmp_path)
    _, errors = second.communicate(timeout=30)
    assert second.returncode != 0
    assert "LedgerInUse" in errors
    first.kill()
    first.communicate()
    ledger = Ledger.open(place(tmp_path))
    ledger.of(TENANT)
    ledger.close()
    assert check(tmp_path) is Verdict.OK


def test_a_database_that_sqlite_calls_full_refuses_then_heals(tmp_path: Path) -> None:
    """`max_page_count` is a real SQLITE_FULL at commit, from SQLite itself."""
    limited = {"pages": 40}
    reasons: list[str] = []

    def connecting(path: Path) -> sqlite3.Connection:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        database.execute(f"PRAGMA max_page_count={limited['pages']}")
        return database

    ledger = Ledger.open(place(tmp_path), connecting=connecting)
    audit = ledger.of(TENANT)

    async def fill() -> int:
        for number in range(1_000):
            try:
                await audit.append(Kept("policy.activated", (("x", "y" * 3_000),)))
            except NotRecorded as error:
                reasons.append(str(error))
                return number
        raise AssertionError("never full")

    async def heal() -> None:
        limited["pages"] = 100_000
        for _ in range(300):
            if ledger.condition().ready:
                break
            await asyncio.sleep(0.02)
        await audit.append(Kept("policy.activated"))

    written = asyncio.run(fill())
    assert written > 5
    assert "SQLITE_FULL" in reasons[0]
    asyncio.run(heal())
    ledger.close()
    assert check(tmp_path) is Verdict.OK
    assert len([one for one in records(tmp_path / "audit.db", "meerwijck") if one.code == "policy.activated"]) == (
        written + 1
    )
