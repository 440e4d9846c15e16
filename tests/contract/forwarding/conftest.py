"""A FHIR server of raw sockets, that answers exactly what a test says, and the two kinds of FhirServer that meet it."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.exchange import Signer
from nuts_pzp.forwarding.port import FhirServer
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outcome import Outcome
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.systems.fhir_server import build_connector, build_records

Act = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


def response(
    body: bytes = b'{"resourceType":"Bundle","type":"searchset"}',
    *,
    status: str = "200 OK",
    media: str = "application/fhir+json; charset=utf-8",
    more: str = "",
    length: int | None = None,
) -> bytes:
    """Write an HTTP response by hand."""
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n{more}\r\n"
    return head.encode() + body


@dataclass
class Upstream:
    """Plays its script, one step a request; the last step serves every further one."""

    script: list[bytes | Act] = field(default_factory=lambda: [response()])
    seen: list[Seen] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    base: str = ""
    serving: list[asyncio.Task[Any]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.serving.append(task)
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = head.strip().split("\r\n")
                headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
                length = int(dict(headers).get("content-length", "0"))
                method, target, _ = first.split(" ")
                self.seen.append(Seen(method, target, headers, await reader.readexactly(length)))
                step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
                if isinstance(step, bytes):
                    writer.write(step)
                    await writer.drain()
                else:
                    watch = asyncio.create_task(self._watch(reader))
                    try:
                        await step(writer)
                    finally:
                        watch.cancel()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass  # the other side, or the test, is done
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def close(self) -> None:
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)

    async def _watch(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            if await reader.read(1) == b"":
                self.hung_up.set()


class Proofs:
    """A signer that counts, and says with each call what it was asked for."""

    def __init__(self, outcome: Outcome[Mapping[str, str]] | None = None) -> None:
        self.calls: list[tuple[str, str, bool]] = []
        self._outcome = outcome

    async def __call__(self, method: str, url: str, /, *, fresh: bool = False) -> Outcome[Mapping[str, str]]:
        self.calls.append((method, url, fresh))
        if self._outcome is not None:
            return self._outcome
        return {"authorization": f"DPoP token-{len(self.calls)}", "dpop": f"proof-{len(self.calls)}"}


@pytest.fixture
def proofs() -> type[Proofs]:
    return Proofs


@pytest.fixture
def reply() -> Callable[..., bytes]:
    return response


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    tenant = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof"))
    loopback = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    return Surroundings(tenant, Outbound(loopback), tmp_path, tmp_path)


@pytest.fixture
async def open_upstream() -> AsyncIterator[Callable[..., Awaitable[Upstream]]]:
    servers: list[asyncio.Server] = []
    upstreams: list[Upstream] = []

    async def start(tls: ssl.SSLContext | None = None) -> Upstream:
        upstreams.append(upstream := Upstream())
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=tls)
        servers.append(server)
        scheme = "https" if tls else "http"
        upstream.base = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/fhir"
        return upstream

    yield start
    for server in servers:
        server.close()
    for one in upstreams:
        await one.close()


@pytest.fixture
async def upstream(open_upstream: Callable[..., Awaitable[Upstream]]) -> Upstream:
    return await open_upstream()


@pytest.fixture(params=["records", "connector"])
async def connect(request: pytest.FixtureRequest, around: Surroundings) -> AsyncIterator[Callable[..., FhirServer]]:
    """Make a FhirServer at a base: the tenant's own, or one found at run time."""
    living: list[Any] = []

    def make(base: str, signer: Signer | None = None, **settings: Any) -> FhirServer:
        if request.param == "records":
            living.append(build_records({"base": base, "fhir_version": "R4", **settings}, around))
            return living[-1]  # type: ignore[no-any-return]
        living.append(build_connector(settings, around))
        return living[-1].to(base, signer or Proofs())  # type: ignore[no-any-return]

    yield make
    for one in living:
        await one.stop()
