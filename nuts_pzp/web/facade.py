"""The FHIR facade of the EHR listener: `/{tenant}/fhir`. One server to its client, all sources behind it.

A Patient search is a consultation; the searches and reads on its id are further looks at it, each on record before it
leaves. A process that no longer has the consultation, or never had, asks the sources again (ADR 0088, 0089).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, date, datetime

import msgspec
import orjson

from ..accounted import Shown
from ..consult.facade.answer import part, searchset
from ..consult.facade.capability import CAPABILITY, statement
from ..consult.facade.ids import PATIENT, Bound, Ids, Page, Whose
from ..consult.facade.search import selected
from ..consult.facade.shelf import SHELF, Shelf, shelve
from ..consult.flow import Arrived, consult
from ..consult.inquiry import inquire, may_speak_for
from ..exchange import Answer, Asked, Attempt, Caller
from ..fhir import envelope
from ..fhir.envelope import RawRequest
from ..fhir.request import FhirRequest, encode, parse
from ..identity import BSN_SYSTEM, Bsn
from ..outcome import Deny, Outcome, Stop, Unavailable, Unknown
from ..overview.fhir_answer import all_failed, failure
from ..overview.shape import Overview
from ..reasons import Reason
from ..values import replace
from . import door
from .asked import Wrong, unfit_keys
from .asking import Stated, in_headers, stated
from .call import Call, while_listening
from .facade_request import named, posed, turned
from .held import Asker, Entry, Held, Key

ROOT, PREFIX = "/fhir", "/fhir/"


@dataclass(frozen=True, slots=True)
class _Asking:
    """One request, understood: who asks what about whom. `id` is the Patient's; `place` what is read."""

    call: Call
    stated: Stated
    bound: Bound
    request: FhirRequest
    whose: Whose
    id: str
    asked: Asked
    base: str
    after: tuple[str, str, str] | None = None


class Facade:
    """Answers below `/{tenant}/fhir`."""

    def __init__(self, held: Held) -> None:
        self._held = held

    async def served(self, call: Call, rest: str) -> door.Response:
        """Answer one request; `rest` is the path below the FHIR base."""
        if call.scope["method"] not in ("GET", "HEAD", "POST"):
            return await call.refuse(Deny(Reason.REQUEST_METHOD), allow=allowed(rest))
        try:
            content = await door.body(call.receive, envelope.MAX_BODY)
        except door.BodyTooBig:
            return await call.refuse(Deny(Reason.REQUEST_TOO_BIG))
        raw, base = posed(call, rest, content), call.presented.url.removesuffix(rest)
        if rest == "/metadata":
            request = parse(raw, CAPABILITY, base)
            if isinstance(request, Deny | Unknown | Unavailable):
                return await call.refuse(request, allow=allowed(rest))
            return door.Response(200, orjson.dumps(statement(base, call.house.tenant.organization.name)))
        caller = await call.house.ehr.verify(call.presented)
        if isinstance(caller, Deny | Unknown | Unavailable):
            return await call.refuse(caller)
        asking = _understood(call, caller, raw, base)
        if isinstance(asking, Wrong):
            return await call.refuse(asking.stop, caller, faults=asking.faults)
        if isinstance(asking, Deny | Unknown | Unavailable):
            return await call.refuse(asking, caller, allow=allowed(rest))
        return await self._answered(asking)

    async def _answered(self, asking: _Asking) -> door.Response:
        call, caller = asking.call, asking.stated.caller
        key = self._held.key_of("facade", call.house.tenant.id, asking.id)
        entry, began = self._held.find(key), False
        if entry is None:
            asker = Asker(call.house.tenant.id, asking.bound.client, asking.asked.professional)
            entry, began = self._held.begin(key, asker, call.code, asking.whose.bsn.value), True
            if entry is None:
                return await call.refuse(Deny(Reason.THROTTLED, detail="too many consultations are kept"), caller)
            entry.task = asyncio.create_task(self._run(asking, key, entry))
        try:
            await while_listening(entry.over(), call.receive)
        except door.ClientLeft:
            if began and asking.request.resource_type == "Patient":  # nobody else has the id
                self._held.forget(key.name, entry)
            raise
        if entry.problem is not None:
            mine = began and not entry.cancelled
            return entry.problem if mine else await self._once_more(call, caller, entry)
        shelf = SHELF.decode(key.open(entry.pieces[0]))
        found = _found(asking, shelf)
        if isinstance(found, Deny | Unknown | Unavailable):
            return await call.refuse(found, caller)
        if not (began and asking.request.resource_type == "Patient"):
            await self._accounted(asking, entry)
        return door.Response(200, found)

    async def _once_more(self, call: Call, caller: Caller, entry: Entry) -> door.Response:
        """Another's consultation that this one waited for came to nothing: that is refused here as well, on record."""
        assert entry.problem is not None
        await call.refuse(Unavailable(Reason.RESULT_GONE), caller)
        return entry.problem

    async def _accounted(self, asking: _Asking, entry: Entry) -> None:
        """A further look is a look: it leaves after its record."""
        came = asking.call.presented
        attempt = Attempt(
            came.correlation,
            asking.stated.caller,
            request=asking.request,
            address=came.address,
            trace=came.trace,
            flow="consult",
        )
        shown = Shown(attempt, asking.whose.bsn, asking.asked.professional, entry.code)
        await asking.call.house.audit.append(shown)

    async def _run(self, asking: _Asking, key: Key, entry: Entry) -> None:
        """Consult, and keep what it gave, sealed. Ends the entry whatever happens: others wait for it."""
        call, keep = asking.call, False
        try:
            with call.stay():
                found = await _consulted(asking)
            if isinstance(found, door.Response):
                entry.problem = found
            else:
                entry.add(key.close(msgspec.msgpack.encode(found)))
                keep = True
        except Exception as error:
            stop = await call.broken(error, asking.stated.caller)
            entry.problem = call.say(stop, call.code, call.language)
        finally:
            if not keep and entry.problem is None:
                entry.cancelled = True
                entry.problem = call.say(Deny(Reason.RESULT_GONE), call.code, call.language)
            self._held.ended(key, entry, keep=keep)


