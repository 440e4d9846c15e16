"""A line: the one HTTP engine under everything that is dialled (design D13, ADR 0093).

Never follows a redirect, decompresses, keeps a cookie, or reads a proxy from the environment. What is dialled is what
was checked: the resolver's answer is used as it is. Failures are values.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from .answer import Answer, Heard
from .dialling import Outbound, Trouble, is_name
from .pool import Pool
from .reaching import Reach, is_address
from .request import Asking, Origin, split

_CONNECTIONS = 200
_HOSTS = 1_000
"""Hosts whose permission is remembered."""
_REPEATABLE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))
"""By what they mean (RFC 9110, 9.2.2)."""
_USUAL = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "nuts-pzp"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds to connect, seconds for the whole call, bytes of the largest body."""

    connect: float
    total: float
    limit: int


class Line:
    """One pooled client; made at the first call, in the loop that uses it."""

    def __init__(
        self,
        outbound: Outbound,
        tls: ssl.SSLContext,
        bounds: Bounds,
        headers: Mapping[str, str] | None = None,
        connections: int = _CONNECTIONS,
    ) -> None:
        self._outbound, self._tls, self._bounds, self._connections = outbound, tls, bounds, connections
        self._asking = Asking({**_USUAL, **(headers or {})})
        self._pool: Pool | None = None
        self._hosts: dict[str, Origin | None] = {}

    async def call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        within: float | None = None,
        repeatable: bool = False,
    ) -> Heard | Trouble:
        """Make one call; the time covers everything from the look-up of the name to the last byte.

        The URL is sent as it is written. Cancelling closes the connection, so the other side sees that nobody waits
        any more. With `repeatable` a kept connection that the other side had just closed is no failure: the call is
        made once more, on a fresh one.
        """
        written, target = split(str(url))
        origin = self._may_dial(written)
        if origin is None:
            return Trouble.ADDRESS
        method = method.upper()
        try:
            request = self._asking.written(method, origin, target, headers or {}, body)
        except ValueError:
            return Trouble.BROKEN
        if within is not None and within <= 0:
            return Trouble.TIMEOUT
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self._bounds.total if within is None else within)
        pool = self._open(loop)
        heard, stale = await self._once(pool, origin, method, request, deadline)
        if stale and (repeatable or method in _REPEATABLE):
            heard, _ = await self._once(pool, origin, method, request, deadline, fresh=True)
        return heard

    async def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def _once(
        self, pool: Pool, origin: Origin, method: str, request: bytes, deadline: float, *, fresh: bool = False
    ) -> tuple[Heard | Trouble, bool]:
        """Return what was heard, and whether a kept connection was closed before anything was."""
        connection = None if fresh else pool.kept(origin)
        if connection is None:
            found = await pool.opened(origin, deadline, fresh=fresh)
            if isinstance(found, Trouble):
                return found, False
            connection = found
        try:
            answer = Answer(self._bounds.limit, method == "HEAD")
            return await connection.ask(request, answer, deadline), connection.stale
        finally:
            pool.give_back(connection)

    def _may_dial(self, written: str) -> Origin | None:
        """Return the origin when its host is a name, which is checked when it is looked up, or an allowed address."""
        try:
            return self._hosts[written]
        except KeyError:
            if len(self._hosts) >= _HOSTS:
                self._hosts.clear()
        origin = Origin.parse(written)
        if origin is not None:
            allowed = self._outbound.permits(origin.host) if is_address(origin.host) else is_name(origin.host)
            origin = origin if allowed else None
        self._hosts[written] = origin
        return origin

    def _open(self, loop: asyncio.AbstractEventLoop) -> Pool:
        if self._pool is None or self._pool.loop is not loop:
            self._pool = Pool(Reach(self._outbound, self._tls, self._bounds.connect), self._connections)
        return self._pool
