"""The ledger's store in SQLite: one writer process per file, every commit durable before it returns.

Trusts SQLite's WAL with `synchronous=FULL` on a local disk, and verifies that it got that. The path is compared with
the open file after every commit: SQLite itself happily commits to a file that was deleted (spec audit 3.6 C8).
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...keys import sync_folder

Row = tuple[str, int, str, bytes, bytes]
"""(tenant, idx, ts, leaf hash, body). The leaf hash only helps to name a bad record; no verdict rests on it."""
Record = tuple[int, str, bytes, bytes]
"""(idx, ts, leaf hash, body)."""
Connect = Callable[[Path], sqlite3.Connection]

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS log_record(tenant TEXT NOT NULL, idx INTEGER NOT NULL, ts TEXT NOT NULL,
       leaf BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY(tenant, idx)) STRICT""",
    """CREATE TABLE IF NOT EXISTS log_head(tenant TEXT PRIMARY KEY, origin TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,
       frontier BLOB NOT NULL, note BLOB NOT NULL, open_from INTEGER NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS log_checkpoint(tenant TEXT NOT NULL, size INTEGER NOT NULL, note BLOB NOT NULL,
       frontier BLOB NOT NULL, at TEXT NOT NULL, PRIMARY KEY(tenant, size)) STRICT""",
)
_INSERT = "INSERT INTO log_record(tenant, idx, ts, leaf, body) VALUES (?, ?, ?, ?, ?)"
_INSERTS = tuple((count, _INSERT + ", (?, ?, ?, ?, ?)" * (count - 1)) for count in (64, 16, *range(15, 0, -1)))
"""Many rows in one statement: a statement gives up the interpreter, and waits for it again."""
_HEAD = "UPDATE log_head SET size = ?, frontier = ?, note = ?, open_from = ? WHERE tenant = ?"
_FIRST_HEAD = "INSERT INTO log_head(size, frontier, note, open_from, tenant, origin) VALUES (?, ?, ?, ?, ?, ?)"
"""A head keeps its origin, and an update that does not name it leaves that index alone."""
_HEADS = "SELECT tenant, origin, size, CAST(frontier AS BLOB), CAST(note AS BLOB), open_from FROM log_head"
_KEEP = "INSERT OR REPLACE INTO log_checkpoint(tenant, size, note, frontier, at) VALUES (?, ?, ?, ?, ?)"
_CHUNK = 1_000
_FULL = 2  # what PRAGMA synchronous reads back


class StoreFailed(Exception):
    """Nothing of this transaction may be believed durable. Says what failed, never what was written."""


class LedgerInUse(Exception):
    """Another process writes this ledger."""


