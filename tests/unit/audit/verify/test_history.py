"""Rollback, forks, forged anchors, stolen keys: history that was written anew is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from whole_log import RECORDS, Whole

from nuts_pzp.audit.anchors import FileAnchor
from nuts_pzp.audit.ledger.checkpoint import NoteSigner
from nuts_pzp.audit.ledger.merkle import leaf_hash, root_of
from nuts_pzp.audit.material import StoredNote, opened
from nuts_pzp.audit.verify import Verdict, verify
from nuts_pzp.keys import signer


def test_a_whole_rollback_shows_with_the_anchor_and_only_then(whole: Whole) -> None:
    memory = whole.memory()
    rows, notes = memory.rows, memory.notes
    for number in range(len(notes) - 2):  # the last one kept is the head itself
        size = notes[number].size
        memory.rows, memory.notes = rows[:size], notes[: number + 1]
        assert whole.verdict(memory).verdict is Verdict.TAMPERED
        assert whole.verdict(memory).first_bad == size
        alone = whole.verdict(memory, anchor=None)
        assert (alone.verdict, alone.size) == (Verdict.INCOMPLETE, size)


def test_a_rolled_back_head_with_later_checkpoints_left_is_found(whole: Whole) -> None:
    memory = whole.memory()
    size = memory.notes[3].size
    memory.rows, memory.notes = memory.rows[:size], [*memory.notes, memory.notes[3]]
    assert "the log ends at" in whole.verdict(memory, anchor=None).reason


def test_history_signed_anew_with_the_stolen_key_shows_by_the_anchor(whole: Whole) -> None:
    memory = whole.memory()
    stolen = NoteSigner(memory.origin, signer(whole.place.keys / "meerwijck" / "signing.key"))
    forged = [(idx, ts, None, body.replace(b"k-017", b"k-018")) for idx, ts, _, body in memory.rows]
    root = root_of([leaf_hash(row[3]) for row in forged])
    memory.rows, memory.notes = list(forged), [StoredNote(RECORDS, stolen.sign(RECORDS, root), None)]
    assert whole.verdict(memory, anchor=None).verdict is Verdict.INCOMPLETE
    assert "two histories" in whole.verdict(memory).reason


def test_a_fork_between_checkpoints_is_two_histories(whole: Whole) -> None:
    memory = whole.memory()
    stolen = NoteSigner(memory.origin, signer(whole.place.keys / "meerwijck" / "signing.key"))
    memory.notes.insert(0, StoredNote(RECORDS, stolen.sign(RECORDS, bytes(32)), None))
    report = whole.verdict(memory)
    assert report.verdict is Verdict.TAMPERED
    assert "two histories" in report.reason


def test_a_forged_or_foreign_anchor_note_is_found(whole: Whole, tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "notes")
    note = whole.anchor.notes[-1].note
    anchor.append([note.replace(b"\n16\n", b"\n15\n")], 0)
    report = whole.verdict(anchor=anchor.read())
    assert report.verdict is Verdict.TAMPERED
    assert "anchor line 1" in report.reason


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_record SET leaf = zeroblob(32) WHERE tenant = 'meerwijck' AND idx = 4",
        "UPDATE log_record SET ts = '2026-01-01T00:00:00.000000Z' WHERE tenant = 'meerwijck' AND idx = 4",
        "UPDATE log_record SET idx = 99 WHERE tenant = 'meerwijck' AND idx = 4",
        "UPDATE log_record SET tenant = 'system' WHERE tenant = 'meerwijck' AND idx = 4",
        "UPDATE log_head SET frontier = zeroblob(32) WHERE tenant = 'meerwijck'",
        "UPDATE log_head SET size = 15 WHERE tenant = 'meerwijck'",
        "UPDATE log_checkpoint SET frontier = x'' WHERE tenant = 'meerwijck'",
        "UPDATE log_checkpoint SET size = 3 WHERE tenant = 'meerwijck' AND size = 1",
        "DELETE FROM log_head WHERE tenant = 'meerwijck'",
    ],
)
def test_every_column_that_counts_is_checked(whole: Whole, statement: str) -> None:
    whole.change(statement)
    assert whole.verdict().verdict is Verdict.TAMPERED


@pytest.mark.parametrize("value", ["'text'", "NULL", "7", "1.5", "CAST(body AS TEXT) || ' '"])
def test_another_type_in_a_column_is_a_change_like_any_other(whole: Whole, value: str) -> None:
    whole.change(
        "ALTER TABLE log_record RENAME TO old",
        "CREATE TABLE log_record(tenant, idx, ts, leaf, body)",
        "INSERT INTO log_record SELECT * FROM old",
        f"UPDATE log_record SET body = {value}, leaf = {value} WHERE tenant = 'meerwijck' AND idx = 5",
    )
    report = whole.verdict()
    assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, 5)


def test_a_log_that_is_gone_altogether_is_found_by_its_anchor(whole: Whole) -> None:
    whole.change("DELETE FROM log_head WHERE tenant = 'meerwijck'", "DELETE FROM log_record WHERE tenant = 'meerwijck'")
    with opened(whole.place.path) as ledger:
        report = verify(ledger, [whole.key], whole.anchor)
    gone = next(log for log in report.logs if log.origin == whole.key.name)
    assert (gone.verdict, report.verdict) == (Verdict.TAMPERED, Verdict.TAMPERED)


def test_a_non_canonical_record_is_refused_even_when_signed(whole: Whole) -> None:
    memory = whole.memory()
    stolen = NoteSigner(memory.origin, signer(whole.place.keys / "meerwijck" / "signing.key"))
    rows = [(idx, None, None, body) for idx, _, _, body in memory.rows]
    for changed in (
        rows[2][3].replace(b'"idx":2', b'"idx":2,"idx":2'),
        rows[2][3].replace(b'"idx":2', b'"idx": 2'),
        rows[2][3].replace(b'"tenant":"meerwijck"', b'"tenant":"wilgenhof"'),
        rows[2][3].replace(b"nuts-pzp-audit/1", b"nuts-pzp-audit/2"),
        b"{}",
    ):
        memory.rows = [*rows[:2], (2, None, None, changed), *rows[3:]]
        root = root_of([leaf_hash(row[3]) for row in memory.rows])
        memory.notes = [StoredNote(RECORDS, stolen.sign(RECORDS, root), None)]
        report = whole.verdict(memory, anchor=None)
        assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, 2)
        assert whole.verdict(memory, anchor=None, fast=True).verdict is Verdict.INCOMPLETE
