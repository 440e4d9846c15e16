"""The search index: derived from the ledger, in a file and a thread of its own, never in a commit (spec audit 3.5).

May be wrong or lost without harm: it is rebuilt from the records. Holds no BSN, only its keyed lookup value.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ..identity import Bsn
from .seal import Seal, Sealed

_log = structlog.get_logger("nuts_pzp.audit.index")
_PIECE = 32
"""Records read, understood and written in one go: whoever answers a request waits for the interpreter that long."""
_BATCH = 16 * _PIECE
_PAUSE = 0.5
"""Seconds after a batch that was not full: under load few large ones cost least."""
_REST = 3.0
"""Rest after a full batch, in times of what the batch took: the index may lag, the ledger may not wait."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log_index(tenant TEXT, idx INTEGER, ts TEXT, patient_hmac BLOB, key_ver TEXT,
  user_key TEXT, org TEXT, kind TEXT, code TEXT, outcome TEXT, reason TEXT, btg INTEGER, corr TEXT,
  PRIMARY KEY(tenant, idx));
CREATE INDEX IF NOT EXISTS by_patient ON log_index(tenant, patient_hmac);
CREATE INDEX IF NOT EXISTS by_correlation ON log_index(tenant, corr);
CREATE INDEX IF NOT EXISTS by_user ON log_index(tenant, user_key);
CREATE TABLE IF NOT EXISTS index_state(tenant TEXT PRIMARY KEY, next INTEGER NOT NULL);
"""
_ROW = f"({','.join('?' * 13)})"
_INSERT = f"INSERT OR REPLACE INTO log_index VALUES {_ROW}"  # noqa: S608 (fixed columns)
_INSERT_PIECE = _INSERT + f",{_ROW}" * (_PIECE - 1)
_NEXT = """SELECT count(*), max(idx), group_concat(CAST(body AS TEXT), char(10)) FROM
  (SELECT idx, body FROM log_record WHERE tenant = ? AND idx >= ? ORDER BY idx LIMIT ?)"""
"""A piece as lines: one row, as every row gives up the interpreter and waits for it again."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """What to look for; what is left empty matches everything. `user` is `URA|employee id`, times are RFC 3339 UTC."""

    bsn: Bsn | None = None
    correlation: str = ""
    user: str = ""
    org: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""
    after: int = -1
    limit: int = 200


class SearchIndex:
    """Follows the ledger of one file. `seals` are the tenants' keys, looked up as tenants come."""

    def __init__(self, ledger: Path, seals: Mapping[str, Seal]) -> None:
        self._ledger, self._seals = ledger, seals
        self.path = ledger.with_name(ledger.name + ".index")
        self._turn = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit-index", daemon=True)
        self._next: dict[str, int] = {}
        self._open: tuple[sqlite3.Connection, sqlite3.Connection] | None = None
        """Index and ledger. Kept: SQLite folds, syncs and deletes a write-ahead log when its last connection closes,
        and on the same disk the next commit of the ledger would wait for that."""

    @property
    def done(self) -> int:
        """How many records of all logs are in the index."""
        return sum(self._next.copy().values())

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is not indexed yet is indexed after the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)
        if self._turn.acquire(timeout=1.0):
            self._let_go()
            self._turn.release()

    def rebuild(self) -> None:
        """Throw the index away; it fills again from the first record."""
        with self._turn:
            self._forget()
            self._next = {}

    def _forget(self) -> None:
        self._let_go()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def find(self, tenant: str, criteria: Criteria) -> list[int]:
        """Return the indexes of matching records, oldest first, as far as the index has come."""
        clauses, values = ["tenant = ?", "idx > ?"], [tenant, criteria.after]
        for clause, value in _clauses(criteria):
            clauses.append(clause)
            values.append(value)
        if criteria.bsn:
            seal = self._seals.get(tenant)
            lookups = list(seal.lookups(criteria.bsn).values()) if seal else []
            clauses.append(f"patient_hmac IN ({','.join('?' * len(lookups))})")
            values.extend(lookups)
        query = f"SELECT idx FROM log_index WHERE {' AND '.join(clauses)} ORDER BY idx LIMIT ?"  # noqa: S608 (fixed clauses)
        with self._turn, closing(self._opened()) as database:
            return [row[0] for row in database.execute(query, [*values, criteria.limit])]

    def advance(self) -> int:
        """Index one batch of every log; return how many records that were."""
        with self._turn:
            try:
                if self._open is None:
                    self._open = self._opened(), _read_only(self._ledger)
                index, ledger = self._open
                return sum(self._follow(index, ledger, tenant) for tenant in list(self._seals))
            except sqlite3.DatabaseError as error:
                _log.error("audit.index", error=getattr(error, "sqlite_errorname", type(error).__name__))
                self._let_go()
                self._next = {}
                if not isinstance(error, sqlite3.OperationalError):
                    self._forget()  # not a database any more: begin anew
                return 0

    def _let_go(self) -> None:
        held, self._open = self._open, None
        for connection in held or ():
            connection.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.perf_counter()
            try:
                advanced = self.advance()
            except Exception as error:  # the lag shows it; the ledger goes on
                _log.error("audit.index", error=type(error).__name__)
                advanced = 0
            rest = _REST * (time.perf_counter() - began) if advanced >= _BATCH else _PAUSE
            self._stopping.wait(rest)

    def _opened(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        if not self._next:
            database.execute("PRAGMA journal_mode=WAL")
            database.executescript(_SCHEMA)
            self._next = dict(database.execute("SELECT tenant, next FROM index_state"))
            self.path.chmod(0o600)
        database.execute("PRAGMA synchronous=NORMAL")
        return database

    def _follow(self, index: sqlite3.Connection, ledger: sqlite3.Connection, tenant: str) -> int:
        began = at = self._next.get(tenant, 0)
        pieces: list[list[tuple[Any, ...]]] = []
        known: dict[tuple[str, str], bytes] = {}
        while at < began + _BATCH:
            count, last, lines = ledger.execute(_NEXT, (tenant, at, _PIECE)).fetchone()
            if not count:
                break
            pieces.append(
                [(tenant, *_columns(self._seals[tenant], one, known)) for one in _RECORDS.decode_lines(lines)]
            )
            at = last + 1
        if pieces:
            _write(index, pieces, tenant, at)
        self._next[tenant] = at
        return sum(map(len, pieces))


def _write(index: sqlite3.Connection, pieces: list[list[tuple[Any, ...]]], tenant: str, following: int) -> None:
    index.execute("BEGIN")
    for rows in pieces:
        if len(rows) == _PIECE:
            index.execute(_INSERT_PIECE, [value for row in rows for value in row])
        else:
            index.executemany(_INSERT, rows)
    index.execute("INSERT OR REPLACE INTO index_state VALUES (?, ?)", (tenant, following))
    index.execute("COMMIT")


def _clauses(criteria: Criteria) -> list[tuple[str, Any]]:
    given = (
        ("corr = ?", criteria.correlation),
        ("user_key = ?", criteria.user),
        ("org = ?", criteria.org),
        ("outcome = ?", criteria.outcome),
        ("ts >= ?", criteria.since),
        ("ts < ?", criteria.until),
    )
    return [(clause, value) for clause, value in given if value]


class _Event(msgspec.Struct):
    kind: str
    code: str


class _Outcome(msgspec.Struct):
    kind: str
    reason: str = ""


class _Requester(msgspec.Struct):
    ura: str = ""


class _Organizations(msgspec.Struct):
    requester: _Requester | None = None


class _User(msgspec.Struct):
    id: str = ""


class _Checks(msgspec.Struct):
    btg: bool | None = None


class _Patient(msgspec.Struct):
    enc: str
    kid: str


class _Record(msgspec.Struct):
    """What the index needs of a record; the rest is not even read."""

    id: str
    idx: int
    ts: str
    event: _Event
    outcome: _Outcome
    checks: _Checks | None = None
    correlation: str = ""
    org: _Organizations | None = None
    patient: _Patient | None = None
    user: _User | None = None


_RECORDS = msgspec.json.Decoder(_Record)


def _columns(seal: Seal, record: _Record, known: dict[tuple[str, str], bytes]) -> tuple[Any, ...]:
    year = record.ts[:4]
    requester = record.org.requester.ura if record.org and record.org.requester else ""
    return (
        record.idx,
        record.ts,
        _lookup(seal, record.id, record.patient, year, known) if record.patient else None,
        year,
        f"{requester}|{record.user.id}" if record.user and record.user.id else "",
        requester,
        record.event.kind,
        record.event.code,
        record.outcome.kind,
        record.outcome.reason,
        int(bool(record.checks and record.checks.btg)),
        record.correlation,
    )


def _lookup(seal: Seal, id_: str, patient: _Patient, year: str, known: dict[tuple[str, str], bytes]) -> bytes | None:
    """Return the lookup value of the record's patient; None once its key is destroyed. `known`: of this batch."""
    try:
        bsn = seal.open(patient.kid, f"{id_}|bsn", patient.enc)
    except Sealed:
        return None
    if (found := known.get((bsn, year))) is None:
        found = known[bsn, year] = seal.lookup(Bsn(bsn), year)
    return found


def _read_only(path: Path) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    database = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    database.text_factory = bytes
    return database
