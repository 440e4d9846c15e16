"""Servers of raw sockets that do exactly what a test says, and lines that call them; on both kinds of loop."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from nuts_pzp.outside import Bounds, Line, Outbound, TlsFiles

LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))


@dataclass
class Visit:
    """One connection as the server sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: Host
    number: int
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(self) -> bytes:
        """Return one request, head and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        whole = head + await self.reader.readexactly(int(length or 0))
        self.host.requests.append(whole)
        return whole

    async def say(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    def reset(self) -> None:
        """Drop the connection with an RST."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_hung_up(self) -> None:
        """Wait for the other side to close."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass
        self.hung_up.set()


Act = Callable[[Visit], Awaitable[None]]


class Host:
    """Lets `act` play each connection; closes it afterwards."""

    def __init__(self, act: Act) -> None:
        self.act, self.port = act, 0
        self.requests: list[bytes] = []
        self.visits: list[Visit] = []
        self._playing: list[asyncio.Task[Any]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._playing.append(task)
        visit = Visit(reader, writer, self, len(self.visits))
        self.visits.append(visit)
        try:
            await self.act(visit)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass  # the other side, or the test, is done
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                await writer.wait_closed()

    async def stop(self) -> None:
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)

    def url(self, path: str = "/", scheme: str = "http", name: str = "127.0.0.1") -> str:
        return f"{scheme}://{name}:{self.port}{path}"


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], Any]]:
    """Run everything here on both kinds of loop."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def host() -> AsyncIterator[Callable[..., Awaitable[Host]]]:
    hosts: list[Host] = []
    servers: list[asyncio.Server] = []

    async def opened(act: Act, tls: ssl.SSLContext | None = None, on: str = "127.0.0.1", port: int = 0) -> Host:
        hosts.append(made := Host(act))
        servers.append(await asyncio.start_server(made.serve, on, port, ssl=tls))
        made.port = servers[-1].sockets[0].getsockname()[1]
        return made

    yield opened
    for server in servers:
        server.close()
    for one in hosts:
        await one.stop()


@pytest.fixture
async def line() -> AsyncIterator[Callable[..., Line]]:
    lines: list[Line] = []

    def made(tls: ssl.SSLContext | None = None, outbound: Outbound = LOOPBACK, **how: Any) -> Line:
        bounds = Bounds(how.pop("connect", 10.0), how.pop("total", 30.0), how.pop("limit", 1_024))
        lines.append(Line(outbound, tls or TlsFiles().context_for("http:"), bounds, **how))
        return lines[-1]

    yield made
    for one in lines:
        await one.close()
