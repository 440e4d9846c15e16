"""The store in a PostgreSQL database that all replicas share: one statement per change, nothing cached, nothing stale.

Trusts the one server that takes writes and what it says is committed. Every way in which that server can be away, slow
or dumb ends in StoreFailed within `LONGEST` seconds (ADR 0078). No statement, value or address enters a message.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from ..identity import Tenant
from .port import StoreFailed
from .postgres_line import Line, Resting, failure, fresh, open_line
from .postgres_schema import prepare

T = TypeVar("T")

LARGEST = 1_048_576
"""Bytes of one document."""
LONGEST = 4.0
"""Seconds until whoever waits is told that it failed; what still runs then is cut off."""
THREADS = 8
"""Connections of one process, at most."""
_REST = 0.5
_PAGE = 200

_WHERE = "tenant=%s AND kind=%s AND key=%s"
_VERSIONS = "SELECT kind, version FROM pzp_document WHERE tenant=%s AND key=%s AND kind IN "
_GET = f"SELECT value, version FROM pzp_document WHERE {_WHERE}"  # noqa: S608 (no values in it)
_FIRST = "INSERT INTO pzp_document(tenant, kind, key, version, value) VALUES(%s,%s,%s,%s,%s) ON CONFLICT DO NOTHING"
_CHANGE = f"UPDATE pzp_document SET version=%s, value=%s WHERE {_WHERE} AND version=%s"  # noqa: S608
_REMOVE = f"DELETE FROM pzp_document WHERE {_WHERE} AND version=%s"  # noqa: S608
_LISTS = ("", "(%s)", "(%s,%s)", "(%s,%s,%s)")
"""By how many: an array of them takes psycopg half as long again."""
_SCAN = "SELECT key, value FROM pzp_document WHERE tenant=%s AND kind=%s AND key>%s ORDER BY key LIMIT %s"

Work = Callable[[Line], T]


class PostgresStore:
    """The database. `of` gives one tenant's part; `close` ends it. One connection per thread, made when needed."""

    def __init__(self, dsn: str, roots: Path | None = None) -> None:
        """Connect and bring the tables up to date; raise StoreFailed when the database cannot be used as it should.

        `dsn`: libpq's, without anything that a service file or the environment would add. `roots`: PEM file that the
        server's certificate must lead to; not needed on loopback.
        """
        self._dsn, self._roots = dsn, roots
        self._local = threading.local()
        self._rests_until = float("-inf")
        self._closed = False
        self._lines: set[Line] = set()
        self._turn = threading.Lock()
        try:
            line = open_line(dsn, roots)
            try:
                prepare(line)
            finally:
                line.close()
        except psycopg.Error as error:
            raise StoreFailed(failure(error)) from None
        self._pool = ThreadPoolExecutor(THREADS, "store")

    def __repr__(self) -> str:
        return "PostgresStore()"

    def of(self, tenant: Tenant) -> TenantRows:
        """Return the part of one tenant: the only one it can see."""
        return TenantRows(self, tenant.id)

    def close(self) -> None:
        """Finish what runs, within `LONGEST` seconds, and let go of the connections; idempotent."""
        self._closed = True
        late = threading.Timer(LONGEST, self._cut)
        late.daemon = True
        late.start()
        self._pool.shutdown(cancel_futures=True)
        late.cancel()
        with self._turn:
            for line in self._lines:
                line.close()
            self._lines.clear()

    async def run(self, work: Work[T], *, again: bool) -> T:
        """Do this work on a thread of the store; raise StoreFailed. Work that began is finished, cancelled or not.

        `again`: it may be done twice, so a connection that turns out dead costs another try and no failure.
        """
        loop, taken = asyncio.get_running_loop(), _Taken()

        def guarded() -> T:
            try:
                return self._do(work, again, taken)
            finally:
                taken.give_back()

        try:
            future: Future[T] = self._pool.submit(guarded)
        except RuntimeError:
            raise StoreFailed("the store is closed") from None
        # Also for whoever was cancelled: a thread must never wait for a server that says nothing.
        late = loop.call_later(LONGEST, taken.cut)
        waited = asyncio.wrap_future(future)
        waited.add_done_callback(lambda _: late.cancel() if future.done() else None)
        try:
            return await asyncio.wait_for(waited, LONGEST)
        except TimeoutError:
            taken.cut()
            raise StoreFailed("the state database: no answer in time") from None

    def _do(self, work: Work[T], again: bool, taken: _Taken) -> T:
        for last in (not again, True):
            try:
                line = self._line()
                taken.take(line)
                return work(line)
            except psycopg.Error as error:
                dead = self._dropped(taken)
                if last or not dead:
                    raise StoreFailed(failure(error)) from None
        raise AssertionError("unreachable")

    def _line(self) -> Line:
        """This thread's connection, or a new one. After a failure to connect nobody tries for half a second."""
        if self._closed:
            raise StoreFailed("the store is closed")
        found: Line | None = getattr(self._local, "line", None)
        if found is not None and fresh(found):
            return found
        self._forget(found)
        if time.monotonic() < self._rests_until:
            raise Resting
        try:
            line = open_line(self._dsn, self._roots)
        except psycopg.Error:
            self._rests_until = time.monotonic() + _REST
            raise
        with self._turn:
            self._lines.add(line)
        self._local.line = line
        return line

    def _dropped(self, taken: _Taken) -> bool:
        """Let go of this thread's connection when it is broken; say whether it was."""
        line: Line | None = getattr(self._local, "line", None)
        if line is None or not line.closed:
            return False
        taken.give_back()
        self._forget(line)
        return True

    def _forget(self, line: Line | None) -> None:
        if line is not None:
            with self._turn:
                self._lines.discard(line)
            line.close()
        self._local.line = None

    def _cut(self) -> None:
        with self._turn:
            for line in self._lines:
                line.cut()


