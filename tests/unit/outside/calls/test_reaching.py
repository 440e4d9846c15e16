"""From a name to a connection: what was judged is dialled, in turn, within the time to connect."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nuts_pzp.outside import Heard, Outbound, TlsFiles, Trouble
from nuts_pzp.outside.reaching import Reach, alternating
from nuts_pzp.outside.request import Origin

OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"


class Names(Outbound):
    """Answers look-ups as a test says, and counts them. Names and answers are shared: the class is frozen."""

    told: dict[str, tuple[str, ...] | Trouble] = {}  # noqa: RUF012 (each test has its own)
    asked: list[str] = []  # noqa: RUF012
    delay: list[float] = []  # noqa: RUF012

    async def addresses(self, host: str, port: int) -> tuple[str, ...] | Trouble:
        self.asked.append(host)
        await asyncio.sleep(sum(self.delay))
        return self.told[host]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    monkeypatch.setattr(Names, "told", {})
    monkeypatch.setattr(Names, "asked", [])
    monkeypatch.setattr(Names, "delay", [])
    return Names()


async def polite(visit: Any) -> None:
    await visit.request()
    await visit.say(OK)


@pytest.fixture
def nowhere() -> Iterator[int]:
    """A port of 127.0.0.2 where connecting never ends: its queue is full."""
    listening = socket.socket()
    listening.bind(("127.0.0.2", 0))
    listening.listen(0)
    with contextlib.ExitStack() as open_ones:
        open_ones.enter_context(listening)
        for _ in range(4):
            one = open_ones.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(listening.getsockname())
        yield listening.getsockname()[1]


async def test_a_name_is_looked_up_once_for_ten_seconds(
    host: Any, line: Any, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = await host(polite), line(outbound=names)
    names.told["a.example"] = ("127.0.0.1",)
    for _ in range(3):
        assert isinstance(await here.call("GET", there.url(name="a.example")), Heard)
    assert len(there.visits) == 3
    assert names.asked == ["a.example"]
    monkeypatch.setattr("nuts_pzp.outside.reaching._REMEMBERED", 0.0)
    here = line(outbound=names)
    for _ in range(2):
        await here.call("GET", there.url(name="a.example"))
    assert names.asked == ["a.example"] * 3


async def test_calls_at_one_time_share_a_look_up_and_one_that_is_called_off_spoils_nothing(
    host: Any, line: Any, names: Names
) -> None:
    there, here = await host(polite), line(outbound=names)
    names.told["a.example"] = ("127.0.0.1",)
    names.delay.append(0.05)
    calls = [asyncio.create_task(here.call("GET", there.url(name="a.example"))) for _ in range(5)]
    await asyncio.sleep(0.01)
    calls[0].cancel()
    assert all(isinstance(one, Heard) for one in await asyncio.gather(*calls[1:]))
    assert names.asked == ["a.example"]


async def test_what_was_not_found_is_asked_again(host: Any, line: Any, names: Names) -> None:
    there, here = await host(polite), line(outbound=names)
    for answer in (Trouble.REFUSED, Trouble.ADDRESS):
        names.told["a.example"] = answer
        assert await here.call("GET", there.url(name="a.example")) is answer
    names.told["a.example"] = ("127.0.0.1",)
    assert isinstance(await here.call("GET", there.url(name="a.example")), Heard)
    assert len(names.asked) == 3


async def test_the_memory_of_names_is_bounded(line: Any, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuts_pzp.outside.reaching._NAMES", 4)
    here = line(outbound=names)
    for number in range(20):
        names.told[f"n{number}.example"] = ("127.0.0.1",)
        assert await here.call("GET", f"http://n{number}.example:9/") is Trouble.REFUSED
    assert len(here._pool._reach._known) <= 4


async def test_a_slow_look_up_is_within_the_time(line: Any, names: Names) -> None:
    names.delay.append(2)
    names.told["a.example"] = ("127.0.0.1",)
    started = time.monotonic()
    assert await line(outbound=names, total=0.1).call("GET", "http://a.example/") is Trouble.TIMEOUT
    assert time.monotonic() - started < 5


async def test_the_next_address_is_tried_when_one_refuses(host: Any, line: Any, names: Names) -> None:
    there = await host(polite)
    names.told["a.example"] = ("127.0.0.3", "127.0.0.2", "127.0.0.1")
    started = time.monotonic()
    assert isinstance(await line(outbound=names).call("GET", there.url(name="a.example")), Heard)
    assert time.monotonic() - started < 5


async def test_the_next_address_is_tried_when_one_hangs(host: Any, line: Any, names: Names, nowhere: int) -> None:
    there = await host(polite, on="127.0.0.1", port=nowhere)
    names.told["a.example"] = ("127.0.0.2", "127.0.0.1")
    started = time.monotonic()
    assert isinstance(await line(outbound=names).call("GET", there.url(name="a.example")), Heard)
    assert 0.2 < time.monotonic() - started < 5


async def test_connecting_has_a_time_of_its_own(line: Any, names: Names, nowhere: int) -> None:
    names.told["a.example"] = ("127.0.0.2",) * 3
    for name in ("127.0.0.2", "a.example"):
        started = time.monotonic()
        here = line(connect=0.2, **({"outbound": names} if name == "a.example" else {}))
        assert await here.call("GET", f"http://{name}:{nowhere}/") is Trouble.TIMEOUT
        assert time.monotonic() - started < 5


async def test_an_address_that_none_answers_at_is_refused(line: Any, names: Names) -> None:
    names.told["a.example"] = ("127.0.0.1", "127.0.0.2")
    assert await line(outbound=names).call("GET", "http://a.example:9/") is Trouble.REFUSED
    assert await line().call("GET", "http://127.0.0.1:9/") is Trouble.REFUSED
    assert await line().call("GET", "http://[::1]:9/") is Trouble.REFUSED


def reach(monkeypatch: pytest.MonkeyPatch, **ends: Any) -> tuple[Reach, list[str]]:
    """Make a Reach whose dials end as told: after so many seconds, in a connection or an error."""
    dialled: list[str] = []

    async def dial(self: Any, origin: Origin, address: str, made: Any) -> Any:
        dialled.append(address)
        seconds, end = ends[address]
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            dialled.append(f"{address} called off")
            raise
        if isinstance(end, BaseException):
            raise end
        return end

    monkeypatch.setattr(Reach, "_dial", dial)
    return Reach(Outbound(), TlsFiles().context_for("http:"), 30.0), dialled


class Winner:
    aborted = False

    def abort(self) -> None:
        self.aborted = True


HERE = Origin(True, "a.example", 443, "a.example")


async def test_a_failure_starts_the_next_one_at_once_and_tls_tells_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuts_pzp.outside.reaching._HEAD_START", 20.0)
    here, dialled = reach(monkeypatch, a=(0, OSError()), b=(0, ssl.SSLError()), c=(0, OSError()))
    started = time.monotonic()
    with pytest.raises(ssl.SSLError):
        await here._race(HERE, ["a", "b", "c"], lambda: None)  # type: ignore[arg-type,return-value]
    assert dialled == ["a", "b", "c"]
    assert time.monotonic() - started < 5


async def test_the_first_connection_wins_and_the_others_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = Winner()
    here, dialled = reach(monkeypatch, a=(20, OSError()), b=(0.05, fast), c=(0, OSError()))
    assert await here._race(HERE, ["a", "b", "c"], lambda: None) is fast  # type: ignore[arg-type,return-value]
    await asyncio.sleep(0.01)
    assert dialled == ["a", "b", "a called off"]


async def test_two_that_stand_at_once_leave_one(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"a": Winner(), "b": Winner()}
    ready = asyncio.Event()

    async def dial(self: Any, origin: Origin, address: str, made: Any) -> Any:
        if address == "b":
            ready.set()
        await ready.wait()
        return both[address]

    monkeypatch.setattr(Reach, "_dial", dial)
    monkeypatch.setattr("nuts_pzp.outside.reaching._HEAD_START", 0.01)
    here = Reach(Outbound(), TlsFiles().context_for("http:"), 1.0)
    won = await here._race(HERE, ["a", "b"], lambda: None)  # type: ignore[arg-type,return-value]
    await asyncio.sleep(0.05)
    assert [one.aborted for one in both.values()].count(True) == 1
    assert not won.aborted  # type: ignore[attr-defined]


async def test_the_families_are_dialled_in_turn(monkeypatch: pytest.MonkeyPatch, names: Names) -> None:
    names.told["a.example"] = ("::1", "::2", "127.0.0.1", "127.0.0.2")
    here, dialled = reach(monkeypatch, **dict.fromkeys(names.told["a.example"], (0, OSError())))
    here._outbound = names
    assert await here.connect(HERE, lambda: None) is Trouble.REFUSED  # type: ignore[arg-type,return-value]
    assert dialled == ["::1", "127.0.0.1", "::2", "127.0.0.2"]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (["::1"], ["::1"]), (["::1", "::2", "1", "2"], ["::1", "1", "::2", "2"]), (["1", "::1"], ["1", "::1"]),
        (["::1", "::2", "::3", "1"], ["::1", "1", "::2", "::3"]), (["1", "2", "3"], ["1", "2", "3"]),
        (["1", "::1", "::2", "::3"], ["1", "::1", "::2", "::3"]),
    ],
)  # fmt: skip
def test_the_families_are_tried_in_turn(given: list[str], taken: list[str]) -> None:
    assert alternating(tuple(given)) == taken
