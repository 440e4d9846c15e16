"""One request at the EHR door, and what may leave in answer to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from ..accounted import Denied
from ..audit.port import Audit, NotRecorded
from ..exchange import Attempt, Caller, Presented
from ..house import Consulting
from ..outcome import Stop, Unavailable
from ..reasons import Face, Language, Reason
from . import door
from .asked import Fault
from .problem import problem
from .telling import EVENTS, Events

T = TypeVar("T")

_log = structlog.get_logger("nuts_pzp.ehr")


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who came, for which house, and how answers are to be worded."""

    scope: door.Scope
    receive: Any
    presented: Presented
    house: Consulting
    language: Language
    unrecorded: Callable[[Presented], Unavailable]
    """Called when a record could not be made, for whoever watches the gateway; gives what is told then."""
    say: Callable[..., door.Response] = problem
    """How a refusal is worded: as a problem, or at the facade as an OperationOutcome."""

    @property
    def code(self) -> str:
        """The meldcode."""
        return self.presented.correlation

    @property
    def stay(self) -> Callable[[], AbstractContextManager[None]]:
        """Keep the house standing for what goes on after this request."""
        return self.scope.get("stay", nullcontext)  # type: ignore[no-any-return]

    def header(self, name: bytes) -> str:
        """Return a header as text; empty when absent."""
        return door.header(self.scope, name)

    def has(self, name: bytes) -> bool:
        """Say whether the header came, also with nothing in it."""
        return any(key == name for key, _ in self.scope["headers"])

    def carries(self, media_type: str) -> bool:
        """Say whether the body is of that media type, and not encoded: what it says is read as it came."""
        plain = self.header(b"content-encoding").strip().lower() in ("", "identity")
        return plain and self.header(b"content-type").partition(";")[0].strip().lower() == media_type

    async def refuse(
        self, stop: Stop, caller: Caller | None = None, *, allow: str = "", faults: tuple[Fault, ...] = ()
    ) -> door.Response:
        """Record a refusal, then say it. `allow` is told where the method was wrong."""
        await refused(self.house.audit, self.presented, stop, caller)
        told = allow if stop.reason.face is Face.METHOD else ""
        return self.say(stop, self.code, self.language, faults, allow=told)

    async def broken(self, error: Exception, caller: Caller | None = None) -> Stop:
        """Account for a request that an error ended, a record that failed or a bug; return what is told of it."""
        if not isinstance(error, NotRecorded):
            _log.error("consult.bug", error=type(error).__name__, meldcode=self.code)
            try:
                await refused(self.house.audit, self.presented, Unavailable(Reason.INTERNAL), caller)
                return Unavailable(Reason.INTERNAL)
            except NotRecorded:
                pass
        return self.unrecorded(self.presented)


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that leaves piece by piece, each with its receipt."""

    events: Events
    call: Call
    status: int = 200


def client_of(caller: Caller) -> str:
    """Return which of the tenant's clients it is: by name, else by certificate, else by how it proved itself."""
    return caller.claims.get("client_id") or caller.certificate or caller.means


async def refused(audit: Audit, presented: Presented, stop: Stop, caller: Caller | None = None) -> None:
    """Account for a request that ends here."""
    attempt = Attempt(presented.correlation, caller, address=presented.address, trace=presented.trace, flow="consult")
    await audit.append(Denied(attempt, stop))


async def send_stream(stream: Stream, send: Any, code: tuple[bytes, bytes]) -> None:
    """Send each event as it comes. Without a record the rest does not leave; that, and a bug, end it with a problem."""
    headers = [(b"content-type", EVENTS.encode()), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"), code]
    await send({"type": "http.response.start", "status": stream.status, "headers": headers})
    try:
        async with aclosing(stream.events) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
    except Exception as error:
        told = problem(await stream.call.broken(error), stream.call.code, stream.call.language)
        event = b"event: problem\ndata: " + told.body + b"\n\n"
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def while_listening(work: Coroutine[Any, Any, T], receive: Any) -> T:
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
