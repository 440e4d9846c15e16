"""One listener: an app behind `protocol`, with its own address and TLS (design D12).

Several listeners run on one event loop. The sandbox uses the same builder for its twins.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from .acceptor import Acceptor, Seated, Shared, bound
from .places import Place, Places
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
        self._places = places or (Seated(shared.board) if shared else Places())
        self._config = Config(
            app,
            http=type("_Patient", (Guarded,), {"patience": patience, "unreadable": told}),
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
        self._acceptors: list[Acceptor] = []
        self._clock: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before `start` when it is chosen freely."""
        return self._port

    async def start(self) -> int:
        """Bind and listen; raises OSError when the address is taken."""
        self._tick()
        shared, board = self._shared, self._shared.board if self._shared else None
        sockets = [shared.socket] if shared else await asyncio.to_thread(bound, self._host, self._port)
        made = [Acceptor(one, self._places, self._connection, tls=self._ssl, board=board) for one in sockets]
        try:
            for acceptor in made:
                acceptor.start()
        except OSError:
            for acceptor in made:
                acceptor.close()
            raise
        self._acceptors = made
        self._port = made[0].port
        self._clock = asyncio.create_task(self._date())
        return self._port

    async def stop(self, grace: float = 5.0) -> None:
        """Stop accepting, ask connections to finish, cancel what is left after `grace` seconds; idempotent."""
        if not self._acceptors:
            return
        acceptors, self._acceptors = self._acceptors, []
        if self._clock:
            self._clock.cancel()
        for acceptor in acceptors:
            acceptor.close()
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

    def _connection(self, place: Place) -> asyncio.Protocol:
        made: Any = self._config.http_protocol_class
        protocol: Guarded = made(config=self._config, server_state=self._state, app_state={})
        protocol.place = place
        return protocol

    def _tick(self) -> None:
        self._state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]

    async def _date(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self._tick()
