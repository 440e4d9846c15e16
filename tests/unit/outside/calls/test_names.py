"""Names that take long to look up hold up nothing but their own calls, and those not beyond their time."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop

from nuts_pzp.outside import Bounds, Heard, Line, TlsFiles, Trouble

from .conftest import LOOPBACK

OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"


class Resolver:
    """Finds `good*` here at once and no `bad*`; anything else it does not find before it is released."""

    def __init__(self) -> None:
        self.released, self.asked = threading.Event(), [""]
        self.asked.clear()

    async def is_asked(self, times: int) -> None:
        async with asyncio.timeout(10):
            while len(self.asked) < times:
                await asyncio.sleep(0.005)

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        if not host.startswith(("good", "bad")):
            self.released.wait(20)
        if not host.startswith("good"):
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 2


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.released.set()
    for thread in threading.enumerate():
        if thread.name == "look-up":
            thread.join(5)


async def polite(visit: Any) -> None:
    await visit.request()
    await visit.say(OK)


async def test_names_that_are_not_found_yet_hold_up_neither_others_nor_other_threads(
    host: Any, line: Any, resolver: Resolver
) -> None:
    there, here = await host(polite), line()
    hanging = [asyncio.create_task(here.call("GET", f"http://slow{number}.example/")) for number in range(20)]
    await resolver.is_asked(20)
    heard = await here.call("GET", there.url(name="good.example"), within=10.0)
    assert isinstance(heard, Heard)
    assert await asyncio.wait_for(asyncio.to_thread(threading.get_ident), 10)
    resolver.released.set()
    assert await asyncio.gather(*hanging) == [Trouble.NAME] * 20


async def test_only_so_many_are_looked_up_at_once_and_the_others_in_turn(
    host: Any, line: Any, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuts_pzp.outside.reaching._LOOK_UPS", 3)
    there, here = await host(polite), line()
    hanging = [asyncio.create_task(here.call("GET", f"http://slow{number}.example/")) for number in range(5)]
    waiting = asyncio.create_task(here.call("GET", there.url(name="good.example")))
    await resolver.is_asked(3)
    assert await here.call("GET", there.url(name="good.late"), within=0.05) is Trouble.TIMEOUT
    assert sorted(resolver.asked) == ["slow0.example", "slow1.example", "slow2.example"]
    resolver.released.set()
    assert isinstance(await waiting, Heard)
    assert await asyncio.gather(*hanging) == [Trouble.NAME] * 5


async def test_whoever_waits_for_a_name_waits_no_longer_than_allowed_and_the_next_shares_what_is_under_way(
    host: Any, line: Any, resolver: Resolver
) -> None:
    here = line()
    for _ in range(3):
        started = time.monotonic()
        assert await here.call("GET", "http://slow.example/", within=0.05) is Trouble.TIMEOUT
        assert time.monotonic() - started < 5
    called_off = asyncio.create_task(here.call("GET", "http://slow.example/"))
    await asyncio.sleep(0.02)
    called_off.cancel()
    with pytest.raises(asyncio.CancelledError):
        await called_off
    assert resolver.asked == ["slow.example"]
    assert here._pool._free == here._connections


async def test_a_name_without_addresses_is_said_to_be_unknown_and_looked_up_again(
    line: Any, resolver: Resolver
) -> None:
    here = line()
    for _ in range(2):
        assert await here.call("GET", "http://bad.example/") is Trouble.NAME
    assert resolver.asked == ["bad.example"] * 2


async def test_without_a_thread_there_is_no_address(
    line: Any, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        assert await line().call("GET", "http://good.example/") is Trouble.REFUSED


@pytest.mark.parametrize("loops", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_loop_ends_without_waiting_for_a_name(resolver: Resolver, loops: Any) -> None:
    """And what is told of the name afterwards is told to nobody."""
    line = Line(LOOPBACK, TlsFiles().context_for("http:"), Bounds(5.0, 5.0, 1_024))

    async def one() -> object:
        heard = await line.call("GET", "http://slow.example/", within=0.02)
        await line.close()
        return heard

    started = time.monotonic()
    with asyncio.Runner(loop_factory=loops) as runner:
        assert runner.run(one()) is Trouble.TIMEOUT
    assert time.monotonic() - started < 10
    assert not resolver.released.is_set()
    waiting = [thread.daemon for thread in threading.enumerate() if thread.name == "look-up"]
    assert waiting == [True]  # nor does the interpreter wait for it
