"""The one thread that writes: collects a group, commits it in one transaction, then wakes whoever waits.

Trusts the store's word that a commit is durable, and nothing after an error: it then refuses everything until the same
file was opened again and holds exactly what was acknowledged (spec audit 3.5, 3.6 C4, C6).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import structlog

from ..canonical import Clock, timestamp
from ..page import Draft
from ..port import NotRecorded
from .disk import MIB
from .log import Grown, Log
from .sqlite import KeptCheckpoint, SqliteStore, StoreFailed
from .tail import Damaged, extend, verified_frontier

_log = structlog.get_logger("nuts_pzp.audit")
_STEP = 2_000_000
"""Microseconds by which wall clock and monotonic clock may drift apart between two groups."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the writer takes: records per group, waiting records and bytes, seconds to linger, seconds for a caller.

    `spacing` is how many records lie at least between two kept checkpoints that nobody asked for.
    """

    group: int = 256
    waiting: int = 2_000
    waiting_bytes: int = 32 * MIB
    linger: float = 0.002
    gap: float = 0.0002
    deadline: float = 2.0
    spacing: int = 16


Ticket = asyncio.Future[int] | Future[int] | int
"""What a listener knows a record by: a future that it resolves, or a number."""
Settled = tuple[Ticket, int | NotRecorded]
"""The index of a durable record, or why it is none."""


class Listener(Protocol):
    """Who handed records in and hears what became of them."""

    def settle(self, settled: Sequence[Settled]) -> None:
        """Hear of all of one group at once, in the order in which they were handed in; in the writer's thread."""
        ...


@dataclass(frozen=True, slots=True)
class InLoop:
    """Listens with futures of a running loop: one wake-up, however many records."""

    loop: asyncio.AbstractEventLoop

    def settle(self, settled: Sequence[Settled]) -> None:
        try:
            self.loop.call_soon_threadsafe(_resolve, settled)
        except RuntimeError:
            return  # that loop is gone, and whoever waited with it; the records stand


class InThread:
    """Listens with futures that any thread may wait for."""

    def settle(self, settled: Sequence[Settled]) -> None:
        _resolve(settled)


IN_THREAD = InThread()


@dataclass(slots=True, eq=False)
class Waiting:
    """One record on its way."""

    log: Log
    draft: Draft
    ticket: Ticket
    listener: Listener = IN_THREAD


Own = Callable[[str, tuple[tuple[str, str], ...]], Waiting]
"""Draft a record of the system log: (event code, detail)."""


