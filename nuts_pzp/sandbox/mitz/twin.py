"""Mitz twin: the service itself. Loopback only; test people only (spec consent 1.9)."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import codes
from .answers import echo, envelope, fault, header, response, result, status
from .choices import Choice, decide
from .control import control
from .faults import Faults, faulty, soap
from .request import Asked, Broken, meaningless, read


@dataclass(slots=True)
class Switches:
    """Quirks of the service, each on its own. All on: as strict and as talkative as the guide describes."""

    mutual_tls: bool = True
    """Refuse a caller without a client certificate, or with one that is not in `clients` (when that is not empty)."""
    strict_to: bool = True
    """Compare wsa:To with the address of the service."""
    action: bool = True
    relates_to: bool = True
    status: bool = True
    """The guide's own example has no Status on a decision."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One question as the citizen would see it, and what became of it."""

    asked: Asked
    became: str
    """The decisions (`GGC002=Permit`), or the name of the fault."""


class MitzTwin:
    """`app` speaks the real protocol, `control` is the region's. `url` is the base URL that clients use."""

    def __init__(
        self,
        url: str,
        choices: Iterable[Choice] = (),
        *,
        clients: frozenset[str] = frozenset(),
        professional_roots: frozenset[str] = frozenset({codes.UZI}),
        more_types: frozenset[str] = frozenset(),
        switches: Switches | None = None,
    ) -> None:
        """`clients`: hex SHA-256 of the admitted client certificates; empty: any that TLS let through."""
        self.url = url.rstrip("/")
        self.choices: list[Choice] = list(choices)
        self.switches = switches or Switches()
        self.faults = Faults()
        self.questions: deque[Registered] = deque(maxlen=10_000)
        self._clients, self._roots, self._types = clients, professional_roots, more_types
        self.app: Any = Starlette(routes=[Route(codes.PATH, self._closed, methods=["POST"])])
        self.control: Any = control(self)

    async def _closed(self, request: Request) -> Any:
        """Answer one closed question."""
        if self.switches.mutual_tls and not self._admits(request.scope.get("client_certificate")):
            return Response(status_code=403)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != codes.MEDIA_TYPE:
            return Response(status_code=415)
        to = self.url + codes.PATH if self.switches.strict_to else None
        try:
            asked = read(await request.body(), request.headers, roots=self._roots, to=to)
        except Broken as broken:
            return soap(fault("Sender", str(broken), None).encode(), 400)
        injected = self.faults.take(asked.bsn)
        if injected is not None and injected.kind != "delay":
            self.questions.append(Registered(asked, f"{injected.kind} {injected.name or injected.status}"))
            return faulty(injected, asked)
        if injected is not None:
            await asyncio.sleep(injected.seconds)
        return self._answer(asked)

    def _admits(self, certificate: bytes | None) -> bool:
        if certificate is None:
            return False
        return not self._clients or hashlib.sha256(certificate).hexdigest() in self._clients

    def _answer(self, asked: Asked) -> Response:
        trouble = meaningless(asked, self._types)
        words = [
            (category, "Indeterminate" if trouble else decide(self.choices, asked, category))
            for category in asked.categories
        ]
        self.questions.append(Registered(asked, " ".join(f"{category}={word}" for category, word in words)))
        told = status(trouble or "ok") if trouble or self.switches.status else ""
        results = [result(word, told, echo(asked, category)) for category, word in words]
        head = header(
            asked.message_id if self.switches.relates_to else None,
            codes.ANSWER_ACTION if self.switches.action else None,
        )
        return soap(envelope(head, response(*results)).encode())
