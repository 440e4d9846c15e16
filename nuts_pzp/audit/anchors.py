"""Anchors: signed checkpoints kept where the ledger is not, so that a rollback of the whole ledger shows.

A file anchor on another volume: one JSON line per note, appended and synced, never rewritten. Trusts only that whoever
can rewrite the ledger cannot rewrite this file; the notes prove themselves (spec audit 3.6).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import orjson

from .canonical import timestamp
from .files import lines
from .ledger.checkpoint import BadCheckpoint, Checkpoint, VerifierKey

_LARGEST_LINE = 4_096
_SIZE = re.compile(rb"[0-9]{1,15}")
_MOST = 10**15


@dataclass(frozen=True, slots=True)
class Anchored:
    """One line of the anchor: when the gateway wrote it, and the note as signed."""

    line: int
    at: str
    note: bytes

    @property
    def origin(self) -> str:
        """The first line of the note: which log it speaks of, unproven."""
        return self.note.split(b"\n", 1)[0].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class AnchorLines:
    """What an anchor file holds. A torn line is one a crash cut short; it proves nothing and accuses nobody."""

    notes: tuple[Anchored, ...]
    torn: tuple[int, ...]

    def of(self, origin: str) -> tuple[Anchored, ...]:
        """Return the notes that speak of this log."""
        return tuple(one for one in self.notes if one.origin == origin)


class FileAnchor:
    """Appends notes to a file; each append is synced before it returns."""

    def __init__(self, path: Path, *, begins: bool = True) -> None:
        """`begins`: the folder is made when it is not there; else it went away with what was in it, and stays away."""
        self.path, self._begins = path, begins

    def append(self, notes: list[bytes], microseconds: int) -> None:
        """Append these notes with the time; OSError when that is not durable."""
        at = timestamp(microseconds)
        written = b"".join(orjson.dumps({"at": at, "note": note.decode()}) + b"\n" for note in notes)
        if self._begins:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o640)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                written = b"\n" + written  # end a line that a crash tore
            while written:
                written = written[os.write(descriptor, written) :]
            os.fsync(descriptor)
            self._begins = False
        finally:
            os.close(descriptor)

    def read(self) -> AnchorLines:
        """Read the file; without a file there are no notes."""
        return read(self.path) if self.path.exists() else AnchorLines((), ())


def read(path: Path) -> AnchorLines:
    """Read an anchor file, keeping what parses and naming what does not; OSError when it cannot be read."""
    notes: list[Anchored] = []
    torn: list[int] = []
    for number, line in enumerate(lines(path, _LARGEST_LINE), 1):
        if line == b"":
            continue
        one = _parse(number, line) if line else None
        if one is None:
            torn.append(number)
        else:
            notes.append(one)
    return AnchorLines(tuple(notes), tuple(torn))


def _parse(number: int, line: bytes) -> Anchored | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("at"), str) or not isinstance(found.get("note"), str):
        return None
    return Anchored(number, found["at"], found["note"].encode())


def newest(anchor: AnchorLines, key: VerifierKey) -> Checkpoint | None:
    """Return the largest checkpoint this key's log was anchored as, opening that alone; BadCheckpoint as `checkpoints`.

    A start cannot wait for the signatures of years; what is wrong with the others is for the verifier to find.
    """
    mine = [(_claimed(one.note), one) for one in anchor.of(key.name)]
    largest = max((size for size, _ in mine), default=0)
    found = checkpoints(AnchorLines(tuple(one for size, one in mine if size == largest), ()), key)
    if len({one.root for one in found}) > 1:
        raise BadCheckpoint(f"two histories of size {largest} were anchored")
    return found[0] if found else None


def _claimed(note: bytes) -> int:
    """Return the size a note speaks of, unproven; what has none counts as the largest, so that it is looked at."""
    size = note.split(b"\n", 2)[1:2]
    return int(size[0]) if size and _SIZE.fullmatch(size[0]) else _MOST


def checkpoints(anchor: AnchorLines, key: VerifierKey) -> list[Checkpoint]:
    """Return what this key's log was anchored as; BadCheckpoint, with the line, when a note is not genuine."""
    found = []
    for one in anchor.of(key.name):
        try:
            found.append(key.open(one.note))
        except BadCheckpoint as error:
            raise BadCheckpoint(f"anchor line {one.line}: {error}") from None
    return found
