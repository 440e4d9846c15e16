"""Who writes: takes a group, commits it in one transaction, then tells whoever waits.

A thread of its own does that, or for a record alone the thread that read it from a socket, one at a time (ADR 0024).
Trusts the store's word that a commit is durable, and nothing after an error: it then refuses everything until the same
file was opened again and holds exactly what was acknowledged (spec audit 3.5, 3.6 C4, C6).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import structlog

from ..canonical import Clock, timestamp
from ..page import Draft
from ..port import NotRecorded
from .log import Grown, Log
from .sqlite import KeptCheckpoint, SqliteStore, StoreFailed
from .tail import Damaged, extend, verified_frontier
from .waiting import Limits, Listener, Queue, Settled, Waiting

_log = structlog.get_logger("nuts_pzp.audit")
_STEP = 2_000_000
"""Microseconds by which wall clock and monotonic clock may drift apart between two groups."""

Own = Callable[[str, tuple[tuple[str, str], ...]], Waiting]
"""Draft a record of the system log: (event code, detail)."""


class Writer:
    """Owns the store while it runs. Its queue is for any thread; everything else is for the one whose turn it is."""

    def __init__(self, store: SqliteStore, wall: Clock, monotonic: Clock, limits: Limits) -> None:
        self._store, self._wall, self._monotonic, self.limits = store, wall, monotonic, limits
        self.queue = Queue(limits, self._shut)
        self._drift: int | None = None
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        """Whoever has it takes a group and writes it."""
        self._thread = threading.Thread(target=self._run, name="audit-writer", daemon=True)
        self.logs: dict[str, Log] = {}
        self.own: Own | None = None
        self.on_commit: Callable[[int], None] = lambda size: None
        """Called with the bytes of every durable group, by whoever wrote it."""
        self.on_trouble: Callable[[], None] = lambda: None
        """Called when a commit failed, before trying again: give up the reserve."""
        self.trouble: str | None = None
        """Why nothing can be written at the moment."""
        self.pressed: str | None = None
        """Why nothing but the ledger's own last words is accepted: no room on the disk."""

    def _shut(self, anyway: bool) -> str | None:
        return self.trouble or (None if anyway else self.pressed)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more, write what waits, and end; what cannot be written is refused."""
        self.queue.close()
        self._stopping.set()
        self._thread.join()
        with self._turn:
            pass  # until a record that was alone is written

    def write_alone(self) -> None:
        """Write here and now the record that waits, if it is the only one and nobody writes: so nobody is woken for it.

        More of them are left to the writer's own thread, so that others can be read meanwhile; trouble is, too.
        """
        if len(self.queue) == 1 and self._turn.acquire(blocking=False):
            try:
                self._write_group()
            finally:
                self._turn.release()
        self.queue.call()

    def _run(self) -> None:
        while self.queue.wait():
            with self._turn:
                self._write_group()
                if self.trouble is not None:
                    self._recover()

    def _write_group(self) -> None:
        if not (group := self.queue.take()):
            return
        try:
            indexes = self._commit(group)
        except Exception as error:  # whatever it is, nobody may believe that this group is durable
            words = str(error) if isinstance(error, StoreFailed) else type(error).__name__
            self.trouble = f"the ledger cannot be written: {words}"
            _log.error("audit.not-written", error=words, records=len(group))
            self._settle([(one, NotRecorded(self.trouble)) for one in group])
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
        refused = self.queue.drain()
        self._settle([(one, NotRecorded(self.trouble or "the ledger cannot be written")) for one in refused])
