"""The supervisor: one audit writer, several workers, and the operations listener that speaks for all of them.

Answers nobody's question about a patient and opens no ledger, so it has little to die of. Children that end are started
again, later and later; without the writer nothing leaves, and readiness says so. Stops in the order in which a single
process does: doors, houses, ledger, operations.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Gauge

from ..audit.ledger.ledger import Condition
from ..doors import DOORS, listening
from ..gateway import audit_checks
from ..listener_settings import ListenerSettings
from ..settings import Deployment, SettingsError
from ..web.acceptor import Board, bound
from ..web.operations import Check, operations
from ..web.server import Server
from .counts import Counts
from .member import Given, Member
from .relay import Relay

_log = structlog.get_logger("nuts_pzp.crew")

_WORKER_GRACE = 15.0
"""Seconds for a worker to end: its doors give five, its houses and their last records the rest."""
_WRITER_GRACE = 30.0


class Supervisor:
    """Built from settings, started once. `ports` tells where each listener ended up."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self._deployment, self._folder = deployment, folder
        self._bound: dict[str, socket.socket] = {}
        self._members: list[Member] = []
        self._keeping: list[asyncio.Task[None]] = []
        self._operations: Server | None = None
        self._registry, self._counts = CollectorRegistry(), Counts()
        self._registry.register(self._counts)
        self._open_for_all = False
        self._waiting = 0
        self._board = -1

    @property
    def ports(self) -> dict[str, int]:
        """The port of each listener, by name."""
        own = {"operations": self._operations.port} if self._operations else {}
        return own | {name: one.getsockname()[1] for name, one in self._bound.items()}

    @property
    def workers(self) -> list[Member]:
        """The workers, by slot."""
        return [one for one in self._members if one.role == "worker"]

    @property
    def writer(self) -> Member | None:
        """The audit writer, once it was started."""
        return next((one for one in self._members if one.role == "writer"), None)

    async def start(self) -> None:
        """Open the operations listener, bind the doors, start the writer, then the workers; SettingsError if not."""
        listeners = self._deployment.listeners
        self._count()
        app = operations(self._checks, self._registry, self._deciding(), self._scraped)
        self._operations = await listening("operations", app, listeners.operations, self._folder)
        try:
            for name in DOORS:
                if (settings := getattr(listeners, name)) is not None:
                    self._bound[name] = _bound(name, settings)
            given = Given(self._folder, self._deployment.model_dump_json().encode())
            await self._begin([Member("writer", 0, given, {})])
            workers = self._deployment.workers
            board, self._board = Board.new(workers)
            files = {"board": self._board} | {name: one.fileno() for name, one in self._bound.items()}
            await self._begin([Member("worker", slot, given, files, board.absent) for slot in range(workers)])
        except BaseException:
            await self.stop()
            raise
        self._open_for_all = True
        _log.info("gateway.ready", ports=self.ports, workers=self._deployment.workers)

    async def reload(self) -> None:
        """Let every worker read the tenant files anew."""
        for one in self.workers:
            one.say({"do": "reload"})

    async def stop(self) -> None:
        """Take no more connections; end the workers, then the writer, then the operations listener."""
        self._open_for_all = False
        for one in self._bound.values():
            one.close()
        if self._board >= 0:
            os.close(self._board)
            self._board = -1
        await asyncio.gather(*(one.stop(_WORKER_GRACE) for one in self.workers))
        if self.writer is not None:
            await self.writer.stop(_WRITER_GRACE)
        for task in self._keeping:
            task.cancel()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        if self._operations:
            await self._operations.stop()

    async def _begin(self, members: list[Member]) -> None:
        """Start these and return when each is ready; SettingsError with what the first that is not said."""
        self._members += members
        self._keeping += [asyncio.create_task(one.keep()) for one in members]
        for refused in await asyncio.gather(*(one.first for one in members)):
            if refused:
                raise SettingsError(refused)

    def _deciding(self) -> Callable[[], Relay | None] | None:
        """Give the decision API, which a worker answers, while the doors are open; None when it is not offered."""
        if self._deployment.decision_api is None:
            return None
        relay = Relay(lambda: self.workers)
        return lambda: relay if self._open_for_all else None

    def _count(self) -> None:
        """Register what the supervisor itself knows, beside what the workers count."""
        waiting = Gauge("nuts_pzp_audit_waiting", "Records that wait for their commit", registry=self._registry)
        waiting.set_function(lambda: self._waiting)
        up = Gauge("nuts_pzp_processes", "Processes that are ready, by role", ("role",), registry=self._registry)
        again = Gauge("nuts_pzp_restarts", "Processes that ended and were started again", ("role",),
                      registry=self._registry)  # fmt: skip
        for role in ("worker", "writer"):
            up.labels(role).set_function(lambda role=role: sum(one.ready for one in self._of(role)))  # type: ignore[misc]
            again.labels(role).set_function(lambda role=role: sum(one.restarts for one in self._of(role)))  # type: ignore[misc]

    def _of(self, role: str) -> Iterable[Member]:
        return (one for one in self._members if one.role == role)

    async def _checks(self) -> list[Check]:
        if not self._open_for_all or self.writer is None:
            return [Check("gateway", False, "starting", critical=True)]
        answers = await asyncio.gather(*(_asked(one, "checks", 4.0) for one in self.workers))
        well = [one for one in answers if one is not None and not one["away"]]
        says = f"{len(well)} of {len(answers)} answer"
        found = [Check("workers", len(well) == len(answers), says, critical=not well)]
        return [*await self._audit(self.writer), *found, *_merged(one["checks"] for one in answers if one is not None)]

    async def _audit(self, writer: Member) -> list[Check]:
        condition = await _condition(writer)
        if condition is None:
            return [Check("audit", False, "the audit writer is not there", critical=True)]
        return audit_checks(self._deployment, condition)

    async def _scraped(self) -> None:
        """Ask everybody what the metrics are to say; who does not answer is shown as it last was."""
        answers = await asyncio.gather(*(_asked(one, "counts", 2.0) for one in self.workers))
        for one, answer in zip(self.workers, answers, strict=True):
            if answer is not None:
                self._counts.heard(one.slot, answer["pid"], answer["counts"])
        condition = await _condition(self.writer) if self.writer is not None else None
        self._waiting = condition.waiting if condition is not None else 0


async def _asked(member: Member, what: str, within: float) -> dict[str, Any] | None:
    try:
        return await member.ask({"do": what}, within) or None
    except (ConnectionError, TimeoutError):
        return None


async def _condition(writer: Member) -> Condition | None:
    answer = await _asked(writer, "condition", 2.0)
    return Condition(**answer["condition"]) if answer else None


def _merged(answers: Iterable[list[dict[str, Any]]]) -> list[Check]:
    """Return each check once; what does not work for one worker does not work."""
    found: dict[str, Check] = {}
    for checks in answers:
        for said in checks:
            check = Check(**said)
            if (known := found.get(check.what)) is None or (known.ok and not check.ok):
                found[check.what] = check
    return list(found.values())


def _bound(name: str, settings: ListenerSettings) -> socket.socket:
    """Bind a listener's address, without listening: a worker does that once somebody stands behind the door."""
    try:
        first, *others = bound(settings.host, settings.port)
    except OSError as error:
        raise SettingsError(f"listeners.{name}: {error.strerror or 'cannot be opened'}") from None
    for one in others:
        one.close()
    return first
