"""How an answer over TLS ends: all of it is heard that came before the end, and an end is believed when TLS says it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nuts_pzp.outside import Heard, TlsFiles, Trouble
from nuts_pzp.sandbox.authority import Authority

SIZES = (20_000, 100_000, 400_000, 1_500_000)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "Ends Root")


class Abrupt:
    """Sends an answer, the end of TLS if it is to, and the end of TCP, in one go: no loop comes in between."""

    def __init__(self, context: ssl.SSLContext, answer: Callable[[], bytes], goodbye: bool) -> None:
        self._context, self._answer, self._goodbye = context, answer, goodbye
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with self._listening.accept()[0] as raw, contextlib.suppress(OSError):
                    raw.settimeout(10)
                    self._visit(raw)

    def _visit(self, raw: socket.socket) -> None:
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = self._context.wrap_bio(coming, going, server_side=True)

        def until_done(step: Callable[[], Any]) -> None:
            while True:
                try:
                    step()
                except ssl.SSLWantReadError:
                    raw.sendall(going.read())
                    coming.write(raw.recv(65_536))
                else:
                    break

        until_done(secured.do_handshake)
        until_done(lambda: secured.read(65_536))
        secured.write(self._answer())
        if self._goodbye:
            with contextlib.suppress(ssl.SSLWantReadError):
                secured.unwrap()
        raw.sendall(going.read())
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(65_536):
            pass


@pytest.fixture
def abrupt(authority: Authority) -> Iterator[Callable[[Callable[[], bytes], bool], Abrupt]]:
    issued = authority.server("127.0.0.1", hosts=("127.0.0.1",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(issued.certificate_file), str(issued.key_file))
    made: list[Abrupt] = []

    def opened(answer: Callable[[], bytes], goodbye: bool) -> Abrupt:
        made.append(Abrupt(context, answer, goodbye))
        return made[-1]

    yield opened
    for one in made:
        one.stop()


@pytest.mark.parametrize("goodbye", [True, False], ids=["goodbye", "bare"])
@pytest.mark.parametrize("framed", [True, False], ids=["with a length", "until the end"])
async def test_whoever_hangs_up_after_an_answer_is_heard_to_its_last_byte(
    line: Any, authority: Authority, abrupt: Any, framed: bool, goodbye: bool
) -> None:
    """Several times each size: how much comes in at once differs from call to call."""
    size = 0

    def answer() -> bytes:
        length = b"content-length: %d\r\n" % size if framed else b""
        return b"HTTP/1.1 200 OK\r\nconnection: close\r\n" + length + b"\r\n" + b"x" * size

    there, here = abrupt(answer, goodbye), line(TlsFiles(authority.root_file).context(), limit=2_000_000)
    for size in SIZES * 4:
        heard = await here.call("GET", there.url)
        if framed or goodbye:
            assert isinstance(heard, Heard), (size, heard)
            assert len(heard.body) == size
        else:
            assert heard is Trouble.BROKEN
