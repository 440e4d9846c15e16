"""Looks at where a ledger lives, without its settings: disk, locks, synchronisation, key files, anchor.

Writes nothing but a probe file beside the ledger, which it removes.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..keys import refusal
from .anchors import read
from .ledger.disk import MIB, Room, Space, Thresholds, filesystem, is_durable
from .material import Unreadable, opened

_SLOW = 0.05
_OLD = 300.0

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    check: str
    state: State
    text: str


def examine(path: Path, keys: Path | None = None, anchor: Path | None = None) -> list[Finding]:
    """Return what was found about the ledger at `path`, its key folder and its anchor file."""
    folder = path.parent
    if not _is_folder(folder):
        return [Finding("folder", "fail", "the folder of the ledger does not exist")]
    try:
        path.with_name(f"{path.name}.lock").exists()
    except OSError as error:
        return [Finding("ledger", "fail", error.strerror or "no path")]
    if _is_folder(path):
        return [Finding("ledger", "fail", "a folder and no ledger; `verify` reads an exported one")]
    findings = [*_disk(folder), _lock(path), _ledger(path)]
    if keys is not None:
        findings.append(_keys(keys))
    findings.append(_anchor(path, anchor))
    return findings


def _is_folder(path: Path) -> bool:
    """Also for a name that is too long for one."""
    try:
        return path.is_dir()
    except OSError:
        return False


def _disk(folder: Path) -> Iterator[Finding]:
    kind = filesystem(folder)
    durable = is_durable(kind)
    yield Finding("filesystem", "ok" if durable else "fail", f"{kind}" if durable else f"{kind} is not durable")
    try:
        seconds = _fsync_seconds(folder)
    except OSError as error:
        yield Finding("fsync", "fail", error.strerror or "input/output error")
    else:
        yield Finding("fsync", "ok" if seconds < _SLOW else "warn", f"{seconds * 1000:.1f} ms, median of five")
    room = Space(folder, Thresholds()).room(0)
    found = os.statvfs(folder)
    state: State = {Room.ENOUGH: "ok", Room.STOP: "fail"}.get(room, "warn")  # type: ignore[assignment]
    yield Finding("space", state, f"{found.f_bavail * found.f_frsize // MIB} MiB free")


def _fsync_seconds(folder: Path) -> float:
    probe = folder / f".probe-{os.getpid()}"
    descriptor = os.open(probe, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        times = []
        for _ in range(5):
            began = time.perf_counter()
            os.write(descriptor, bytes(4096))
            os.fsync(descriptor)
            times.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        probe.unlink()
    return sorted(times)[2]


def _lock(path: Path) -> Finding:
    lock = path.with_name(path.name + ".lock")
    if not lock.exists():
        return Finding("lock", "ok", "free")
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return Finding("lock", "ok", "held by a running gateway")
    return Finding("lock", "ok", "free")


def _ledger(path: Path) -> Finding:
    if not path.exists():
        return Finding("ledger", "warn", "not there yet")
    try:
        with opened(path) as ledger:
            logs = ledger.logs()
    except Unreadable as error:
        return Finding("ledger", "fail", str(error))
    if path.stat().st_mode & 0o077:
        return Finding("ledger", "warn", "readable by group or others")
    return Finding("ledger", "ok", ", ".join(f"{log.tenant} {log.head.size if log.head else '?'}" for log in logs))


def _keys(keys: Path) -> Finding:
    if not _is_folder(keys):
        return Finding("keys", "fail", "the key folder does not exist")
    private = [one for one in keys.rglob("*") if one.suffix in (".key", ".wrapped")]
    bad = [f"{one.relative_to(keys)}: {why}" for one in private if (why := refusal(one.lstat()))]
    if not private:
        return Finding("keys", "warn", "no key in it")
    return Finding("keys", "fail" if bad else "ok", "; ".join(bad) or f"{len(private)} files, owner only")


def _anchor(path: Path, anchor: Path | None) -> Finding:
    if anchor is None:
        return Finding("anchor", "warn", "none: that an older copy was put back cannot be excluded")
    try:
        lines = read(anchor)
    except OSError as error:
        return Finding("anchor", "fail", error.strerror or "not readable")
    if not lines.notes:
        return Finding("anchor", "fail", "holds no checkpoint")
    age = _seconds_since(lines.notes[-1].at)
    same = anchor.stat().st_dev == path.parent.stat().st_dev
    text = f"{len(lines.notes)} checkpoints, the last {age:.0f} s ago"
    if same:
        return Finding("anchor", "warn", f"{text}; on the same volume as the ledger")
    return Finding("anchor", "ok" if age < _OLD else "warn", text)


def _seconds_since(at: str) -> float:
    with suppress(ValueError, TypeError):  # TypeError: a time without its zone
        return (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    return float("inf")
