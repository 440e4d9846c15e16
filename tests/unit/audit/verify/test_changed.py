"""Every change of a stored log is found and named; an untouched one is whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from whole_log import RECORDS, Memory, Whole

from nuts_pzp.audit.anchors import AnchorLines
from nuts_pzp.audit.canonical import SCHEMA, dumps
from nuts_pzp.audit.ledger.checkpoint import NoteSigner
from nuts_pzp.audit.ledger.merkle import leaf_hash, root_of
from nuts_pzp.audit.material import StoredNote
from nuts_pzp.audit.verify import Verdict
from nuts_pzp.keys import signer


def test_an_untouched_log_is_whole(whole: Whole) -> None:
    report = whole.verdict()
    assert (report.verdict, report.size, report.proven, report.first_bad) == (Verdict.OK, 16, 16, None)
    assert report.anchored >= 1
    assert report.checkpoints >= 5
    assert whole.verdict(fast=True).verdict is Verdict.OK
    assert whole.verdict(whole.memory()).verdict is Verdict.OK


def test_without_an_anchor_it_is_incomplete(whole: Whole) -> None:
    assert whole.verdict(anchor=None).verdict is Verdict.INCOMPLETE
    assert whole.verdict(anchor=AnchorLines((), ())).verdict is Verdict.INCOMPLETE


def test_the_root_is_the_one_over_the_stored_bytes(whole: Whole) -> None:
    rows = whole.memory().rows
    assert whole.verdict().root == root_of([leaf_hash(row[3]) for row in rows]).hex()


def small(whole: Whole) -> Memory:
    """Return sixteen short records under one signed head: the same code, a hundred times as many tries."""
    stolen = NoteSigner(whole.key.name, signer(whole.place.keys / "meerwijck" / "signing.key"))
    rows: list[tuple[int, str | None, bytes | None, bytes]] = []
    for idx in range(RECORDS):
        body = dumps({"event": {"code": "audit.checkpoint"}, "idx": idx, "tenant": "meerwijck", "v": SCHEMA})
        rows.append((idx, None, leaf_hash(body), body))
    root = root_of([leaf_hash(row[3]) for row in rows])
    return Memory("meerwijck", whole.key.name, rows, [StoredNote(RECORDS, stolen.sign(RECORDS, root), None)])


def flips(memory: Memory, number: int) -> Iterator[None]:
    """Flip every bit of one record, one at a time, and leave it as it was."""
    row = memory.rows[number]
    for position, bit in itertools.product(range(len(row[3])), range(8)):
        changed = bytearray(row[3])
        changed[position] ^= 1 << bit
        memory.rows[number] = (*row[:3], bytes(changed))
        yield
    memory.rows[number] = row


def test_every_flipped_bit_of_sixteen_records_is_found_and_named(whole: Whole) -> None:
    memory = small(whole)
    assert whole.verdict(memory, anchor=None).verdict is Verdict.INCOMPLETE
    tried = 0
    for number in range(RECORDS):
        for _ in flips(memory, number):
            report = whole.verdict(memory, fast=bool(tried % 2), anchor=None)
            assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, number)
            tried += 1
    assert tried == 8 * sum(len(row[3]) for row in memory.rows)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_flipped_bit_of_sixteen_real_records_is_found_and_named(whole: Whole) -> None:
    memory = whole.memory()
    for number in range(RECORDS):
        for _ in flips(memory, number):
            report = whole.verdict(memory, anchor=None)
            assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, number)


def test_every_flipped_bit_of_every_checkpoint_is_found(whole: Whole) -> None:
    memory = whole.memory()
    notes = memory.notes
    for number in (0, len(notes) // 2, len(notes) - 1):
        note = notes[number].note
        for position in range(len(note)):
            for bit in range(8):
                changed = bytearray(note)
                changed[position] ^= 1 << bit
                memory.notes = [*notes[:number], replace(notes[number], note=bytes(changed)), *notes[number + 1 :]]
                assert whole.verdict(memory).verdict is Verdict.TAMPERED, (number, position, bit)


def test_whoever_also_mends_the_leaf_beside_it_is_found_by_the_root(whole: Whole) -> None:
    memory = whole.memory()
    idx, ts, _, body = memory.rows[9]
    changed = body.replace(b'"TREAT"', b'"COC"')
    assert changed != body
    memory.rows[9] = (idx, ts, leaf_hash(changed), changed)
    report = whole.verdict(memory)
    assert report.verdict is Verdict.TAMPERED
    assert report.first_bad is not None
    assert report.proven <= report.first_bad <= 9
    assert "changed between" in report.reason


def test_every_swap_deletion_and_duplicate_is_found(whole: Whole) -> None:
    memory = whole.memory()
    rows = memory.rows
    for one, other in itertools.combinations(range(RECORDS), 2):
        swapped = list(rows)
        swapped[one], swapped[other] = rows[other], rows[one]
        memory.rows = swapped
        assert (whole.verdict(memory).verdict, whole.verdict(memory).first_bad) == (Verdict.TAMPERED, one)
        renumbered = list(rows)
        renumbered[one] = (one, *rows[other][1:])
        renumbered[other] = (other, *rows[one][1:])
        memory.rows = renumbered
        assert whole.verdict(memory, fast=True).verdict is Verdict.TAMPERED
    for number in range(RECORDS):
        memory.rows = rows[:number] + rows[number + 1 :]
        assert whole.verdict(memory).verdict is Verdict.TAMPERED
        memory.rows = [*rows[: number + 1], rows[number], *rows[number + 1 :]]
        assert whole.verdict(memory).verdict is Verdict.TAMPERED
        memory.rows = [(place, *row[1:]) for place, row in enumerate(rows[:number] + rows[number + 1 :])]
        assert whole.verdict(memory, fast=True).verdict is Verdict.TAMPERED


def test_every_shortening_of_the_records_is_found(whole: Whole) -> None:
    memory = whole.memory()
    rows = memory.rows
    for length in range(RECORDS):
        memory.rows = rows[:length]
        report = whole.verdict(memory, anchor=None)
        assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, length)


def test_a_record_after_the_signed_end_is_found(whole: Whole) -> None:
    memory = whole.memory()
    memory.rows.append((RECORDS, *memory.rows[3][1:]))
    report = whole.verdict(memory)
    assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, RECORDS)
