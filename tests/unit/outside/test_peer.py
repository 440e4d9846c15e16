"""A peer: bounded calls to one checked base, failures as values."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from nuts_pzp.outside import Heard, Outbound, Peer, TlsFiles, Trouble
from nuts_pzp.sandbox.authority import Authority

LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))
OK = b"HTTP/1.1 200 OK\r\nContent-Type: Application/JSON; charset=utf-8\r\ncontent-length: 2\r\n\r\n{}"

Answer = bytes | Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Door:
    """Answers every request alike, and remembers their heads."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.heads, self.port = answer, list[str](), 0
        self.hung_up = asyncio.Event()
        self.serving = list[asyncio.Task[Any]]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.serving.append(task)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the end of the test
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
                if isinstance(self.answer, bytes):
                    writer.write(self.answer)
                    await writer.drain()
                    continue
                await self.answer(reader, writer)
                self.hung_up.set()
                break

    async def close(self) -> None:
        for task in self.serving:
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)


@pytest.fixture
async def door() -> AsyncIterator[Callable[..., Awaitable[Door]]]:
    servers: list[asyncio.Server] = []
    doors: list[Door] = []

    async def opened(answer: Answer = OK, tls: ssl.SSLContext | None = None) -> Door:
        doors.append(made := Door(answer))
        servers.append(await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls))
        made.port = servers[-1].sockets[0].getsockname()[1]
        return made

    yield opened
    for server in servers:
        server.close()
    for one in doors:
        await one.close()


@pytest.fixture
async def peer() -> AsyncIterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def made(base: str, outbound: Outbound = LOOPBACK, **bounds: Any) -> Peer:
        peers.append(Peer(base, outbound, **bounds))
        return peers[-1]

    yield made
    for one in peers:
        await one.close()


async def test_an_answer_is_heard_whole(door: Any, peer: Any) -> None:
    there = await door()
    heard = await peer(f"http://127.0.0.1:{there.port}/base/").send("GET", "/a%2Fb?c=d%7C")
    assert heard == Heard(200, {"content-type": "Application/JSON; charset=utf-8", "content-length": "2"}, b"{}")
    assert heard.media_type == "application/json"
    assert there.heads[0].startswith("GET /base/a%2Fb?c=d%7C HTTP/1.1\r\n")


async def test_headers_and_content_go_as_given(door: Any, peer: Any) -> None:
    there = await door(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
    heard = await peer(f"http://127.0.0.1:{there.port}").send(
        "POST", "/x", headers={"content-type": "application/json"}, content=b"{}"
    )
    assert isinstance(heard, Heard)
    assert "content-type: application/json\r\n" in there.heads[0].lower()
    assert "accept-encoding: identity\r\n" in there.heads[0].lower()


async def test_a_repeated_header_is_joined_and_not_halved(door: Any, peer: Any) -> None:
    there = await door(b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\ncontent-type: c/d\r\ncontent-length: 0\r\n\r\n")
    heard = await peer(f"http://127.0.0.1:{there.port}").send("GET", "/")
    assert isinstance(heard, Heard)
    assert heard.headers["content-type"] == "a/b, c/d"


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n", Trouble.REDIRECT),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", Trouble.REDIRECT),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 0\r\n\r\n", Trouble.BROKEN),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n12345678901", Trouble.OVERSIZE),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n", Trouble.OVERSIZE),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Trouble.BROKEN),
    ],
)
async def test_what_is_no_answer_is_a_trouble(door: Any, peer: Any, answer: bytes, trouble: Trouble) -> None:
    there = await door(answer)
    assert await peer(f"http://127.0.0.1:{there.port}", limit=10).send("GET", "/") is trouble


async def test_nobody_listening_is_refused(peer: Any) -> None:
    assert await peer("http://127.0.0.1:9").send("GET", "/") is Trouble.REFUSED


async def test_a_name_without_address_is_no_refused_connection(peer: Any) -> None:
    assert await peer("http://nowhere.invalid").send("GET", "/") is Trouble.NAME


async def test_a_connection_dropped_after_a_post_is_broken_and_not_tried_again(door: Any, peer: Any) -> None:
    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    there = await door(drop)
    assert await peer(f"http://127.0.0.1:{there.port}").send("POST", "/", content=b"{}") is Trouble.BROKEN
    assert len(there.heads) == 1


async def test_a_body_that_drips_is_a_timeout(door: Any, peer: Any) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(500):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    there = await door(drip)
    started = time.monotonic()
    assert await peer(f"http://127.0.0.1:{there.port}", total=0.1).send("GET", "/") is Trouble.TIMEOUT
    assert await peer(f"http://127.0.0.1:{there.port}").send("GET", "/", within=0.1) is Trouble.TIMEOUT
    assert time.monotonic() - started < 8


