"""Calls that are called off at any moment leave no socket, task or place behind."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.outside import Outbound, TlsFiles, Trouble
from nuts_pzp.sandbox.authority import Authority

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Told(Outbound):
    """Finds a name at an address that hangs up, and at another that answers."""

    async def addresses(self, host: str, port: int) -> tuple[str, ...] | Trouble:
        await asyncio.sleep(0)
        return ("127.0.0.3", "127.0.0.1")


@pytest.mark.parametrize("seed", range(3))
async def test_called_off_while_dialling_shaking_hands_asking_or_hearing(
    host: Any, line: Any, tmp_path: Any, seed: int
) -> None:
    chance, authority = random.Random(seed), Authority(tmp_path, "Left Root")
    issued = authority.server("s", hosts=("a.example",))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(str(issued.certificate_file), str(issued.key_file))

    async def act(visit: Any) -> None:
        while True:
            await visit.request()
            await asyncio.sleep(chance.choice((0, 0.003)))
            await visit.say(OK)

    there = await host(act, serving)
    here = line(TlsFiles(authority.root_file).context(), outbound=Told(), connections=8)
    url = there.url("/", "https", "a.example")
    await here.call("GET", url)
    await here.close()
    tasks = len(asyncio.all_tasks()) - len(there.visits)
    calls = []
    for number in range(80):
        calls.append(asyncio.create_task(here.call("GET", url, within=20.0)))
        asyncio.get_running_loop().call_later(chance.random() * 0.08, calls[-1].cancel)
        if number % 8 == 0:
            await asyncio.sleep(0.005)
    await asyncio.gather(*calls, return_exceptions=True)
    pool = here._pool
    assert pool._free + len(pool._since) == 8
    assert not pool._waiting
    await here.close()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > tasks or _sockets(there.port):
            await asyncio.sleep(0.01)
    assert not pool._all


def _sockets(port: int) -> int:
    """Count what this process has open to a port: what it dialled, and what that host took."""
    wanted = f":{port:04X}"
    rows = [row.split() for row in Path("/proc/self/net/tcp").read_text("ascii").splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(wanted)}
    found = 0
    for one in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found += str(one.readlink()) in inodes
    return found
