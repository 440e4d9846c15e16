"""One turn of a loop: what is handed in during it is written down at its end, and goes to the writer as one.

A record written down by itself, in the middle of a request, takes several times as long: what that needs has left the
processor's caches by then. One after the other, only the first does. Nobody waits for longer than the loop had other
things to do in that turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ...accounted import Event, Receipt
from ...keys import BadKeyFile
from ..canonical import OutsideProfile
from ..page import Draft
from ..port import NotRecorded
from ..record import Scribe

E = TypeVar("E", bound=Event)
L = TypeVar("L")
_FULL = 16
"""Records with which a turn is full: the writer may begin, however much the loop has still to do in it."""
_GRAIN = 0.001
"""Seconds that a loop's timer may be early."""


class Handed(Generic[L]):
    """One event on its way into a log; `future` has the index of its record once that is durable."""

    __slots__ = ("_scribe", "draft", "event", "future", "log")

    def __init__(self, event: Event, scribe: Scribe, log: L, future: asyncio.Future[int]) -> None:
        self.event, self._scribe, self.log, self.future = event, scribe, log, future
        self.draft: Draft | None = None

    def write(self) -> Draft | None:
        """Write the record down; None, and the future says why, when that cannot be."""
        try:
            self.draft = self._scribe.draft(self.event)
        except (OutsideProfile, BadKeyFile) as error:
            self.fail(NotRecorded(str(error)))
        except Exception as bug:  # whoever waits must hear of it
            self.fail(bug)
        return self.draft

    def fail(self, error: Exception) -> None:
        """Say that it is not recorded, unless nobody waits any more."""
        if not self.future.done():
            self.future.set_exception(error)


class Turn(Generic[L]):
    """The turns of one loop, and the patience of all who wait in it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, over: Callable[[Sequence[Handed[L]]], None], patience: float
    ) -> None:
        """`over` takes the events of a turn, none of them written down yet; `patience` is in seconds."""
        self.loop, self._over, self._patience = loop, over, patience
        self._handed: list[Handed[L]] = []
        self._waits: deque[tuple[float, asyncio.Future[int]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def record(self, event: E, scribe: Scribe, log: L) -> Receipt[E]:
        """Return when the record is durable; raise NotRecorded when it is not in time, or cannot be."""
        future: asyncio.Future[int] = self.loop.create_future()
        handed = Handed(event, scribe, log, future)
        if not self._handed:
            self.loop.call_soon(self._end)
        self._handed.append(handed)
        if len(self._handed) >= _FULL:
            self._end()
        self._watch(future)
        index = await future
        assert handed.draft
        return Receipt(event, index, handed.draft.id)

    def _end(self) -> None:
        handed, self._handed = self._handed, []
        if handed:  # else it was full before its end
            self._over(handed)

    def _watch(self, future: asyncio.Future[int]) -> None:
        """End this wait in time. All are as patient, so one timer does: for the oldest."""
        waits = self._waits
        while waits and waits[0][1].done():
            waits.popleft()
        until = self.loop.time() + self._patience
        waits.append((until, future))
        if self._timer is None:
            self._timer = self.loop.call_at(until, self._late)

    def _late(self) -> None:
        waits, now = self._waits, self.loop.time() + _GRAIN
        while waits and (waits[0][0] <= now or waits[0][1].done()):
            future = waits.popleft()[1]
            if not future.done():
                future.set_exception(NotRecorded("the record was not durable in time"))
        self._timer = self.loop.call_at(waits[0][0], self._late) if waits else None
