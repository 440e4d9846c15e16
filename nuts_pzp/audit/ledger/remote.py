"""A worker's side of the audit writer: the port `Audit` over a Unix socket (ADR 0022).

The worker seals and serializes; the writer process assigns index and time, hashes, signs and commits. A socket that is
lost fails everything that is pending, at once: nothing of it may be believed durable. Then it is dialled again, and
until it is there nothing is recorded and so nothing leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import structlog

from ...accounted import Event, Receipt
from ...identity import Tenant
from ...keys import BadKeyFile
from ..canonical import WALL, Clock
from ..page import Draft
from ..port import NotRecorded
from ..record import SYSTEM, Scribe
from ..seal import Seal
from . import frames
from .frames import Durable, Enter, Entered, Malformed, NotDurable, Reader, Refused, Why
from .ledger import Place
from .socket_name import at_socket
from .sqlite import StoreFailed
from .tail import Damaged
from .turn import Handed, Turn
from .waiting import Limits

E = TypeVar("E", bound=Event)

AWAY = "the audit writer is not there"
_ENTERING = 15.0
"""Seconds that opening a log may take."""
_SOONEST, _LATEST = 0.02, 1.0
"""Seconds between two attempts to reach the writer."""
_log = structlog.get_logger("nuts_pzp.audit.remote")
_ERRORS: dict[Why, type[Exception]] = {
    Why.DAMAGED: Damaged,
    Why.KEYS: BadKeyFile,
    Why.NOT_RECORDED: NotRecorded,
    Why.STORE: StoreFailed,
    Why.NAME: ValueError,
}


class RemoteAudit:
    """One tenant's log behind the port `Audit`, in the writer process."""

    def __init__(self, ledger: RemoteLedger, tenant: str, scribe: Scribe) -> None:
        self._ledger, self._tenant, self._scribe = ledger, tenant, scribe

    async def append(self, event: E, /) -> Receipt[E]:
        """Return when the record is durable; raise NotRecorded after two seconds, or at once when it cannot be."""
        connection = self._ledger.connection
        if connection is None:
            raise NotRecorded(AWAY)
        return await connection.turn.record(event, self._scribe, self._tenant)


