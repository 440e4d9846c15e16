"""An answer is heard by its own call alone: another patient's would be told as this one's. Plain, and over TLS."""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from nuts_pzp.outside import Heard, Line, TlsFiles, Trouble
from nuts_pzp.sandbox.authority import Authority

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
STRAY = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray"


async def polite(visit: Any) -> None:
    while True:
        await visit.request()
        await visit.say(OK)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "Whose Root")


class Scene:
    """Opens hosts and lines of one scheme."""

    def __init__(self, scheme: str, authority: Authority, host: Any, line: Callable[..., Line]) -> None:
        self.scheme, self._host, self._line = scheme, host, line
        self._serving: ssl.SSLContext | None = None
        self._trusting: ssl.SSLContext | None = None
        if scheme == "https":
            issued = authority.server("127.0.0.1", hosts=("127.0.0.1",))
            self._serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._serving.load_cert_chain(str(issued.certificate_file), str(issued.key_file))
            self._trusting = TlsFiles(roots=authority.root_file).context()

    async def host(self, act: Any) -> Any:
        return await self._host(act, self._serving)

    def line(self, **how: Any) -> Line:
        return self._line(self._trusting, **how)


@pytest.fixture(params=["http", "https"])
def scene(request: pytest.FixtureRequest, authority: Authority, host: Any, line: Any) -> Scene:
    return Scene(request.param, authority, host, line)


async def test_what_came_in_before_a_call_is_no_answer_to_it(scene: Scene) -> None:
    there, here = await scene.host(polite), scene.line()
    url = there.url("/", scene.scheme)
    assert isinstance(await here.call("GET", url), Heard)
    [visit] = there.visits
    if scene.scheme == "http":
        os.write(visit.writer.get_extra_info("socket").fileno(), STRAY)
    else:
        visit.writer.write(STRAY)  # goes out at once; the caller's loop has no time to read it
    heard = await here.call("POST", url)
    assert isinstance(heard, Heard)
    assert heard.body == b"ok"
    assert len(there.visits) == 2


@pytest.mark.parametrize("how", ["late", "called off"])
async def test_an_answer_that_comes_after_its_call_is_nobodys(scene: Scene, how: str) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def act(visit: Any) -> None:
        if visit.number:
            await polite(visit)
        await visit.request()
        await visit.say(STRAY[:20])
        asked.set()
        await go_on.wait()
        await visit.say(STRAY[20:] + STRAY)

    there, here = await scene.host(act), scene.line(connections=1)
    url = there.url("/", scene.scheme)
    first = asyncio.create_task(here.call("GET", url, within=0.3 if how == "late" else 20.0))
    next_one = asyncio.create_task(here.call("GET", url, within=20.0))
    await asyncio.wait_for(asked.wait(), 10)
    if how == "late":
        assert await first is Trouble.TIMEOUT
    else:
        first.cancel()
    go_on.set()
    heard = await next_one
    assert isinstance(heard, Heard)
    assert heard.body == b"ok"
    await asyncio.gather(first, return_exceptions=True)


@pytest.mark.parametrize("behind", [STRAY, STRAY[:1], b"\0"])
@pytest.mark.parametrize("size", [2, 40_800, 40_960 - 43, 16_384, 100_000])
async def test_an_answer_with_another_behind_it_leaves_nothing_for_the_next(
    scene: Scene, size: int, behind: bytes
) -> None:
    """Also where the end of the one falls on the end of a buffer or of a TLS record: heard or refused, never both."""

    async def act(visit: Any) -> None:
        if visit.number:
            await polite(visit)
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + b"x" * size + behind)
        await polite(visit)

    there, here = await scene.host(act), scene.line(limit=200_000)
    url = there.url("/", scene.scheme)
    first = await here.call("GET", url)
    assert first is Trouble.BROKEN or (isinstance(first, Heard) and first.body == b"x" * size)
    heard = await here.call("GET", url)
    assert isinstance(heard, Heard)
    assert heard.body == b"ok"
    assert len(there.visits) == 2


@pytest.mark.parametrize("seed", range(3))
async def test_whoever_is_called_off_nobody_hears_an_answer_to_another(scene: Scene, seed: int) -> None:
    """Six hundred calls over a few connections: whole answers, slow ones, in pieces; a third is called off or late."""
    chance = random.Random(seed)

    async def act(visit: Any) -> None:
        while True:
            path = (await visit.request()).split()[1]
            answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(path), path)
            await asyncio.sleep(chance.choice((0, 0, 0.001, 0.004)))
            cut = chance.randrange(len(answer) + 1)
            await visit.say(answer[:cut])
            await asyncio.sleep(chance.choice((0, 0, 0.002)))
            await visit.say(answer[cut:])

    there, here = await scene.host(act), scene.line(connections=6)
    right = wrong = 0

    async def one(number: int) -> None:
        nonlocal right, wrong
        await asyncio.sleep(chance.random() * 0.2)
        within = chance.choice((20.0, 20.0, 0.004))
        heard = await here.call("GET", there.url(f"/{number}", scene.scheme), within=within)
        if isinstance(heard, Heard):
            right, wrong = (right + 1, wrong) if heard.body == f"/{number}".encode() else (right, wrong + 1)

    tasks = [asyncio.create_task(one(number)) for number in range(600)]
    for task in chance.sample(tasks, 150):
        asyncio.get_running_loop().call_later(chance.random() * 0.25, task.cancel)
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [end for end in ends if isinstance(end, Exception)]
    assert wrong == 0
    assert right > 150
