"""TLS: whom it trusts, what it says of failures, and that nothing is sent to who is not trusted."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nuts_pzp.outside import Heard, Outbound, TlsFiles, Trouble
from nuts_pzp.sandbox.authority import Authority

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


async def polite(visit: Any) -> None:
    while True:
        await visit.request()
        await visit.say(OK)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "Line Root")


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("past"), "Past Root")
    made._days = -1 / 1440  # type: ignore[assignment]
    return made


def serving(authority: Authority, *hosts: str, clients: bool = False) -> ssl.SSLContext:
    issued = authority.server("-".join(hosts), hosts=hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(issued.certificate_file), str(issued.key_file))
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cafile=str(authority.root_file))
    return context


def trusting(authority: Authority) -> ssl.SSLContext:
    return TlsFiles(roots=authority.root_file).context()


@VERSIONS
async def test_a_trusted_host_is_heard_and_its_connection_kept(
    host: Any, line: Any, authority: Authority, version: ssl.TLSVersion
) -> None:
    context = serving(authority, "localhost", "127.0.0.1")
    context.minimum_version = context.maximum_version = version
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)  # type: ignore[assignment]
    there, here = await host(polite, context), line(trusting(authority))
    for name in ("localhost", "127.0.0.1"):
        for _ in range(3):
            assert isinstance(await here.call("GET", there.url("/", "https", name)), Heard)
    assert len(there.visits) == 2
    assert names == ["localhost", None]
    assert there.requests[0].startswith(f"GET / HTTP/1.1\r\nHost: localhost:{there.port}\r\n".encode())


class Told(Outbound):
    """Finds every name here."""

    async def addresses(self, host: str, port: int) -> tuple[str, ...] | Trouble:
        return ("127.0.0.1",)


async def test_a_name_with_a_dot_behind_it_is_the_name_without(host: Any, line: Any, authority: Authority) -> None:
    context = serving(authority, "a.example")
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)  # type: ignore[assignment]
    there, here = await host(polite, context), line(trusting(authority), outbound=Told())
    assert isinstance(await here.call("GET", there.url("/", "https", "a.example.")), Heard)
    assert names == ["a.example"]
    assert f"\r\nHost: a.example:{there.port}\r\n".encode() in there.requests[0]


@pytest.mark.parametrize("which", ["other roots", "another name", "another address", "expired", "not TLS"])
async def test_who_is_not_trusted_is_sent_nothing(
    host: Any, line: Any, authority: Authority, past: Authority, which: str
) -> None:
    context: ssl.SSLContext | None = serving(authority, "localhost")
    roots, name = authority, "localhost"
    if which == "other roots":
        roots = past
    elif which == "another name":
        context = serving(authority, "elsewhere.example")
    elif which == "another address":
        context, name = serving(authority, "127.0.0.2"), "127.0.0.1"
    elif which == "expired":
        context, roots = serving(past, "localhost"), past
    else:
        context = None

    async def act(visit: Any) -> None:
        if context is None:
            await visit.reader.read(1)
            await visit.say(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        await polite(visit)

    there = await host(act, context)
    assert await line(trusting(roots)).call("GET", there.url("/", "https", name), repeatable=True) is Trouble.TLS
    assert there.requests == []


async def test_a_handshake_that_is_dropped_is_refused_and_one_that_hangs_is_late(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        if visit.number:
            await visit.until_hung_up()

    there, tls = await host(act), ssl.create_default_context()
    assert await line(tls).call("GET", there.url("/", "https")) is Trouble.REFUSED
    started = time.monotonic()
    assert await line(tls, connect=0.2).call("GET", there.url("/", "https")) is Trouble.TIMEOUT
    assert time.monotonic() - started < 5
    await asyncio.wait_for(there.visits[1].hung_up.wait(), 5)


@pytest.fixture
def insists(authority: Authority) -> Iterator[Callable[[ssl.TLSVersion], int]]:
    """A blocking server that demands a client certificate, says so in an alert, and reads what was sent before it."""
    listening: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def opened(version: ssl.TLSVersion) -> int:
        context = serving(authority, "127.0.0.1", clients=True)
        context.minimum_version = context.maximum_version = version
        listening.append(socket.create_server(("127.0.0.1", 0)))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    raw, _ = listening[-1].accept()
                    with raw.dup() as beneath, contextlib.suppress(OSError):
                        try:
                            with context.wrap_socket(raw, server_side=True) as secured:
                                secured.recv(65_536)
                                secured.sendall(OK)
                        except OSError:  # closing with bytes unread would be a reset, and could overtake the alert
                            beneath.settimeout(1)
                            beneath.shutdown(socket.SHUT_WR)
                            while beneath.recv(65_536):
                                pass

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        return listening[-1].getsockname()[1]  # type: ignore[no-any-return]

    yield opened
    for one in listening:
        one.shutdown(socket.SHUT_RDWR)
        one.close()
    for thread in threads:
        thread.join(2)


@VERSIONS
async def test_a_client_certificate_is_shown(line: Any, authority: Authority, insists: Any, version: Any) -> None:
    ours = authority.client("ours", common_name="De Wilgenhof")
    tls = TlsFiles(authority.root_file, ours.certificate_file, ours.key_file).context()
    heard = await line(tls).call("GET", f"https://127.0.0.1:{insists(version)}/")
    assert isinstance(heard, Heard)


@VERSIONS
@pytest.mark.parametrize("repeatable", [False, True])
async def test_the_lack_of_one_is_a_tls_failure_also_when_it_is_said_late(
    line: Any, authority: Authority, insists: Any, version: Any, repeatable: bool
) -> None:
    """In TLS 1.3 the alert comes after the handshake, to a request that was already sent."""
    port = insists(version)
    for _ in range(5):
        heard = await line(trusting(authority)).call("GET", f"https://127.0.0.1:{port}/", repeatable=repeatable)
        assert heard is Trouble.TLS


async def test_cancelling_closes_a_tls_connection_at_once(host: Any, line: Any, authority: Authority) -> None:
    async def act(visit: Any) -> None:
        await visit.request()
        await visit.until_hung_up()

    there = await host(act, serving(authority, "127.0.0.1"))
    task = asyncio.create_task(line(trusting(authority)).call("GET", there.url("/", "https")))
    while not there.requests:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(there.visits[0].hung_up.wait(), 5)


ENDS: dict[str, tuple[bytes, Trouble | bytes]] = {
    "a whole answer": (OK, b"ok"),
    "half an answer": (OK[:-1], Trouble.BROKEN),
    "nothing": (b"", Trouble.BROKEN),
    "a body until the end": (b"HTTP/1.1 200 OK\r\n\r\nall of it", b"all of it"),
    "an answer and more": (OK + b"more", Trouble.BROKEN),
    "a body that is too large": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, Trouble.OVERSIZE),
}


@pytest.mark.parametrize("name", ENDS)
async def test_an_answer_over_tls_is_held_to_the_same(host: Any, line: Any, authority: Authority, name: str) -> None:
    raw, expected = ENDS[name]

    async def act(visit: Any) -> None:
        await visit.request()
        await visit.say(raw)

    there = await host(act, serving(authority, "127.0.0.1"))
    heard = await line(trusting(authority)).call("GET", there.url("/", "https"))
    assert (heard.body if isinstance(heard, Heard) else heard) == expected


@pytest.mark.parametrize("how", ["close", "reset", "more"])
async def test_a_kept_tls_connection_that_is_closed_or_odd_is_replaced(
    host: Any, line: Any, authority: Authority, how: str
) -> None:
    async def act(visit: Any) -> None:
        if visit.number:
            await polite(visit)
        await visit.request()
        await visit.say(OK)
        if how == "more":
            await asyncio.sleep(0.05)
            await visit.say(b"more")
            await visit.until_hung_up()
        await visit.request()
        if how == "reset":
            visit.writer.transport.abort()

    there, here = await host(act, serving(authority, "127.0.0.1")), line(trusting(authority))
    assert isinstance(await here.call("GET", there.url("/", "https")), Heard)
    if how == "more":
        await asyncio.wait_for(there.visits[0].hung_up.wait(), 5)
    assert isinstance(await here.call("POST", there.url("/", "https"), repeatable=True), Heard)
    assert len(there.visits) == 2
