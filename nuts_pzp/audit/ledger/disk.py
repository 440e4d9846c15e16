"""The disk under a ledger: is it of a durable kind, is there room, and a reserve for the last words (spec audit 3.6).

Trusts the kernel's mount table and free-space figures.
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ...keys import sync_folder

MIB = 1_048_576
_NOT_DURABLE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "tmpfs", "ramfs", "overlay", "aufs")
_MINUTES = 60


def filesystem(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the type of the file system that holds a path (`ext4`), or `unknown`."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return "unknown"
    where, best, kind = path.resolve(), -1, "unknown"
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(fields[4].replace("\\040", " "))
        if where.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split(" ")[0]
    return kind


def is_durable(kind: str) -> bool:
    """True when a file system of this kind keeps what was synced, as far as its name tells."""
    return kind not in _NOT_DURABLE and not kind.startswith("fuse")


class Room(Enum):
    """How much room is left."""

    ENOUGH = "enough"
    WARN = "warn"
    ALARM = "alarm"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Fractions of the disk for warn and alarm; below `stop` bytes, or an hour of writing, nothing is accepted."""

    warn: float = 0.20
    alarm: float = 0.10
    stop: int = 256 * MIB
    reserve: int = 16 * MIB


class Space:
    """Watches the free space, and how much an hour of writing takes."""

    def __init__(self, folder: Path, thresholds: Thresholds) -> None:
        self._folder, self._thresholds = folder, thresholds
        self._minutes: deque[tuple[int, int]] = deque(maxlen=_MINUTES)
        self._written = 0

    def wrote(self, minute: int, size: int) -> None:
        """Count bytes written in this minute (Unix time / 60)."""
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1] = (minute, self._minutes[-1][1] + size)
        else:
            self._minutes.append((minute, size))

    def room(self, minute: int) -> Room:
        """Say how much room is left, measured now."""
        found = os.statvfs(self._folder)
        free, total = found.f_bavail * found.f_frsize, max(1, found.f_blocks * found.f_frsize)
        hour = sum(size for at, size in self._minutes if minute - at < _MINUTES)
        if free < max(self._thresholds.stop, hour):
            return Room.STOP
        if free < total * self._thresholds.alarm:
            return Room.ALARM
        return Room.WARN if free < total * self._thresholds.warn else Room.ENOUGH


class Reserve:
    """A preallocated file, given up when the disk is full so that `audit.degraded` itself can still be written."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size = path, size

    def hold(self) -> bool:
        """Preallocate the reserve; False when there is no room for it."""
        if not self._size:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, self._size)
            finally:
                os.close(descriptor)
            sync_folder(self._path.parent)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the space back to the disk."""
        self._path.unlink(missing_ok=True)
