"""What there is to verify or read: a ledger file, opened read-only, also while the gateway writes it.

Trusts nothing it reads, not even that a column holds what its type says. Stored bytes are handed on as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class Unreadable(Exception):
    """The file or folder cannot be read as a ledger. Says why, in fixed words."""


Chunk = Sequence[tuple[int, str | None, bytes | None, bytes]]
"""Records in order: (idx, ts, leaf hash, body). `ts` and leaf stand beside a record; None where nothing does.

In a damaged ledger a value may be of any type that SQLite has: compare, never trust.
"""


@dataclass(frozen=True, slots=True)
class StoredNote:
    """One stored checkpoint: the size it is filed under, the note, and the frontier beside it if any."""

    size: int
    note: bytes
    frontier: bytes | None


@dataclass(frozen=True, slots=True)
class StoredLog:
    """One log as its head describes it. `head` is None when records stand there without one."""

    tenant: str
    origin: str
    head: StoredNote | None


def body_of(row: tuple[int, str | None, bytes | None, bytes]) -> bytes:
    """Return a record's bytes for reading them; Unreadable when they are of another type."""
    if type(row[3]) is not bytes:
        raise Unreadable(f"record {row[0]} is damaged")
    return row[3]


class Material(Protocol):
    """Where the logs come from. Everything may raise Unreadable."""

    def logs(self) -> list[StoredLog]:
        """Return every log, also one of which only records are left."""
        ...

    def checkpoints(self, tenant: str) -> list[StoredNote]:
        """Return the kept checkpoints of one log, smallest first."""
        ...

    def chunks(self, tenant: str, sizes: list[int]) -> Iterator[Chunk]:
        """Yield all records of one log in order as (idx, ts, leaf, body); a list ends at each of these sizes."""
        ...


_CHUNK = 256
"""Records that fit a processor's cache while they are hashed and parsed."""
_LARGEST_VALUE = 1_048_576
_MAPPED = 2_000_000_000
_TABLES = ("log_checkpoint", "log_head", "log_record")
# A column may have been given another type, or nothing: then it is read as something no genuine value is.
_NOTE = "CAST(ifnull(size, -1) AS INTEGER), CAST(ifnull(note, x'') AS BLOB), CAST(ifnull(frontier, x'00') AS BLOB)"


