"""The listener holds every connection to manners before an app sees it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.web.places import Places
from nuts_pzp.web.protocol import Patience
from nuts_pzp.web.server import Server, ServerTls


class Seen:
    """An app that notes what reached it and answers 200."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def patience() -> Patience:
    """Long enough for a machine that is busy."""
    return Patience(head=20.0, body=20.0, idle=5.0)


@pytest.fixture
async def listener(patience: Patience) -> AsyncIterator[tuple[Seen, int]]:
    seen = Seen()
    server = Server(seen, host="127.0.0.1", port=0, patience=patience)
    port = await server.start()
    yield seen, port
    await server.stop()


async def say(port: int, raw: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    host = "localhost" if tls else "127.0.0.1"
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        writer.write(raw)
        await writer.drain()
        return await asyncio.wait_for(reader.read(400), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


REFUSED = {
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "absolute form": b"GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "authority form": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "scheme-relative path": b"GET //elsewhere/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "headers too large": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 120 + b"\r\n",
    "target too long": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/2.0 by name": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "bare line feeds in a header": b"GET / HTTP/1.1\nHost: a\nX: \x00\n\n",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
async def test_a_malformed_or_ambiguous_request_never_reaches_the_app(listener: tuple[Seen, int], raw: bytes) -> None:
    seen, port = listener
    answer = await say(port, raw)
    assert answer.startswith(b"HTTP/1.1 400") or answer == b""
    assert seen.scopes == []


async def test_a_plain_request_reaches_the_app_with_its_raw_path(listener: tuple[Seen, int]) -> None:
    seen, port = listener
    assert (await say(port, b"GET /a%2Fb?c=%41 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).endswith(b"ok")
    assert (seen.scopes[0]["raw_path"], seen.scopes[0]["query_string"]) == (b"/a%2Fb", b"c=%41")
    assert seen.scopes[0]["client_certificate"] is None


@pytest.mark.parametrize("patience", [Patience(head=0.2)])
@pytest.mark.parametrize("start", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX:"])
async def test_a_client_that_dawdles_over_its_headers_is_dropped(listener: tuple[Seen, int], start: bytes) -> None:
    seen, port = listener
    began = time.monotonic()
    assert await say(port, start) == b""
    assert time.monotonic() - began < 8, "ten, for a listener that nobody hurries"
    assert seen.scopes == []


@pytest.mark.parametrize("patience", [Patience(head=20.0, body=0.2)])
async def test_a_client_that_dawdles_over_its_body_is_dropped(listener: tuple[Seen, int]) -> None:
    _, port = listener
    assert await say(port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc") == b""


async def test_a_refused_request_takes_what_was_pipelined_behind_it_along(listener: tuple[Seen, int]) -> None:
    seen, port = listener
    await say(port, b"GET / HTTP/1.1\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n")
    assert seen.scopes == []


async def test_the_client_certificate_is_in_the_scope(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "Test CA")
    own, client = authority.server("server"), authority.client("ehr", common_name="ehr")
    seen = Seen()
    tls = ServerTls(own.certificate_file, own.key_file, authority.root_file, client_required=False)
    server = Server(seen, host="127.0.0.1", port=0, tls=tls)
    port = await server.start()
    context = ssl.create_default_context(cafile=str(authority.root_file))
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    await say(port, request, context)
    context.load_cert_chain(str(client.certificate_file), str(client.key_file))
    await say(port, request, context)
    await server.stop()
    from cryptography.hazmat.primitives.serialization import Encoding

    assert [scope["client_certificate"] for scope in seen.scopes] == [
        None,
        client.certificate.public_bytes(Encoding.DER),
    ]


async def test_a_stranger_s_certificate_does_not_open_the_connection(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "ours", "Test CA"), Authority(tmp_path / "theirs", "Other CA")
    own, client = authority.server("server"), stranger.client("ehr", common_name="ehr")
    seen = Seen()
    tls = ServerTls(own.certificate_file, own.key_file, authority.root_file, client_required=True)
    server = Server(seen, host="127.0.0.1", port=0, tls=tls)
    port = await server.start()
    context = ssl.create_default_context(cafile=str(authority.root_file))
    context.load_cert_chain(str(client.certificate_file), str(client.key_file))
    try:
        answer = await say(port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", context)
    except ssl.SSLError:
        answer = b""
    await server.stop()
    assert (answer, seen.scopes) == (b"", [])


async def test_who_does_not_shake_hands_takes_a_place_too(tmp_path: Path) -> None:
    """Or one client fills memory and open files with connections that nothing counts."""
    authority = Authority(tmp_path, "Tests")
    own = authority.server("listener")
    places = Places(whole=6, each=3)
    tls = ServerTls(own.certificate_file, own.key_file)
    server = Server(Seen(), host="127.0.0.1", port=0, tls=tls, places=places)
    port = await server.start()
    try:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        ends = (asyncio.wait_for(reader.read(1), 0.5) for reader, _ in silent)
        ended = await asyncio.gather(*ends, return_exceptions=True)
        assert sum(one == b"" or isinstance(one, ConnectionError) for one in ended) == 5
        for _, writer in silent:
            writer.close()
        await asyncio.sleep(0.1)
        assert not places._held
        trust = ssl.create_default_context(cafile=str(authority.root_file))
        assert (await say(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", trust)).startswith(b"HTTP/1.1 200")
    finally:
        await server.stop()


async def test_an_address_that_is_taken_refuses_the_start() -> None:
    first, second = (Server(Seen(), host="127.0.0.1", port=0) for _ in range(2))
    port = await first.start()
    try:
        second._port = port
        with pytest.raises(OSError, match="in use"):
            await second.start()
    finally:
        await first.stop()
    assert await second.start() == port
    await second.stop()
