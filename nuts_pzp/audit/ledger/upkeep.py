"""What a ledger needs beside writing: folding the write-ahead log, watching the disk, anchoring, hourly checkpoints,
and a word about decisions that never got a result. Two threads, for an anchor that hangs must not stop the rest.
"""

from __future__ import annotations

import threading
import time

import structlog

from ..anchors import FileAnchor
from ..canonical import Clock
from ..port import NotRecorded
from ..record import SYSTEM
from .disk import MIB, Reserve, Room, Space
from .sqlite import SqliteStore
from .tenant import TenantAudit
from .writer import Writer

_log = structlog.get_logger("nuts_pzp.audit")
_FOLD_BYTES = MIB
_FOLD_WHOLLY_BYTES = 16 * MIB
"""What may wait, while records keep coming, for the last step of folding, which holds up the writer."""
_FOLD_SECONDS = 30.0
_SWEEP_SECONDS = 300.0
_HOUR = 3_600.0
_TICK = 0.25


class Upkeep:
    """Started and stopped by the ledger."""

    def __init__(
        self,
        audits: dict[str, TenantAudit],
        writer: Writer,
        store: SqliteStore,
        space: Space,
        reserve: Reserve,
        anchor: FileAnchor | None,
        wall: Clock,
    ) -> None:
        self._audits, self._writer, self._store = audits, writer, store
        self._space, self._reserve, self._anchor, self._wall = space, reserve, anchor, wall
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._unfolded = 0
        self._since: float | None = None
        self._anchored: dict[str, int] = {}
        self.room = Room.ENOUGH

    def start(self, anchor_every: float) -> None:
        """Begin both threads."""
        self._threads = [threading.Thread(target=self._tend, name="audit-upkeep", daemon=True)]
        if self._anchor:
            self._threads.append(
                threading.Thread(target=self._anchoring, args=(anchor_every,), name="audit-anchor", daemon=True)
            )
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End both; an anchor that hangs is left behind."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(5.0)

    def committed(self, size: int) -> None:
        """Count a durable group; called by the writer."""
        self._unfolded += size
        self._space.wrote(self._wall() // 60_000_000_000, size)
        if self._since is None:
            self._since = time.monotonic()

    def in_trouble(self) -> None:
        """Give up the reserve, should the disk be what failed; called by the writer."""
        self._reserve.release()

    def unanchored(self) -> float | None:
        """Return for how many seconds the oldest record without an anchor has been waiting for one."""
        if self._anchor is None:
            return None
        since = self._since
        return 0.0 if since is None else time.monotonic() - since

    def sweep(self, audit: TenantAudit, before: int) -> int:
        """Record, for every decision before that index without a result, that its outcome is unknown."""
        waiting = audit.log.open.before(before)
        for idx, key in waiting:
            flow, _, correlation = key.partition(":")
            audit.keep("outcome.unknown", {"about": str(idx), "correlation": correlation, "flow": flow})
        return len(waiting)

    def anchor_now(self) -> None:
        """Append the head of every log that grew; what fails is tried again at the next turn."""
        if self._anchor is None:
            return
        began, self._since = self._since, None
        if not self._anchor.path.exists():
            self._anchored.clear()
        signed = {audit.log.tenant: audit.log.signed for audit in list(self._audits.values())}
        grown = {tenant: one for tenant, one in signed.items() if one[0] > self._anchored.get(tenant, 0)}
        if not grown:
            return
        try:
            self._anchor.append([note for _, note in grown.values()], self._wall() // 1_000)
        except OSError as error:
            _log.error("audit.not-anchored", error=error.strerror)
            self._since = began or self._since
            return
        self._anchored |= {tenant: size for tenant, (size, _) in grown.items()}

    def _anchoring(self, every: float) -> None:
        self.anchor_now()
        while not self._stopping.wait(every):
            self.anchor_now()

    def _tend(self) -> None:
        folded = swept = hour = time.monotonic()
        unfinished = 0
        sizes: dict[str, int] = {}
        while not self._stopping.wait(_TICK):
            now = time.monotonic()
            if self._writer.trouble is not None:
                continue
            try:
                due = now - folded >= _FOLD_SECONDS
                if self._unfolded >= _FOLD_BYTES or (due and self._unfolded + unfinished):
                    unfinished, self._unfolded, folded = unfinished + self._unfolded, 0, now
                    quiet = due or not len(self._writer.queue)
                    if self._store.fold(wholly=quiet or unfinished >= _FOLD_WHOLLY_BYTES):
                        unfinished = 0
                self._look_at_disk()
                if now - swept >= _SWEEP_SECONDS:
                    swept = now
                    sizes = self._sweep_all(sizes)
                if now - hour >= _HOUR:
                    hour = now
                    self._checkpoint_all()
            except Exception as error:  # upkeep goes on; what fails is tried again
                _log.error("audit.upkeep", error=type(error).__name__)

    def _look_at_disk(self) -> None:
        room = self._space.room(self._wall() // 60_000_000_000)
        if room is self.room:
            return
        worse = list(Room).index(room) > list(Room).index(self.room)
        self.room = room
        if room is Room.STOP:
            self._writer.pressed = "no room on the disk of the ledger"
            self._reserve.release()
        else:
            self._writer.pressed = None
            self._reserve.hold()
        if worse:
            _log.error("audit.disk", room=room.value)
            self._say(self._audits[SYSTEM], "audit.degraded", {"room": room.value})

    def _sweep_all(self, sizes: dict[str, int]) -> dict[str, int]:
        """Sweep what was there at the last turn already, and return how far each log is now."""
        audits = list(self._audits.values())
        for audit in audits:
            try:
                self.sweep(audit, sizes.get(audit.log.tenant, 0))
            except NotRecorded as error:
                _log.error("audit.not-swept", log=audit.log.tenant, error=str(error))
        return {audit.log.tenant: audit.log.frontier.size for audit in audits}

    def _checkpoint_all(self) -> None:
        """Write down in every log how far it is, and in the system log how far all are: anchoring that anchors all."""
        frontiers = {tenant: audit.log.frontier for tenant, audit in list(self._audits.items())}
        for tenant, frontier in frontiers.items():
            self._say(self._audits[tenant], "audit.checkpoint", {"size": str(frontier.size)})
        heads = {f"head:{tenant}": f"{one.size} {one.root().hex()}" for tenant, one in frontiers.items()}
        self._say(self._audits[SYSTEM], "audit.checkpoint", heads)

    def _say(self, audit: TenantAudit, code: str, detail: dict[str, str]) -> None:
        try:
            audit.keep(code, detail, anyway=True)
        except NotRecorded as error:
            _log.error("audit.not-said", code=code, error=str(error))
