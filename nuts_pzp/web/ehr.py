"""The EHR listener: the tenant's own systems ask. `POST /{tenant}/pzp/v1/consultations`.

An EHR that hangs up ends its consultation: what was asked of sources is cancelled, and the records say how far it came.
One that asked to be answered later, or that named an idempotency key, may hang up and come again (web.again).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from ..audit.port import Audit, NotRecorded
from ..consult.flow import consult
from ..exchange import Presented
from ..fhir.operation_outcome import FHIR_JSON
from ..house import House
from ..outcome import Deny, Unavailable
from ..reasons import Language, Reason
from ..values import replace
from . import asked, door, facade, oauth, published
from .again import Again, preference
from .asked import Fault, Question, Wrong
from .call import Call, Stream, refused, send_stream, while_listening
from .facade import Facade
from .held import Held
from .language import preferred
from .meter import Meter
from .outcome import outcome
from .problem import problem
from .protocol import Said
from .telling import EVENTS, JSON, Manner, told_as_it_comes, told_refused, told_whole, wanted

BASE = "/pzp/v1/"
PATH = BASE + "consultations"
READ, ASK, AGAIN = ("GET", "HEAD"), ("POST",), ("GET", "DELETE")

_ONE = re.compile(f"{PATH}/[A-Za-z0-9_-]{{1,80}}", re.ASCII)

_log = structlog.get_logger("nuts_pzp.ehr")


class EhrDoor:
    """An ASGI app. Refusals name their reason: the reader is the tenant's own system."""

    def __init__(self, house: Callable[[str], House | None], system: Audit, url: str, meter: Meter) -> None:
        self._house, self._system, self._url, self._meter = house, system, url.rstrip("/"), meter
        self._held = Held()
        self._again = Again(self._held)
        self._facade = Facade(self._held)

    async def stop(self) -> None:
        """Cancel what goes on without its asker, and forget every result."""
        await self._held.stop()

    async def __call__(self, scope: door.Scope, receive: Any, send: Any) -> None:
        started = time.perf_counter()
        path = oauth.placed(scope["raw_path"].decode("latin-1"))
        presented = door.presented(scope, self._url + path)
        code = (b"x-meldcode", presented.correlation.encode())
        language = preferred(door.header(scope, b"accept-language"))
        try:
            response = await self._answer(scope, receive, path, presented, language)
            if isinstance(response, Stream):
                await while_listening(send_stream(response, send, code), receive)
        except door.ClientLeft:
            return
        except NotRecorded:
            response = _saying(path)(self._unrecorded(presented), presented.correlation, language)
        if isinstance(response, door.Response):
            response = replace(response, headers=(*response.headers, code))
            await door.reply(send, response, head=scope["method"] == "HEAD")
        slug = path[1:].partition("/")[0]
        tenant = slug if self._house(slug) else ""
        self._meter.answered("ehr", tenant, response.status, time.perf_counter() - started)

    async def unreadable(self, address: str, why: str) -> Said:
        """Answer bytes that were no request, recorded like every other refusal; `why` is in fixed words."""
        presented = Presented(door.meldcode(), "", None, None, "", "", address, door.traceparent(""))
        stop: Deny | Unavailable = Deny(Reason.REQUEST_MALFORMED, detail=why)
        try:
            await refused(self._system, presented, stop)
        except NotRecorded:
            stop = self._unrecorded(presented)
        response = problem(stop, presented.correlation)
        self._meter.answered("ehr", "", response.status, 0.0)
        code = (b"x-meldcode", presented.correlation.encode())
        return Said(response.status, (*door.headed(response), code), response.body)

    def _unrecorded(self, presented: Presented) -> Unavailable:
        _log.error("audit.not-recorded", meldcode=presented.correlation)
        self._meter.not_recorded()
        return Unavailable(Reason.NOT_RECORDED)

    async def _answer(
        self, scope: door.Scope, receive: Any, path: str, presented: Presented, language: Language
    ) -> door.Response | Stream:
        slug, _, below = path.removeprefix("/").partition("/")
        house = self._house(slug)
        found = house.consulting if house else None
        at_facade = facade.is_here(f"/{below}") and found is not None and bool(found.facade_key)
        allowed = _allowed(f"/{below}", tokens=found is not None and found.issuer is not None)
        if found is None or not (allowed or at_facade):
            stop = Deny(Reason.TENANT_UNKNOWN)
            await refused(self._system, presented, stop)
            return _saying(path)(stop, presented.correlation, language)
        call = Call(scope, receive, presented, found, language, self._unrecorded, _saying(path))
        allow = facade.allowed(f"/{below}".removeprefix(facade.ROOT)) if at_facade else ", ".join((*allowed, "OPTIONS"))
        if scope["method"] == "OPTIONS":
            return door.Response(204, b"", ((b"allow", allow.encode()),), "text/plain")
        if scope["method"] not in allowed and not at_facade:
            return await call.refuse(Deny(Reason.REQUEST_METHOD), allow=allow)
        try:
            return await self._served(call, f"/{below}")
        except (NotRecorded, door.ClientLeft):
            raise
        except Exception as bug:
            return call.say(await call.broken(bug), call.code, call.language)

    async def _served(self, call: Call, below: str) -> door.Response | Stream:
        if below == PATH:
            return await self._asked(call)
        if below in oauth.METHODS and call.house.issuer is not None:
            return await oauth.served(call, call.house.issuer, below)
        if facade.is_here(below):
            return await self._facade.served(call, below.removeprefix(facade.ROOT))
        if below.startswith(f"{PATH}/"):
            again = self._again.drop if call.scope["method"] == "DELETE" else self._again.look
            return await again(call, below.removeprefix(f"{PATH}/"))
        return door.Response(200, published.document(below.removeprefix(BASE)) or b"", media_type=JSON)

    async def _asked(self, call: Call) -> door.Response | Stream:
        """A question: read it, consult, tell. What is wrong with it is told after who asks is known."""
        try:
            content = await door.body(call.receive, asked.BODY_LIMIT)
            question = _question(call, content)
        except door.BodyTooBig:
            question, content = Deny(Reason.REQUEST_TOO_BIG), b""
        now = datetime.now(UTC)
        if not isinstance(question, Question):
            stop = question.stop if isinstance(question, Wrong) else question
            wrong = question if isinstance(question, Wrong) else None
            refusal = told_refused(consult(call.house, call.presented, stop, now), call.code, call.language, wrong)
            return await while_listening(refusal, call.receive)
        media_type = wanted(call.header(b"accept")) or JSON
        manner = Manner(question, now, call.code, call.language, media_type, call.house.roles)
        if preference(call) is not None or call.has(b"idempotency-key"):
            return await self._again.ask(call, manner, content)
        flow = consult(call.house, call.presented, question.asked, now)
        if media_type == EVENTS:
            begun = await while_listening(told_as_it_comes(flow, manner), call.receive)
            return begun if isinstance(begun, door.Response) else Stream(begun, call)
        return await while_listening(told_whole(flow, manner), call.receive)


