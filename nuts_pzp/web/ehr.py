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
from ..exchange import Asked, Attempt, Presented
from ..house import Consulting, House
from ..outcome import Deny, Outcome, Stop, Unavailable
from ..reasons import Reason
from . import asked, door
from .meter import Meter
from .problem import problem
from .telling import EVENTS, JSON, Events, told_as_it_comes, told_whole, wanted

PATH = "/pzp/v1/consultations"

T = TypeVar("T")

_log = structlog.get_logger("nuts_pzp.ehr")


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that leaves piece by piece, each with its receipt."""

    events: Events
    status: int = 200


class EhrDoor:
    """An ASGI app. Refusals name their reason: the reader is the tenant's own system."""

    def __init__(self, house: Callable[[str], House | None], system: Audit, url: str, meter: Meter) -> None:
        self._house, self._system, self._url, self._meter = house, system, url.rstrip("/"), meter

    async def __call__(self, scope: door.Scope, receive: Any, send: Any) -> None:
        started = time.perf_counter()
        path = scope["raw_path"].decode("latin-1")
        presented = door.presented(scope, self._url + path)
        code = (b"x-meldcode", presented.correlation.encode())
        try:
            response = await self._answer(scope, receive, path, presented)
            if isinstance(response, Stream):
                await _while_listening(_sent(response, send, code), receive)
        except door.ClientLeft:
            return
        except NotRecorded:
            _log.error("audit.not-recorded", meldcode=presented.correlation)
            self._meter.not_recorded()
            response = problem(Unavailable(Reason.NOT_RECORDED), presented.correlation)
        if isinstance(response, door.Response):
            response = replace(response, headers=(*response.headers, code))
            await door.reply(send, response, head=scope["method"] == "HEAD")
        slug = path[1:].partition("/")[0]
        tenant = slug if self._house(slug) else ""
        self._meter.answered("ehr", tenant, response.status, time.perf_counter() - started)

    async def _answer(self, scope: door.Scope, receive: Any, path: str, presented: Presented) -> door.Response | Stream:
        slug, _, below = path.removeprefix("/").partition("/")
        house = self._house(slug)
        if house is None or house.consulting is None or f"/{below}" != PATH:
            return await self._refuse(self._system, presented, Deny(Reason.TENANT_UNKNOWN))
        if scope["method"] != "POST":
            return await self._refuse(house.consulting.audit, presented, Deny(Reason.REQUEST_METHOD))
        question: Outcome[Asked] = Deny(Reason.REQUEST_TOO_BIG)
        try:
            content = await door.body(receive, asked.BODY_LIMIT)
            question = _question(scope, content)
        except door.BodyTooBig:
            pass
        media_type = wanted(door.header(scope, b"accept"))
        if media_type is None:
            question = Deny(Reason.REQUEST_MEDIA_TYPE, detail="accept: application/json, application/fhir+json or SSE")
        try:
            return await self._consulted(house.consulting, presented, question, media_type or JSON, receive)
        except (NotRecorded, door.ClientLeft):
            raise
        except Exception as bug:
            _log.error("consult.bug", error=type(bug).__name__, meldcode=presented.correlation)
            return await self._refuse(house.consulting.audit, presented, Unavailable(Reason.INTERNAL))

    async def _consulted(
        self, house: Consulting, presented: Presented, question: Outcome[Asked], media_type: str, receive: Any
    ) -> door.Response | Stream:
        now, code = datetime.now(UTC), presented.correlation
        flow = consult(house, presented, question, now)
        if media_type == EVENTS and isinstance(question, Asked):
            begun = await _while_listening(told_as_it_comes(flow, question, now, code), receive)
            return begun if isinstance(begun, door.Response) else Stream(begun)
        return await _while_listening(told_whole(flow, code, media_type), receive)

    async def _refuse(self, audit: Audit, presented: Presented, stop: Stop) -> door.Response:
        attempt = Attempt(presented.correlation, address=presented.address, trace=presented.trace, flow="consult")
        await audit.append(Denied(attempt, stop))
        return problem(stop, presented.correlation)


def _question(scope: door.Scope, content: bytes) -> Outcome[Asked]:
    media_type = door.header(scope, b"content-type").partition(";")[0].strip().lower()
    if media_type != JSON:
        return Deny(Reason.REQUEST_MEDIA_TYPE, detail="content-type: application/json is expected")
    if scope["query_string"]:
        return Deny(Reason.REQUEST_AMBIGUOUS, detail="the question stands in the body, not in the URL")
    return asked.parse(content)


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
        event = b'event: problem\ndata: {"status":503,"code":"' + Reason.NOT_RECORDED.code.encode() + b'"}\n\n'
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
