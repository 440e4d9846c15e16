"""The store in one SQLite file per deployment: write-ahead log, synced at every commit, several processes at once.

Trusts the file system to keep what was synced and to lock (so a local disk). Nothing is cached: each read asks the
file, so what the command line records counts for a running gateway at its next question (ADR 0054).
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ..identity import Tenant
from .port import StoreFailed

T = TypeVar("T")

LARGEST = 1_048_576
"""Bytes of one document."""
_SCHEMA = 1
_PAGE = 200
_THREADS = 4
_BUSY_SECONDS = 2.0

_VERSION = "SELECT version FROM document WHERE tenant=? AND kind=? AND key=?"
_CREATE = f"""
CREATE TABLE document(tenant TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL,
  value BLOB NOT NULL, PRIMARY KEY(tenant, kind, key)) WITHOUT ROWID;
CREATE TABLE latest(version INTEGER NOT NULL);
INSERT INTO latest VALUES(0);
PRAGMA user_version={_SCHEMA};
"""


class SqliteStore:
    """The file. `of` gives one tenant's part; `close` ends it. One connection per thread, a few threads."""

    def __init__(self, path: Path) -> None:
        """Open or make the file (0600); raise StoreFailed when it cannot be used."""
        self._path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._turn = threading.Lock()
        self._watching: sqlite3.Connection | None = None
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            if path.stat().st_mode & 0o077:
                raise StoreFailed("the state file is readable by group or others; set its mode to 0600")
            self._file = _file(path)
            self._prepare()
        except OSError as error:
            raise StoreFailed(f"the state file cannot be used: {error.strerror}") from None
        except sqlite3.Error as error:
            self.close()
            raise StoreFailed(_why(error)) from None
        self._pool = ThreadPoolExecutor(_THREADS, "store")

    def of(self, tenant: Tenant) -> TenantStore:
        """Return the part of one tenant: the only one it can see."""
        return TenantStore(self, tenant.id)

    def close(self) -> None:
        """Finish what runs and let go of the file; idempotent."""
        pool = getattr(self, "_pool", None)
        if pool is not None:
            pool.shutdown()
        with self._turn:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._closed = True

    def look(self, query: str, what: tuple[str, ...]) -> tuple[Any, ...]:
        """Read one row on the caller's own thread: some microseconds, where a thread of the store costs a hundred.

        Its connection never waits: a file that is busy (being recovered after a crash) is a failure here, and whoever
        asks reads through `run`.
        """
        try:
            if self._closed:
                raise StoreFailed("the store is closed")
            self._hold()
            if self._watching is None:
                self._watching = self._connect(0.0)
            row: tuple[Any, ...] = self._watching.execute(query, what).fetchone()
        except sqlite3.Error as error:
            raise StoreFailed(_why(error)) from None
        return row

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do this work on a thread of the store; raise StoreFailed. Work that began is finished, cancelled or not."""

        def guarded() -> T:
            try:
                self._hold()
                done = work(self._connection())
                self._hold()
                return done
            except sqlite3.Error as error:
                raise StoreFailed(_why(error)) from None

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, guarded)
        except RuntimeError:
            raise StoreFailed("the store is closed") from None

    def _hold(self) -> None:
        """Raise StoreFailed unless the file at this path is the one that is open: else a change elsewhere is not seen.

        SQLite itself happily reads and writes a file that was moved away (a backup put back while it runs).
        """
        if _file(self._path) != self._file:
            raise StoreFailed("the state file was moved or replaced while it was open; start again")

    def _prepare(self) -> None:
        connection = self._connection()
        with _Immediate(connection):
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found == 0:
                for statement in _CREATE.split(";"):
                    connection.execute(statement)
            elif found != _SCHEMA:
                raise StoreFailed("the state file was made by another version")

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = self._connect(_BUSY_SECONDS)
        return found

    def _connect(self, patience: float) -> sqlite3.Connection:
        # Autocommit: transactions are begun by hand. Closed from another thread at the end, hence the flag.
        found = sqlite3.connect(self._path, timeout=patience, isolation_level=None, check_same_thread=False)
        with self._turn:
            self._connections.append(found)
        found.execute("PRAGMA journal_mode=WAL")
        found.execute("PRAGMA synchronous=FULL")
        found.execute("PRAGMA trusted_schema=OFF")
        return found


class TenantStore:
    """The port over one tenant's rows."""

    def __init__(self, store: SqliteStore, tenant: str) -> None:
        self._store, self._tenant = store, tenant

    async def get(self, kind: str, key: str, /) -> tuple[bytes, int]:
        """Read one document as it is now."""
        where = (self._tenant, kind, key)

        def read(connection: sqlite3.Connection) -> tuple[bytes, int]:
            row = connection.execute(
                "SELECT value, version FROM document WHERE tenant=? AND kind=? AND key=?", where
            ).fetchone()
            return (bytes(row[0]), int(row[1])) if row else (b"", 0)

        return await self._store.run(read)

    async def put(self, kind: str, key: str, value: bytes | None, was: int, /) -> bool:
        """Change one document if nobody did meanwhile. ValueError for one that is too large."""
        if value is not None and len(value) > LARGEST:
            raise ValueError(f"a document of more than {LARGEST} bytes")
        where = (self._tenant, kind, key)

        def write(connection: sqlite3.Connection) -> bool:
            with _Immediate(connection):
                row = connection.execute(_VERSION, where).fetchone()
                if (int(row[0]) if row else 0) != was:
                    return False
                if value is None:
                    connection.execute("DELETE FROM document WHERE tenant=? AND kind=? AND key=?", where)
                    return True
                (version,) = connection.execute("UPDATE latest SET version=version+1 RETURNING version").fetchone()
                connection.execute("INSERT OR REPLACE INTO document VALUES(?,?,?,?,?)", (*where, version, value))
            return True

        return await self._store.run(write)

    async def versions(self, key: str, /, *kinds: str) -> tuple[int, ...]:
        """Read the numbers on this very thread; through the store's own when that cannot be."""
        query, what = _numbers(len(kinds)), (self._tenant, key, *kinds)
        try:
            return self._store.look(query, what)
        except StoreFailed:
            return await self._store.run(lambda connection: tuple(connection.execute(query, what).fetchone()))

    async def scan(self, kind: str, after: str = "", /) -> AsyncIterator[tuple[str, bytes]]:
        """Read page by page, so that no reader holds up the log's clean-up."""
        while True:
            page = await self._store.run(self._page(kind, after))
            for key, value in page:
                yield key, value
            if len(page) < _PAGE:
                return
            after = page[-1][0]

    def _page(self, kind: str, after: str) -> Callable[[sqlite3.Connection], list[tuple[str, bytes]]]:
        what = (self._tenant, kind, after, _PAGE)
        query = "SELECT key, value FROM document WHERE tenant=? AND kind=? AND key>? ORDER BY key LIMIT ?"
        return lambda connection: [(str(key), bytes(value)) for key, value in connection.execute(query, what)]


@lru_cache
def _numbers(count: int) -> str:
    """A statement that gives one row of so many versions, read at one moment. Values: tenant, key, kinds."""
    one = "coalesce((SELECT version FROM document WHERE tenant=?1 AND key=?2 AND kind=?{}), 0)"
    return "SELECT " + ", ".join(one.format(place + 3) for place in range(count))


class _Immediate:
    """A write transaction: the lock is taken at once, so that what is compared is what is set."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _file(path: Path) -> tuple[int, int]:
    """Which file is at this path: device and inode; nothing has (0, 0)."""
    try:
        found = os.stat(path)  # noqa: PTH116 (half the time of Path.stat, at every look)
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _why(error: sqlite3.Error) -> str:
    """Name the trouble; never the statement or its values."""
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    return f"the state file: {name}"