async def test_no_time_at_all_is_not_the_usual_time(door: Any, peer: Any) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    there = await door(hang)
    started = time.monotonic()
    assert await peer(f"http://127.0.0.1:{there.port}").send("GET", "/", within=0.001) is Trouble.TIMEOUT
    assert time.monotonic() - started < 3, "five, as usual"


async def test_a_slow_name_server_is_within_the_time(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(host: str, port: int, **_: Any) -> list[Any]:
        time.sleep(2)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert await peer("http://localhost:9", total=0.05).send("GET", "/") is Trouble.TIMEOUT


async def test_a_base_that_may_not_be_dialled_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="an address outside"):
        Peer("https://10.0.0.1", Outbound())


async def test_a_name_that_is_rebound_is_dialled_where_it_was_checked(
    door: Any, peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look-up gives an allowed address, any further one a forbidden one: nobody looks twice."""
    there = await door()
    answers = ["127.0.0.1"]

    def rebinding(host: str, port: int, **_: Any) -> list[Any]:
        address = answers.pop() if answers else "127.66.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    only = Outbound((ipaddress.ip_network("127.0.0.1/32"),))
    base = f"http://rebound.example:{there.port}"
    assert isinstance(await peer(base, only).send("GET", "/"), Heard)
    assert f"host: rebound.example:{there.port}\r\n" in there.heads[0].lower()
    assert await peer(base, only).send("GET", "/") is Trouble.ADDRESS
    assert len(there.heads) == 1


@pytest.mark.parametrize("path", ["@127.0.0.2:9/", ".evil.example/", ":9/", "9/"])
async def test_a_path_never_changes_the_origin(door: Any, peer: Any, path: str) -> None:
    there = await door()
    assert await peer(f"http://127.0.0.1:{there.port}").send("GET", path) is Trouble.ADDRESS
    assert there.heads == []


async def test_a_path_never_adds_a_port_or_a_domain(door: Any, peer: Any) -> None:
    there = await door()
    for path in (f":{there.port}/", ".1/", "0/"):
        assert await peer("http://127.0.0.1").send("GET", path) is Trouble.ADDRESS
    assert there.heads == []


async def test_cancelling_closes_the_connection(door: Any, peer: Any) -> None:
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read(1) == b""

    there = await door(wait)
    task = asyncio.create_task(peer(f"http://127.0.0.1:{there.port}").send("GET", "/"))
    while not there.heads:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(there.hung_up.wait(), 20)


async def test_a_closed_peer_can_be_asked_again(door: Any, peer: Any) -> None:
    there = await door()
    asked = peer(f"http://127.0.0.1:{there.port}")
    await asked.send("GET", "/")
    await asked.close()
    assert isinstance(await asked.send("GET", "/"), Heard)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "Peer Root")


def server_context(authority: Authority, *hosts: str) -> ssl.SSLContext:
    issued = authority.server("-".join(hosts), hosts=hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(issued.certificate_file), str(issued.key_file))
    return context


async def test_tls_holds_the_name_to_the_certificate(door: Any, peer: Any, authority: Authority) -> None:
    there = await door(tls=server_context(authority, "localhost"))
    tls = TlsFiles(roots=authority.root_file)
    assert isinstance(await peer(f"https://localhost:{there.port}", tls=tls).send("GET", "/"), Heard)
    assert await peer(f"https://127.0.0.1:{there.port}", tls=tls).send("GET", "/") is Trouble.TLS


async def test_unknown_roots_are_tls_trouble_and_no_timeout(door: Any, peer: Any, authority: Authority) -> None:
    there = await door(tls=server_context(authority, "localhost", "127.0.0.1"))
    assert await peer(f"https://localhost:{there.port}").send("GET", "/") is Trouble.TLS
    assert there.heads == []


@pytest.fixture
def strict_port(authority: Authority) -> Iterator[int]:
    """A blocking server that insists on a client certificate and says so in an alert, as real ones do."""
    context = server_context(authority, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=str(authority.root_file))
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(65536)
                    secured.sendall(OK)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(2)


async def test_our_certificate_opens_the_door(peer: Any, authority: Authority, strict_port: int) -> None:
    ours = authority.client("ours", common_name="De Wilgenhof")
    tls = TlsFiles(authority.root_file, ours.certificate_file, ours.key_file)
    assert isinstance(await peer(f"https://127.0.0.1:{strict_port}", tls=tls).send("GET", "/"), Heard)


async def test_without_it_nothing_is_heard(peer: Any, authority: Authority, strict_port: int) -> None:
    tls = TlsFiles(authority.root_file)
    assert await peer(f"https://127.0.0.1:{strict_port}", tls=tls).send("GET", "/") in (Trouble.TLS, Trouble.BROKEN)
