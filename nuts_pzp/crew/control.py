"""What supervisor and child say to each other: lines of JSON over a socket pair that only the two of them hold.

Its end is the sign that the other is gone, however it went. Nothing about a patient passes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

Message = dict[str, Any]
Hear = Callable[[Message], Awaitable[Message | None]]
"""Hear what the other side says of itself, or asks: what is returned is the answer."""

_LARGEST = 4 * 1_048_576


class Control:
    """One end. `listen` runs until the other end is gone."""

    def __init__(self, end: socket.socket, hear: Hear) -> None:
        self._end, self._hear = end, hear
        self._writer: asyncio.StreamWriter | None = None
        self._asked: dict[int, asyncio.Future[Message]] = {}
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Hear everything the other side says; return when it is gone. What was asked then fails."""
        reader, self._writer = await asyncio.open_connection(sock=self._end, limit=_LARGEST)
        try:
            while line := await reader.readline():
                self._heard(orjson.loads(line))
        except (OSError, ValueError):
            return
        finally:
            self._writer.close()
            self._writer = None
            for future in self._asked.values():
                if not future.done():
                    future.set_exception(ConnectionError("the process at the other end is gone"))

    def say(self, message: Message) -> None:
        """Say something that needs no answer; lost when nobody is there."""
        if self._writer is not None:
            self._writer.write(orjson.dumps(message) + b"\n")

    async def ask(self, message: Message, within: float) -> Message:
        """Ask and return the answer; ConnectionError or TimeoutError when there is none."""
        if self._writer is None:
            raise ConnectionError("nobody is there")
        self._number += 1
        number = self._number
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            self.say({**message, "ask": number})
            async with asyncio.timeout(within):
                return await future
        finally:
            del self._asked[number]
            if future.done() and not future.cancelled():
                future.exception()  # heard of, even when nobody waits any more

    def _heard(self, message: Message) -> None:
        if (answered := message.pop("answer", None)) is not None:
            future = self._asked.get(answered)
            if future is not None and not future.done():
                future.set_result(message)
            return
        task = asyncio.create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Message) -> None:
        number = message.pop("ask", None)
        answer = await self._hear(message)
        if number is not None:
            self.say({**(answer or {}), "answer": number})

    async def drained(self) -> None:
        """Return once what was said has left."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                await self._writer.drain()
