"""Which hosts a line dials is remembered, and remembered rightly."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress

import pytest
from yarl import URL

from nuts_pzp.outside import Bounds, Heard, Line, Outbound, TlsFiles, Trouble

LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))


@pytest.mark.parametrize("host", ["10.0.0.1", "192.0.2.7", "[::ffff:10.0.0.1]", "[fd00::1]"])
async def test_a_forbidden_address_is_refused_the_first_time_and_every_time(host: str) -> None:
    line = Line(LOOPBACK, TlsFiles().context_for("http:"), Bounds(1.0, 1.0, 1024))
    for _ in range(3):
        assert await line.call("GET", URL(f"http://{host}:9/")) is Trouble.ADDRESS
    await line.close()


async def test_what_is_remembered_of_one_host_says_nothing_of_another() -> None:
    line = Line(LOOPBACK, TlsFiles().context_for("http:"), Bounds(20.0, 20.0, 1024))
    for host, trouble in (
        ("127.0.0.1", Trouble.REFUSED),
        ("10.0.0.1", Trouble.ADDRESS),
        ("localhost", Trouble.REFUSED),
    ):
        assert await line.call("GET", URL(f"http://{host}:9/")) is trouble
    await line.close()


async def test_the_memory_of_hosts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuts_pzp.outside.line._HOSTS", 4)
    line = Line(LOOPBACK, TlsFiles().context_for("http:"), Bounds(1.0, 1.0, 1024))
    for number in range(20):
        assert await line.call("GET", URL(f"http://10.0.0.{number}/")) is Trouble.ADDRESS
    assert len(line._hosts) <= 4
    await line.close()


def test_a_line_serves_one_loop_after_another() -> None:
    """As commands do, which run a loop for each thing they ask."""
    line = Line(LOOPBACK, TlsFiles().context_for("http:"), Bounds(5.0, 5.0, 1024))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    pools = []

    async def once() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert isinstance(await line.call("GET", f"http://127.0.0.1:{port}/"), Heard)
            assert line._pool is not None
            pools.append(line._pool)
            for connection in line._pool._all:  # what a command that ends leaves to the end of its loop
                connection.abort()
            await asyncio.sleep(0.01)

    asyncio.run(once())
    asyncio.run(once())
    assert pools[0] is not pools[1]