class _Taken:
    """The connection that a piece of work has taken, as long as it has it: what may be cut off from outside."""

    def __init__(self) -> None:
        self._line: Line | None = None
        self._turn = threading.Lock()

    def take(self, line: Line) -> None:
        with self._turn:
            self._line = line

    def give_back(self) -> None:
        with self._turn:
            self._line = None

    def cut(self) -> None:
        with self._turn:
            if self._line is not None:
                self._line.cut()


class TenantRows:
    """The port over one tenant's rows."""

    def __init__(self, store: PostgresStore, tenant: str) -> None:
        self._store, self._tenant = store, tenant

    async def get(self, kind: str, key: str, /) -> tuple[bytes, int]:
        """Read one document as it is now."""
        found = await self._store.run(lambda line: line.rows(_GET, (self._tenant, kind, key)), again=True)
        return (bytes(found[0][0]), int(found[0][1])) if found else (b"", 0)

    async def put(self, kind: str, key: str, value: bytes | None, was: int, /) -> bool:
        """Change one document if nobody did meanwhile, in one statement. ValueError for one that is too large."""
        if value is not None and len(value) > LARGEST:
            raise ValueError(f"a document of more than {LARGEST} bytes")
        if value is None and not was:
            return await self.versions(key, kind) == (0,)
        where = (self._tenant, kind, key)
        # Drawn, not counted: a number that a standby has not heard of when it takes over is not given out again.
        drawn = secrets.randbits(62) + 1
        statement: tuple[str, tuple[Any, ...]]
        if value is None:
            statement = _REMOVE, (*where, was)
        elif was:
            statement = _CHANGE, (drawn, value, *where, was)
        else:
            statement = _FIRST, (*where, drawn, value)
        return await self._store.run(lambda line: line.changed(*statement) == 1, again=False)

    async def versions(self, key: str, /, *kinds: str) -> tuple[int, ...]:
        """Read the numbers: one small round trip."""
        query, what = _VERSIONS + _LISTS[len(kinds)], (self._tenant, key, *kinds)
        found = dict(await self._store.run(lambda line: line.rows(query, what), again=True))
        return tuple(int(found.get(kind, 0)) for kind in kinds)

    async def scan(self, kind: str, after: str = "", /) -> AsyncIterator[tuple[str, bytes]]:
        """Read page by page."""
        while True:
            what = (self._tenant, kind, after, _PAGE)
            page = await self._store.run(lambda line, what=what: line.rows(_SCAN, what), again=True)  # type: ignore[misc]
            for key, value in page:
                yield str(key), bytes(value)
            if len(page) < _PAGE:
                return
            after = str(page[-1][0])
