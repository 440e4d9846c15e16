"""Which connections carry another call, which calls are made once more, and who waits for whom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nuts_pzp.outside import Heard, Trouble

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LARGE = b"x" * 8_000_000


async def polite(visit: Any) -> None:
    while True:
        await visit.request()
        await visit.say(OK)


def then(act: Any) -> Any:
    """Answer the first request of the first connection and then do as told; be polite on any further one."""

    async def played(visit: Any) -> None:
        if visit.number:
            await polite(visit)
        await visit.request()
        await visit.say(OK)
        await act(visit)

    return played


async def drop(visit: Any) -> None:
    await visit.request()


async def reset(visit: Any) -> None:
    await visit.request()
    visit.reset()


async def drop_at_once(visit: Any) -> None:
    visit.writer.close()


async def say_little(visit: Any) -> None:
    await visit.request()
    await visit.say(b"H")


async def say_interim(visit: Any) -> None:
    await visit.request()
    await visit.say(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("act", [drop, reset])
@pytest.mark.parametrize(("method", "how"), [("POST", {"repeatable": True}), ("GET", {}), ("PUT", {})])
async def test_a_kept_connection_that_was_closed_is_no_failure(
    host: Any, line: Any, act: Any, method: str, how: dict[str, bool]
) -> None:
    there, here = await host(then(act)), line()
    assert isinstance(await here.call("GET", there.url("/1")), Heard)
    assert isinstance(await here.call(method, there.url("/2"), **how), Heard)
    assert [request.split()[1] for request in there.requests] == [b"/1", b"/2", b"/2"]
    assert len(there.visits) == 2


@pytest.mark.parametrize("act", [drop, reset])
async def test_what_may_not_be_repeated_is_not(host: Any, line: Any, act: Any) -> None:
    there, here = await host(then(act)), line()
    await here.call("GET", there.url("/1"))
    assert await here.call("POST", there.url("/2")) is Trouble.BROKEN
    assert len(there.requests) == 2


@pytest.mark.parametrize("act", [say_little, say_interim])
async def test_nothing_is_repeated_once_a_byte_was_heard(host: Any, line: Any, act: Any) -> None:
    there, here = await host(then(act)), line()
    await here.call("GET", there.url("/1"))
    assert await here.call("GET", there.url("/2"), repeatable=True) is Trouble.BROKEN
    assert len(there.requests) == 2


@pytest.mark.parametrize("act", [drop, reset])
async def test_nothing_is_repeated_that_broke_on_a_fresh_connection(host: Any, line: Any, act: Any) -> None:
    there = await host(act)
    assert await line().call("GET", there.url(), repeatable=True) is Trouble.BROKEN
    assert len(there.requests) == 1


async def test_nothing_is_repeated_twice_and_the_second_time_is_on_a_fresh_connection(host: Any, line: Any) -> None:
    both = asyncio.Event()

    async def act(visit: Any) -> None:
        if visit.number < 2:
            await visit.request()
            if visit.number == 1:
                both.set()
            await both.wait()
            await visit.say(OK)
        await visit.request()

    there, here = await host(act), line()
    await asyncio.gather(*(here.call("GET", there.url("/1")) for _ in range(2)))
    assert await here.call("GET", there.url("/2"), repeatable=True) is Trouble.BROKEN
    assert len(there.requests) == 4
    assert len(there.visits) == 3


async def test_a_connection_closed_while_it_was_kept_is_not_used(host: Any, line: Any) -> None:
    there, here = await host(then(drop_at_once)), line()
    await here.call("GET", there.url("/1"))
    await asyncio.sleep(0.05)
    assert isinstance(await here.call("POST", there.url("/2")), Heard)
    assert len(there.requests) == 2


ODD = {
    "says so": b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
    "speaks HTTP/1.0": b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
    "has a length without a body": b"HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n",
}


@pytest.mark.parametrize("name", ODD)
async def test_a_connection_is_not_kept_when_its_answer(host: Any, line: Any, name: str) -> None:
    async def act(visit: Any) -> None:
        await visit.request()
        await visit.say(ODD[name])
        await visit.until_hung_up()

    there, here = await host(act), line()
    for number in range(2):
        assert isinstance(await here.call("GET", there.url()), Heard)
        await asyncio.wait_for(there.visits[number].hung_up.wait(), 5)
    assert len(there.visits) == 2


@pytest.mark.parametrize("more", [b"more", b"\r\n", OK])
async def test_bytes_nobody_asked_for_close_a_kept_connection(host: Any, line: Any, more: bytes) -> None:
    async def act(visit: Any) -> None:
        await visit.request()
        await visit.say(OK)
        if visit.number == 0:
            await asyncio.sleep(0.05)
            await visit.say(more)
        await visit.until_hung_up()

    there, here = await host(act), line()
    assert isinstance(await here.call("GET", there.url()), Heard)
    await asyncio.wait_for(there.visits[0].hung_up.wait(), 5)
    assert isinstance(await here.call("POST", there.url()), Heard)
    assert len(there.visits) == 2


async def test_a_connection_is_not_kept_when_the_answer_came_before_the_request_was_sent(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        if visit.number:
            await polite(visit)
        await visit.reader.readuntil(b"\r\n\r\n")
        await visit.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await asyncio.sleep(0.1)
        await visit.until_hung_up()

    there, here = await host(act), line()
    heard = await here.call("POST", there.url(), None, LARGE)
    assert isinstance(heard, Heard)
    assert heard.status == 413
    await asyncio.wait_for(there.visits[0].hung_up.wait(), 5)
    assert isinstance(await here.call("POST", there.url()), Heard)
    assert len(there.visits) == 2


async def test_an_idle_connection_is_closed_in_time(host: Any, line: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuts_pzp.outside.pool._IDLE", 0.5)

    async def act(visit: Any) -> None:
        await visit.request()
        await visit.say(OK)
        await visit.until_hung_up()

    there, here = await host(act), line()
    began = asyncio.get_running_loop().time()
    await here.call("GET", there.url())
    await asyncio.wait_for(there.visits[0].hung_up.wait(), 20)
    assert asyncio.get_running_loop().time() - began > 0.45, "and not before"
    assert isinstance(await here.call("POST", there.url()), Heard)
    assert len(there.visits) == 2


async def test_no_more_connections_than_allowed_and_first_come_first_served(host: Any, line: Any) -> None:
    now = most = 0

    async def act(visit: Any) -> None:
        nonlocal now, most
        while True:
            await visit.request()
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            await visit.say(OK)

    there, here = await host(act), line(connections=3)
    done: list[int] = []

    async def call(number: int) -> None:
        assert isinstance(await here.call("GET", there.url(f"/{number}")), Heard)
        done.append(number)

    tasks = []
    for number in range(30):
        tasks.append(asyncio.create_task(call(number)))
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert most == len(there.visits) == 3
    assert [int(request.split()[1][1:]) for request in there.requests] == list(range(30))


async def test_one_host_that_hangs_does_not_keep_another_waiting_forever(host: Any, line: Any) -> None:
    async def hang(visit: Any) -> None:
        await visit.request()
        await visit.until_hung_up()

    stuck, good, here = await host(hang), await host(polite), line(connections=2)
    hanging = [asyncio.create_task(here.call("GET", stuck.url(), within=0.6)) for _ in range(2)]
    await asyncio.sleep(0.05)
    assert await here.call("GET", good.url("/late"), within=0.05) is Trouble.TIMEOUT
    waiting = asyncio.create_task(here.call("GET", good.url("/in-time")))
    called_off = asyncio.create_task(here.call("GET", good.url("/called-off")))
    await asyncio.sleep(0.05)
    called_off.cancel()
    assert isinstance(await waiting, Heard)
    assert await asyncio.gather(*hanging) == [Trouble.TIMEOUT, Trouble.TIMEOUT]
    assert [request.split()[1] for request in good.requests] == [b"/in-time"]
    assert isinstance(await here.call("GET", good.url()), Heard)


async def test_a_kept_connection_makes_room_for_another_host(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        await visit.request()
        await visit.say(OK)
        await visit.until_hung_up()

    hosts, here = [await host(act) for _ in range(4)], line(connections=2)
    for there in hosts:
        assert isinstance(await here.call("GET", there.url(), within=20.0), Heard)
    for there in hosts[:2]:
        await asyncio.wait_for(there.visits[0].hung_up.wait(), 5)
    assert not hosts[3].visits[0].hung_up.is_set()


async def test_places_are_not_lost(host: Any, line: Any) -> None:
    """After calls that end in every way there is as much room as before."""

    async def act(visit: Any) -> None:
        request = await visit.request()
        if b"/hang" in request:
            await visit.until_hung_up()
        await visit.say(OK if b"/ok" in request else b"no")
        await visit.until_hung_up()

    there, here = await host(act), line(connections=2)
    for _ in range(5):
        refused = here.call("GET", "http://127.0.0.1:9/")
        late, ok, broken = (here.call("GET", there.url(path), within=0.05) for path in ("/hang", "/ok", "/broken"))
        gone = asyncio.create_task(here.call("GET", there.url("/hang")))
        asyncio.get_running_loop().call_later(0.02, gone.cancel)
        await asyncio.gather(refused, late, ok, broken, gone, return_exceptions=True)
    assert here._pool._free + len(here._pool._since) == 2
    assert not here._pool._waiting


async def test_closing_breaks_what_is_under_way_and_leaves_nothing_open(host: Any, line: Any) -> None:
    async def act(visit: Any) -> None:
        while b"/ok" in await visit.request():
            await visit.say(OK)
        await visit.until_hung_up()

    there, here = await host(act), line(connections=2)
    await here.call("GET", there.url("/ok"))
    calls = [asyncio.create_task(here.call("GET", there.url("/hang"), repeatable=True)) for _ in range(3)]
    while len(there.requests) < 3:
        await asyncio.sleep(0.005)
    await here.close()
    assert await asyncio.gather(*calls) == [Trouble.BROKEN] * 3
    for visit in there.visits:
        await asyncio.wait_for(visit.hung_up.wait(), 5)
    assert isinstance(await here.call("GET", there.url("/ok")), Heard)
