"""Several processes come to the verdict that one comes to, whatever was done to the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.audit import anchors, cores, verify
from nuts_pzp.audit.cores import Cores, Lost, several
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.merkle import leaf_hash
from nuts_pzp.audit.material import Unreadable, opened
from nuts_pzp.audit.stretch import Task
from nuts_pzp.audit.verify import Verdict

RECORDS = 44


@pytest.fixture
async def key(place: Place, opening: Callable[..., Ledger], tenant: Any, events: Any, clock: Any) -> VerifierKey:
    ledger = opening(place, wall=clock.wall, monotonic=clock.monotonic)
    audit = ledger.of(tenant)
    for number in range((RECORDS - 2) // 2):
        clock.advance(0.6)
        await audit.append(events.allowed(f"c{number}"))
        await audit.append(events.disclosed(f"c{number}"))
    await ledger.aclose()
    return audit.log.signer.verifier


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a log of this test be long: five stretches and a rest of four records, all notes in other processes."""
    monkeypatch.setattr(verify, "LONG", 2)
    monkeypatch.setattr(verify, "MANY", 1)
    monkeypatch.setattr(verify, "_STRETCH", 8)


@pytest.fixture(scope="module")
def two() -> Iterator[Cores]:
    with several(2) as started:
        yield started


WHERE = "WHERE tenant = 'meerwijck' AND idx"
DAMAGE = {
    "nothing": "",
    "a byte": f"UPDATE log_record SET body = CAST(replace(CAST(body AS TEXT), 'Kade', 'Kada') AS BLOB) {WHERE} = 19",
    "a leaf": f"UPDATE log_record SET leaf = zeroblob(32) {WHERE} = 33",
    "a time": f"UPDATE log_record SET ts = '2020' {WHERE} = 8",
    "a gap within": f"DELETE FROM log_record {WHERE} = 20",
    "a gap at the end of a stretch": f"DELETE FROM log_record {WHERE} = 15",
    "a gap at the start of a stretch": f"DELETE FROM log_record {WHERE} = 16",
    "the end": f"DELETE FROM log_record {WHERE} > 37",
    "the end of a stretch and all after it": f"DELETE FROM log_record {WHERE} > 31",
    "one more": f"INSERT INTO log_record SELECT tenant, 44, ts, leaf, body FROM log_record {WHERE} = 43",
    "one far away": f"INSERT INTO log_record SELECT tenant, 9000, ts, leaf, body FROM log_record {WHERE} = 43",
    "another's place": "UPDATE log_record SET (body, leaf) = "
    f"(SELECT body, leaf FROM log_record {WHERE} = 30) {WHERE} = 9",
    "all": f"DELETE FROM log_record {WHERE} >= 0",
    "a checkpoint": f"UPDATE log_checkpoint SET note = x'00' {WHERE.replace('idx', 'size')} BETWEEN 20 AND 25",
    "a frontier": f"UPDATE log_checkpoint SET frontier = zeroblob(96) {WHERE.replace('idx', 'size')} > 30",
    "the head": "UPDATE log_head SET note = x'00'",
}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("statement", DAMAGE.values(), ids=DAMAGE.keys())
def test_two_processes_say_what_one_says(place: Place, key: VerifierKey, statement: str, two: Cores) -> None:
    assert place.anchor
    if statement:
        with closing(sqlite3.connect(place.path, isolation_level=None)) as database:
            assert database.execute(statement).rowcount > 0
    anchor = anchors.read(place.anchor)
    with opened(place.path) as ledger:
        alone = verify.verify(ledger, [key], anchor, tenant="meerwijck").logs[0]
        together = verify.verify(ledger, [key], anchor, tenant="meerwijck", among=lambda: nullcontext(two)).logs[0]
    assert alone.verdict is (Verdict.TAMPERED if statement else Verdict.OK)
    assert replace(together, reason="") == replace(alone, reason="")


@pytest.mark.usefixtures("short")
def test_a_record_mended_with_its_leaf_shows_at_the_next_checkpoint(place: Place, key: VerifierKey, two: Cores) -> None:
    assert place.anchor
    with closing(sqlite3.connect(place.path, isolation_level=None)) as database:
        (body,) = database.execute(f"SELECT body FROM log_record {WHERE} = 21").fetchone()
        body = body.replace(b"Kade", b"Kada")
        database.execute(f"UPDATE log_record SET body = ?, leaf = ? {WHERE} = 21", (body, leaf_hash(body)))
    with opened(place.path) as ledger:
        report = verify.verify(
            ledger, [key], anchors.read(place.anchor), tenant="meerwijck", among=lambda: nullcontext(two)
        ).logs[0]
    assert report.verdict is Verdict.TAMPERED
    assert report.first_bad is not None
    assert 16 <= report.first_bad <= 21


@pytest.mark.usefixtures("short")
def test_processes_are_started_for_a_long_log_and_are_gone_afterwards(
    place: Place, key: VerifierKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    popen = cores.subprocess.Popen
    monkeypatch.setattr(cores.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    assert place.anchor
    with opened(place.path) as ledger:
        report = verify.verify(ledger, [key], anchors.read(place.anchor), tenant="meerwijck", among=lambda: several(2))
    assert report.verdict is Verdict.OK
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_a_process_that_dies_is_no_verdict(place: Place, key: VerifierKey) -> None:
    with several(1) as one:
        _kill(one)
        with pytest.raises(Lost):
            list(one.judged(place.path, [Task("meerwijck", 0, 2, [])], fast=True))


def _kill(one: Cores) -> None:
    process = one._idle.get()
    process.kill()
    process.wait()
    one._idle.put(process)


def test_a_file_that_another_process_cannot_read_is_unreadable(tmp_path: Path, two: Cores) -> None:
    with pytest.raises(Unreadable, match="no such file"):
        list(two.judged(tmp_path / "none", [Task("meerwijck", 0, 2, [])], fast=True))
