"""What there is to verify or read: a ledger file, opened read-only, also while the gateway writes it.

Trusts nothing it reads, not even that a column holds what its type says. Stored bytes are handed on as they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


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


_CHUNK = 2_048
# A column may have been given another type, or nothing: then it is read as something no genuine value is.
_NOTE = "CAST(ifnull(size, -1) AS INTEGER), CAST(ifnull(note, x'') AS BLOB), CAST(ifnull(frontier, x'00') AS BLOB)"


class LedgerFile:
    """A ledger in SQLite, as one consistent state: use `opened`."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

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
        with _readable():
            cursor = self._database.execute(
                "SELECT idx, ts, leaf, body FROM log_record WHERE tenant = ? ORDER BY idx",
                (tenant,),
            )
            at = 0
            for size in [*sizes, None]:
                while size is None or at < size:
                    found = cursor.fetchmany(_CHUNK if size is None else min(_CHUNK, size - at))
                    if not found:
                        return
                    yield found
                    at += len(found)


@contextmanager
def opened(path: Path) -> Iterator[LedgerFile]:
    """Open a ledger file read-only in one read transaction; Unreadable when it is none."""
    if not path.is_file():
        raise Unreadable("no such file")
    database = _connected(path)
    try:
        with _readable():
            database.execute("BEGIN")
            database.execute("SELECT count(*) FROM log_head").fetchone()
        yield LedgerFile(database)
    finally:
        database.close()


def _connected(path: Path) -> sqlite3.Connection:
    """Connect read-only; where SQLite may not make its shared memory beside a closed ledger, read it as it lies."""
    wal = path.with_name(path.name + "-wal")
    address = f"{path.resolve().as_uri()}?mode=ro"
    with _readable():
        database = sqlite3.connect(address, uri=True, isolation_level=None)
        database.text_factory = _text
        try:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            database.close()
            if wal.exists() and wal.stat().st_size:
                raise
            database = sqlite3.connect(f"{address}&immutable=1", uri=True, isolation_level=None)
            database.text_factory = _text
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
