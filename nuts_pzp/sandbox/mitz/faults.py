"""Mitz twin: what can go wrong with the service itself, for one citizen or for all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Literal

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from . import open_hostile
from .answers import fault as soap_fault
from .codes import MEDIA_TYPE
from .hostile import HOSTILE
from .open_parts import OpenAsked
from .request import Asked

Kind = Literal[
    "delay", "late", "slow-body", "drop", "status", "redirect", "html", "empty", "gzip", "oversize", "fault", "hostile"
]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, `times` times.

    delay: the right answer after `seconds`; late: the one that was right when asked, after `seconds`; slow-body: a byte
    every `seconds`; drop: the connection closes half way; status: an HTML page with `status` and `retry_after`;
    redirect: 302 to `location`; gzip: a body of that encoding; fault: a SOAP fault `name` (Sender, Receiver) with
    `status`; hostile: the answer of that `name`.
    """

    kind: Kind
    seconds: float = 0.0
    status: int = 200
    retry_after: str = ""
    location: str = ""
    name: str = ""
    times: int = 1_000_000

    def __post_init__(self) -> None:
        if self.kind == "hostile" and self.name not in HOSTILE.keys() | open_hostile.HOSTILE.keys():
            raise ValueError("no hostile answer of that name")


class Faults:
    """The faults that are on: by BSN, and `*` for everybody."""

    def __init__(self) -> None:
        """None."""
        self._by_bsn: dict[str, Fault] = {}

    def set(self, fault: Fault, bsn: str = "*") -> None:
        """From now on, for this citizen or for all."""
        self._by_bsn[bsn] = fault

    @property
    def any(self) -> bool:
        """True while a fault is on, for anybody."""
        return bool(self._by_bsn)

    def clear(self) -> None:
        """Everything works again."""
        self._by_bsn.clear()

    def take(self, bsn: str) -> Fault | None:
        """Return the fault for this question and count it."""
        key = bsn if bsn in self._by_bsn else "*"
        found = self._by_bsn.get(key)
        if found is None:
            return None
        if found.times <= 1:
            del self._by_bsn[key]
        else:
            self._by_bsn[key] = replace(found, times=found.times - 1)
        return found


def faulty(fault: Fault, asked: Asked | OpenAsked) -> Any:
    """Return the ASGI response that this fault makes instead of an answer."""
    if fault.kind == "drop":
        return _drop
    if fault.kind == "slow-body":
        return _Slow(fault.seconds)
    if fault.kind == "redirect":
        return Response(status_code=302, headers={"location": fault.location})
    if fault.kind == "status":
        headers = {"retry-after": fault.retry_after} if fault.retry_after else {}
        return Response("<html>niet beschikbaar</html>", fault.status, headers, "text/html")
    if fault.kind == "html":
        return Response("<html>Permit</html>", 200, media_type="text/html")
    if fault.kind == "fault":
        body = soap_fault(fault.name, f"fout bij patiënt {asked.bsn}", asked.message_id).encode()
        return soap(body, fault.status)
    if fault.kind == "hostile" and isinstance(asked, Asked):
        return soap(HOSTILE[fault.name](asked))
    if fault.kind == "hostile" and isinstance(asked, OpenAsked):
        return soap(open_hostile.HOSTILE[fault.name](asked))
    if fault.kind == "gzip":
        return soap(b"\x1f\x8b\x08\x00" + b"\x00" * 64, headers={"content-encoding": "gzip"})
    return soap(b"" if fault.kind == "empty" else b" " * 4_000_000)


def soap(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a response with the SOAP 1.2 media type."""
    return Response(body, status, headers, f"{MEDIA_TYPE}; charset=utf-8")


async def _drop(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin an answer and leave: the server closes the connection in the middle."""
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


class _Slow:
    """Headers at once, then one byte at a time, for as long as anybody listens."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(self._seconds)
        await send({"type": "http.response.body", "body": b""})
