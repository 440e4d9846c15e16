"""What waits for the writer: bounded in records and in bytes, refused at once above that, taken in groups.

Put in by any thread; taken by the one that writes (spec audit 3.5, 3.6 C6).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ..page import Draft
from ..port import NotRecorded
from .disk import MIB
from .log import Log


@dataclass(frozen=True, slots=True)
class Limits:
    """What the writer takes: records per group, waiting records and bytes, seconds to linger, seconds for a caller.

    `spacing` is how many records lie at least between two kept checkpoints that nobody asked for.
    """

    group: int = 256
    waiting: int = 2_000
    waiting_bytes: int = 32 * MIB
    linger: float = 0.002
    deadline: float = 2.0
    spacing: int = 16


Ticket = asyncio.Future[int] | Future[int] | int
"""What a listener knows a record by: a future that it resolves, or a number."""
Settled = tuple[Ticket, int | NotRecorded]
"""The index of a durable record, or why it is none."""


class Listener(Protocol):
    """Who handed records in and hears what became of them."""

    def settle(self, settled: Sequence[Settled]) -> None:
        """Hear of all of one group at once, in the order in which they were handed in; in the thread that wrote."""
        ...


class InThread:
    """Listens with futures that any thread may wait for."""

    def settle(self, settled: Sequence[Settled]) -> None:
        resolve(settled)


IN_THREAD = InThread()


def resolve(settled: Sequence[Settled]) -> None:
    """Tell whoever waits with a future."""
    for ticket, result in settled:
        if isinstance(ticket, int) or ticket.done():
            continue  # the caller gave up; the record stands all the same
        if isinstance(result, NotRecorded):
            ticket.set_exception(result)
        else:
            ticket.set_result(result)


class Waiting(msgspec.Struct, eq=False, gc=False):
    """One record on its way."""

    log: Log
    draft: Draft
    ticket: Ticket
    listener: Listener = IN_THREAD


_NOBODY = 1 << 62
"""So many records wake a writer that does not wait."""


class Queue:
    """The records that wait. `shut` says why none is taken, or None; it is told whether this one is wanted anyway."""

    def __init__(self, limits: Limits, shut: Callable[[bool], str | None]) -> None:
        self._limits, self._shut = limits, shut
        self._turn = threading.Lock()
        self._wake = threading.Event()
        self._records: deque[Waiting] = deque()
        self._wanted = _NOBODY
        """How many records end the writer's wait."""
        self._usual = 1
        """How many the last group had: whoever was answered together often asks again together."""
        self._count = self._bytes = 0
        self.closed = False

    def __len__(self) -> int:
        return self._count

    def put(self, waiting: Waiting, *, anyway: bool = False, wake: bool = True) -> None:
        """Queue a record; raise NotRecorded at once when nothing is accepted or too much waits already.

        Whoever wakes nobody for it is to `call` soon.
        """
        with self._turn:
            if (refused := self._admit(waiting, anyway=anyway)) is not None:
                raise refused
            if wake:
                self._call()

    def put_all(self, group: Sequence[Waiting]) -> Sequence[Settled]:
        """Queue records in order; return those that are not taken, and why."""
        with self._turn:
            refused = [(one.ticket, why) for one in group if (why := self._admit(one)) is not None]
            self._call()
        return refused

    def _admit(self, waiting: Waiting, *, anyway: bool = False) -> NotRecorded | None:
        why = self._shut(anyway) or ("the ledger is closed" if self.closed else None)
        if why is not None:
            return NotRecorded(why)
        size = waiting.draft.size
        if self._count >= self._limits.waiting or self._bytes + size > self._limits.waiting_bytes:
            return NotRecorded("too many records wait")
        self._count += 1
        self._bytes += size
        self._records.append(waiting)
        return None

    def call(self) -> None:
        """Wake the writer for what waits."""
        with self._turn:
            self._call()

    def _call(self) -> None:
        if self._due(self._wanted):
            self._wanted = _NOBODY
            self._wake.set()

    def close(self) -> None:
        """Take nothing more. What waits is still to be taken."""
        with self._turn:
            self.closed = True
            self._wake.set()

    def wait(self) -> bool:
        """Wait for a record, which another may take first, or for trouble; False at the end."""
        if not self._records:
            self._wait(1, None)
        return bool(self._records) or not self.closed

    def take(self) -> list[Waiting]:
        """Return what waits, as far as a group may have it. When it is more than one, linger until it is as usual."""
        group = self._moved([])
        if 1 < len(group) < min(self._usual, self._limits.group):
            self._wait(self._usual - len(group), self._limits.linger)
            group = self._moved(group)
        self._usual = len(group)
        self._forget(group)
        return group

    def _wait(self, wanted: int, seconds: float | None) -> None:
        with self._turn:
            if self._due(wanted):
                return
            self._wanted = wanted
            self._wake.clear()
        self._wake.wait(seconds)
        self._wanted = _NOBODY

    def _due(self, wanted: int) -> bool:
        """Tell whether the writer's wait is over: so many records, the end, or trouble that is to be mended."""
        return len(self._records) >= wanted or self.closed or self._shut(True) is not None

    def _moved(self, group: list[Waiting]) -> list[Waiting]:
        records, most = self._records, self._limits.group
        while records and len(group) < most:
            group.append(records.popleft())
        return group

    def drain(self) -> list[Waiting]:
        """Take out everything that waits."""
        with self._turn:
            everything = list(self._records)
            self._records.clear()
        self._forget(everything)
        return everything

    def _forget(self, taken: Sequence[Waiting]) -> None:
        with self._turn:
            self._count -= len(taken)
            self._bytes -= sum([one.draft.size for one in taken])
