"""One listener: uvicorn's HTTP protocol, held to stricter manners, with the peer's certificate in the scope.

Trusts nothing of what arrives: header size, count and time, body time, one Host, an origin-form target (design D12,
spec decision-api 3.10); nor that answers are read. An app that breaks answers nothing, and no target is ever logged.
Several listeners run on one event loop. The sandbox uses the same builder for its twins.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from asyncio import TimerHandle
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from .places import Places

App = Callable[[Any, Any, Any], Awaitable[None]]

MAX_TARGET = 8 * 1024
MAX_HEADERS = 32 * 1024
MAX_HEADER_COUNT = 100

_TAKEN = 256 * 1024
"""Bytes of an answer that a client takes in its time, or it is let go."""

_log = structlog.get_logger("nuts_pzp.server")


@dataclass(frozen=True, slots=True)
class ServerTls:
    """PEM files of a listener. With `client_roots` a client certificate is verified; `client_required` demands one."""

    certificate: Path
    key: Path
    client_roots: Path | None = None
    client_required: bool = False

    def context(self) -> ssl.SSLContext:
        """Return a TLS 1.2+ server context; raises OSError or ssl.SSLError on unreadable files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(str(self.certificate), str(self.key))
        if self.client_roots:
            context.load_verify_locations(cafile=str(self.client_roots))
            context.verify_mode = ssl.CERT_REQUIRED if self.client_required else ssl.CERT_OPTIONAL
        return context


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: `head` for the request line and headers, `body` for the body, `idle` between requests.

    `taking` is for each 256 KiB of an answer that the client did not read yet.
    """

    head: float = 10.0
    body: float = 30.0
    idle: float = 60.0
    taking: float = 30.0


class _Guarded(HttpToolsProtocol):
    """uvicorn's protocol plus limits. Breaking one closes the connection: there is no request to answer."""

    patience = Patience()
    places = Places()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._from = self.client[0] if self.client else ""
        self._placed = self.places.enter(self._from)
        self.access_log = False  # a handler at the root of the loggers would switch it on, and targets name patients
        tls = transport.get_extra_info("ssl_object")
        self.certificate: bytes | None = tls.getpeercert(binary_form=True) if tls is not None else None
        self._timer: TimerHandle | None = None
        self._taking: TimerHandle | None = None
        self._weight = 0
        self._refused = not self._placed
        self._headed = False
        self._wait(self.patience.head)
        if not self._placed:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._placed:
            self.places.leave(self._from)
        self._wait(None)
        self._watch(None)
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
            self._refused = True
            self.send_400_response(why)

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


class Server:
    """One bound, listening app. `start` returns the port; `stop` lets running requests finish for a few seconds."""

    def __init__(
        self,
        app: App,
        *,
        host: str,
        port: int,
        tls: ServerTls | None = None,
        patience: Patience | None = None,
        places: Places | None = None,
    ) -> None:
        """`places` bounds the connections; each listener has its own."""
        patience = patience or Patience()
        self._config = Config(
            app,
            http=type("_Patient", (_Guarded,), {"patience": patience, "places": places or Places()}),
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=int(patience.idle),
        )
        self._config.load()
        self._ssl = tls.context() if tls else None
        self._host, self._port = host, port
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self._clock: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before `start` when it is chosen freely."""
        return self._port

    async def start(self) -> int:
        """Bind and listen; raises OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        self._tick()
        self._server = await loop.create_server(
            self._connection,
            self._host,
            self._port,
            ssl=self._ssl,
            ssl_handshake_timeout=5.0 if self._ssl else None,
            backlog=1024,
        )
        for listener in self._server.sockets:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = self._server.sockets[0].getsockname()[1]
        self._clock = asyncio.create_task(self._date())
        return self._port

    async def stop(self, grace: float = 5.0) -> None:
        """Stop accepting, ask connections to finish, cancel what is left after `grace` seconds; idempotent."""
        if self._server is None:
            return
        server, self._server = self._server, None
        if self._clock:
            self._clock.cancel()
        server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            _, late = await asyncio.wait(list(self._state.tasks), timeout=grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)
        for connection in list(self._state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()

    def _connection(self) -> asyncio.Protocol:
        protocol: asyncio.Protocol = self._config.http_protocol_class(  # type: ignore[call-arg]
            config=self._config, server_state=self._state, app_state={}
        )
        return protocol

    def _tick(self) -> None:
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]

    async def _date(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._tick()
