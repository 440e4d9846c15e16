"""The network listener: what other organisations reach. `/{tenant}/fhir/...`; uniform refusals (design D4)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import structlog

from ..accounted import Denied
from ..audit.port import Audit, NotRecorded
from ..authentication.certificate import described
from ..consent.notice import Correspondence
from ..disclose.flow import disclose
from ..exchange import Attempt, Presented
from ..fhir.envelope import RawRequest, refused_form
from ..fhir.form import JSON_OR_XML, MEDIA, Form
from ..fhir.request import headless, parse
from ..fhir.version import Speech
from ..fhir.xml import to_xml
from ..house import Holding, House
from ..outcome import Deny, Stop, Unavailable, Unknown
from ..reasons import Face, Reason
from . import door
from .capability import statement
from .meter import Meter
from .notified import PATHS, notified
from .protocol import Said

BODY_LIMIT = 64 * 1024 + 1
"""One byte more than the request rules take, so that they refuse it by their own reason."""

Header = tuple[bytes, bytes]

_BROKE_GLASS = ((b"x-break-glass", b"recorded"),)

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
            response = _told(self._unrecorded(presented), _raw(scope, path, b""))
        code = (b"x-meldcode", presented.correlation.encode())
        response = door.Response(response.status, response.body, (*response.headers, code), response.media_type)
        await door.reply(send, response, head=scope["method"] == "HEAD")
        slug = path[1:].partition("/")[0]
        tenant = slug if self._house(slug) else ""
        self._meter.answered("network", tenant, response.status, time.perf_counter() - started)

    async def unreadable(self, address: str, why: str) -> Said:
        """Answer bytes that were no request, recorded like every other refusal; `why` is in fixed words."""
        presented = Presented(door.meldcode(), "", None, None, "", "", address, door.traceparent(""))
        try:
            response = await self._refuse(self._system, presented, Deny(Reason.REQUEST_MALFORMED, detail=why))
        except NotRecorded:
            response = self._unrecorded(presented)
        self._meter.answered("network", "", response.status, 0.0)
        code = (b"x-meldcode", presented.correlation.encode())
        return Said(response.status, (*door.headed(response), code), response.body)

    async def _answer(self, scope: door.Scope, receive: Any, path: str, presented: Presented) -> door.Response:
        slug, rest = _split(path)
        house = self._house(slug) if slug else None
        if house and house.holding and house.holding.correspondence and path[len(slug) + 2 :] in PATHS:
            return await self._notified(house.holding, house.holding.correspondence, scope, receive, presented)
        if house is None or house.holding is None or rest is None:
            unknown = await self._refuse(self._system, presented, Deny(Reason.TENANT_UNKNOWN))
            return _told(unknown, _raw(scope, path, b""))
        holding = house.holding
        if scope["method"] == "OPTIONS":
            return door.Response(200, b"", (_allow(rest, holding),))
        try:
            content = await door.body(receive, BODY_LIMIT)
        except door.BodyTooBig:
            too_big = await self._refuse(holding.audit, presented, Deny(Reason.REQUEST_TOO_BIG))
            return _told(too_big, _raw(scope, rest, b""))
        raw = _raw(scope, rest, content)
        try:
            response = await self._fhir(holding, presented, raw)
        except NotRecorded:
            response = self._unrecorded(presented)
        return _told(response, raw, holding.policies.capability.version)

    async def _fhir(self, holding: Holding, presented: Presented, raw: RawRequest) -> door.Response:
        if raw.path == "/metadata":
            return await self._metadata(holding, presented, raw)
        whose = presented.certificate or presented.address
        if not await holding.guard.enters(whose):
            return await self._refuse(holding.audit, presented, Unavailable(Reason.OVERLOADED))
        try:
            return await self._disclosed(holding, presented, raw)
        finally:
            holding.guard.leaves(whose)

    async def _metadata(self, holding: Holding, presented: Presented, raw: RawRequest) -> door.Response:
        """Public, about nobody, and no disclosure; a wrong question for it is refused like any other."""
        asked = parse(raw, holding.policies.capability, holding.base)
        if isinstance(asked, Stop):
            return await self._refuse(holding.audit, presented, asked, _allow(raw.path, holding))
        return _in_form(door.Response(200, statement(holding)), asked.form, holding.policies.capability.version)

    async def _disclosed(self, holding: Holding, presented: Presented, raw: RawRequest) -> door.Response:
        try:
            answered = await disclose(holding, presented, raw)
        except NotRecorded:
            raise
        except Exception as bug:
            _log.error("disclose.bug", error=type(bug).__name__, meldcode=presented.correlation)
            return await self._refuse(holding.audit, presented, Unavailable(Reason.INTERNAL))
        if isinstance(answered.content, Deny | Unknown | Unavailable):
            return _face(answered.content, presented, _allow(raw.path, holding))
        more = _BROKE_GLASS if answered.broke_glass else ()
        return door.Response(200, answered.content.body, more, MEDIA[answered.content.form])

    async def _notified(
        self, house: Holding, letters: Correspondence, scope: door.Scope, receive: Any, presented: Presented
    ) -> door.Response:
        """A notice that a bug kept from being taken is sent again, as one that could not be kept."""
        try:
            return await notified(house, letters, presented, scope, receive, self._meter)
        except (NotRecorded, door.ClientLeft):
            raise
        except Exception as bug:
            _log.error("notice.bug", error=type(bug).__name__, meldcode=presented.correlation)
            return await self._refuse(house.audit, presented, Unavailable(Reason.INTERNAL))

    async def _refuse(
        self, audit: Audit, presented: Presented, stop: Stop, allow: Header | None = None
    ) -> door.Response:
        shown = described(presented.certificate)
        attempt = Attempt(presented.correlation, address=presented.address, trace=presented.trace, certificate=shown)
        await audit.append(Denied(attempt, stop))
        return _face(stop, presented, allow)

    def _unrecorded(self, presented: Presented) -> door.Response:
        _log.error("audit.not-recorded", meldcode=presented.correlation)
        self._meter.not_recorded()
        return door.refused(Reason.NOT_RECORDED, presented.correlation)


def _face(stop: Stop, presented: Presented, allow: Header | None = None) -> door.Response:
    """The outward face of a stop; a method that does not go here is told which do (RFC 9110 15.5.6)."""
    response = door.refused(stop.reason, presented.correlation)
    if allow is None or stop.reason.face is not Face.METHOD:
        return response
    return door.Response(response.status, response.body, (*response.headers, allow))


def _told(refused: door.Response, raw: RawRequest, spoken: Speech = "r4") -> door.Response:
    """A refusal in the form that the request asks for; anything else as it is."""
    return _in_form(refused, refused_form(raw, spoken), spoken) if refused.status >= 400 else refused


def _in_form(response: door.Response, form: Form, spoken: Speech) -> door.Response:
    """What the gateway itself says in JSON, in that form."""
    if form == "json":
        return response
    return door.Response(response.status, to_xml(response.body, spoken), response.headers, MEDIA[form])


def _allow(rest: str, holding: Holding) -> Header:
    """The methods of an address; nothing is looked up, so it says nothing of what is there."""
    if rest.endswith("/_search"):
        return b"allow", b"POST, OPTIONS"
    listed = holding.policies.capability.resources.get(rest[1:])
    posted = rest == "/Patient" or (listed is not None and listed.post_only)
    return b"allow", b"OPTIONS" if posted else b"GET, HEAD, OPTIONS"


def _split(path: str) -> tuple[str, str | None]:
    """`/slug/fhir/rest` -> (slug, `/rest`); rest is None when the path is not below a FHIR base."""
    _, _, tail = path.partition("/")
    slug, _, below = tail.partition("/")
    if unquote(slug) != slug or not (below == "fhir" or below.startswith("fhir/")):
        return slug, None
    return slug, below.removeprefix("fhir") or "/"


def _raw(scope: door.Scope, path: str, content: bytes) -> RawRequest:
    """The request as it came, but for a HEAD."""
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    query = scope["query_string"].decode("latin-1")
    return headless(RawRequest(scope["method"], path, query, headers, content, JSON_OR_XML))
