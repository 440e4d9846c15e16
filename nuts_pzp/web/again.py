"""Consultations that outlive their request: answered later, followed from elsewhere, asked twice (ADR 0014).

A key and the same body are one consultation: nobody is asked a second question. Every further look at a result is a
record of its own before it leaves.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

import orjson

from ..accounted import Shown
from ..audit.heard import Heard
from ..consult.flow import consult
from ..consult.inquiry import may_speak_for
from ..exchange import Attempt, Caller
from ..fhir.operation_outcome import FHIR_JSON
from ..identity import Bsn
from ..outcome import Deny, Stop, Unavailable, Unknown
from ..reasons import Reason
from ..store.once import Full
from ..store.port import StoreFailed
from . import door
from .asked import Fault, Wrong
from .call import Call, Stream, client_of, refused, while_listening
from .held import KEPT_SECONDS, Asker, Entry, Held, Key
from .preferences import preferences
from .problem import problem
from .telling import EVENTS, JSON, Events, Manner, pieces, wanted

_ID = re.compile(r"[0-9a-f]{8}-[A-Za-z0-9_-]{32}", re.ASCII)
_KEY = re.compile(r'("?)([\x21\x23-\x7e]{1,128})\1', re.ASCII)
_SECONDS = re.compile(r"[0-9]+", re.ASCII)
_DATA = b"\ndata: "
_LONGEST = 75.0
"""Seconds: longer than any consultation takes."""

_BAD_KEY = Fault(
    "Idempotency-Key",
    "1 tot 128 zichtbare ASCII-tekens, misschien tussen aanhalingstekens",
    "1 to 128 visible ASCII characters, perhaps within quotation marks",
)


def preference(call: Call) -> float | None:
    """Return how many seconds a client waits that prefers to be answered later (RFC 7240); None when it does not."""
    said = preferences(call.header(b"prefer"))
    if "respond-async" not in said:
        return None
    wait = said.get("wait", "")
    return min(float(wait), _LONGEST) if _SECONDS.fullmatch(wait) else 0.0


class Again:
    """What the EHR door does with a consultation that is kept for a while."""

    def __init__(self, held: Held) -> None:
        self._held = held

    async def ask(self, call: Call, manner: Manner, content: bytes) -> door.Response | Stream:
        """Begin a consultation, or join the one that this key and body began, and tell it as the client prefers."""
        caller = await call.house.ehr.verify(call.presented)
        if isinstance(caller, Deny | Unknown | Unavailable):
            return await call.refuse(caller)
        named = call.has(b"idempotency-key")
        word = _KEY.fullmatch(call.header(b"idempotency-key")) if named else None
        if named and word is None:
            wrong = Wrong((_BAD_KEY,))
            await refused(call.house.audit, call.presented, wrong.stop, caller)
            return problem(wrong.stop, call.code, call.language, wrong.faults)
        question = manner.question.asked
        if not may_speak_for(caller, question.professional):
            # Before a key is looked up or taken: neither the result nor the key of a colleague is his.
            return await call.refuse(Deny(Reason.PROFESSIONAL_MISMATCH), caller)
        asker = Asker(call.house.tenant.id, client_of(caller), question.professional)
        body = sha256(content).hexdigest()
        mine = (asker.client, question.professional.id, word[2]) if word else ()
        key = self._held.key_of(asker.tenant, *mine, body) if word else self._held.new_key()
        earlier = self._held.find(key)
        if earlier is not None and not earlier.passing:
            return await self._told(call, caller, key, earlier)
        entry = self._held.begin(key, asker, call.code, question.bsn.value)
        if entry is None:
            return await call.refuse(Deny(Reason.THROTTLED, detail="too many consultations are kept"), caller)
        begun = _Begun(call, caller, manner, key, entry)
        first = partial(self._taken, call, mine, body, anew=earlier is not None) if word else None
        entry.task = asyncio.create_task(self._run(begun, first))
        return await self._told(call, caller, key, entry, began=True)

    async def look(self, call: Call, id: str) -> door.Response | Stream:
        """Tell a consultation again, to whom it belongs."""
        found = await self._found(call, id)
        if isinstance(found, door.Response):
            return found
        return await self._told(call, *found, at_once=True)

    async def drop(self, call: Call, id: str) -> door.Response:
        """Forget a consultation; one that runs is cancelled, and the records say how far it came."""
        found = await self._found(call, id)
        if isinstance(found, door.Response):
            return found
        _, key, entry = found
        self._held.forget(key.name, entry)
        return door.Response(204, b"", media_type="text/plain")

    async def _found(self, call: Call, id: str) -> tuple[Caller, Key, Entry] | door.Response:
        caller = await call.house.ehr.verify(call.presented)
        if isinstance(caller, Deny | Unknown | Unavailable):
            return await call.refuse(caller)
        if call.scope["query_string"]:
            return await call.refuse(Deny(Reason.REQUEST_AMBIGUOUS, detail="no query is taken"), caller)
        if _ID.fullmatch(id) and not id.startswith(f"{self._held.mark}-"):
            return await call.refuse(Deny(Reason.RESULT_ELSEWHERE), caller)
        key = Key(id)
        entry = self._held.find(key)
        if entry is None or not _belongs(entry, call.house.tenant.id, caller):
            return await call.refuse(Deny(Reason.RESULT_GONE), caller)
        return caller, key, entry

    async def _told(
        self, call: Call, caller: Caller, key: Key, entry: Entry, *, began: bool = False, at_once: bool = False
    ) -> door.Response | Stream:
        """Tell it in the form that is asked for now. `began`: by this very request, whose records are there already."""
        media_type = wanted(call.header(b"accept"))
        if media_type is None:
            return await call.refuse(Deny(Reason.REQUEST_NOT_ACCEPTABLE, detail=f"accept: {JSON} or {EVENTS}"), caller)
        waits = preference(call)
        if media_type == EVENTS and (at_once or waits is None):
            await while_listening(entry.begun(), call.receive)
        else:
            seconds = 0.0 if at_once else _LONGEST if waits is None else waits
            if seconds:
                await while_listening(_ended(entry, seconds), call.receive)
            if not entry.ended:
                await while_listening(entry.accounted(), call.receive)
                if entry.recorded:
                    return _started(call, key, entry)
        if media_type == EVENTS and entry.pieces:
            if not began:
                await self._accounted(call, caller, key, entry)
            return Stream(_events(entry, key), call)
        if entry.problem is not None:
            if not began or entry.cancelled:
                await refused(call.house.audit, call.presented, entry.stop or Deny(Reason.RESULT_GONE), caller)
            return entry.problem
        if media_type == FHIR_JSON and entry.fhir is None:
            return await call.refuse(Deny(Reason.REQUEST_NOT_ACCEPTABLE, detail="it was not asked for as FHIR"), caller)
        if not began:
            await self._accounted(call, caller, key, entry)
        if media_type == FHIR_JSON and entry.fhir is not None:
            return door.Response(entry.fhir[0], key.open(entry.fhir[1]))
        _, _, data = key.open(entry.pieces[-1]).partition(_DATA)
        return door.Response(200, data[:-2], media_type=JSON)

    async def _accounted(self, call: Call, caller: Caller, key: Key, entry: Entry) -> None:
        """A further look is a look: it leaves after its record."""
        presented, bsn = call.presented, Bsn(key.open(entry.whose).decode())
        attempt = Attempt(
            presented.correlation, caller, address=presented.address, trace=presented.trace, flow="consult"
        )
        await call.house.audit.append(Shown(attempt, bsn, entry.asker.professional, entry.code))

    async def _taken(self, call: Call, mine: tuple[str, ...], body: str, *, anew: bool) -> Stop | None:
        """Take the idempotency key for this body, or say why not. `anew`: this process has it, for what passed."""
        once = call.house.once
        if once is None:
            return Unavailable(Reason.STATE_FAILED, detail="this tenant keeps no state")
        try:
            until = time.time() + KEPT_SECONDS + _LONGEST
            earlier = await once.first(mine, {"at": self._held.mark, "body": body}, until)
        except StoreFailed as failed:
            return Unavailable(Reason.STATE_FAILED, detail=str(failed))
        except Full:
            return Deny(Reason.THROTTLED, detail="too many idempotency keys are in use")
        if earlier is None:
            return None
        if earlier["body"] != body:
            return Deny(Reason.KEY_REUSED)
        if earlier["at"] != self._held.mark:
            return Deny(Reason.RESULT_ELSEWHERE)
        return None if anew else Deny(Reason.RESULT_GONE)

    async def _run(self, begun: _Begun, first: Callable[[], Awaitable[Stop | None]] | None) -> None:
        """Consult and keep what comes, sealed. Ends the entry whatever happens: others wait for it."""
        call, entry, keep = begun.call, begun.entry, True
        try:
            with call.stay():
                stop = await first() if first else None
                if stop is not None:
                    keep = False
                    begun.fails(stop, await call.refuse(stop, begun.caller))
                    return
                await _consulted(begun)
        except Exception as error:
            begun.fails(await call.broken(error, begun.caller))
        except asyncio.CancelledError:
            keep, entry.cancelled = False, True
            begun.fails(Deny(Reason.RESULT_GONE))
            raise
        finally:
            self._held.ended(begun.key, entry, keep=keep)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A consultation that runs, and where what it gives is kept."""

    call: Call
    caller: Caller
    manner: Manner
    key: Key
    entry: Entry

    def fails(self, stop: Stop, said: door.Response | None = None) -> None:
        """There is no whole. Whoever follows what came until now is told so."""
        told = said or problem(stop, self.call.code, self.call.language)
        self.entry.problem, self.entry.stop = told, stop
        if self.entry.pieces:
            self.entry.add(self.key.close(b"event: problem" + _DATA + told.body + b"\n\n"))