def _saying(path: str) -> Callable[..., door.Response]:
    """How a refusal is worded at this path."""
    return outcome if facade.is_here(f"/{path.removeprefix('/').partition('/')[2]}") else problem


def _allowed(below: str, *, tokens: bool) -> tuple[str, ...]:
    """Return the methods of a path under the tenant; none when there is no such path. `tokens`: it issues those."""
    if tokens and below in oauth.METHODS:
        return oauth.METHODS[below]
    if below == PATH:
        return ASK
    if _ONE.fullmatch(below):
        return AGAIN
    known = below.startswith(BASE) and published.document(below.removeprefix(BASE)) is not None
    return READ if known else ()


def _question(call: Call, content: bytes) -> Question | Wrong | Deny:
    accepted = wanted(call.header(b"accept"))
    if not call.carries(JSON):
        return Deny(Reason.REQUEST_MEDIA_TYPE, detail="content-type: application/json is expected, not encoded")
    if accepted is None:
        return Deny(Reason.REQUEST_NOT_ACCEPTABLE, detail=f"accept: {JSON}, {FHIR_JSON} or {EVENTS}")
    if call.scope["query_string"]:
        return Deny(Reason.REQUEST_AMBIGUOUS, detail="the question stands in the body, not in the URL")
    question = asked.read(content)
    if isinstance(question, Question) and question.view != "overview" and accepted == FHIR_JSON:
        return Wrong((Fault("view", "kan niet samen met FHIR", "does not go with FHIR"),))
    return question
