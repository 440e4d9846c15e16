"""A peer: one outside system at one checked base URL. Control plane; FHIR forwarding holds a `Line` of its own."""

from __future__ import annotations

from collections.abc import Mapping

from .answer import Heard
from .dialling import Outbound, TlsFiles, Trouble
from .line import Bounds, Line
from .request import split


class Peer:
    """One outside system: a pooled client, one bounded call at a time per `send`. Nuts node, Mitz, NVI, PRS, LRZa."""

    def __init__(
        self,
        base: str,
        outbound: Outbound,
        *,
        tls: TlsFiles | None = None,
        connect: float = 2.0,
        total: float = 5.0,
        limit: int = 262_144,
    ) -> None:
        """Raise ValueError, naming the reason, when `base` may not be dialled at all."""
        if why := outbound.refuses(base):
            raise ValueError(why)
        self.base = base.rstrip("/")
        self._origin, _ = split(self.base)
        self._line = Line(outbound, (tls or TlsFiles()).context_for(self.base), Bounds(connect, total, limit))

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        within: float | None = None,
    ) -> Heard | Trouble:
        """Send to `base + path`; read at most `limit` bytes `within` so many seconds. Redirects are never followed.

        The time covers everything: looking up the name, connecting, sending, and the last byte of the body. A path
        that would lead to another origin is not dialled. Posted calls are never repeated.
        """
        url = self.base + path
        if split(url)[0] != self._origin:
            return Trouble.ADDRESS
        heard = await self._line.call(method, url, headers, content, within=within)
        if isinstance(heard, Heard) and 300 <= heard.status < 400:
            return Trouble.REDIRECT
        return heard

    async def close(self) -> None:
        """Close all connections."""
        await self._line.close()