async def _consulted(begun: _Begun) -> None:
    call, key, entry = begun.call, begun.key, begun.entry
    house = replace(call.house, audit=Heard(call.house.audit, entry.record))
    flow = consult(house, call.presented, begun.manner.question.asked, begun.manner.now)
    async with aclosing(pieces(flow, begun.manner)) as told:
        async for piece in told:
            if piece.stop is not None:
                begun.fails(piece.stop, piece.response)
                continue
            if piece.response is not None and piece.response.media_type == FHIR_JSON:
                entry.fhir = (piece.response.status, key.close(piece.response.body))
                entry.size += len(entry.fhir[1])
            entry.add(key.close(piece.event))


def _belongs(entry: Entry, tenant: str, caller: Caller) -> bool:
    """Say whether it is this caller's: the same tenant and client, and the same person and role when it names one."""
    asker = entry.asker
    same = (asker.tenant, asker.client) == (tenant, client_of(caller))
    return same and (caller.professional is None or may_speak_for(caller, asker.professional))


async def _ended(entry: Entry, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await entry.over()
    except TimeoutError:
        return


async def _events(entry: Entry, key: Key) -> Events:
    async with aclosing(entry.follow(key)) as following:
        async for event in following:
            yield event


def _started(call: Call, key: Key, entry: Entry) -> door.Response:
    place = call.presented.url.partition("/pzp/v1/")[0] + f"/pzp/v1/consultations/{key.id}"
    content = {
        "schema": "nuts-pzp-started/1",
        "id": key.id,
        "status": "running",
        "url": place,
        "kept_seconds": int(KEPT_SECONDS),
        "meldcode": entry.code,
    }
    headers = ((b"location", place.encode()), (b"retry-after", b"1"), (b"preference-applied", b"respond-async"))
    return door.Response(202, orjson.dumps(content), headers, JSON)
