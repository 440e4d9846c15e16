"""Mitz twin: the service itself. Loopback only; test people only (spec consent 1.9)."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..authority import Issued
from . import codes, open_parts
from .answers import echo, envelope, fault, header, response, result, status
from .channel import Delivered, NoticeChannel
from .choices import Choice, decide
from .faults import Faults, faulty, soap
from .request import Asked, Broken, meaningless, read
from .subscribed import PATH, Book, Wrong, parameters
from .subscribed import read as read_subscription


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
    request_id: bool = True
    """Refuse a subscription without X-Request-Id."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One question as the citizen would see it, and what became of it."""

    asked: Asked
    became: str
    """The decisions (`GGC002=Permit`), or the name of the fault."""


class MitzTwin:
    """`app` speaks the real protocol. `url` is the base URL that clients use."""

    def __init__(
        self,
        url: str,
        choices: Iterable[Choice] = (),
        *,
        clients: frozenset[str] = frozenset(),
        professional_roots: frozenset[str] = frozenset({codes.UZI}),
        more_types: frozenset[str] = frozenset(),
        switches: Switches | None = None,
        identity: Issued | None = None,
        trust: Path | None = None,
    ) -> None:
        """`clients`: hex SHA-256 of the admitted client certificates; empty: any that TLS let through.

        `identity` is what it notifies with, `trust` the roots of those it notifies; without `trust` it never does.
        """
        self.url = url.rstrip("/")
        self.choices: list[Choice] = list(choices)
        self.switches = switches or Switches()
        self.faults = Faults()
        self.questions: deque[Registered] = deque(maxlen=10_000)
        self._clients, self._roots, self._types = clients, professional_roots, more_types
        self.book = Book()
        self.subscription_faults = Faults()
        self.channel = NoticeChannel(self.book, identity, str(trust)) if trust else None
        self.app: Any = Starlette(
            routes=[
                Route(codes.PATH, self._closed, methods=["POST"]),
                Route(open_parts.PATH, self._open, methods=["POST"]),
                Route(PATH, self._subscribe, methods=["POST"]),
                Route(PATH + "/$processingStatus", self._queued, methods=["GET"]),
                Route(PATH + "/{id}", self._unsubscribe, methods=["DELETE"]),
            ]
        )
        self.signers: list[x509.Certificate] = []
        """Certificates of the keys that assertions of open questions may be signed with."""
        self.open_faults = Faults()
        self.open_questions: deque[open_parts.OpenAsked] = deque(maxlen=10_000)
        self._assertions: set[str] = set()

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
        if injected is not None and injected.kind == "late":
            answer = self._answer(asked)
            await asyncio.sleep(injected.seconds)
            return answer
        if injected is not None and injected.kind != "delay":
            self.questions.append(Registered(asked, f"{injected.kind} {injected.name or injected.status}"))
            return faulty(injected, asked)
        if injected is not None:
            await asyncio.sleep(injected.seconds)
        return self._answer(asked)

    async def _open(self, request: Request) -> Any:
        """Answer one open question."""
        # What reads it needs the extra `sandbox`'s XML signatures, which take a while to load: only who asks pays.
        from . import open

        if self.switches.mutual_tls and not self._admits(request.scope.get("client_certificate")):
            return Response(status_code=403)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != codes.MEDIA_TYPE:
            return Response(status_code=415)
        to = self.url + open_parts.PATH if self.switches.strict_to else None
        desk = open.OpenDesk(tuple(self.signers), self._roots, self._assertions)
        try:
            asked = desk.read(await request.body(), request.headers, to)
        except Broken as broken:
            return soap(fault("Sender", str(broken), None).encode(), 400)
        self.open_questions.append(asked)
        injected = self.open_faults.take(asked.bsn)
        if injected is not None and injected.kind not in ("delay", "late"):
            return faulty(injected, asked)
        if injected is not None:
            await asyncio.sleep(injected.seconds)
        named = [
            open_parts.part(one.bsn, one.provider, one.gateway_system, one.source_system)
            for one in open.located(asked, self.book.held.values(), self.choices)
        ]
        head = header(
            asked.message_id if self.switches.relates_to else None,
            open_parts.ANSWER_ACTION if self.switches.action else None,
        )
        return soap(envelope(head, open_parts.listing(*named)).encode())

    async def choose(self, *choices: Choice, deceased: str = "") -> list[Delivered]:
        """Let citizens choose anew, and tell whoever subscribed; return what came of the notifications that left."""
        told: dict[str, list[Choice]] = {}
        for choice in choices:
            self.choices[:] = [one for one in self.choices if not one.about(choice)] + [choice]
            told.setdefault(choice.bsn, []).append(choice)
        if self.channel is None:
            return []
        return [one for bsn, made in told.items() for one in await self.channel.tell(bsn, made, deceased)]

    async def close(self) -> None:
        """Let go of the connections that notifications left by."""
        if self.channel:
            await self.channel.close()

    async def _subscribe(self, request: Request) -> Any:
        """Take one subscription."""
        return await self._guarded(request, self._subscribed)

    async def _unsubscribe(self, request: Request) -> Any:
        """End one subscription."""

        async def ended(request: Request) -> Response:
            return Response(status_code=204 if self.book.held.pop(request.path_params["id"], None) else 404)

        return await self._guarded(request, ended)

    async def _queued(self, request: Request) -> Any:
        """Say how much is not worked off yet."""

        async def told(_: Request) -> Response:
            return JSONResponse(parameters(self.book.queued), media_type="application/fhir+json")

        return await self._guarded(request, told)

    async def _guarded(self, request: Request, answer: Callable[[Request], Awaitable[Any]]) -> Any:
        if self.switches.mutual_tls and not self._admits(request.scope.get("client_certificate")):
            return Response(status_code=401)
        if self.switches.request_id and "x-request-id" not in request.headers:
            return _outcome(400, "X-Request-Id is absent")
        fault = self.subscription_faults.take("*")
        if fault is not None and fault.kind == "status":
            headers = {"retry-after": fault.retry_after} if fault.retry_after else {}
            return Response(status_code=fault.status, headers=headers)
        if fault is not None:
            await asyncio.sleep(fault.seconds)
        return await answer(request)

    async def _subscribed(self, request: Request) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            taken = self.book.add(read_subscription(await request.body(), media_type))
        except Wrong as wrong:
            return _outcome(wrong.status, str(wrong))
        return Response(status_code=202, headers={"location": f"Subscription/{taken.id}"})

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


def _outcome(status: int, why: str) -> Response:
    issue = {"severity": "error", "code": "invalid", "diagnostics": why}
    return JSONResponse(
        {"resourceType": "OperationOutcome", "issue": [issue]}, status, media_type="application/fhir+json"
    )
