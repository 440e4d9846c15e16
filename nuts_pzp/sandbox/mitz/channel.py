"""Mitz twin: delivers notifications to every matching subscription: again until they are taken, or as badly as told."""

from __future__ import annotations

import contextlib
import ssl
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from ..authority import Issued
from .choices import Choice
from .notices import Told, as_json, as_xml, bundle
from .subscribed import PAYLOADS, Book, Subscribed

_MEDIA_TYPES = {payload: media_type for media_type, payload in PAYLOADS.items()}


@dataclass(slots=True)
class Manner:
    """How notifications are delivered. Everything off: once, in order, at once."""

    down: bool = False
    """None leaves; they wait until they are delivered anew."""
    duplicates: int = 0
    """How many times more each is sent."""
    held: bool = False
    """They wait, and leave newest first at the next `redeliver`."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """One attempt: to which holder, the status that came back (0: none), and the bytes, to send them again."""

    provider: str
    status: int
    endpoint: str
    media_type: str
    body: bytes = field(repr=False)


class NoticeChannel:
    """Sends as Mitz: with its own client certificate, trusting the region's roots."""

    def __init__(self, book: Book, identity: Issued | None, roots: str) -> None:
        """Without an identity it calls without a certificate."""
        context = ssl.create_default_context(cafile=roots)
        if identity:
            context.load_cert_chain(identity.certificate_file, identity.key_file)
        self._client = httpx.AsyncClient(verify=context, trust_env=False, timeout=10.0)
        self._book = book
        self.manner = Manner()
        self.attempts: deque[Delivered] = deque(maxlen=10_000)
        self.waiting: list[Delivered] = []

    async def tell(self, bsn: str, choices: Iterable[Choice], deceased: str = "") -> list[Delivered]:
        """Notify about these choices of one citizen; return what came of each notification that left."""
        choices = tuple(choices)
        sent: list[Delivered] = []
        for to in self._subscribed(bsn, choices):
            concerned = tuple(one for one in choices if to in self._book.matching(bsn, one.holder))
            sent += await self._deliver(self._written(Told(concerned, deceased), to))
        return sent

    def _subscribed(self, bsn: str, choices: tuple[Choice, ...]) -> list[Subscribed]:
        if not choices:
            return [one for one in self._book.held.values() if one.bsn == bsn]
        found = {to.id: to for one in choices for to in self._book.matching(bsn, one.holder)}
        return list(found.values())

    def _written(self, told: Told, to: Subscribed) -> Delivered:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        content = bundle(told, to, now)
        body = as_json(content) if to.payload == "json" else as_xml(content)
        return Delivered(to.provider, 0, to.endpoint, _MEDIA_TYPES[to.payload], body)

    async def _deliver(self, one: Delivered) -> list[Delivered]:
        if self.manner.down or self.manner.held:
            self.waiting.append(one)
            return []
        return [await self.send(one) for _ in range(1 + self.manner.duplicates)]

    async def send(self, one: Delivered) -> Delivered:
        """Send these bytes once; what is not taken waits to be delivered anew."""
        status = 0
        headers = {"content-type": f"{one.media_type}; charset=utf-8"}
        with contextlib.suppress(httpx.HTTPError):
            status = (await self._client.post(one.endpoint, content=one.body, headers=headers)).status_code
        done = Delivered(one.provider, status, one.endpoint, one.media_type, one.body)
        self.attempts.append(done)
        if not 200 <= status < 300:
            self.waiting.append(one)
        return done

    async def redeliver(self) -> list[Delivered]:
        """Send what waits; newest first when it was held."""
        waiting, self.waiting = self.waiting, []
        return [await self.send(one) for one in (reversed(waiting) if self.manner.held else waiting)]

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()
