"""Connections that are kept for the next call, and a place in line for who must wait for one."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from .connection import Connection
from .dialling import Trouble
from .reaching import Reach
from .request import Origin

_IDLE = 15.0
"""Seconds a connection is kept without a call."""
_FAREWELL = 1.0
"""Seconds to wait for closed connections to be gone."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    """Is given a connection to its origin that has just come free, or None: a place to open one in."""

    origin: Origin
    turn: asyncio.Future[Connection | None]


class Pool:
    """At most `limit` connections in one loop, kept ones included; who comes first is served first.

    Every connection holds a place, from before it is dialled until it is closed. Somebody waits only when calls hold
    all places: while anybody waits nothing is kept and no place is free.
    """

    def __init__(self, reach: Reach, limit: int) -> None:
        self.loop = asyncio.get_running_loop()
        self._reach, self._free = reach, limit
        self._kept: dict[Origin, list[Connection]] = {}
        self._since: dict[Connection, float] = {}
        """When each kept connection was put by; the oldest comes first."""
        self._waiting: deque[_Waiter] = deque()
        self._all: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def kept(self, origin: Origin) -> Connection | None:
        """Take the connection to this origin that was used last, if one is kept."""
        kept = self._kept.get(origin)
        while kept:
            connection = kept.pop()
            since = self._since.pop(connection)
            if self.loop.time() - since < _IDLE and connection.quiet:
                return connection
            connection.abort()
            self._vacate()
        return None

    async def opened(self, origin: Origin, deadline: float, *, fresh: bool = False) -> Connection | Trouble:
        """Open a connection, or take one that comes free while waiting for a place (never when it must be `fresh`)."""
        try:
            async with asyncio.timeout_at(deadline):
                given = await self._place(origin)
                if given is not None and (fresh or not given.quiet):
                    given.abort()
                    given = None
                return given or await self._connect(origin)
        except TimeoutError:
            return Trouble.TIMEOUT

    def give_back(self, connection: Connection) -> None:
        """Keep a connection after its call, hand it on, or close it."""
        waiter = self._next()
        if connection.reusable and not self._closed:
            if waiter is None:
                self._keep(connection)
                return
            if waiter.origin == connection.origin:
                waiter.turn.set_result(connection)
                return
        connection.abort()
        self._vacate(waiter)

    async def close(self) -> None:
        """Close every connection; calls that are under way break."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        while (waiter := self._next()) is not None:
            waiter.turn.set_result(None)
        for connection in tuple(self._all):
            connection.abort()
        if self._all:
            await asyncio.wait([connection.gone for connection in self._all], timeout=_FAREWELL)

    async def _place(self, origin: Origin) -> Connection | None:
        if self._free > 0:
            self._free -= 1
            return None
        if self._since:
            self._drop(next(iter(self._since)))
            return None
        waiter = _Waiter(origin, self.loop.create_future())
        self._waiting.append(waiter)
        try:
            return await waiter.turn
        except BaseException:
            if not waiter.turn.cancel() and not waiter.turn.cancelled():  # called off while its turn came
                given = waiter.turn.result()
                if given is None:
                    self._vacate()
                else:
                    self.give_back(given)
            raise

    async def _connect(self, origin: Origin) -> Connection | Trouble:
        found: Connection | Trouble = Trouble.BROKEN
        try:
            if not self._closed:
                found = await self._reach.connect(origin, lambda: Connection(origin, self._lost))
            if self._closed and isinstance(found, Connection):
                found.abort()
                found = Trouble.BROKEN
            if isinstance(found, Connection) and not found.gone.done():
                self._all.add(found)
            return found
        finally:
            if isinstance(found, Trouble):
                self._vacate()

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._since:
            self._drop(connection)
            self._vacate()

    def _keep(self, connection: Connection) -> None:
        self._kept.setdefault(connection.origin, []).append(connection)
        self._since[connection] = self.loop.time()
        if self._sweep is None:
            self._sweep = self.loop.call_later(_IDLE, self._sweep_up)

    def _drop(self, connection: Connection) -> None:
        """Close a kept connection; its place is not free yet."""
        del self._since[connection]
        kept = self._kept[connection.origin]
        kept.remove(connection)
        if not kept:
            del self._kept[connection.origin]
        connection.abort()

    def _sweep_up(self) -> None:
        """Close what was kept for too long, and come again when the next one is due."""
        self._sweep = None
        for connection, since in list(self._since.items()):
            if self.loop.time() - since < _IDLE:
                self._sweep = self.loop.call_at(since + _IDLE, self._sweep_up)
                return
            self._drop(connection)
            self._vacate()

    def _vacate(self, waiter: _Waiter | None = None) -> None:
        """A place came free: it goes to whoever waits longest."""
        waiter = waiter or self._next()
        if waiter is None:
            self._free += 1
        else:
            waiter.turn.set_result(None)

    def _next(self) -> _Waiter | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.turn.done():
                return waiter
        return None