async def _consulted(asking: _Asking) -> Shelf | door.Response:
    """Take a consultation to its end: the shelf, or why there is none."""
    call, now = asking.call, datetime.now(UTC)
    given: list[Answer] = []
    async with aclosing(consult(call.house, call.presented, asking.asked, now)) as flow:
        async for step in flow:
            if isinstance(step, Arrived):
                given.append(step.answer)
            elif isinstance(step.content, Overview):
                if all_failed(step.content):
                    return door.Response(502, failure(step.content))
                ids = Ids(call.house.facade_key)
                # Of fifty sources this is work for a tenth of a second and more: others are answered meanwhile.
                return await asyncio.to_thread(
                    shelve, given, step.content, asking.base, ids, asking.whose, asking.bound
                )
            else:
                return call.say(step.content, call.code, call.language, phone=step.phone)
    raise AssertionError("a consultation ends with Complete")


def _found(asking: _Asking, shelf: Shelf) -> Outcome[bytes]:
    """Return the resource that is read, or a page of what is searched."""
    request = asking.request
    if request.interaction == "read":
        piece = shelf.find(request.resource_type, request.id or "")
        return Deny(Reason.NOT_FOUND) if piece is None else piece.content
    matches = selected(shelf, request)
    if isinstance(matches, Deny | Unknown | Unavailable):
        return matches
    page = part(matches, request, asking.after)
    return searchset(shelf, request, page, len(matches), _links(asking, page.after))


def _links(asking: _Asking, after: tuple[str, str, str] | None) -> list[tuple[str, str]]:
    """The search as it was understood, without any number of a person; and the next page."""
    kind = asking.request.resource_type
    if kind == "Patient":
        return [("self", f"{asking.base}/Patient")]
    query = _query(asking.request)
    links = [("self", f"{asking.base}/{kind}?{query}")]
    if after is not None:
        token = Ids(asking.call.house.facade_key).page(Page(query, after), asking.bound, kind)
        links.append(("next", f"{asking.base}/{kind}?_page={token}"))
    return links


def _query(request: FhirRequest) -> str:
    written = encode(replace(request, via="GET", continuation=None))
    return written.query


def _understood(call: Call, caller: Caller, raw: RawRequest, base: str) -> _Asking | Wrong | Stop:
    """Return what is asked by whom about whom. Nothing here asks anybody anything."""
    said = stated(call, caller)
    if isinstance(said, Wrong):
        return said
    bound, ids = said.bound(call.house.tenant.id), Ids(call.house.facade_key)
    if not may_speak_for(caller, bound.professional):
        return Deny(Reason.PROFESSIONAL_MISMATCH)
    page = turned(ids, bound, raw)
    if isinstance(page, Deny | Unknown | Unavailable):
        return page
    raw, after = page
    request = parse(raw, CAPABILITY, base)
    if isinstance(request, Deny | Unknown | Unavailable):
        return request
    now = time.time()
    if request.interaction == "search-type" and request.resource_type == "Patient":
        [[bsn]], [[born]] = request.values("identifier"), request.values("birthdate")
        whose = ids.begin(Bsn(bsn.removeprefix(f"{BSN_SYSTEM}|")), date.fromisoformat(born), now)
        place = PATIENT
    else:
        opened = ids.open(named(request), bound, now)
        if isinstance(opened, Deny | Unknown | Unavailable):
            return opened
        whose, place = opened
        if place != PATIENT and request.interaction == "search-type":
            return Deny(Reason.PATIENT_ID, detail="the id of a resource, not of the patient")
    if isinstance(whose, Deny | Unknown | Unavailable):
        return whose
    question = said.about(whose.bsn, whose.born)
    if isinstance(question, Wrong):
        return question
    inquiry = inquire(caller, question, emergency=call.house.emergency)
    if isinstance(inquiry, Deny | Unknown | Unavailable):
        return in_headers(unfit_keys(question)) if inquiry.reason is Reason.BODY_MALFORMED else inquiry
    if after is not None:
        request = replace(request, continuation="")
    return _Asking(call, said, bound, request, whose, ids.seal(whose, bound), question, base, after)


def is_here(below: str) -> bool:
    """Say whether a path under the tenant is the FHIR base or something below it."""
    return below == ROOT or below.startswith(PREFIX)


def allowed(rest: str) -> str:
    """The methods of an address below the FHIR base; nothing is looked up."""
    if rest.endswith("/_search"):
        return "POST, OPTIONS"
    return "OPTIONS" if rest in ("", "/", "/Patient") else "GET, HEAD, OPTIONS"
