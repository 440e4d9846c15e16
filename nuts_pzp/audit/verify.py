"""The offline verifier: has anything been changed, cut off, put back or forged? (spec audit 3.4, promise P2, P6)

Trusts the keys it is handed and the anchor, nothing beside the log. Stored bytes are authoritative: they are hashed as
they lie; that they are also the one canonical spelling is a further check, on unless `fast`.
"""

from __future__ import annotations

import gc
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import IntEnum

from .anchors import AnchorLines, checkpoints
from .cores import Cores, Lost, opened_notes
from .ledger.checkpoint import BadCheckpoint, Checkpoint, VerifierKey
from .ledger.merkle import Frontier
from .material import LedgerFile, Material, StoredLog, StoredNote, Unreadable
from .stretch import Flaw, Task, judge

LONG = 50_000
"""Records from which several processes are worth their start."""
MANY = 2_000
"""Checkpoints likewise."""
_STRETCH = 16_384
"""Records of one stretch: a power of two, so that its tree is a part of the whole tree."""


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
    among: Callable[[], AbstractContextManager[Cores]] | None = None,
) -> Report:
    """Verify one tenant's log, or all; a log without its key is Verdict.USAGE, without an anchor INCOMPLETE.

    Long logs of a ledger file are judged by the processes that `among` starts, such as `cores.every`.
    """
    began = time.perf_counter()
    known = {key.name: key for key in keys}
    reports: list[LogReport] = []
    there: list[StoredLog] = []
    collecting = gc.isenabled()
    gc.disable()  # millions of small short-lived objects and no cycles: collecting them triples the time
    try:
        there = material.logs()
        logs = [log for log in there if tenant in (None, log.tenant)]
        long = any(log.head and log.head.size >= LONG for log in logs)
        with among() if long and among else nullcontext() as cores:
            for log in logs:
                key = keys[0] if tenant and len(keys) == 1 else known.get(log.origin)
                reports.append(_verify_log(material, log, _Means(key, anchor, fast, cores)))
    except Unreadable as error:
        reports.append(LogReport(tenant or "", "", Verdict.UNREADABLE, reason=str(error)))
    except Lost:
        reports.append(LogReport(tenant or "", "", Verdict.UNREADABLE, reason="a process that helped to read it died"))
    finally:
        if collecting:
            gc.enable()
    one_asked = tenant is not None or not isinstance(material, LedgerFile)
    settled = one_asked and reports and not any(report.verdict is Verdict.USAGE for report in reports)
    if not settled and not any(report.verdict is Verdict.UNREADABLE for report in reports):
        reports.extend(_absent(keys, {log.origin for log in there}, anchor, tenant if not reports else None))
    return Report(tuple(reports), time.perf_counter() - began, anchor.torn if anchor else ())


def _absent(
    keys: Sequence[VerifierKey], found: set[str], anchor: AnchorLines | None, tenant: str | None
) -> list[LogReport]:
    """Return a report for each log that its key, or its anchor, says there was.

    Whoever asks about one log, or holds an export of one, hears nothing of the others that keys and anchor are of.
    """
    reports = []
    for key in keys:
        if key.name in found:
            continue
        if anchor and anchor.of(key.name):
            reason = "the log is gone, but checkpoints of it were anchored"
            reports.append(LogReport(tenant or "", key.name, Verdict.TAMPERED, first_bad=0, reason=reason))
        elif not found and tenant is None:
            reports.append(LogReport(tenant or "", key.name, Verdict.USAGE, reason="no log of this key"))
    if tenant is not None and not reports:
        reports.append(LogReport(tenant, "", Verdict.USAGE, reason="no log of this tenant"))
    return reports


@dataclass(frozen=True, slots=True)
class _Means:
    """With what a log is verified."""

    key: VerifierKey | None
    anchor: AnchorLines | None
    fast: bool
    cores: Cores | None


