"""The audit writer's door: workers hand in records over a Unix socket, and hear when they are durable (ADR 0022).

Trusts the mode of the socket (0600) and the kernel's word for the user at the other end, not what is sent: a frame out
of layout, out of order, or for another tenant's log ends the connection, and what was pending on it fails there. Only
the writer's thread assigns index and time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

import structlog

from ...identity import NotAnIdentifier, Organization, Tenant, Ura
from ...keys import BadKeyFile
from ..port import NotRecorded
from ..record import SYSTEM
from . import frames
from .frames import Enter, Entered, Malformed, Reader, Record, Refused, Why
from .ledger import Ledger
from .log import Log
from .socket_name import at_socket
from .sqlite import StoreFailed
from .tail import Damaged
from .waiting import Settled, Waiting

_log = structlog.get_logger("nuts_pzp.audit.reception")
_CONNECTIONS = 64
_UNREAD = 1_048_576
"""Bytes of answers that a worker may leave unread."""
_WHY: dict[type[Exception], Why] = {
    Damaged: Why.DAMAGED,
    BadKeyFile: Why.KEYS,
    NotRecorded: Why.NOT_RECORDED,
    StoreFailed: Why.STORE,
    ValueError: Why.NAME,
    NotAnIdentifier: Why.NAME,
}


class Reception:
    """Listens for workers on a socket in front of an open ledger, which it does not close."""

    def __init__(self, ledger: Ledger, path: Path) -> None:
        self._ledger, self._path = ledger, path
        self._logs: list[Log] = [ledger.system.log]
        self._marks: list[bytes] = [_mark(SYSTEM)]
        self._turn = asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._leaving = asyncio.Event()

    async def start(self) -> None:
        """Listen; OSError when that cannot be. Whoever holds the ledger's lock owns the name, so a leftover goes."""
        listener = _listening(self._path)
        self._server = await asyncio.get_running_loop().create_unix_server(self._connected, sock=listener)

    async def stop(self) -> None:
        """Take nothing more: close the door and every connection. What was handed in is still written."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            self._path.unlink(missing_ok=True)
        for one in tuple(self._connections):
            one.close()

    @property
    def workers(self) -> int:
        """How many are connected."""
        return len(self._connections)

    async def left(self, within: float) -> None:
        """Return once no worker is connected, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._connections:
                    self._leaving.clear()
                    await self._leaving.wait()

    def _connected(self) -> _Connection:
        return _Connection(self)

    def admit(self, connection: _Connection) -> bool:
        """Take a connection in; False when there are too many."""
        if len(self._connections) >= _CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: _Connection) -> None:
        """Let a connection go."""
        self._connections.discard(connection)
        self._leaving.set()

    async def enter(self, asked: Enter) -> Entered | Refused:
        """Open a tenant's log, one at a time, away from the loop: verifying its tail may take a while."""
        id_, ura, type_, name, phone = asked.texts
        try:
            tenant = Tenant(id_, Organization(Ura.parse(ura), type_, name, phone))
            async with self._turn:
                log = (await asyncio.to_thread(self._ledger.of, tenant)).log
        except tuple(_WHY) as error:
            why = next(why for kind, why in _WHY.items() if isinstance(error, kind))
            return Refused(asked.request, why, str(error))
        except Exception as bug:  # this log fails alone; whoever asked for it must hear so
            return Refused(asked.request, Why.STORE, f"could not be opened: {type(bug).__name__}")
        if log not in self._logs:
            self._logs.append(log)
            self._marks.append(_mark(id_))
        return Entered(asked.request, self._logs.index(log))

    def take(self, record: Record, connection: _Connection) -> None:
        """Hand one record to the writer; NotRecorded when it takes nothing, Malformed for one that is none."""
        if record.log >= len(self._logs):
            raise Malformed("a log that nobody entered")
        one, two, three, four = record.draft.parts
        whole = one.startswith(b'{"') and four.endswith(b"}") and one.endswith(b'"idx":')
        if not (whole and two.endswith(b',"prev_ts_mono":') and three.endswith(b',"ts":')):
            raise Malformed("not a record")
        if self._marks[record.log] not in three:
            raise Malformed("a record of another tenant")
        self._ledger.submit(Waiting(self._logs[record.log], record.draft, record.seq, connection))


class _Connection(asyncio.Protocol):
    """One worker."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._loop = asyncio.get_running_loop()
        self._reader = Reader()
        self._greeted = False
        self._last = 0
        self._transport: asyncio.Transport | None = None
        self._entering: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        if not self._reception.admit(self) or not _same_user(transport.get_extra_info("socket")):
            transport.abort()
            return
        transport.write(frames.hello())

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._reception.leave(self)
        for task in self._entering:
            task.cancel()

    def close(self) -> None:
        """End it once what is written has left."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.frames(data):
                self._hear(frame)
        except Malformed as error:
            _log.error("audit.worker-not-understood", why=str(error), alarm="security")
            if self._transport is not None:
                self._transport.abort()

    def _hear(self, frame: bytes) -> None:
        if not self._greeted:
            frames.greeted(frame)
            self._greeted = True
            return
        heard = frames.read(frame)
        if isinstance(heard, Record):
            self._record(heard)
        elif isinstance(heard, Enter):
            task = self._loop.create_task(self._enter(heard))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)
        else:
            raise Malformed("a frame that only the writer sends")

    def _record(self, record: Record) -> None:
        if record.seq != self._last + 1:
            raise Malformed("a record out of order")
        self._last = record.seq
        try:
            self._reception.take(record, self)
        except NotRecorded as error:
            self._write(frames.not_durable(record.seq, str(error)))

    async def _enter(self, asked: Enter) -> None:
        answer = await self._reception.enter(asked)
        self._write(frames.entered(answer) if isinstance(answer, Entered) else frames.refused(answer))

    def settle(self, settled: Sequence[Settled]) -> None:
        """Say what became of a group; called in the writer's thread."""
        durable = [(seq, index) for seq, index in settled if isinstance(seq, int) and isinstance(index, int)]
        failed = [(seq, why) for seq, why in settled if isinstance(seq, int) and isinstance(why, NotRecorded)]
        said = b"".join([frames.not_durable(seq, str(why)) for seq, why in failed])
        if durable:
            said += frames.durable(durable[-1][0], [index for _, index in durable])
        try:
            self._loop.call_soon_threadsafe(self._write, said)
        except RuntimeError:
            return  # the loop ended; the records stand, and the worker sees its socket close

    def _write(self, said: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(said)
        if self._transport.get_write_buffer_size() > _UNREAD:
            _log.error("audit.worker-does-not-listen")
            self._transport.abort()


def _mark(tenant: str) -> bytes:
    """Return what stands in every record of a tenant and in no text: quotation marks inside text are escaped."""
    return b'"tenant":"%b"' % tenant.encode()


def _same_user(peer: socket.socket) -> bool:
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", raw)[1] == os.geteuid())


def _listening(path: Path) -> socket.socket:
    """Bind a socket that only this user may connect to."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with at_socket(path) as name:
            listener.bind(name)
        listener.listen(_CONNECTIONS)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    listener.setblocking(False)
    return listener
