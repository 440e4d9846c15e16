"""The offline verifier: has anything been changed, cut off, put back or forged? (spec audit 3.4, promise P2, P6)

Trusts the keys it is handed and the anchor, nothing beside the log. Stored bytes are authoritative: they are hashed as
they lie; that they are also the one canonical spelling is a further check, on unless `fast`.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Any

from .anchors import AnchorLines, checkpoints
from .canonical import SCHEMA, is_canonical
from .ledger.checkpoint import BadCheckpoint, VerifierKey
from .ledger.merkle import Frontier
from .material import Chunk, Material, StoredLog, StoredNote, Unreadable


class Verdict(IntEnum):
    """What came of it; also the exit code."""

    OK = 0
    TAMPERED = 1
    INCOMPLETE = 2
    UNREADABLE = 3
    USAGE = 4


_SEVERITY = (Verdict.OK, Verdict.INCOMPLETE, Verdict.USAGE, Verdict.UNREADABLE, Verdict.TAMPERED)


@dataclass(frozen=True, slots=True)
class LogReport:
    """One log. `proven` records from the start are as signed; `first_bad` is the first that is not, when it shows."""

    tenant: str
    origin: str
    verdict: Verdict
    size: int = 0
    root: str = ""
    proven: int = 0
    first_bad: int | None = None
    checkpoints: int = 0
    anchored: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All logs that were looked at. `torn` are anchor lines that prove nothing: a crash cut them short."""

    logs: tuple[LogReport, ...]
    seconds: float
    torn: tuple[int, ...] = ()
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """The gravest of all."""
        found = [log.verdict for log in self.logs] or [Verdict.USAGE]
        return max(found, key=_SEVERITY.index)

    @property
    def records(self) -> int:
        """How many records were proven."""
        return sum(log.proven for log in self.logs)


class _Bad(Exception):
    """A log is not what was signed."""

    def __init__(self, reason: str, first_bad: int | None = None) -> None:
        super().__init__(reason)
        self.first_bad = first_bad


def verify(
    material: Material,
    keys: Sequence[VerifierKey],
    anchor: AnchorLines | None = None,
    *,
    tenant: str | None = None,
    fast: bool = False,
) -> Report:
    """Verify one tenant's log, or all; a log without its key is Verdict.USAGE, without an anchor INCOMPLETE."""
    began = time.perf_counter()
    known = {key.name: key for key in keys}
    reports = []
    collecting = gc.isenabled()
    gc.disable()  # millions of small short-lived objects and no cycles: collecting them triples the time
    try:
        logs = [log for log in material.logs() if tenant in (None, log.tenant)]
        for log in logs:
            key = keys[0] if tenant and len(keys) == 1 else known.get(log.origin)
            reports.append(_verify_log(material, log, key, anchor, fast=fast))
    except Unreadable as error:
        reports.append(LogReport(tenant or "", "", Verdict.UNREADABLE, reason=str(error)))
    finally:
        if collecting:
            gc.enable()
    if not any(report.verdict is Verdict.UNREADABLE for report in reports):
        reports.extend(_absent(keys, {log.origin for log in logs}, anchor, tenant if not logs else None))
    return Report(tuple(reports), time.perf_counter() - began, anchor.torn if anchor else ())


def _absent(
    keys: Sequence[VerifierKey], found: set[str], anchor: AnchorLines | None, tenant: str | None
) -> list[LogReport]:
    """Return a report for each log that its key, or its anchor, says there was."""
    reports = []
    for key in keys:
        if key.name in found:
            continue
        if anchor and anchor.of(key.name):
            reason = "the log is gone, but checkpoints of it were anchored"
            reports.append(LogReport(tenant or "", key.name, Verdict.TAMPERED, first_bad=0, reason=reason))
        elif not found:
            reports.append(LogReport(tenant or "", key.name, Verdict.USAGE, reason="no log of this key"))
    if tenant is not None and not reports:
        reports.append(LogReport(tenant, "", Verdict.USAGE, reason="no log of this tenant"))
    return reports


def _verify_log(
    material: Material, log: StoredLog, key: VerifierKey | None, anchor: AnchorLines | None, *, fast: bool
) -> LogReport:
    if key is None:
        return LogReport(log.tenant, log.origin, Verdict.USAGE, reason="no key given for this log")
    walk = _Walk(log.tenant, fast)
    kept: list[StoredNote] = []
    anchored = 0
    try:
        if log.head is None:
            raise _Bad("records without a signed head", 0)
        kept = material.checkpoints(log.tenant)
        size = _expect_notes(walk, key, log.head, kept)
        anchored = _expect_anchor(walk, key, anchor, size)
        walk.through(material, size)
    except _Bad as bad:
        verdict, reason, first_bad = Verdict.TAMPERED, str(bad), bad.first_bad
    else:
        first_bad = None
        verdict = Verdict.OK if anchored else Verdict.INCOMPLETE
        reason = "" if anchored else "no anchor: that an older copy was put back cannot be excluded"
    return LogReport(
        log.tenant,
        key.name,
        verdict,
        size=log.head.size if log.head else 0,
        root=walk.root,
        proven=walk.proven,
        first_bad=first_bad,
        checkpoints=len(kept),
        anchored=anchored,
        reason=reason,
    )