def _verify_log(material: Material, log: StoredLog, means: _Means) -> LogReport:
    key = means.key
    if key is None:
        return LogReport(log.tenant, log.origin, Verdict.USAGE, reason="no key given for this log")
    walk = _Walk(log.tenant, key, means)
    kept: list[StoredNote] = []
    anchored = 0
    try:
        if log.head is None:
            raise _Bad("records without a signed head", 0)
        kept = material.checkpoints(log.tenant)
        size = walk.expect([(log.head, "the head"), *((one, f"the checkpoint of size {one.size}") for one in kept)])
        anchored = _expect_anchor(walk, key, means.anchor, size)
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

    def __init__(self, tenant: str, key: VerifierKey, means: _Means) -> None:
        self._tenant, self._key, self._fast, self._cores = tenant, key, means.fast, means.cores
        self._expected: dict[int, bytes] = {}
        self._frontier = Frontier()
        self.proven = 0
        self.root = ""

    def expect(self, stored: Sequence[tuple[StoredNote, str]]) -> int:
        """Open the head and all kept checkpoints, and remember their roots; return the size of the head."""
        notes = [one.note for one, _ in stored]
        many = self._cores if len(notes) >= MANY else None
        found = many.opened(self._key, notes) if many else opened_notes(self._key, notes)
        size: int | None = None
        for (one, name), signed in zip(stored, found, strict=True):
            if isinstance(signed, str):
                raise _Bad(f"{name} is not genuine: {signed}")
            self._expect(one, signed, name)
            size = signed.size if size is None else size
            if signed.size > size:
                raise _Bad(f"a checkpoint of size {signed.size} was signed, but the log ends at {size}", size)
        return size or 0

    def _expect(self, stored: StoredNote, signed: Checkpoint, name: str) -> None:
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

    def must_be(self, size: int, root: bytes, how: str) -> None:
        """Remember what the root at this size must be; two different ones are two histories."""
        if self._expected.setdefault(size, root) != root:
            raise _Bad(f"two histories of size {size} were {how}", None)

    def through(self, material: Material, size: int) -> None:
        """Walk all records; raise at the first that is wrong, or at the first root that is."""
        sizes = sorted(one for one in self._expected if one)
        if self._cores and isinstance(material, LedgerFile) and size >= LONG:
            self._together(self._cores, material, sizes)
        else:
            whole = Task(self._tenant, 0, size, sizes)
            self._adopt(*judge(material.chunks(self._tenant, []), whole, self._compare, fast=self._fast))
        self._compare(self._frontier)
        self.root = self._frontier.root().hex()

    def _together(self, cores: Cores, material: LedgerFile, sizes: list[int]) -> None:
        """Let several processes judge a stretch each, and put the stretches together in order."""
        size = sizes[-1]
        starts = range(0, size, _STRETCH)
        tasks = [_task(self._tenant, start, min(start + _STRETCH, size), sizes) for start in starts]
        for stretch, marks in cores.judged(material.path, tasks, fast=self._fast):
            for mark in marks:
                self._compare(self._frontier.joined(mark))
            self._adopt(self._frontier.joined(stretch.frontier), stretch.flaw)
        if material.count(self._tenant) > size:
            raise _Bad(f"a record after the signed end of {size}", size)

    def _adopt(self, frontier: Frontier, flaw: Flaw | None) -> None:
        self._frontier = frontier
        if flaw:
            raise _Bad(flaw.reason, flaw.at)

    def _compare(self, frontier: Frontier) -> None:
        expected = self._expected.get(frontier.size)
        if expected is None:
            return
        if frontier.root() != expected:
            raise _Bad(f"changed between record {self.proven} and {frontier.size - 1}", self.proven)
        self.proven = frontier.size


def _task(tenant: str, start: int, stop: int, sizes: list[int]) -> Task:
    return Task(tenant, start, stop, sizes[bisect_right(sizes, start) : bisect_right(sizes, stop)])
