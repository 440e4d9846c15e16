"""Everything that can be done to a ledger file, done, and found (spec audit 3.4; T9 to T12)."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.audit import anchors
from nuts_pzp.audit.anchors import AnchorLines, FileAnchor
from nuts_pzp.audit.canonical import SCHEMA, dumps
from nuts_pzp.audit.ledger.checkpoint import NoteSigner, VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.merkle import leaf_hash, root_of
from nuts_pzp.audit.material import Chunk, StoredLog, StoredNote, Unreadable, opened
from nuts_pzp.audit.verify import LogReport, Verdict, verify
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.keys import signer

RECORDS = 16


@dataclass
class Memory:
    """A log held in lists, to be damaged a hundred thousand times without a disk."""

    tenant: str
    origin: str
    rows: list[tuple[int, str | None, bytes | None, bytes]]
    notes: list[StoredNote]

    def logs(self) -> list[StoredLog]:
        return [StoredLog(self.tenant, self.origin, self.notes[-1])]

    def checkpoints(self, tenant: str) -> list[StoredNote]:
        return self.notes[:-1]

    def chunks(self, tenant: str, sizes: list[int]) -> Iterator[Chunk]:
        starts = [0, *sizes]
        for start, stop in itertools.zip_longest(starts, sizes):
            if found := self.rows[start:stop]:
                yield found


@dataclass
class Whole:
    """A closed ledger of sixteen records, its key and its anchor."""

    place: Place
    key: VerifierKey
    anchor: AnchorLines

    def memory(self) -> Memory:
        with opened(self.place.path) as ledger:
            rows = [row for chunk in ledger.chunks("meerwijck", []) for row in chunk]
            log = next(log for log in ledger.logs() if log.tenant == "meerwijck")
            assert log.head is not None
            return Memory("meerwijck", log.origin, rows, [*ledger.checkpoints("meerwijck"), log.head])

    def verdict(self, material: Any = None, **given: Any) -> LogReport:
        given = {"anchor": self.anchor} | given
        if material is None:
            with opened(self.place.path) as ledger:
                return verify(ledger, [self.key], tenant="meerwijck", **given).logs[0]
        return verify(material, [self.key], tenant="meerwijck", **given).logs[0]

    def change(self, *statements: str, values: tuple[Any, ...] = ()) -> None:
        with closing(sqlite3.connect(self.place.path, isolation_level=None)) as database:
            for statement in statements:
                assert database.execute(statement, values).rowcount != 0


@pytest.fixture
async def whole(place: Place, opening: Callable[..., Ledger], tenant: Tenant, events: Any, clock: Any) -> Whole:
    ledger = opening(place, wall=clock.wall, monotonic=clock.monotonic)
    audit = ledger.of(tenant)
    for number in range((RECORDS - 2) // 2):
        clock.advance(0.6)
        await audit.append(events.allowed(f"c{number}"))
        await audit.append(events.disclosed(f"c{number}"))
    await ledger.aclose()
    assert place.anchor
    return Whole(place, audit.log.signer.verifier, anchors.read(place.anchor))


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


def test_a_log_without_its_key_is_wrong_use_not_a_verdict(whole: Whole) -> None:
    with opened(whole.place.path) as ledger:
        report = verify(ledger, [whole.key], whole.anchor)
    by_tenant = {log.tenant: log.verdict for log in report.logs}
    assert by_tenant == {"meerwijck": Verdict.OK, "system": Verdict.USAGE}
    assert report.verdict is Verdict.USAGE
    with opened(whole.place.path) as ledger:
        assert verify(ledger, [whole.key], tenant="nobody").verdict is Verdict.USAGE


def test_another_logs_key_proves_nothing(whole: Whole) -> None:
    system = VerifierKey.parse((whole.place.keys / "system" / "audit-1.pub").read_text())
    with opened(whole.place.path) as ledger:
        assert verify(ledger, [system], tenant="meerwijck").verdict is Verdict.TAMPERED


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\x00" + bytes(100)])
def test_what_is_no_ledger_is_unreadable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(Unreadable), opened(path):
        pass
    with pytest.raises(Unreadable), opened(tmp_path / "absent"):
        pass


def test_a_page_of_the_file_overwritten_is_never_a_success(whole: Whole) -> None:
    content = whole.place.path.read_bytes()
    for page in range(1, len(content) // 4096):
        damaged = bytearray(content)
        damaged[page * 4096 : page * 4096 + 64] = b"\xff" * 64
        whole.place.path.write_bytes(damaged)
        try:
            verdict = whole.verdict().verdict
        except Unreadable:
            continue
        if verdict is Verdict.OK:  # a page of another log, or one that holds nothing
            whole.place.path.write_bytes(content)
            assert not _holds_meerwijck(whole.place.path, page)
    whole.place.path.write_bytes(content)


def _holds_meerwijck(path: Path, page: int) -> bool:
    with path.open("rb") as file:
        file.seek(page * 4096)
        return b'"tenant":"meerwijck"' in file.read(4096)


async def test_a_running_ledger_can_be_verified(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any
) -> None:
    audit = opening(place).of(tenant)
    for number in range(20):
        await audit.append(events.denied(f"c{number}"))
        with opened(place.path) as ledger:
            report = verify(ledger, [audit.log.signer.verifier], tenant="meerwijck").logs[0]
        assert (report.verdict, report.proven) == (Verdict.INCOMPLETE, number + 2)


def test_a_copied_ledger_without_write_permission_can_be_verified(whole: Whole, tmp_path: Path) -> None:
    folder = tmp_path / "cd"
    folder.mkdir()
    copy = Path(shutil.copy(whole.place.path, folder / "audit.db"))
    copy.chmod(0o400)
    folder.chmod(0o500)
    try:
        with opened(copy) as ledger:
            assert verify(ledger, [whole.key], whole.anchor, tenant="meerwijck").verdict is Verdict.OK
    finally:
        folder.chmod(0o700)


async def test_records_of_another_tenant_cannot_be_moved_in(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(place)
    other = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof"))
    audit = ledger.of(tenant)
    for one in (audit, ledger.of(other)):
        await one.append(events.denied("c1"))
    await ledger.aclose()
    with closing(sqlite3.connect(place.path, isolation_level=None)) as database:
        database.execute("DELETE FROM log_record WHERE tenant = 'meerwijck' AND idx = 1")
        database.execute("UPDATE log_record SET tenant = 'meerwijck' WHERE tenant = 'wilgenhof' AND idx = 1")
    with opened(place.path) as material:
        report = verify(material, [audit.log.signer.verifier], tenant="meerwijck").logs[0]
    assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, 1)
