"""uvicorn's HTTP protocol, held to stricter manners, with the peer's certificate in the scope.

Trusts nothing of what arrives: header size, count and time, body time, one Host, an origin-form target (design D12,
spec decision-api 3.10); nor that answers are read. An app that breaks answers nothing, and no target is ever logged.
"""

from __future__ import annotations

import asyncio
from asyncio import TimerHandle
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from .places import Place

MAX_TARGET = 8 * 1024
MAX_HEADERS = 32 * 1024
MAX_HEADER_COUNT = 100

_TAKEN = 256 * 1024
"""Bytes of an answer that a client takes in its time, or it is let go."""

_log = structlog.get_logger("nuts_pzp.server")


@dataclass(frozen=True, slots=True)
class Said:
    """An answer to bytes that are no request."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = field(repr=False)


Unreadable = Callable[[str, str], Awaitable[Said]]
"""(peer's address, what was wrong in fixed words) -> the answer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: `head` for the request line and headers, `body` for the body, `idle` between requests.

    `taking` is for each 256 KiB of an answer that the client did not read yet.
    """

    head: float = 10.0
    body: float = 30.0
    idle: float = 60.0
    taking: float = 30.0


class Guarded(HttpToolsProtocol):
    """uvicorn's protocol plus limits. Breaking one closes the connection: there is no request to answer."""

    patience = Patience()
    place: Place
    """Given before the connection is made, and given back when it is lost."""
    unreadable: Unreadable | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._from = self.client[0] if self.client else ""
        self.access_log = False  # a handler at the root of the loggers would switch it on, and targets name patients
        tls = transport.get_extra_info("ssl_object")
        self.certificate: bytes | None = tls.getpeercert(binary_form=True) if tls is not None else None
        self._timer: TimerHandle | None = None
        self._taking: TimerHandle | None = None
        self._weight = 0
        self._refused = False
        self._headed = False
        self._telling: asyncio.Task[None] | None = None
        self._wait(self.patience.head)

    def connection_lost(self, exc: Exception | None) -> None:
        self.place.leave()
        self._wait(None)
        self._watch(None)
        if self._telling is not None:
            self._telling.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._watch(None)
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._wait(self.patience.taking)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() and self._taking is None:
            self._wait(self.patience.taking)

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["client_certificate"] = self.certificate  # type: ignore[typeddict-unknown-key]
        self._weight = 0
        self._headed = False
        self._wait(self.patience.head)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_TARGET:
            self._refuse("Request target too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._weight += len(name) + len(value) + 4
        if self._weight > MAX_HEADERS or len(self.headers) >= MAX_HEADER_COUNT:
            self._refuse("Request headers too large.")
        elif self._headed:
            # uvicorn would add a trailer to the headers, behind the back of whatever stands in front of us.
            self._refuse("Trailer fields are not taken.")
        elif not self._refused:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._refused:
            return
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse("HTTP/1.0 or HTTP/1.1 is spoken here.")
            return
        if version == "1.0" and any(name == b"transfer-encoding" for name, _ in self.headers):
            # HTTP/1.0 knows no chunks: whatever stands in front of us ends the message elsewhere (RFC 9112, 6.1).
            self._refuse("HTTP/1.0 has no transfer codings.")
            return
        hosts = sum(1 for name, _ in self.headers if name == b"host")
        if hosts != 1 or not self.url.startswith(b"/") or self.url.startswith(b"//") or b"#" in self.url:
            self._refuse("One Host header and an origin-form target are required.")
            return
        self._headed = True
        self._wait(self.patience.body)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            self._wait(None)
            super().on_message_complete()

    def _refuse(self, why: str) -> None:
        if not self._refused:
            self.send_400_response(why)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, in turn: never in the midst of an answer, and nothing after it is read."""
        self._refused = True
        if self.pipeline or (self.cycle and self.cycle.response_started and not self.cycle.response_complete):
            self.transport.abort()
        elif self.cycle and not self.cycle.response_complete and not self.cycle.more_body:
            self.cycle.keep_alive = False  # it is being answered, in its own time, and that ends the connection
            self._wait(None)
        else:
            if self.cycle:
                self.cycle.disconnected = True
                self.cycle.message_event.set()
            self._wait(self.patience.taking)
            self._telling = self.loop.create_task(self._tell(msg))

    async def _tell(self, why: str) -> None:
        try:
            said = await self.unreadable(self._from, why) if self.unreadable else _NOTHING
        except Exception as bug:
            _log.error("server.refusal-broke", error=type(bug).__name__)
            self.transport.abort()
            return
        headers = [*self.server_state.default_headers, *said.headers, (b"connection", b"close")]
        head = b"".join(b"%b: %b\r\n" % pair for pair in headers)
        self.transport.write(STATUS_LINE[said.status] + head + b"\r\n" + said.body)
        self.transport.close()

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _watch(self, left: int | None) -> None:
        """Begin or end to watch that the client takes what is written; `left` bytes wait now."""
        if self._taking is not None:
            self._taking.cancel()
        self._taking = None if left is None else self.loop.call_later(self.patience.taking, self._look, left)

    def _look(self, left: int) -> None:
        now = self.transport.get_write_buffer_size()
        if left - now < _TAKEN:
            self.transport.abort()
        else:
            self._watch(now)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Let an app that breaks end the connection: uvicorn's own 500 would be an answer that nobody recorded."""

        async def quiet(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            except BaseException as bug:
                _log.error("server.app-broke", error=type(bug).__name__)
                if not cycle.response_complete:
                    cycle.disconnected = True
                    self.transport.abort()
                if isinstance(bug, KeyboardInterrupt | SystemExit):
                    raise

        super()._start_asgi_task(cycle, quiet)

    def _give_up(self) -> None:
        self._timer = None
        if self.transport is not None:
            self.transport.abort()


_NOTHING = Said(400, ((b"content-length", b"0"),), b"")
