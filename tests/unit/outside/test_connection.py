"""One connection, told by a loop what happens to it: which moments leave it fit for another call."""

from __future__ import annotations

import asyncio
import ssl
import weakref
from typing import Any

import pytest

from nuts_pzp.outside import Heard, Trouble
from nuts_pzp.outside.answer import Answer
from nuts_pzp.outside.connection import _BUFFER, Connection
from nuts_pzp.outside.request import Origin

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HERE = Origin(True, "a.example", 443, "a.example")


class Told:
    """A transport over TLS that remembers what was done to it, and its own TLS."""

    def __init__(self) -> None:
        self.written, self.aborted, self.unsent = b"", False, 0
        self.goodbye = True

    def get_extra_info(self, name: str) -> Told:
        assert name == "ssl_object"
        return self

    def read(self, size: int) -> bytes:
        if not self.goodbye:
            raise ssl.SSLWantReadError
        return b""

    def is_closing(self) -> bool:
        return self.aborted

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.aborted = True


class Scene:
    """A connection that stands, and the calls it carries."""

    def __init__(self) -> None:
        self.lost: list[Connection] = []
        self.there, self.transport = Connection(HERE, self.lost.append), Told()
        self.there.connection_made(self.transport)  # type: ignore[arg-type]

    def comes(self, data: bytes) -> None:
        self.there.get_buffer(-1)[: len(data)] = data
        self.there.buffer_updated(len(data))

    async def ask(self) -> asyncio.Task[Heard | Trouble]:
        """Begin a call and let it be sent."""
        deadline = asyncio.get_running_loop().time() + 20
        task = asyncio.create_task(self.there.ask(b"GET", Answer(10), deadline))
        await asyncio.sleep(0)
        return task


@pytest.fixture
async def scene() -> Scene:
    return Scene()


async def test_a_whole_answer_leaves_it_fit_for_another(scene: Scene) -> None:
    for number in (1, 2):
        asked = await scene.ask()
        scene.comes(OK)
        assert isinstance(await asked, Heard)
        assert scene.there.reusable
        assert scene.transport.written == b"GET" * number


async def _ends(scene: Scene) -> None:
    scene.there.eof_received()


async def _is_lost(scene: Scene) -> None:
    scene.there.connection_lost(None)


async def _says_more(scene: Scene) -> None:
    scene.comes(b"H")


async def _has_not_read(scene: Scene) -> None:
    scene.transport.unsent = 1


@pytest.mark.parametrize("then", [_ends, _is_lost, _says_more, _has_not_read])
async def test_what_happens_with_the_answer_leaves_it_unfit_and_the_answer_whole(scene: Scene, then: Any) -> None:
    asked = await scene.ask()
    scene.comes(OK)
    await then(scene)
    heard = await asked
    assert isinstance(heard, Heard)
    assert heard.body == b"ok"
    assert not scene.there.reusable


async def test_one_that_speaks_before_it_is_asked_is_not_asked(scene: Scene) -> None:
    scene.comes(OK)
    scene.comes(OK)
    assert await (await scene.ask()) is Trouble.BROKEN
    assert (scene.transport.written, scene.there.stale, scene.there.reusable) == (b"", False, False)
    assert scene.transport.aborted


async def test_one_that_speaks_while_it_is_kept_is_closed(scene: Scene) -> None:
    asked = await scene.ask()
    scene.comes(OK)
    await asked
    assert scene.there.usable
    scene.comes(OK)
    assert not scene.there.usable
    await asyncio.sleep(0)
    assert scene.transport.aborted


@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_only_one_that_carried_a_call_before_and_said_nothing_is_stale(
    scene: Scene, error: Exception | None
) -> None:
    asked = await scene.ask()
    scene.there.connection_lost(error)
    assert await asked is Trouble.BROKEN
    assert not scene.there.stale
    for first, stale in ((b"", True), (b"H", False)):
        other = Scene()
        asked = await other.ask()
        other.comes(OK)
        await asked
        asked = await other.ask()
        if first:
            other.comes(first)
        other.there.connection_lost(error)
        assert await asked is Trouble.BROKEN
        assert other.there.stale is stale
        assert other.lost == [other.there]


async def test_one_that_we_close_is_not_stale(scene: Scene) -> None:
    asked = await scene.ask()
    scene.comes(OK)
    await asked
    asked = await scene.ask()
    scene.there.abort()
    scene.there.connection_lost(None)
    assert await asked is Trouble.BROKEN
    assert not scene.there.stale


@pytest.mark.parametrize("waits", [0, 1, 20_000, 300_000, 1_000_000])
async def test_over_tls_there_is_room_for_all_that_waits_and_what_is_taken_in_of_a_record(waits: int) -> None:
    """A loop fills one buffer when the other side ends, and drops what is left."""
    secure, plain = Connection(HERE, lambda _: None), Connection(HERE._replace(secure=False), lambda _: None)
    assert len(secure.get_buffer(waits)) >= waits + 16_384
    assert len(plain.get_buffer(waits)) == _BUFFER


async def test_what_came_in_is_read_from_where_it_was_put_and_the_room_is_let_go(scene: Scene) -> None:
    asked = await scene.ask()
    room = scene.there.get_buffer(200_000)
    room[: len(OK)] = OK
    scene.there.buffer_updated(len(OK))
    assert isinstance(await asked, Heard)
    assert len(scene.there.get_buffer(0)) <= _BUFFER


@pytest.mark.parametrize("goodbye", [True, False])
async def test_a_body_until_the_end_ends_with_tls_and_not_with_tcp_alone(scene: Scene, goodbye: bool) -> None:
    scene.transport.goodbye = goodbye
    asked = await scene.ask()
    scene.comes(b"HTTP/1.1 200 OK\r\n\r\nok")
    scene.there.eof_received()
    heard = await asked
    assert (heard.body if isinstance(heard, Heard) else heard) == (b"ok" if goodbye else Trouble.BROKEN)


@pytest.mark.parametrize("error", [None, ConnectionResetError(), OSError()])
async def test_a_body_until_the_end_has_none_when_its_connection_is_lost(scene: Scene, error: Exception | None) -> None:
    asked = await scene.ask()
    scene.comes(b"HTTP/1.1 200 OK\r\n\r\nok")
    scene.there.connection_lost(error)
    assert await asked is Trouble.BROKEN


async def test_what_tls_says_at_the_end_is_a_failure_of_tls_and_nothing_to_repeat(scene: Scene) -> None:
    asked = await scene.ask()
    scene.comes(OK)
    await asked
    asked = await scene.ask()
    scene.there.connection_lost(ssl.SSLError())
    assert await asked is Trouble.TLS
    assert not scene.there.stale


@pytest.mark.parametrize("waits", [0, 200_000])
async def test_one_that_is_kept_holds_no_room(scene: Scene, waits: int) -> None:
    asked = await scene.ask()
    room = scene.there.get_buffer(waits)
    room[: len(OK)] = OK
    scene.there.buffer_updated(len(OK))
    held = weakref.ref(room)
    del room
    assert isinstance(await asked, Heard)
    assert held() is None
    assert scene.there.reusable
