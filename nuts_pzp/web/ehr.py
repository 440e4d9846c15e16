"""The EHR listener: the tenant's own systems ask. `POST /{tenant}/pzp/v1/consultations`."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog

from ..accounted import Denied
from ..audit.port import Audit, NotRecorded
from ..consult.flow import Arrived, Complete, consult
from ..exchange import Asked, Attempt, Presented
from ..house import Consulting, House
from ..outcome import Deny, Outcome, Stop, Unavailable, Unknown
from ..overview.merge import as_json
from ..reasons import Face, Reason
from . import asked, door
from .meter import Meter

PATH = "/pzp/v1/consultations"
JSON = "application/json"
PROBLEM = "application/problem+json"

_log = structlog.get_logger("nuts_pzp.ehr")


class EhrDoor:
    """An ASGI app. Refusals name their reason: the reader is the tenant's own system."""

    def __init__(self, house: Callable[[str], House | None], system: Audit, url: str, meter: Meter) -> None:
        self._house, self._system, self._url, self._meter = house, system, url.rstrip("/"), meter

    async def __call__(self, scope: door.Scope, receive: Any, send: Any) -> None:
        started = time.perf_counter()
        path = scope["raw_path"].decode("latin-1")
        presented = door.presented(scope, self._url + path)
        try:
            response = await self._answer(scope, receive, path, presented)
        except door.ClientLeft:
            return
        except NotRecorded:
            _log.error("audit.not-recorded", meldcode=presented.correlation)
            self._meter.not_recorded()
            response = problem(Unavailable(Reason.NOT_RECORDED), presented.correlation)
        await door.reply(send, response, head=scope["method"] == "HEAD")
        slug = path[1:].partition("/")[0]
        tenant = slug if self._house(slug) else ""
        self._meter.answered("ehr", tenant, response.status, time.perf_counter() - started)

    async def _answer(self, scope: door.Scope, receive: Any, path: str, presented: Presented) -> door.Response:
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
        try:
            return await _last(house.consulting, presented, question)
        except NotRecorded:
            raise
        except Exception as bug:
            _log.error("consult.bug", error=type(bug).__name__, meldcode=presented.correlation)
            return await self._refuse(house.consulting.audit, presented, Unavailable(Reason.INTERNAL))

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


async def _last(house: Consulting, presented: Presented, question: Outcome[Asked]) -> door.Response:
    """Take the end of the one consult path: the overview."""
    flow: AsyncGenerator[Arrived | Complete, None] = consult(house, presented, question, datetime.now(UTC))
    took: dict[str, float] = {}
    async for step in flow:
        if isinstance(step, Arrived):
            took[step.answer.source.holder.ura.value] = step.answer.seconds
            continue
        if isinstance(step.content, Deny | Unknown | Unavailable):
            return problem(step.content, presented.correlation)
        answer = as_json(step.content)
        timings = [{"ura": ura, "seconds": round(seconds, 3)} for ura, seconds in sorted(took.items())]
        return door.Response(
            200, orjson.dumps(answer | {"meldcode": presented.correlation, "timings": timings}), media_type=JSON
        )
    raise AssertionError("a consultation ends with Complete")


def problem(stop: Stop, code: str) -> door.Response:
    """Return an RFC 9457 problem in Dutch and English, with the reason's code and the meldcode; no patient data."""
    reason = stop.reason
    status = 503 if isinstance(stop, Unavailable) and reason.face is Face.BROKEN else reason.face.status
    content = {
        "type": f"urn:nuts-pzp:reason:{reason.code}",
        "status": status,
        "code": reason.code,
        "title": reason.text("it", "nl"),
        "title_en": reason.text("it", "en"),
        "clinician": reason.text("clinician", "nl"),
        "meldcode": code,
    }
    if stop.detail:
        content["detail"] = stop.detail
    headers = ((b"retry-after", b"30"),) if status == 503 else ()
    return door.Response(status, orjson.dumps(content), headers, PROBLEM)
