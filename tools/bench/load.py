"""Two load generators that say the same things: wrk where it is installed, else a small client of raw sockets.

Requests stand in a file or in memory, never in an argument: they carry tokens. Any answer but a 200 is an error, and a
row with an error is no figure: `measured` raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

WRK = shutil.which("wrk")

_LUA = """
local requests = {}
for line in io.lines(%(file)s) do
  local target, headers = line:match("^(%%S+) ?(.*)$")
  local own = {["Host"] = "127.0.0.1:%(port)d", ["Accept"] = "application/fhir+json"}
  for name, value in headers:gmatch("([^\\t]+)\\t([^\\t]+)\\t?") do own[name] = value end
  requests[#requests + 1] = wrk.format("GET", target, own)
end
local at = 0
function request()
  at = at %% #requests + 1
  return requests[at]
end
function done(summary, latency, _)
  io.write(string.format('\\nFIGURES {"requests":%%d,"us":%%d,"bytes":%%d,"failed":%%d,"p50":%%d,"p99":%%d}\\n',
    summary.requests, summary.duration, summary.bytes,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
      + summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


class NotMeasured(Exception):
    """Something answered wrongly; a figure of it would say nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """One GET: its target and the headers beside Accept and Host."""

    target: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """What a run gave; latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.requests / self.seconds


async def measured(
    port: int, requests: Sequence[Request], *, connections: int, seconds: float, folder: Path, most: int = 0
) -> Load:
    """Send these requests in turn over so many connections, about so long; `most` is how many may be sent at all.

    wrk counts in whole seconds and without end, so what is shorter or limited comes from the sockets.
    """
    if WRK is None or most or seconds < 1:
        return await _sockets(port, requests, connections=connections, seconds=seconds, most=most)
    return await _wrk(port, requests, connections=connections, seconds=seconds, folder=folder)


async def _wrk(port: int, requests: Sequence[Request], *, connections: int, seconds: float, folder: Path) -> Load:
    listed, script = folder / "requests.txt", folder / "requests.lua"
    listed.touch(mode=0o600)
    listed.write_text("".join(_line(one) for one in requests), "utf-8")
    script.write_text(_LUA % {"file": json.dumps(str(listed)), "port": port}, "utf-8")
    process = await asyncio.create_subprocess_exec(
        str(WRK), "-t1", f"-c{connections}", f"-d{round(seconds)}s", "-s", str(script),
        f"http://127.0.0.1:{port}/", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), seconds + 30)
    line = next((one for one in out.decode().splitlines() if one.startswith("FIGURES ")), None)
    if line is None:
        raise NotMeasured(f"wrk gave no figures: {out.decode()[-300:]}")
    found = json.loads(line.removeprefix("FIGURES "))
    if found["failed"] or not found["requests"]:
        raise NotMeasured(f"{found['failed']} of {found['requests']} answers were not a 200")
    return Load(found["requests"], found["us"] / 1e6, found["p50"] / 1e3, found["p99"] / 1e3)


def _line(request: Request) -> str:
    return f"{request.target} " + "\t".join(f"{name}\t{value}" for name, value in request.headers) + "\n"


async def _sockets(port: int, requests: Sequence[Request], *, connections: int, seconds: float, most: int = 0) -> Load:
    """Load as `measured` says. Time counts from when all connections are open, and each sends once at least: however
    slow the machine, a load gives figures.
    """
    written = [_written(port, one) for one in requests]
    waits: list[float] = []
    sent = 0

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while not (most and sent >= most):
            sent += 1
            asked = time.perf_counter()
            writer.write(written[(sent - 1) % len(written)])
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            waits.append(time.perf_counter() - asked)
            if not head.startswith(b"HTTP/1.1 200"):
                raise NotMeasured(f"an answer was {head[:40].decode('latin-1')}")
            if time.perf_counter() >= until:
                return

    async with contextlib.AsyncExitStack() as opened:
        streams = [await opened.enter_async_context(_opened(port)) for _ in range(connections)]
        began = time.perf_counter()
        until = began + seconds
        await asyncio.gather(*(connection(*one) for one in streams))
        took = time.perf_counter() - began
    waits.sort()
    return Load(len(waits), took, waits[len(waits) // 2] * 1e3, waits[len(waits) * 99 // 100] * 1e3)


@contextlib.asynccontextmanager
async def _opened(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        yield reader, writer
    finally:
        writer.close()


def _written(port: int, request: Request) -> bytes:
    headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    host = f"host: 127.0.0.1:{port}\r\naccept: application/fhir+json\r\n"
    return f"GET {request.target} HTTP/1.1\r\n{host}{headers}\r\n".encode()
