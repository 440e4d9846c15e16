"""The ledger of one deployment: a log per tenant and one of its own, one file, one writer (spec audit 3, design D10).

Opens only what verifies: the tail against the signed head, the head against the anchor. Says when it opened, closed,
lost room on the disk, and every hour how far each log had come.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from ...accounted import Kept
from ...identity import Tenant
from ...keys import signer_or_new, write_private
from ..anchors import FileAnchor, newest
from ..canonical import MONOTONIC, WALL, Clock
from ..index import SearchIndex
from ..port import NotRecorded
from ..record import SYSTEM, Scribe
from ..seal import Seal
from .checkpoint import BadCheckpoint, NoteSigner
from .disk import Reserve, Space, Thresholds, filesystem, is_durable
from .log import Log
from .loops import Loops
from .merkle import Frontier
from .sqlite import Connect, SqliteStore, StoreFailed, connect
from .tail import TAIL, Damaged, verified_frontier
from .tenant import TenantAudit
from .upkeep import Upkeep
from .waiting import Limits, Waiting
from .writer import Writer

_log = structlog.get_logger("nuts_pzp.audit")
_START = 10.0
"""Seconds that the first and last records of a log may take."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ledger lives and how it behaves. `name` is the gateway's, and the start of every origin."""

    path: Path
    keys: Path
    name: str
    anchor: Path | None = None
    anchor_every: float = 60.0
    epoch: int = 1
    version: str = ""
    accept_any_filesystem: bool = False
    limits: Limits = field(default_factory=Limits)
    thresholds: Thresholds = field(default_factory=Thresholds)

    def origin(self, whose: str) -> str:
        """Return the origin of a log: that of a URA, or of the system."""
        return f"{self.name}/nuts-pzp/{whose}/{self.epoch}"


@dataclass(frozen=True, slots=True)
class Condition:
    """How the ledger is, for readiness and metrics. Seconds and counts; nothing about anybody."""

    trouble: str | None
    waiting: int
    room: str
    unanchored_seconds: float | None
    """How long the oldest record without an anchor has been there; None without an anchor."""
    index_lag: int

    @property
    def ready(self) -> bool:
        """True when a record would be taken."""
        return self.trouble is None


