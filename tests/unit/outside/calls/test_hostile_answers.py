"""Calls over loopback to servers that lie, stall and hang up: what is heard, what is repeated, what is closed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from nuts_pzp.outside import Heard, Trouble

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def polite(visit: Any) -> None:
    """Answer every request."""
    while True:
        await visit.request()
        await visit.say(OK)


async def test_a_call_is_one_request_and_one_answer(host: Any, line: Any) -> None:
    there, here = await host(polite), line(headers={"accept": "application/fhir+json"})
    assert await here.call("GET", there.url("/a%2Fb?c=%7C"), {"dpop": "e30"}) == Heard(
        200, {"content-length": "2"}, b"ok"
    )
    assert await here.call("post", there.url("/s"), {"content-type": "x/y"}, b"a=b", within=2.0)
    assert there.requests == [
        b"GET /a%2Fb?c=%7C HTTP/1.1\r\nHost: 127.0.0.1:" + str(there.port).encode() + b"\r\n"
        b"accept: application/fhir+json\r\naccept-encoding: identity\r\nuser-agent: nuts-pzp\r\ndpop: e30\r\n\r\n",
        b"POST /s HTTP/1.1\r\nHost: 127.0.0.1:" + str(there.port).encode() + b"\r\n"
        b"accept: application/fhir+json\r\naccept-encoding: identity\r\nuser-agent: nuts-pzp\r\ncontent-type: x/y\r\n"
        b"Content-Length: 3\r\n\r\na=b",
    ]
    assert len(there.visits) == 1


@pytest.mark.parametrize(
    ("url", "headers"),
    [("/a b", {}), ("/a#b", {}), ("/a\r\nx: y", {}), ("/é", {}), ("/", {"x": "a\r\nb: c"}), ("/", {"host": "x"})],
)
async def test_what_cannot_be_written_is_not_sent(host: Any, line: Any, url: str, headers: dict[str, str]) -> None:
    there = await host(polite)
    assert await line().call("GET", there.url(url), headers) is Trouble.BROKEN
    assert there.visits == []


@pytest.mark.parametrize("url", ["", "/", "x", "ftp://127.0.0.1/", "http://u:p@127.0.0.1/", "http://127.0.0.1\\@x/"])
async def test_what_is_no_address_is_not_dialled(line: Any, url: str) -> None:
    assert await line().call("GET", url) is Trouble.ADDRESS


async def test_a_large_body_goes_out_whole(host: Any, line: Any) -> None:
    there, body = await host(polite), b"x" * 3_000_000
    assert isinstance(await line().call("POST", there.url(), None, body), Heard)
    assert there.requests[0].endswith(body)


async def test_an_answer_byte_by_byte_is_heard(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        await visit.request()
        for byte in b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n":
            await visit.say(bytes([byte]))
            await asyncio.sleep(0)
        await visit.request()
        await visit.say(OK)

    there, here = await host(act), line()
    for _ in range(2):
        heard = await here.call("GET", there.url())
        assert isinstance(heard, Heard)
        assert heard.body == b"ok"
    assert len(there.visits) == 1


PHASES = {
    "before the head": b"",
    "in the status line": b"HTTP/1.1 2",
    "in the head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "after the head": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
    "in the body": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no",
    "in a chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
    "before the last chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
    "after an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("ending", ["close", "reset", "hang", "half"])
@pytest.mark.parametrize("phase", PHASES)
async def test_an_answer_that_stops_is_none(host: Any, line: Any, phase: str, ending: str) -> None:
    async def act(visit: Any) -> None:
        await visit.request()
        await visit.say(PHASES[phase])
        if ending == "half":
            visit.writer.write_eof()
        if ending == "reset":
            await asyncio.sleep(0.01)
            visit.reset()
        elif ending != "close":
            await visit.until_hung_up()

    there = await host(act)
    started = time.monotonic()
    heard = await line().call("GET", there.url(), repeatable=True, within=0.2 if ending == "hang" else 20.0)
    assert heard is (Trouble.TIMEOUT if ending == "hang" else Trouble.BROKEN)
    assert time.monotonic() - started < 5
    assert len(there.requests) == 1
    if ending in ("hang", "half"):
        await asyncio.wait_for(there.visits[0].hung_up.wait(), 5)


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_body_until_the_end_is_heard_and_bounded(host: Any, line: Any, version: bytes) -> None:
    async def act(visit: Any) -> None:
        request = await visit.request()
        await visit.say(b"HTTP/" + version + b" 200 OK\r\n\r\n" + b"x" * (1_024 if b"/fits" in request else 1_025))

    there, here = await host(act), line()
    heard = await here.call("GET", there.url("/fits"))
    assert isinstance(heard, Heard)
    assert heard.body == b"x" * 1_024
    assert await here.call("GET", there.url("/over")) is Trouble.OVERSIZE


async def test_a_body_until_the_end_that_is_reset_is_broken(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        await asyncio.sleep(0.05)
        visit.reset()

    there = await host(act)
    assert await line().call("GET", there.url()) is Trouble.BROKEN


FLOODS = {
    "a header": (b"HTTP/1.1 200 OK\r\nx: ", b"a" * 4_096, Trouble.BROKEN),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"x: a\r\n" * 16, Trouble.BROKEN),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 16, Trouble.BROKEN),
    "an extension": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", b"a" * 4_096, Trouble.BROKEN),
    "chunks": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 64, Trouble.OVERSIZE),
    "trailers": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n" * 16, Trouble.BROKEN
    ),
    "a body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4_096, Trouble.OVERSIZE),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_cut_off(host: Any, line: Any, name: str) -> None:
    first, further, trouble = FLOODS[name]

    async def act(visit: Any) -> None:
        await visit.request()
        await visit.say(first)
        try:
            while not visit.writer.transport.is_closing():
                await visit.say(further)
                await asyncio.sleep(0)
        finally:
            visit.hung_up.set()

    there = await host(act)
    assert await line().call("GET", there.url()) is trouble
    await asyncio.wait_for(there.visits[0].hung_up.wait(), 5)


async def test_cancelling_closes_at_once_whatever_is_waited_for(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        request = await visit.request()
        await visit.say(b"" if b"/head" in request else b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        await visit.until_hung_up()

    there = await host(act)
    for number, path in enumerate(("/head", "/body")):
        task = asyncio.create_task(line().call("GET", there.url(path)))
        while len(there.requests) <= number:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(there.visits[number].hung_up.wait(), 5)


@pytest.mark.parametrize("within", [0, -1.0, 0.0])
async def test_no_time_is_no_call(host: Any, line: Any, within: float) -> None:
    there = await host(polite)
    here = line()
    assert await here.call("GET", there.url(), within=within) is Trouble.TIMEOUT
    assert there.visits == []
    assert isinstance(await here.call("GET", there.url("/kept")), Heard)
    assert await here.call("GET", there.url("/late"), within=within) is Trouble.TIMEOUT
    assert isinstance(await here.call("GET", there.url("/kept")), Heard)
    assert [request.split()[1] for request in there.requests] == [b"/kept", b"/kept"]


async def test_a_late_answer_is_not_that_of_the_next_call(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        await visit.request()
        await asyncio.sleep(0.15 if visit.number == 0 else 0)
        await visit.say(OK if visit.number else OK.replace(b"ok", b"no"))
        await visit.until_hung_up()

    there, here = await host(act), line()
    assert await here.call("GET", there.url(), within=0.05) is Trouble.TIMEOUT
    heard = await here.call("GET", there.url())
    assert isinstance(heard, Heard)
    assert heard.body == b"ok"
    assert len(there.visits) == 2


async def test_nothing_is_left_of_one_answer_in_the_next(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        await visit.request()
        await visit.say(
            b"HTTP/1.1 200 OK\r\nx-secret: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nt: 1\r\n\r\n"
        )
        await visit.request()
        await visit.say(OK)

    there, here = await host(act), line()
    await here.call("GET", there.url())
    assert await here.call("GET", there.url()) == Heard(200, {"content-length": "2"}, b"ok")
    assert len(there.visits) == 1


async def test_an_answer_that_is_only_a_head(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        request = await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" if request[:4] == b"HEAD" else OK)
        await visit.until_hung_up()

    there, here = await host(act), line()
    assert await here.call("HEAD", there.url()) == Heard(200, {"content-length": "500"}, b"")
    assert isinstance(await here.call("GET", there.url()), Heard)
    assert len(there.visits) == 2
