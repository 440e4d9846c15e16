"""The EHR listener: the tenant's own systems ask. `POST /{tenant}/pzp/v1/consultations`.

An EHR that hangs up ends its consultation: what was asked of sources is cancelled, and the records say how far it came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog

from ..accounted import Denied
from ..audit.port import Audit, NotRecorded
from ..consult.flow import consult
from ..exchange import Attempt, Presented
from ..fhir.operation_outcome import FHIR_JSON
from ..house import Consulting, House
from ..outcome import Deny, Stop, Unavailable
from ..reasons import Language, Reason
from . import asked, door, published
from .asked import Fault, Question, Wrong
from .language import preferred
from .meter import Meter
from .problem import problem
from .telling import EVENTS, JSON, Events, Manner, told_as_it_comes, told_refused, told_whole, wanted

BASE = "/pzp/v1/"
PATH = BASE + "consultations"

T = TypeVar("T")

_log = structlog.get_logger("nuts_pzp.ehr")


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that leaves piece by piece, each with its receipt."""

    events: Events
    status: int = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One request at this door: who came, for which house, and how answers are to be worded."""

    scope: door.Scope
    receive: Any
    presented: Presented
    house: Consulting
    language: Language

    @property
    def code(self) -> str:
        """The meldcode."""
        return self.presented.correlation

    def header(self, name: bytes) -> str:
        """Return a header as text; empty when absent."""
        return door.header(self.scope, name)


class EhrDoor:
    """An ASGI app. Refusals name their reason: the reader is the tenant's own system."""

    def __init__(self, house: Callable[[str], House | None], system: Audit, url: str, meter: Meter) -> None:
        self._house, self._system, self._url, self._meter = house, system, url.rstrip("/"), meter

    async def __call__(self, scope: door.Scope, receive: Any, send: Any) -> None:
        started = time.perf_counter()
        path = scope["raw_path"].decode("latin-1")
        presented = door.presented(scope, self._url + path)
        code = (b"x-meldcode", presented.correlation.encode())
        language = preferred(door.header(scope, b"accept-language"))
        try:
            response = await self._answer(scope, receive, path, presented, language)
            if isinstance(response, Stream):
                await _while_listening(_sent(response, send, code), receive)
        except door.ClientLeft:
            return
        except NotRecorded:
            _log.error("audit.not-recorded", meldcode=presented.correlation)
            self._meter.not_recorded()
            response = problem(Unavailable(Reason.NOT_RECORDED), presented.correlation, language)
        if isinstance(response, door.Response):
            response = replace(response, headers=(*response.headers, code))
            await door.reply(send, response, head=scope["method"] == "HEAD")
        slug = path[1:].partition("/")[0]
        tenant = slug if self._house(slug) else ""
        self._meter.answered("ehr", tenant, response.status, time.perf_counter() - started)

    async def _answer(
        self, scope: door.Scope, receive: Any, path: str, presented: Presented, language: Language
    ) -> door.Response | Stream:
        slug, _, below = path.removeprefix("/").partition("/")
        house = self._house(slug)
        found = house.consulting if house else None
        document = published.document(f"/{below}".removeprefix(BASE)) if found else None
        if found is None or (document is None and f"/{below}" != PATH):
            stop = Deny(Reason.TENANT_UNKNOWN)
            await self._refused(self._system, presented, stop)
            return problem(stop, presented.correlation, language)
        call = Call(scope, receive, presented, found, language)
        allowed = ("POST",) if document is None else ("GET", "HEAD")
        if scope["method"] == "OPTIONS":
            return door.Response(204, b"", ((b"allow", ", ".join((*allowed, "OPTIONS")).encode()),), "text/plain")
        if scope["method"] not in allowed:
            return await self._refuse(call, Deny(Reason.REQUEST_METHOD), allow=", ".join((*allowed, "OPTIONS")))
        if document is not None:
            return door.Response(200, document, media_type=JSON)
        return await self._asked(call)

    async def _asked(self, call: Call) -> door.Response | Stream:
        """A question: read it, consult, tell. What is wrong with it is told after who asks is known."""
        try:
            question: Question | Wrong | Deny = _question(call, await door.body(call.receive, asked.BODY_LIMIT))
        except door.BodyTooBig:
            question = Deny(Reason.REQUEST_TOO_BIG)
        try:
            return await self._consulted(call, question)
        except (NotRecorded, door.ClientLeft):
            raise
        except Exception as bug:
            _log.error("consult.bug", error=type(bug).__name__, meldcode=call.code)
            return await self._refuse(call, Unavailable(Reason.INTERNAL))

    async def _consulted(self, call: Call, question: Question | Wrong | Deny) -> door.Response | Stream:
        now = datetime.now(UTC)
        if not isinstance(question, Question):
            stop = question.stop if isinstance(question, Wrong) else question
            wrong = question if isinstance(question, Wrong) else None
            refusal = told_refused(consult(call.house, call.presented, stop, now), call.code, call.language, wrong)
            return await _while_listening(refusal, call.receive)
        media_type = wanted(call.header(b"accept")) or JSON
        manner = Manner(question, now, call.code, call.language, media_type, call.house.roles)
        flow = consult(call.house, call.presented, question.asked, now)
        if media_type == EVENTS:
            begun = await _while_listening(told_as_it_comes(flow, manner), call.receive)
            return begun if isinstance(begun, door.Response) else Stream(begun)
        return await _while_listening(told_whole(flow, manner), call.receive)

    async def _refuse(self, call: Call, stop: Stop, *, allow: str = "") -> door.Response:
        await self._refused(call.house.audit, call.presented, stop)
        return problem(stop, call.code, call.language, allow=allow)

    async def _refused(self, audit: Audit, presented: Presented, stop: Stop) -> None:
        attempt = Attempt(presented.correlation, address=presented.address, trace=presented.trace, flow="consult")
        await audit.append(Denied(attempt, stop))


def _question(call: Call, content: bytes) -> Question | Wrong | Deny:
    media_type = call.header(b"content-type").partition(";")[0].strip().lower()
    accepted = wanted(call.header(b"accept"))
    if media_type != JSON:
        return Deny(Reason.REQUEST_MEDIA_TYPE, detail="content-type: application/json is expected")
    if accepted is None:
        return Deny(Reason.REQUEST_NOT_ACCEPTABLE, detail=f"accept: {JSON}, {FHIR_JSON} or {EVENTS}")
    if call.scope["query_string"]:
        return Deny(Reason.REQUEST_AMBIGUOUS, detail="the question stands in the body, not in the URL")
    question = asked.read(content)
    if isinstance(question, Question) and question.view != "overview" and accepted == FHIR_JSON:
        return Wrong((_NO_VIEW,))
    return question


_NO_VIEW = Fault("view", "kan niet samen met FHIR", "does not go with FHIR")


async def _sent(stream: Stream, send: Any, code: tuple[bytes, bytes]) -> None:
    """Send each event as it comes. Without a record the rest does not leave: the stream just ends with a problem."""
    headers = [(b"content-type", EVENTS.encode()), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"), code]
    await send({"type": "http.response.start", "status": stream.status, "headers": headers})
    try:
        async with aclosing(stream.events) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
    except NotRecorded:
        _log.error("audit.not-recorded")
        event = b"event: problem\ndata: " + problem(Unavailable(Reason.NOT_RECORDED), code[1].decode()).body + b"\n\n"
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _while_listening(work: Coroutine[Any, Any, T], receive: Any) -> T:
    """Await the work; when the EHR hangs up first, cancel it and raise ClientLeft."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise door.ClientLeft
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
