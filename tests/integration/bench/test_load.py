"""The bench's own load generator, which stands in where wrk is not installed or counts in too coarse steps."""

from __future__ import annotations

import asyncio
import contextlib
import runpy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

LOAD = Path(__file__).parents[3] / "tools" / "bench" / "load.py"

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def load() -> dict[str, Any]:
    return runpy.run_path(str(LOAD))


@contextlib.asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[int]:
    """Answer every request with these bytes, and end only when every caller has left."""
    callers: list[asyncio.Task[None] | None] = []

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)

    async with await asyncio.start_server(answered, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*(one for one in callers if one))


async def test_each_connection_is_answered_once_however_soon_the_time_is_over(load: dict[str, Any]) -> None:
    async with _answering(OK) as port:
        found = await load["measured"](port, [load["Request"]("/a")], connections=8, seconds=0.0, folder=Path())
    assert found.requests == 8
    assert found.seconds > 0
    assert 0 < found.p50 <= found.p99


async def test_no_more_are_sent_than_may_be(load: dict[str, Any]) -> None:
    async with _answering(OK) as port:
        requests = [load["Request"](f"/{n}") for n in range(5)]
        found = await load["measured"](port, requests, connections=8, seconds=5.0, folder=Path(), most=5)
    assert found.requests == 5


async def test_a_load_with_another_answer_than_a_200_is_no_figure(load: dict[str, Any]) -> None:
    async with _answering(BUSY) as port:
        with pytest.raises(load["NotMeasured"], match="503"):
            await load["measured"](port, [load["Request"]("/a")], connections=2, seconds=0.0, folder=Path())
