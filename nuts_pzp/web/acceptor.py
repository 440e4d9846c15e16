"""Accepting: a place first, then TLS. On a socket that several processes listen on, whoever holds fewest goes first.

The kernel wakes all of them, and the first takes what it can: without this one worker would take every kept connection
of a burst, and the others none. Nobody is refused for it: who holds more waits a moment, then accepts all the same.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from .places import Place, Places

_log = structlog.get_logger("nuts_pzp.server")

BACKLOG = 1024
_MOMENT = 0.003
"""Seconds that a process with more connections leaves to the others."""
_TROUBLED = 0.5
"""Seconds of rest when nothing can be accepted: no file left, no memory."""
_HANDSHAKE = 5.0
_CELL = struct.Struct("<I")
ABSENT = 2**32 - 1


class Board:
    """How many connections each of several processes holds, in memory that they share; a hint and no more."""

    def __init__(self, descriptor: int, size: int, slot: int | None = None) -> None:
        """`size` processes; `slot` is whose this is, None for the one that only looks after it."""
        self._memory = mmap.mmap(descriptor, size * _CELL.size)
        self._size, self._slot, self._own = size, slot, 0

    @classmethod
    def new(cls, size: int) -> tuple[Board, int]:
        """Make one on which nobody is present; return it and its file descriptor, for the processes to come."""
        descriptor = os.memfd_create("board")
        os.ftruncate(descriptor, size * _CELL.size)
        board = cls(descriptor, size)
        for slot in range(size):
            board.absent(slot)
        return board, descriptor

    def absent(self, slot: int) -> None:
        """Say that a process is not there: nobody leaves anything to it."""
        _CELL.pack_into(self._memory, slot * _CELL.size, ABSENT)

    def changed(self, by: int) -> None:
        """Count a connection of this process in or out; the first call says that it is there."""
        self._own += by
        if self._slot is not None:
            _CELL.pack_into(self._memory, self._slot * _CELL.size, self._own)

    @property
    def held(self) -> int:
        """How many connections this process holds."""
        return self._own

    def another_is_freer(self) -> bool:
        """True when a process that is there holds fewer connections than this one."""
        return any(held < self._own for (held,) in _CELL.iter_unpack(self._memory[: self._size * _CELL.size]))


@dataclass(frozen=True, slots=True)
class Shared:
    """A bound socket that several processes listen on, and their board."""

    socket: socket.socket
    board: Board


class Seated(Places):
    """Places that are counted on the board as well."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board
        board.changed(0)

    def enter(self, address: str) -> Place | None:
        """Take a place."""
        place = super().enter(address)
        if place is not None:
            self._board.changed(1)
        return place

    def leave(self, whose: str) -> None:
        """Take one back."""
        super().leave(whose)
        self._board.changed(-1)


def bound(host: str, port: int) -> list[socket.socket]:
    """Bind a socket to every address that a host has, without listening; raises OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    made: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            one = socket.socket(family, kind, protocol)
            made.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind(address)
            one.setblocking(False)
    except BaseException:
        for one in made:
            one.close()
        raise
    return made


class Acceptor:
    """Listens on a socket for one process."""

    def __init__(
        self,
        listening: socket.socket,
        places: Places,
        connection: Callable[[Place], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None = None,
        board: Board | None = None,
    ) -> None:
        """`connection` makes the protocol of one, which gives its place back; with a `board` others listen as well."""
        self._socket, self._places, self._board = listening, places, board
        self._connection, self._tls = connection, tls
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        self._greeting: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._socket.getsockname()[1])

    def start(self) -> None:
        """Begin; raises OSError when the address is taken."""
        self._socket.setblocking(False)
        self._socket.listen(BACKLOG)
        self._loop.add_reader(self._socket, self._ready)

    def close(self) -> None:
        """Accept nobody more, and let go of who is not in yet; the other processes go on. Idempotent."""
        if self._socket.fileno() < 0:
            return
        for task in self._greeting:
            task.cancel()
        if self._later is not None:
            self._later.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _ready(self) -> None:
        if self._board is not None and self._board.another_is_freer():
            self._rest(_MOMENT)
        else:
            self._accept()

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._socket)
        self._later = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._later = None
        self._loop.add_reader(self._socket, self._ready)
        self._accept()

    def _accept(self) -> None:
        """Take one; the next comes with the next turn of the loop, when others had theirs."""
        try:
            taken, peer = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was first, or the client left
        except OSError as error:
            _log.error("server.not-accepted", error=error.strerror)
            if self._later is None:
                self._rest(_TROUBLED)
            return
        place = self._places.enter(peer[0])
        if place is None:
            taken.close()
            return
        taken.setblocking(False)
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._greet(taken, place))
        self._greeting.add(task)
        task.add_done_callback(self._greeting.discard)

    async def _greet(self, taken: socket.socket, place: Place) -> None:
        """Shake hands, and let the protocol answer; who does not speak TLS properly is let go."""
        handshake = _HANDSHAKE if self._tls is not None else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: self._connection(place), taken, ssl=self._tls, ssl_handshake_timeout=handshake
            )
        except (OSError, ssl.SSLError, TimeoutError):
            taken.close()
            place.leave()
        except BaseException:
            taken.close()
            place.leave()
            raise
