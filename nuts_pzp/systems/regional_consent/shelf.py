"""Which file counts now: the newest that was ever verified, until it ends. Looks at the file anew at every question.

A file that is refused leaves its predecessor in force until that one's own end, and no longer. The highest serial lies
in the store, so that an older file does not come back after a restart either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from ...identity import Ura
from ...store.port import Store, StoreFailed
from .document import MOST_BYTES, Entry, Expected, Refused, Signed, verified

KIND = "regional-consent"
_TRIES = 10

_log = structlog.get_logger("nuts_pzp.regional_consent")


@dataclass(frozen=True, slots=True)
class Volume:
    """A file in force: its entries about one holder, by patient's pseudonym."""

    serial: int
    digest: str
    not_after: datetime
    entries: Mapping[str, tuple[Entry, ...]]


_Look = tuple[int, int, int]
"""What a file looks like from outside: inode, size, time of change."""


class Shelf:
    """The file of one region at one holder."""

    def __init__(
        self, path: Path, expected: Expected, holder: Ura, store: Store, clock: Callable[[], datetime]
    ) -> None:
        self.path, self.expected = path, expected
        self._holder, self._store, self._clock = holder, store, clock
        self._turn = asyncio.Lock()
        self._volume: Volume | None = None
        self._seen: _Look | None = None
        self._refused = ""

    async def current(self) -> Volume:
        """Return the file in force; Refused when there is none, StoreFailed when its serial cannot be held."""
        look = _look(self.path)
        if look is None or look != self._seen:
            async with self._turn:
                await self._reload()
        if self._volume is None:
            raise Refused(self._refused)
        if self._clock() >= self._volume.not_after:
            raise Refused("expired")
        return self._volume

    def shut(self) -> str:
        """Say why no file is in force, by what was seen last; empty when one is, or when only a reload can tell."""
        if self._volume is not None and self._clock() < self._volume.not_after:
            return ""
        look = _look(self.path)
        if look is not None and look != self._seen:
            return ""
        return self._refused or ("expired" if self._volume else "unreadable")

    async def _reload(self) -> None:
        look = _look(self.path)
        if look is not None and look == self._seen:
            return  # somebody else did it while we waited
        try:
            if look is None:
                raise Refused("unreadable")
            signed = await asyncio.to_thread(read, self.path, self.expected, self._clock())
            await accept(self._store, signed)
            self._volume = _volume(signed, self._holder)
        except Refused as error:
            if error.kind != self._refused or look != self._seen:
                _log.error("regional_consent.refused", kind=error.kind, alarm="operations")
            self._refused = error.kind
            look = None if error.kind == "not-yet" else look  # that one may come true
        self._seen = look


async def accept(store: Store, signed: Signed, *, hold: bool = True) -> None:
    """Refuse a serial lower than the highest so far, and another file of the same; `hold` it as the highest else."""
    region, serial = signed.document.region, signed.document.serial
    for _ in range(_TRIES):
        raw, version = await store.get(KIND, region)
        if version:
            highest = json.loads(raw)
            if serial < highest["serial"] or (serial == highest["serial"] and signed.digest != highest["sha256"]):
                raise Refused("rollback")
            if serial == highest["serial"]:
                return
        if not hold:
            return
        if await store.put(KIND, region, json.dumps({"serial": serial, "sha256": signed.digest}).encode(), version):
            return
    raise StoreFailed("somebody else keeps changing the serial")


def read(path: Path, expected: Expected, now: datetime) -> Signed:
    """Read and verify one file; Refused says what is wrong."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError:
        raise Refused("unreadable") from None
    return verified(raw, expected, now)


def _look(path: Path) -> _Look | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _volume(signed: Signed, holder: Ura) -> Volume:
    by_patient: dict[str, list[Entry]] = {}
    for entry in signed.document.entries:
        if entry.holder_ura == holder.value:
            by_patient.setdefault(entry.patient, []).append(entry)
    entries = {patient: tuple(found) for patient, found in by_patient.items()}
    return Volume(signed.document.serial, signed.digest, signed.not_after, entries)