def _expect_notes(walk: _Walk, key: VerifierKey, head: StoredNote, kept: list[StoredNote]) -> int:
    """Open the head and every kept checkpoint; return the size of the head."""
    size = walk.expect(key, head, "the head")
    for one in kept:
        if walk.expect(key, one, f"the checkpoint of size {one.size}") > size:
            raise _Bad(f"a checkpoint of size {one.size} was signed, but the log ends at {size}", size)
    return size


def _expect_anchor(walk: _Walk, key: VerifierKey, anchor: AnchorLines | None, size: int) -> int:
    """Hold every anchored checkpoint against the log; return how many there are."""
    if anchor is None:
        return 0
    try:
        found = checkpoints(anchor, key)
    except BadCheckpoint as error:
        raise _Bad(f"the anchor is not genuine: {error}") from None
    for one in found:
        if one.size > size:
            raise _Bad(f"{one.size} records were anchored, but the log ends at {size}", size)
        walk.must_be(one.size, one.root, "anchored")
    return len(found)


class _Walk:
    """One pass over the records, comparing roots wherever a signed note says what the root must be."""

    def __init__(self, tenant: str, fast: bool) -> None:
        self._tenant, self._fast = tenant, fast
        self._expected: dict[int, bytes] = {}
        self._frontier = Frontier()
        self.proven = 0
        self.root = ""

    def expect(self, key: VerifierKey, stored: StoredNote, name: str) -> int:
        """Open a stored note and remember its root; return its size."""
        try:
            signed = key.open(stored.note)
        except BadCheckpoint as error:
            raise _Bad(f"{name} is not genuine: {error}") from None
        if signed.size != stored.size:
            raise _Bad(f"{name} is filed under another size")
        if stored.frontier is not None:
            try:
                fits = Frontier.load(stored.size, stored.frontier).root() == signed.root
            except ValueError:
                fits = False
            if not fits:
                raise _Bad(f"the frontier beside {name} is not the signed one")
        self.must_be(signed.size, signed.root, "signed")
        return signed.size

    def must_be(self, size: int, root: bytes, how: str) -> None:
        """Remember what the root at this size must be; two different ones are two histories."""
        if self._expected.setdefault(size, root) != root:
            raise _Bad(f"two histories of size {size} were {how}", None)

    def through(self, material: Material, size: int) -> None:
        """Walk all records; raise at the first that is wrong, or at the first root that is."""
        sizes = sorted(one for one in self._expected if one)
        for chunk in material.chunks(self._tenant, sizes):
            at = self._frontier.size
            if at + len(chunk) > size:
                raise _Bad(f"a record after the signed end of {size}", size)
            leaves = self._checked(chunk, at)
            self._frontier.extend(leaves)
            self._compare()
        if self._frontier.size != size:
            raise _Bad(
                f"the log was signed with {size} records, but ends at {self._frontier.size}", self._frontier.size
            )
        self._compare()
        self.root = self._frontier.root().hex()

    def _compare(self) -> None:
        expected = self._expected.get(self._frontier.size)
        if expected is None:
            return
        if self._frontier.root() != expected:
            raise _Bad(f"changed between record {self.proven} and {self._frontier.size - 1}", self.proven)
        self.proven = self._frontier.size

    def _checked(self, chunk: Chunk, at: int) -> list[bytes]:
        """Return the leaf hashes of a chunk whose indexes, neighbours and spelling are right."""
        try:
            leaves = [sha256(b"\x00" + row[3]).digest() for row in chunk]
        except TypeError:  # a column was given another type; then it is not what was signed
            number = next(number for number, row in enumerate(chunk) if type(row[3]) is not bytes)
            raise _Bad(f"record {at + number} was changed", at + number) from None
        following = range(at, at + len(chunk))
        beside = [leaf if row[2] is None else row[2] for row, leaf in zip(chunk, leaves, strict=True)]
        if [row[0] for row in chunk] != list(following) or beside != leaves:
            self._accuse(chunk, leaves, at)
        if not self._fast:
            for position, row in zip(following, chunk, strict=True):
                self._canonical(position, row[1], row[3])
        return leaves

    def _accuse(self, chunk: Chunk, leaves: list[bytes], at: int) -> None:
        """Name the first record of a chunk that is out of order or not its own leaf."""
        for position, (row, leaf) in enumerate(zip(chunk, leaves, strict=True), at):
            if row[0] != position:
                first = row[0] if type(row[0]) is int else position
                raise _Bad(f"record {position} is missing or stands twice", min(position, first))
            if row[2] is not None and row[2] != leaf:
                raise _Bad(f"record {position} was changed", position)

    def _canonical(self, position: int, ts: str | None, body: bytes) -> None:
        record: dict[str, Any] | None = is_canonical(body)
        if record is None:
            raise _Bad(f"record {position} is not canonical JSON", position)
        if record.get("idx") != position or record.get("tenant") != self._tenant or record.get("v") != SCHEMA:
            raise _Bad(f"record {position} belongs elsewhere", position)
        if ts is not None and record.get("ts") != ts:
            raise _Bad(f"record {position} is filed under another time", position)