@dataclass(frozen=True, slots=True)
class Head:
    """A log's newest state. `open_from` is the oldest index that may still wait for its result."""

    tenant: str
    origin: str
    size: int
    frontier: bytes
    note: bytes
    open_from: int


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint that stays: the frontier lets a verification begin there, once its root fits the signed note."""

    tenant: str
    size: int
    note: bytes
    frontier: bytes
    at: str


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection in which every transaction is explicit; any thread may use it, one at a time."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0, cached_statements=64)


class SqliteStore:
    """One ledger file, held exclusively. Used by whoever writes, one at a time; `fold` by one other."""

    def __init__(self, path: Path, connecting: Connect = connect) -> None:
        """Take the lock and open or create the file; LedgerInUse or StoreFailed when that cannot be."""
        path = self.path = path.resolve()  # lock and write-ahead log lie beside the file, not beside a link to it
        self._connect = connecting
        self._turn = threading.Lock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_path = path.with_name(path.name + ".lock")
        self._wal_path = path.with_name(path.name + "-wal")
        self._lock = _locked(self._lock_path)
        self._file = -1
        """The ledger file, to sync it. Closed last: closing it takes away SQLite's own locks."""
        self._database: sqlite3.Connection | None = None
        self._places: dict[Path, tuple[int, int]] = {}
        try:
            self._open(fresh=True)
        except BaseException:
            self.close()
            raise

    def _open(self, *, fresh: bool) -> None:
        if not fresh and _place(self.path) != self._places[self.path]:
            raise StoreFailed("the ledger file was moved or replaced")
        try:
            if fresh and not self.path.exists():  # SQLite would create it readable by others
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            if self._file < 0:
                self._file = _held(self.path)
            database = self._database = self._connect(self.path)
            mode = database.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            database.execute("PRAGMA synchronous=FULL")
            database.execute("PRAGMA wal_autocheckpoint=0")
            if mode != "wal" or database.execute("PRAGMA synchronous").fetchone()[0] != _FULL:
                raise StoreFailed("SQLite does not give a write-ahead log with full synchronisation")
            database.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                database.execute(statement)
            database.execute("COMMIT")
            # Rewrites what an interrupted process left in the log, so that it is durable for certain, not just cached.
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            sync_folder(self.path.parent)
        except (sqlite3.Error, OSError) as error:
            raise StoreFailed(_words(error)) from None
        places = {path: _place(path) for path in (self.path, self._wal_path, self._lock_path)}
        if not fresh and places[self.path] != self._places[self.path]:
            raise StoreFailed("the ledger file was moved or replaced")
        self._places = places

    def reopen(self) -> None:
        """Open the same file again after a failure; StoreFailed when it is another file or still fails."""
        with self._turn:
            if self._database is not None:
                _quietly(self._database.close)
                self._database = None
            self._open(fresh=False)

    def commit(self, rows: Sequence[Row], heads: Sequence[Head], kept: Sequence[KeptCheckpoint]) -> None:
        """Write one group in one transaction and return when it is durable and in place; StoreFailed otherwise."""
        with self._turn:
            if self._database is None:
                raise StoreFailed("the ledger is not open")
            execute = self._database.execute
            try:
                execute("BEGIN IMMEDIATE")
                _insert(execute, rows)
                for head in heads:
                    state = (head.size, head.frontier, head.note, head.open_from, head.tenant)
                    if not execute(_HEAD, state).rowcount:
                        execute(_FIRST_HEAD, (*state, head.origin))
                for one in kept:
                    execute(_KEEP, (one.tenant, one.size, one.note, one.frontier, one.at))
                execute("COMMIT")
            except sqlite3.Error as error:
                _quietly(self._database.rollback)
                raise StoreFailed(_words(error)) from None
            self._in_place()

    def _in_place(self) -> None:
        """Refuse when a path no longer names the open file: what was committed would be gone at the next start."""
        for path, place in self._places.items():
            if _place(path) != place:
                raise StoreFailed(f"{path.name} was moved, replaced or deleted")

    def check(self) -> None:
        """Raise StoreFailed when the file is no longer in place."""
        with self._turn:
            self._in_place()

    def heads(self) -> dict[str, Head]:
        """Return the head of every log in the file, by tenant."""
        return {row[0]: Head(*row) for row in self._rows(_HEADS, ())}

    def records(self, tenant: str, start: int, stop: int) -> Iterator[Record]:
        """Yield the records `start <= idx < stop` of one log, in order."""
        query = (
            "SELECT idx, ts, CAST(leaf AS BLOB), CAST(body AS BLOB) FROM log_record"
            " WHERE tenant = ? AND idx >= ? AND idx < ? ORDER BY idx LIMIT ?"
        )
        while found := self._rows(query, (tenant, start, stop, _CHUNK)):
            yield from found
            start = found[-1][0] + 1

    def highest(self, tenant: str) -> int:
        """Return the highest index of one log, -1 when it is empty."""
        found = self._rows("SELECT max(idx) FROM log_record WHERE tenant = ?", (tenant,))[0][0]
        return -1 if found is None else int(found)

    def kept_before(self, tenant: str, size: int) -> KeptCheckpoint | None:
        """Return the newest kept checkpoint of at most this size."""
        rows = self._rows(
            "SELECT tenant, size, CAST(note AS BLOB), CAST(frontier AS BLOB), at FROM log_checkpoint"
            " WHERE tenant = ? AND size <= ? ORDER BY size DESC LIMIT 1",
            (tenant, size),
        )
        return KeptCheckpoint(*rows[0]) if rows else None

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Any]:
        if self._database is None:
            raise StoreFailed("the ledger is not open")
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreFailed(_words(error)) from None

    def fold(self, *, wholly: bool = True) -> bool:
        """Move the write-ahead log into the file beside the writer, and, if wholly, the rest of it between two commits.

        A reader pins the log meanwhile: SQLite before 3.51.3 may lose pages when a commit restarts the log during a
        checkpoint, and a pinned log is not restarted. SQLite syncs the file in the last step only, when the writer
        waits; so what was moved is synced here before. False when anything is left: not wholly, or something else
        reads an old state, or an error.
        """
        try:
            with closing(self._connect(self.path)) as pin, closing(self._connect(self.path)) as folder:
                pin.execute("BEGIN")
                pin.execute("SELECT size FROM log_head LIMIT 1").fetchone()
                folder.execute("PRAGMA synchronous=FULL")
                folder.execute("PRAGMA wal_checkpoint(PASSIVE)")
                os.fdatasync(self._file)
                if not wholly:
                    return False
                with self._turn:
                    pin.execute("ROLLBACK")
                    busy, pages, folded = folder.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                return not busy and pages == folded
        except (sqlite3.Error, OSError):
            return False

    def close(self) -> None:
        """Close the file and let go of the lock; idempotent."""
        with self._turn:
            if self._database is not None:
                _quietly(self._database.close)
                self._database = None
            for descriptor in (self._file, self._lock):
                if descriptor >= 0:
                    os.close(descriptor)
            self._file = self._lock = -1


def _locked(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreFailed(_words(error)) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise LedgerInUse(f"{path} is held by another process") from None
    return descriptor


def _held(path: Path) -> int:
    """Open and lock the ledger file itself: it may have a second name, and then another lock file beside it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StoreFailed("the ledger is not a regular file")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise LedgerInUse(f"{path} is held by another process under another name") from None
    except StoreFailed:
        os.close(descriptor)
        raise
    return descriptor


def _insert(execute: Callable[[str, list[object]], object], rows: Sequence[Row]) -> None:
    """Insert rows with as few statements as there are prepared ones for."""
    at = 0
    for count, statement in _INSERTS:
        while at + count <= len(rows):
            execute(statement, [value for row in rows[at : at + count] for value in row])
            at += count


def _place(path: Path) -> tuple[int, int]:
    """Return device and inode of what the path names now; (0, 0) when it names nothing."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _words(error: sqlite3.Error | OSError) -> str:
    """Return an error's own fixed words: an SQLite error name, or the system's text for the number."""
    if isinstance(error, OSError):
        return error.strerror or "input/output error"
    return str(getattr(error, "sqlite_errorname", None) or error)


def _quietly(action: Callable[[], None]) -> None:
    """Do what may fail without changing the verdict: the connection is given up anyway."""
    try:
        action()
    except sqlite3.Error:
        return
