"""The audit writer's door: workers hand in records over a Unix socket, and hear when they are durable (ADR 0022).

Trusts the mode of the socket (0600) and the kernel's word for the user at the other end, not what is sent: a frame out
of layout, out of order, or for another tenant's log ends the connection, and what was pending on it fails there. Only
who writes assigns index and time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import structlog

from ...identity import NotAnIdentifier, Organization, Tenant, Ura
from ...keys import BadKeyFile
from ..port import NotRecorded
from ..record import SYSTEM
from . import frames
from .frames import Enter, Entered, Malformed, Reader, Record, Refused, Why
from .ledger import Ledger
from .line import Line
from .log import Log
from .socket_name import at_socket
from .sockets import ONCE_EACH, Sockets
from .sqlite import StoreFailed
from .tail import Damaged
from .waiting import Settled, Waiting

_log = structlog.get_logger("nuts_pzp.audit.reception")
_CONNECTIONS = 64
_WHY: dict[type[Exception], Why] = {
    Damaged: Why.DAMAGED,
    BadKeyFile: Why.KEYS,
    NotRecorded: Why.NOT_RECORDED,
    StoreFailed: Why.STORE,
    ValueError: Why.NAME,
    NotAnIdentifier: Why.NAME,
}


class Reception:
    """Listens for workers on a socket in front of an open ledger, which it does not close.

    One thread reads all sockets, and writes a record that is alone; another enters logs, for that takes a while.
    """

    def __init__(self, ledger: Ledger, path: Path) -> None:
        self._ledger, self._path = ledger, path
        self._logs: list[tuple[Log, bytes]] = [(ledger.system.log, _mark(SYSTEM))]
        self._entering = ThreadPoolExecutor(1, "audit-entering")
        self._turn = threading.Condition()
        self._door: tuple[socket.socket, Sockets] | None = None
        self._connections: set[_Connection] = set()

    def start(self) -> None:
        """Listen; OSError when that cannot be. Whoever holds the ledger's lock owns the name, so a leftover goes."""
        listener = _listening(self._path)
        sockets = Sockets("audit-door", self._ledger.submitted)
        self._door = listener, sockets
        sockets.watch(listener.fileno(), partial(self._open_door, listener, sockets), ONCE_EACH)

    def stop(self) -> None:
        """Take nothing more: close the door and every connection. What was handed in is still written."""
        with self._turn:
            door, self._door = self._door, None
            connections = tuple(self._connections)
        if door is None:
            return
        listener, sockets = door
        sockets.forget(listener.fileno())
        listener.close()
        self._path.unlink(missing_ok=True)
        for one in connections:
            one.line.close()
        sockets.close()
        self._entering.shutdown(wait=False, cancel_futures=True)

    @property
    def workers(self) -> int:
        """How many are connected."""
        return len(self._connections)

    async def left(self, within: float) -> None:
        """Return once no worker is connected, or after so many seconds."""
        await asyncio.to_thread(self._left, within)

    def _left(self, within: float) -> None:
        with self._turn:
            self._turn.wait_for(lambda: not self._connections, within)

    def _open_door(self, listener: socket.socket, sockets: Sockets) -> None:
        with contextlib.suppress(OSError):  # nobody else is there, or the door was closed
            while True:
                self._admit(listener.accept()[0], sockets)

    def _admit(self, peer: socket.socket, sockets: Sockets) -> None:
        """Take one in, unless it is another user or there are too many."""
        connection = _Connection(self, sockets, peer)
        with self._turn:
            admitted = self._door is not None and len(self._connections) < _CONNECTIONS and _same_user(peer)
            if admitted:
                self._connections.add(connection)
        if not admitted:
            return peer.close()
        connection.line.begin()
        return connection.line.send(frames.hello())

    def leave(self, connection: _Connection) -> None:
        """Let a connection go."""
        with self._turn:
            self._connections.discard(connection)
            self._turn.notify_all()

    def enter(self, asked: Enter, line: Line) -> None:
        """Open a tenant's log, one at a time, and answer then: verifying its tail may take a while."""
        self._entering.submit(lambda: line.send(self._entered(asked)))

    def _entered(self, asked: Enter) -> bytes:
        id_, ura, type_, name, phone = asked.texts
        try:
            log = self._ledger.of(Tenant(id_, Organization(Ura.parse(ura), type_, name, phone))).log
        except tuple(_WHY) as error:
            why = next(why for kind, why in _WHY.items() if isinstance(error, kind))
            return frames.refused(Refused(asked.request, why, str(error)))
        except Exception as bug:  # this log fails alone; whoever asked for it must hear so
            return frames.refused(Refused(asked.request, Why.STORE, f"could not be opened: {type(bug).__name__}"))
        entered = (log, _mark(id_))
        if entered not in self._logs:
            self._logs.append(entered)
        return frames.entered(Entered(asked.request, self._logs.index(entered)))

    def take(self, record: Record, connection: _Connection) -> None:
        """Hand one record to the writer; NotRecorded when it takes nothing, Malformed for one that is none."""
        if record.log >= len(self._logs):
            raise Malformed("a log that nobody entered")
        log, mark = self._logs[record.log]
        one, two, three, four = record.draft.parts
        whole = one.startswith(b'{"') and four.endswith(b"}") and one.endswith(b'"idx":')
        if not (whole and two.endswith(b',"prev_ts_mono":') and three.endswith(b',"ts":')):
            raise Malformed("not a record")
        if mark not in three:
            raise Malformed("a record of another tenant")
        self._ledger.submit(Waiting(log, record.draft, record.seq, connection))


class _Connection:
    """One worker."""

    def __init__(self, reception: Reception, sockets: Sockets, peer: socket.socket) -> None:
        self._reception = reception
        self.line = Line(sockets, peer, self._heard, lambda: reception.leave(self))
        self._reader = Reader()
        self._greeted = False
        self._last = 0

    def _heard(self, data: bytes) -> None:
        try:
            for frame in self._reader.frames(data):
                self._hear(frame)
        except Malformed as error:
            _log.error("audit.worker-not-understood", why=str(error), alarm="security")
            self.line.close()

    def _hear(self, frame: bytes) -> None:
        if not self._greeted:
            frames.greeted(frame)
            self._greeted = True
            return
        heard = frames.read(frame)
        if isinstance(heard, Record):
            self._record(heard)
        elif isinstance(heard, Enter):
            self._reception.enter(heard, self.line)
        else:
            raise Malformed("a frame that only the writer sends")

    def _record(self, record: Record) -> None:
        if record.seq != self._last + 1:
            raise Malformed("a record out of order")
        self._last = record.seq
        try:
            self._reception.take(record, self)
        except NotRecorded as error:
            self.line.send(frames.not_durable(record.seq, str(error)))

    def settle(self, settled: Sequence[Settled]) -> None:
        """Say what became of a group."""
        durable = [(seq, index) for seq, index in settled if isinstance(seq, int) and isinstance(index, int)]
        failed = [(seq, why) for seq, why in settled if isinstance(seq, int) and isinstance(why, NotRecorded)]
        said = b"".join([frames.not_durable(seq, str(why)) for seq, why in failed])
        if durable:
            said += frames.durable(durable[-1][0], [index for _, index in durable])
        self.line.send(said)


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
