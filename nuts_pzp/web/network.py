"""The network listener: what other organisations reach. `/{tenant}/fhir/...`; uniform refusals (design D4)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import structlog

from ..accounted import Denied
from ..audit.port import Audit, NotRecorded
from ..disclose.flow import disclose
from ..exchange import Attempt, Presented
from ..fhir.request import RawRequest
from ..house import House
from ..outcome import Deny, Stop, Unavailable, Unknown
from ..reasons import Reason
from . import door
from .capability import statement
from .meter import Meter

BODY_LIMIT = 64 * 1024 + 1
"""One byte more than the request rules take, so that they refuse it by their own reason."""

_log = structlog.get_logger("nuts_pzp.network")


class NetworkDoor:
    """An ASGI app. `house` finds a tenant by its slug; `system` records refusals whose tenant is unknown."""

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
            response = door.refused(Reason.NOT_RECORDED, presented.correlation)
        code = (b"x-meldcode", presented.correlation.encode())
        response = door.Response(response.status, response.body, (*response.headers, code), response.media_type)
        await door.reply(send, response, head=scope["method"] == "HEAD")
        slug = path[1:].partition("/")[0]
        tenant = slug if self._house(slug) else ""
        self._meter.answered("network", tenant, response.status, time.perf_counter() - started)

    async def _answer(self, scope: door.Scope, receive: Any, path: str, presented: Presented) -> door.Response:
        slug, rest = _split(path)
        house = self._house(slug) if slug else None
        if house is None or house.holding is None or rest is None:
            return await self._refuse(self._system, presented, Deny(Reason.TENANT_UNKNOWN))
        if rest == "/metadata" and scope["method"] == "GET" and not scope["query_string"]:
            return door.Response(200, statement(house.holding))
        try:
            content = await door.body(receive, BODY_LIMIT)
        except door.BodyTooBig:
            return await self._refuse(house.holding.audit, presented, Deny(Reason.REQUEST_TOO_BIG))
        try:
            answered = await disclose(house.holding, presented, _raw(scope, rest, content))
        except NotRecorded:
            raise
        except Exception as bug:
            _log.error("disclose.bug", error=type(bug).__name__, meldcode=presented.correlation)
            return await self._refuse(house.holding.audit, presented, Unavailable(Reason.INTERNAL))
        if isinstance(answered.content, Deny | Unknown | Unavailable):
            return door.refused(answered.content.reason, presented.correlation)
        return door.Response(answered.content.status, answered.content.body)

    async def _refuse(self, audit: Audit, presented: Presented, stop: Stop) -> door.Response:
        attempt = Attempt(presented.correlation, address=presented.address, trace=presented.trace)
        await audit.append(Denied(attempt, stop))
        return door.refused(stop.reason, presented.correlation)


def _split(path: str) -> tuple[str, str | None]:
    """`/slug/fhir/rest` -> (slug, `/rest`); rest is None when the path is not below a FHIR base."""
    _, _, tail = path.partition("/")
    slug, _, below = tail.partition("/")
    if unquote(slug) != slug or not (below == "fhir" or below.startswith("fhir/")):
        return slug, None
    return slug, below.removeprefix("fhir") or "/"


def _raw(scope: door.Scope, path: str, content: bytes) -> RawRequest:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    return RawRequest(scope["method"], path, scope["query_string"].decode("latin-1"), headers, content)