class Writer:
    """Owns the store while it runs. `submit` is called from any thread; everything else happens in its own."""

    def __init__(self, store: SqliteStore, wall: Clock, monotonic: Clock, limits: Limits) -> None:
        self._store, self._wall, self._monotonic, self.limits = store, wall, monotonic, limits
        self._queue: deque[Waiting] = deque()
        self._turn = threading.Lock()
        self._idle = False
        self._wake = threading.Event()
        self._waiting = self._waiting_bytes = 0
        self._drift: int | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)
        self.logs: dict[str, Log] = {}
        self.own: Own | None = None
        self.on_commit: Callable[[int], None] = lambda size: None
        """Called with the bytes of every durable group, in the writer's thread."""
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when a commit failed, before trying again: give up the reserve."""
        self.trouble: str | None = None
        """Why nothing can be written at the moment."""
        self.pressed: str | None = None
        """Why nothing but the ledger's own last words is accepted: no room on the disk."""
        self.closed = False

    @property
    def waiting(self) -> int:
        """How many records wait."""
        return self._waiting

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more, write what waits, and end; what cannot be written is refused."""
        with self._turn:
            self.closed = True
            self._stopping.set()
            self._wake.set()
        self._thread.join()

    def submit(self, waiting: Waiting, *, anyway: bool = False) -> None:
        """Queue a record; raise NotRecorded at once when nothing is accepted or too much waits already."""
        size = waiting.draft.size
        with self._turn:
            if self.closed or self.trouble or (self.pressed and not anyway):
                raise NotRecorded(self.trouble or self.pressed or "the ledger is closed")
            if self._waiting >= self.limits.waiting or self._waiting_bytes + size > self.limits.waiting_bytes:
                raise NotRecorded("too many records wait")
            self._waiting += 1
            self._waiting_bytes += size
            self._queue.append(waiting)
            if self._idle:
                self._idle = False
                self._wake.set()

    def _run(self) -> None:
        while group := self._collect():
            self._write(group)

    def _collect(self) -> list[Waiting]:
        """Wait for a record and take what else is there; linger only when more than one came. Empty: the end.

        Lingering sleeps and looks, for being woken by every record costs more than it brings.
        """
        while not self._queue:
            with self._turn:
                if self._queue:
                    break
                if self._stopping.is_set():
                    return []
                self._idle = True
                self._wake.clear()
            self._wake.wait()
        group: list[Waiting] = []
        until = time.monotonic() + self.limits.linger
        while self._take(group) and 1 < len(group) < self.limits.group and time.monotonic() < until:
            time.sleep(self.limits.gap)
        with self._turn:
            self._waiting -= len(group)
            self._waiting_bytes -= sum(one.draft.size for one in group)
        return group

    def _take(self, group: list[Waiting]) -> bool:
        """Move what waits into the group, as far as it fits; False when nothing was there."""
        before = len(group)
        while self._queue and len(group) < self.limits.group:
            group.append(self._queue.popleft())
        return len(group) > before

    def _write(self, group: list[Waiting]) -> None:
        try:
            indexes = self._commit(group)
        except Exception as error:  # whatever it is, nobody may believe that this group is durable
            words = str(error) if isinstance(error, StoreFailed) else type(error).__name__
            self.trouble = f"the ledger cannot be written: {words}"
            _log.error("audit.not-written", error=words, records=len(group))
            self._settle([(one, NotRecorded(self.trouble)) for one in group])
            self._recover()
            return
        self._settle(zip(group, indexes, strict=False))  # a record of our own may follow the group

    def _commit(self, group: list[Waiting]) -> list[int]:
        """Write a group durably and return the index of each record; StoreFailed leaves the logs as they were."""
        now, monotonic = self._wall() // 1_000, self._monotonic() // 1_000
        group = [*group, *self._clock_step(now - monotonic)]
        ts = timestamp(now)
        by_log: dict[Log, list[Draft]] = {}
        for one in group:
            by_log.setdefault(one.log, []).append(one.draft)
        grown: dict[Log, Grown] = {log: log.grow(drafts, ts, monotonic) for log, drafts in by_log.items()}
        rows = [row for one in grown.values() for row in one.rows]
        kept: list[KeptCheckpoint] = [one.kept for one in grown.values() if one.kept]
        self._store.commit(rows, [one.head for one in grown.values()], kept)
        self._drift = now - monotonic
        for log, made in grown.items():
            log.adopt(made, by_log[log], monotonic)
        self.on_commit(sum(len(row[4]) for row in rows))
        following = {log: made.first for log, made in grown.items()}
        indexes = []
        for waiting in group:
            indexes.append(following[waiting.log])
            following[waiting.log] += 1
        return indexes

    def _clock_step(self, drift: int) -> list[Waiting]:
        """Return a record that the wall clock jumped, when it did; order stays that of the index."""
        if self._drift is None or self.own is None or abs(drift - self._drift) <= _STEP:
            return []
        return [self.own("clock.step", (("microseconds", str(drift - self._drift)),))]

    def _reopened(self) -> None:
        """Open again, compare with what was acknowledged, and write a record that says why."""
        self._store.reopen()
        self._reload()
        if self.own:
            self._commit([self.own("audit.degraded", (("reason", self.trouble or ""),))])

    def _settle(self, results: Iterable[tuple[Waiting, int | NotRecorded]]) -> None:
        """Tell the listeners, each once."""
        by_listener: dict[Listener, list[Settled]] = {}
        for one, result in results:
            by_listener.setdefault(one.listener, []).append((one.ticket, result))
        for listener, settled in by_listener.items():
            listener.settle(settled)

    def _recover(self) -> None:
        """Refuse everything until the same file opens again, agrees with what was acknowledged, and takes a record."""
        self.on_trouble()
        pause = 0.05
        while True:
            stopping = self._stopping.wait(pause)
            pause = min(1.0, pause * 2)
            self._refuse_waiting()
            try:
                self._reopened()
                self.trouble = None
            except Damaged as error:
                self.trouble = str(error)
            except Exception as error:
                _log.warning("audit.still-not-written", error=type(error).__name__)
            if stopping or self.trouble is None:
                return

    def _reload(self) -> None:
        """Adopt what the file holds: at least what was acknowledged, unchanged, and whole groups after it."""
        heads = self._store.heads()
        for log in self.logs.values():
            head = heads.get(log.tenant)
            if head is None or head.size < log.frontier.size:
                if head is None and not log.frontier.size:
                    continue
                raise Damaged(f"log {log.tenant}: acknowledged records are gone")
            frontier = log.frontier.copy()
            since = list(self._store.records(log.tenant, frontier.size, head.size))
            extend(frontier, since, log.tenant)
            verified = verified_frontier(self._store, head, log.signer.verifier)
            if frontier.root() != verified.root():
                raise Damaged(f"log {log.tenant}: acknowledged records changed")
            log.replay(since)
            log.frontier, log.signed = frontier, (head.size, head.note)

    def _refuse_waiting(self) -> None:
        with self._turn:
            refused = list(self._queue)
            self._queue.clear()
            self._waiting -= len(refused)
            self._waiting_bytes -= sum(one.draft.size for one in refused)
        self._settle([(one, NotRecorded(self.trouble or "the ledger cannot be written")) for one in refused])


def _resolve(settled: Sequence[Settled]) -> None:
    for ticket, result in settled:
        if isinstance(ticket, int) or ticket.done():
            continue  # the caller gave up; the record stands all the same
        if isinstance(result, NotRecorded):
            ticket.set_exception(result)
        else:
            ticket.set_result(result)
