"""One listener: an app behind `protocol`, with its own address and TLS (design D12).

Several listeners run on one event loop. The sandbox uses the same builder for its twins.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from .acceptor import BACKLOG, Acceptor, Seated, Shared
from .places import Places
from .protocol import Guarded, Patience, Unreadable

App = Callable[[Any, Any, Any], Awaitable[None]]


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
        unreadable: Unreadable | None = None,
        shared: Shared | None = None,
    ) -> None:
        """`places` bounds the connections; each listener has its own. `unreadable` answers what is no request.

        `shared` is a socket to listen on in the place of host and port, together with other processes.
        """
        patience = patience or Patience()
        told = staticmethod(unreadable) if unreadable else None
        places = places or (Seated(shared.board) if shared else Places())
        self._config = Config(
            app,
            http=type("_Patient", (Guarded,), {"patience": patience, "places": places, "unreadable": told}),
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
        self._host, self._port, self._shared = host, port, shared
        self._state = ServerState()
        self._server: asyncio.Server | Acceptor | None = None
        self._clock: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before `start` when it is chosen freely."""
        return self._port

    async def start(self) -> int:
        """Bind and listen; raises OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        self._tick()
        if self._shared is not None:
            acceptor = self._server = Acceptor(self._shared, self._connection, self._ssl)
            acceptor.start()
            self._port = acceptor.port
        else:
            server = self._server = await loop.create_server(
                self._connection,
                self._host,
                self._port,
                ssl=self._ssl,
                ssl_handshake_timeout=5.0 if self._ssl else None,
                backlog=BACKLOG,
            )
            for listener in server.sockets:
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._port = server.sockets[0].getsockname()[1]
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