class LedgerFile:
    """A ledger in SQLite, as one consistent state: use `opened`."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database, self.path = database, path

    def logs(self) -> list[StoredLog]:
        """Return every log that has a head, or records."""
        with _readable():
            heads = self._database.execute(
                f"SELECT CAST(tenant AS TEXT), CAST(ifnull(origin, '') AS TEXT), {_NOTE} FROM log_head ORDER BY tenant"  # noqa: S608 (fixed columns)
            )
            logs = {row[0]: StoredLog(row[0], row[1], StoredNote(row[2], row[3], row[4])) for row in heads}
            tenant = ""
            while True:
                query = "SELECT min(tenant) FROM log_record WHERE tenant > ?"
                tenant = self._database.execute(query, (tenant,)).fetchone()[0]
                if tenant is None:
                    return list(logs.values())
                logs.setdefault(str(tenant), StoredLog(str(tenant), "", None))

    def checkpoints(self, tenant: str) -> list[StoredNote]:
        """Return the kept checkpoints of one log, smallest first."""
        with _readable():
            rows = self._database.execute(
                f"SELECT {_NOTE} FROM log_checkpoint WHERE tenant = ? ORDER BY size",  # noqa: S608 (fixed columns)
                (tenant,),
            )
            return [StoredNote(*row) for row in rows]

    def chunks(self, tenant: str, sizes: list[int]) -> Iterator[Chunk]:
        """Yield all records of one log in order."""
        return self._read("tenant = ?", (tenant,), sizes)

    def span(self, tenant: str, start: int, stop: int) -> Iterator[Chunk]:
        """Yield the records `start <= idx < stop` of one log in order."""
        return self._read("tenant = ? AND idx >= ? AND idx < ?", (tenant, start, stop), [])

    def count(self, tenant: str) -> int:
        """Return how many records of one log there are, whatever their index."""
        with _readable():
            query = "SELECT count(*) FROM log_record WHERE tenant = ?"
            return int(self._database.execute(query, (tenant,)).fetchone()[0])

    def _read(self, which: str, values: tuple[object, ...], sizes: list[int]) -> Iterator[Chunk]:
        where = f"FROM log_record WHERE {which} ORDER BY idx"
        at = 0
        with _readable():
            cursor = self._database.execute(f"SELECT idx, ts, leaf, body {where}", values)
            for size in [*sizes, None]:
                while size is None or at < size:
                    try:
                        found = cursor.fetchmany(_CHUNK if size is None else min(_CHUNK, size - at))
                    except sqlite3.DataError:
                        yield from self._until_too_large(where, values, at)
                        return
                    if not found:
                        return
                    yield found
                    at += len(found)

    def _until_too_large(self, where: str, values: tuple[object, ...], at: int) -> Iterator[Chunk]:
        """Yield what comes before a record that no record can be as large as, and nothing in its place."""
        one = f"{where} LIMIT 1 OFFSET ?"
        try:
            while found := self._database.execute(f"SELECT idx, ts, leaf, body {one}", (*values, at)).fetchall():
                yield found
                at += 1
        except sqlite3.DataError:
            idx = self._database.execute(f"SELECT idx {one}", (*values, at)).fetchone()[0]
            nothing: Any = None
            yield [(idx, None, None, nothing)]


@contextmanager
def opened(path: Path, *, mapped: bool = False) -> Iterator[LedgerFile]:
    """Open a ledger file read-only in one read transaction; Unreadable when it is none.

    `mapped` reads faster, but ends the process when somebody shortens the file meanwhile.
    """
    try:
        path = path.resolve()  # the write-ahead log lies beside the file, not beside a link to it
        found = path.is_file()
    except (OSError, RuntimeError):  # RuntimeError: links that lead to each other
        found = False
    if not found:
        raise Unreadable("no such file")
    database = _connected(path)
    try:
        with _readable():
            database.execute("BEGIN")
            database.execute("SELECT count(*) FROM log_head").fetchone()
            _expect_tables(database)
            if mapped:
                database.execute(f"PRAGMA mmap_size={_MAPPED}")
        yield LedgerFile(database, path)
    finally:
        database.close()


def _expect_tables(database: sqlite3.Connection) -> None:
    """Refuse what computes its content, or does things when read, in the place of a stored table."""
    for table in _TABLES:
        found = database.execute("SELECT type, rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchall()
        hidden = database.execute("SELECT 1 FROM pragma_table_xinfo(?) WHERE hidden", (table,)).fetchone()
        if len(found) != 1 or found[0][0] != "table" or not found[0][1] or hidden:
            raise Unreadable(f"{table} is not a stored table")


def _connected(path: Path) -> sqlite3.Connection:
    """Connect read-only; where SQLite may not make its shared memory beside a closed ledger, read it as it lies."""
    wal = path.with_name(path.name + "-wal")
    address = f"{path.as_uri()}?mode=ro"
    with _readable():
        database = _guarded(address)
        try:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            database.close()
            if wal.exists() and wal.stat().st_size:
                raise
            database = _guarded(f"{address}&immutable=1")
    return database


def _guarded(address: str) -> sqlite3.Connection:
    """Connect to a file that anybody may have made."""
    database = sqlite3.connect(address, uri=True, isolation_level=None)
    database.text_factory = _text
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
    database.execute("PRAGMA trusted_schema=OFF")
    database.execute("PRAGMA query_only=ON")
    return database


def _text(raw: bytes) -> str:
    """Read a damaged text as something that no genuine text is, instead of failing."""
    return raw.decode("utf-8", "replace")


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unreadable(f"not readable as a ledger ({getattr(error, 'sqlite_errorname', 'SQLite error')})") from None