class RemoteLedger:
    """The logs of a deployment, as a worker reaches them. `start` connects and stays connected; `aclose` ends it."""

    def __init__(self, place: Place, path: Path, wall: Clock = WALL) -> None:
        """`place` as the writer has it; of its files a worker uses the encryption keys only. `path`: the socket."""
        self.place, self._path, self._wall = place, path, wall
        self.connection: _Connection | None = None
        """To the writer, once every log that was entered is entered on it; None while there is none."""
        self._entered: dict[str, Tenant] = {}
        self._task: asyncio.Task[None] | None = None
        self._there = asyncio.Event()
        self.system = self._audit(SYSTEM, None)

    async def start(self, within: float = 30.0) -> None:
        """Connect; StoreFailed when the writer is not there in time."""
        self._task = asyncio.create_task(self._stay())
        try:
            async with asyncio.timeout(within):
                await self._there.wait()
        except TimeoutError:
            await self.aclose()
            raise StoreFailed(AWAY) from None

    async def enter(self, tenant: Tenant, /) -> RemoteAudit:
        """Return the tenant's log; Damaged, BadKeyFile, StoreFailed, ValueError or NotRecorded when it cannot be."""
        connection = self.connection
        if connection is None:
            raise NotRecorded(AWAY)
        await connection.enter(tenant)
        self._entered[tenant.id] = tenant
        return self._audit(tenant.id, tenant)

    def trouble(self) -> str | None:
        """Say why nothing can be recorded from here, or None."""
        return AWAY if self.connection is None else None

    async def aclose(self) -> None:
        """Let go of the writer; what is pending fails. Whoever waits for a record must have ended before."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _audit(self, id_: str, whose: Tenant | None) -> RemoteAudit:
        node = {"node": self.place.name, "version": self.place.version}
        scribe = Scribe(whose, Seal(self.place.keys / id_, id_), node, wall=self._wall)
        return RemoteAudit(self, id_, scribe)

    async def _stay(self) -> None:
        """Connect, enter what was entered before, and do it again when it is lost."""
        pause = _SOONEST
        while True:
            connection = _Connection(self.place.limits)
            try:
                await connection.dial(self._path)
                for tenant in tuple(self._entered.values()):
                    await self._enter_again(connection, tenant)
                self.connection, pause = connection, _SOONEST
                self._there.set()
                await connection.lost.wait()
                _log.error("audit.writer-lost", pending=connection.failed)
            except (OSError, NotRecorded, Malformed):
                pass  # not there yet, or no longer: the pause, then once more
            except Exception as bug:  # as above, for nobody else would dial again
                _log.error("audit.writer-not-dialled", error=type(bug).__name__)
            finally:
                self.connection = None
                connection.end(AWAY)
            await asyncio.sleep(pause)
            pause = min(_LATEST, pause * 2)

    async def _enter_again(self, connection: _Connection, tenant: Tenant) -> None:
        """Enter a log that was open before; one that cannot be any more fails alone, at its next record."""
        try:
            await connection.enter(tenant)
        except NotRecorded:
            raise
        except tuple(_ERRORS.values()) as error:
            _log.error("audit.log-refused", tenant=tenant.id, why=str(error))


class _Connection(asyncio.Protocol):
    """One connection to the writer. Records are answered in the order in which they were handed in."""

    def __init__(self, limits: Limits) -> None:
        self._loop = asyncio.get_running_loop()
        self.turn: Turn[str] = Turn(self._loop, self._over, limits.deadline)
        self.lost = asyncio.Event()
        self.failed = 0
        """How many records were pending when it was lost."""
        self._most, self._most_bytes = limits.waiting, limits.waiting_bytes
        self._transport: asyncio.Transport | None = None
        self._reader, self._greeted = Reader(), False
        self._numbers = {SYSTEM: 0}
        self._asked: dict[int, asyncio.Future[int]] = {}
        self._requests = self._seq = 0
        self._pending: deque[tuple[int, int, asyncio.Future[int]]] = deque()
        self._bytes = 0

    async def dial(self, path: Path) -> None:
        """Connect and greet; OSError or Malformed."""
        with at_socket(path) as name:
            await self._loop.create_unix_connection(lambda: self, name)
        assert self._transport is not None
        self._transport.write(frames.hello())

    async def enter(self, tenant: Tenant) -> None:
        """Have the writer open a log; raise what refused it there, NotRecorded when nothing is heard."""
        if self._transport is None:
            raise NotRecorded(AWAY)
        own = tenant.organization
        self._requests += 1
        future: asyncio.Future[int] = self._loop.create_future()
        self._asked[self._requests] = future
        texts = (tenant.id, own.ura.value, own.type, own.name, own.phone)
        self._transport.write(frames.enter(Enter(self._requests, texts)))
        try:
            async with asyncio.timeout(_ENTERING):
                self._numbers[tenant.id] = await future
        except TimeoutError:
            raise NotRecorded("the audit writer did not open the log in time") from None

    def _over(self, handed: Sequence[Handed[str]]) -> None:
        """Send what one turn of the loop brought."""
        written = []
        for one in handed:
            if (draft := one.write()) is not None:
                try:
                    written.append(self._framed(one.log, draft, one.future))
                except NotRecorded as error:
                    one.fail(error)
        if written and self._transport is not None:
            self._transport.write(b"".join(written))

    def _framed(self, tenant: str, draft: Draft, future: asyncio.Future[int]) -> bytes:
        """Return a record as it is sent, and await its answer; NotRecorded when too much is pending already."""
        number = self._numbers.get(tenant)
        if self._transport is None or number is None:
            raise NotRecorded(AWAY if self._transport is None else "the writer refused this log")
        size = draft.size
        if len(self._pending) >= self._most or self._bytes + size > self._most_bytes:
            raise NotRecorded("too many records wait")
        try:
            written = frames.record(self._seq + 1, number, draft)
        except Malformed as error:
            raise NotRecorded(str(error)) from None
        self._seq += 1
        self._bytes += size
        self._pending.append((self._seq, size, future))
        return written

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.end("the connection to the audit writer was lost")

    def end(self, why: str) -> None:
        """Close, and fail whatever is pending; idempotent."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self.failed += len(self._pending)
        waiting = [future for _, _, future in self._pending] + list(self._asked.values())
        self._pending.clear()
        self._asked.clear()
        self._bytes = 0
        for future in waiting:
            _fail(future, NotRecorded(why))
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.frames(data):
                self._hear(frame)
        except Malformed as error:
            _log.error("audit.writer-not-understood", why=str(error), alarm="security")
            self.end("the audit writer was not understood")

    def _hear(self, frame: bytes) -> None:
        if not self._greeted:
            frames.greeted(frame)
            self._greeted = True
            return
        heard = frames.read(frame)
        match heard:
            case Durable():
                self._durable(heard)
            case NotDurable():
                self._not_durable(heard)
            case Entered() | Refused():
                self._answered(heard)
            case _:
                raise Malformed("a frame that only a worker sends")

    def _durable(self, heard: Durable) -> None:
        pending = self._pending
        for index in heard.indexes:
            if not pending or pending[0][0] > heard.upto:
                raise Malformed("more records are durable than were handed in")
            _, size, future = pending.popleft()
            self._bytes -= size
            if not future.done():
                future.set_result(index)
        if pending and pending[0][0] <= heard.upto:
            raise Malformed("fewer records are durable than were handed in")

    def _not_durable(self, heard: NotDurable) -> None:
        found = next((one for one in self._pending if one[0] == heard.seq), None)
        if found is None:
            raise Malformed("a record that was not handed in is refused")
        self._pending.remove(found)
        self._bytes -= found[1]
        _fail(found[2], NotRecorded(heard.words))

    def _answered(self, heard: Entered | Refused) -> None:
        future = self._asked.pop(heard.request, None)
        if future is None:
            raise Malformed("an answer to nothing that was asked")
        if isinstance(heard, Refused):
            _fail(future, _ERRORS[heard.why](heard.words))
        elif not future.done():
            future.set_result(heard.log)


def _fail(future: asyncio.Future[int], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