class Ledger:
    """All logs of a deployment. `of` gives a tenant's; `close` ends it."""

    def __init__(self, place: Place, store: SqliteStore, wall: Clock, monotonic: Clock) -> None:
        """Use `Ledger.open`."""
        self.place, self._store, self._wall = place, store, wall
        self._heads = store.heads()
        self._anchor = FileAnchor(place.anchor, begins=not self._heads) if place.anchor else None
        self._audits: dict[str, TenantAudit] = {}
        self._seals: dict[str, Seal] = {}
        self._writer = Writer(store, wall, monotonic, place.limits)
        self._loops = Loops(self._writer)
        self._space = Space(place.path.parent, place.thresholds)
        self._reserve = Reserve(place.path.with_name(place.path.name + ".reserve"), place.thresholds.reserve)
        self.index = SearchIndex(place.path, self._seals)
        self.system = self._enter(SYSTEM, None)
        self._upkeep = Upkeep(self._audits, self._writer, store, self._space, self._reserve, self._anchor, wall)

    @classmethod
    def open(
        cls, place: Place, *, wall: Clock = WALL, monotonic: Clock = MONOTONIC, connecting: Connect = connect
    ) -> Ledger:
        """Lock, open and verify; LedgerInUse, StoreFailed, Damaged or BadKeyFile refuse the start."""
        kind = filesystem(place.path.parent)
        if not is_durable(kind):
            if not place.accept_any_filesystem:
                raise StoreFailed(f"a file system of type {kind} does not keep what is written to it")
            _log.warning("audit.filesystem", type=kind)
        store = SqliteStore(place.path, connecting)
        try:
            ledger = cls(place, store, wall, monotonic)
            ledger._begin()
        except BaseException:
            store.close()
            raise
        return ledger

    def _begin(self) -> None:
        self._reserve.hold()
        system = self.system
        self._writer.own = lambda code, detail: Waiting(system.log, system.draft(Kept(code, detail)), Future())
        self._writer.on_commit = self._upkeep.committed
        self._writer.on_trouble = self._upkeep.in_trouble
        self._writer.start()
        try:
            self._opened(system)
        except NotRecorded as error:
            self._writer.stop()
            raise StoreFailed(str(error)) from None
        self._upkeep.start(self.place.anchor_every)
        self.index.start()

    def of(self, tenant: Tenant) -> TenantAudit:
        """Return the tenant's log, verified and open; Damaged, BadKeyFile or NotRecorded when it cannot be.

        Asked again for the same tenant it gives the same log, under the name the tenant has now; not under another
        URA, for a log is one organisation's.
        """
        if tenant.id == SYSTEM:
            raise ValueError(f"no tenant may be called {SYSTEM}")
        known = self._audits.get(tenant.id)
        if known:
            origin = self.place.origin(tenant.organization.ura.value)
            if known.log.signer.verifier.name != origin:
                raise Damaged(f"log {tenant.id}: began as {known.log.signer.verifier.name}, not as {origin}")
            return TenantAudit(known.log, self._scribe(tenant.id, tenant), self._writer, self._loops)
        audit = self._enter(tenant.id, tenant)
        try:
            self._opened(audit)
        except NotRecorded:
            del self._audits[tenant.id], self._writer.logs[tenant.id]
            raise
        return audit

    def submit(self, waiting: Waiting) -> None:
        """Queue a record that was written down elsewhere; NotRecorded when nothing is taken. Then `submitted`."""
        self._writer.queue.put(waiting, wake=False)

    def submitted(self) -> None:
        """Have written what was submitted: before this returns, if it is one record and nothing else waits."""
        self._writer.write_alone()

    async def enter(self, tenant: Tenant, /) -> TenantAudit:
        """`of` for a running loop, which stays free while the end of the log is verified."""
        return await asyncio.to_thread(self.of, tenant)

    def condition(self) -> Condition:
        """Say how the ledger is."""
        trouble = self._writer.trouble or self._writer.pressed or ("closed" if self._writer.queue.closed else None)
        sizes = sum(audit.log.frontier.size for audit in self._audits.values())
        return Condition(
            trouble,
            len(self._writer.queue),
            self._upkeep.room.value,
            self._upkeep.unanchored(),
            max(0, sizes - self.index.done),
        )

    async def aclose(self) -> None:
        """Close from a running loop, which stays free to hear of its last records."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Record the end in every log, anchor, and let go of the file; idempotent."""
        if self._writer.queue.closed:
            return
        self._upkeep.stop()
        for audit in reversed(list(self._audits.values())):  # the system's own log last
            try:
                self._upkeep.sweep(audit, audit.log.frontier.size)
                audit.keep("audit.closed", {"size": str(audit.log.frontier.size)}).result(_START)
            except (NotRecorded, TimeoutError) as error:
                _log.error("audit.not-closed", log=audit.log.tenant, error=str(error))
        self._writer.stop()
        self._upkeep.anchor_now()
        self.index.stop()
        self._store.fold()
        self._store.close()
        self._reserve.release()

    def _opened(self, audit: TenantAudit) -> None:
        """Record the opening, and for whatever a crash left without a result that nobody knows how it ended."""
        waiting = self._upkeep.sweep(audit, audit.log.frontier.size)
        detail = {"size": str(audit.log.frontier.size), "without_result": str(waiting), "version": self.place.version}
        if audit is self.system:
            detail["logs"] = ",".join(sorted(head.origin for head in self._heads.values()))
        try:
            audit.keep("audit.opened", detail).result(_START)
        except TimeoutError:
            raise NotRecorded("the opening of the log was not durable in time") from None

    def _enter(self, tenant: str, whose: Tenant | None) -> TenantAudit:
        """Verify one log and take it up."""
        origin = self.place.origin(whose.organization.ura.value if whose else SYSTEM)
        folder = self.place.keys / tenant
        signer = NoteSigner(origin, signer_or_new(folder / "signing.key"))
        self._publish(folder, signer)
        head = self._heads.get(tenant)
        taken = {log.signer.verifier.name for log in self._writer.logs.values()}
        taken |= {one.origin for one in self._heads.values() if one.tenant != tenant}
        if origin in taken:
            raise Damaged(f"log {tenant}: another tenant's log has the origin {origin}")
        try:
            anchored = newest(self._anchor.read(), signer.verifier) if self._anchor else None
        except OSError as error:
            raise StoreFailed(f"the anchor cannot be read: {error.strerror}") from None
        except BadCheckpoint as error:
            raise Damaged(f"log {tenant}: the anchor is not genuine: {error}") from None
        if head:
            if head.origin != origin:
                raise Damaged(f"log {tenant}: began as {head.origin}, not as {origin}")
            frontier = verified_frontier(self._store, head, signer.verifier, anchored, TAIL)
            log = Log(tenant, signer, frontier, head.note, self.place.limits.spacing)
            log.replay(self._store.records(tenant, head.open_from, head.size))
        elif anchored or self._store.highest(tenant) >= 0:
            said = f"{anchored.size} records were anchored" if anchored else "there are records of it"
            raise Damaged(f"log {tenant}: its head is gone, but {said}")
        else:
            log = Log(tenant, signer, Frontier(), b"", self.place.limits.spacing)
        self._writer.logs[tenant] = log
        audit = self._audits[tenant] = TenantAudit(log, self._scribe(tenant, whose), self._writer, self._loops)
        return audit

    def _scribe(self, tenant: str, whose: Tenant | None) -> Scribe:
        if tenant not in self._seals:
            self._seals[tenant] = Seal(self.place.keys / tenant, tenant)
        node: dict[str, Any] = {"node": self.place.name, "version": self.place.version}
        return Scribe(whose, self._seals[tenant], node, wall=self._wall)

    def _publish(self, folder: Path, signer: NoteSigner) -> None:
        """Write the public key beside the private one, for whoever hands it out; it is never read back here."""
        path = folder / f"audit-{self.place.epoch}.pub"
        if not path.exists():
            write_private(path, f"{signer.verifier}\n".encode())
