"""One question at a time per key, and a small memory of the answers.

Several callers with the same key share one flight. A caller that is cancelled leaves; the flight goes on for the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from math import inf
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class Ended(Exception):
    """The flight was ended from outside while somebody waited for it: no answer, and nobody's own cancelling."""


class Flights(Generic[K, T]):
    """The questions under way."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self._under_way: dict[K, asyncio.Task[T]] = {}

    async def join(self, key: K, ask: Callable[[], Awaitable[T]]) -> T:
        """Await the flight of that key, started with `ask` when there is none. What it raises, every waiter gets.

        Raises Ended when `close` ends the flight: a waiter that was not cancelled itself must be able to answer.
        """
        task = self._under_way.get(key)
        if task is None:
            task = asyncio.create_task(_run(ask))
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            waiter = asyncio.current_task()
            if task.cancelled() and waiter is not None and not waiter.cancelling():
                raise Ended from None
            raise

    async def close(self) -> None:
        """Cancel what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, key: K, task: asyncio.Task[T]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # all waiters may have left; asking marks it as seen


async def _run(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()


class Memory(Generic[K, T]):
    """At most `size` values, each until its own Unix time; the one used longest ago makes room."""

    def __init__(self, size: int, steady: Callable[[], float] = time.monotonic) -> None:
        """Empty. `steady` gives seconds and is never set back."""
        self._size, self._steady = size, steady
        self._held: OrderedDict[K, tuple[T, float, float]] = OrderedDict()

    def get(self, key: K, now: float) -> T | None:
        """Return the value while it may still be used."""
        entry = self._held.get(key)
        if entry is None:
            return None
        if now >= entry[1] or self._steady() >= entry[2]:
            del self._held[key]
            return None
        self._held.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: T, until: float, lasts: float = inf) -> None:
        """Hold the value until that Unix time, and for `lasts` seconds at most, wherever the clock is set meanwhile."""
        self._held[key] = (value, until, self._steady() + lasts)
        self._held.move_to_end(key)
        while len(self._held) > self._size:
            self._held.popitem(last=False)

    def __len__(self) -> int:
        return len(self._held)
