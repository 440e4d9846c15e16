"""One gateway process: the ledger first, then the houses, then the doors; in reverse order at the end.

A listener opens only when what stands behind it can answer; the operations listener opens first, so that readiness can
say what is being waited for.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from pathlib import Path
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Gauge

from . import __version__
from .assembly import Estate
from .audit.ledger.ledger import Condition, Ledger, Place
from .audit.ledger.sqlite import LedgerInUse, StoreFailed
from .audit.ledger.tail import Damaged
from .doors import Doors, listening
from .keys import BadKeyFile
from .settings import Deployment, SettingsError
from .web.operations import Check, operations
from .web.server import Server

LEDGER_REFUSED = (LedgerInUse, StoreFailed, Damaged, BadKeyFile)

STALE = 300.0
"""Seconds without an anchor after which the gateway says that it is not ready (spec audit 4)."""

_log = structlog.get_logger("nuts_pzp.gateway")


class Gateway:
    """Built from settings, started once. `ports` tells where each listener ended up."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self._deployment, self._folder = deployment, folder
        self._operations: Server | None = None
        self._ledger: Ledger | None = None
        self._estate: Estate | None = None
        self._open_for_all = False
        self._registry = CollectorRegistry()
        self._doors = Doors(deployment, folder, self._registry)

    @property
    def ports(self) -> dict[str, int]:
        """The port of each listener, by name."""
        own = {"operations": self._operations.port} if self._operations else {}
        return own | self._doors.ports

    async def start(self) -> None:
        """Open the ledger, build the houses, open the doors; raise SettingsError with words when it cannot be done."""
        audit = self._deployment.audit
        deciding = (lambda: self._doors.deciding) if self._deployment.decision_api else None
        app = operations(self._checks, self._registry, deciding)
        self._operations = await listening("operations", app, self._deployment.listeners.operations, self._folder)
        try:
            self._ledger = Ledger.open(placed(self._deployment, self._folder))
        except LEDGER_REFUSED as error:
            await self.stop()
            raise SettingsError(f"audit: {error}") from None
        self._count()
        estate = self._estate = Estate(self._deployment, self._folder, self._ledger)
        try:
            await estate.start()
            await self._doors.open(estate, self._ledger.system)
        except BaseException:
            await self.stop()
            raise
        self._open_for_all = True
        _log.info("gateway.ready", ports=self.ports, anchor=audit.anchor is not None)

    async def _checks(self) -> list[Check]:
        if self._ledger is None or self._estate is None or not self._open_for_all:
            return [Check("gateway", False, "starting", critical=True)]
        found = audit_checks(self._deployment, self._ledger.condition())
        return [*found, *await self._estate.checks()]

    def _count(self) -> None:
        ledger = self._ledger
        assert ledger is not None
        waiting = Gauge("nuts_pzp_audit_waiting", "Records that wait for their commit", registry=self._registry)
        waiting.set_function(lambda: ledger.condition().waiting)

    async def reload(self) -> None:
        """Read the tenant files anew."""
        if self._estate:
            await self._estate.reload()
            _log.info("gateway.reloaded", broken=sorted(self._estate.broken))

    async def stop(self) -> None:
        """Close the doors, then the houses, then the ledger."""
        await self._doors.close()
        if self._estate:
            await self._estate.stop()
        if self._ledger:
            await self._ledger.aclose()
        if self._operations:
            await self._operations.stop()


class Served(Protocol):
    """What is started, reloaded and stopped: a gateway of one process, or the supervisor of several."""

    async def start(self) -> None:
        """Begin; SettingsError, with words, when that cannot be."""
        ...

    async def reload(self) -> None:
        """Read the tenant files anew."""
        ...

    async def stop(self) -> None:
        """End in order."""
        ...


async def run(one: Served) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(one.reload())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, done.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    starting, ending = asyncio.create_task(one.start()), asyncio.create_task(done.wait())
    await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
    try:
        if not starting.done():
            starting.cancel()
        await starting
        settle()
        await ending
    except asyncio.CancelledError:
        return  # told to end before it had begun; what had been opened is closed
    finally:
        await one.stop()


def settle() -> None:
    """Tell the garbage collector that what stands after the start stays, and that requests leave little to collect.

    It would otherwise walk modules, settings and tables again and again. What a reload replaces of the first houses is
    kept if it refers to itself: small, and once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


def audit_checks(deployment: Deployment, condition: Condition) -> list[Check]:
    """Say how the ledger is: whether it takes records, and how far behind its anchor is."""
    says = condition.trouble or f"room on disk: {condition.room}"
    found = [Check("audit", condition.ready, says, critical=True)]
    if (anchor := deployment.audit.anchor) is not None:
        age = condition.unanchored_seconds or 0.0
        found.append(Check("audit.anchor", age < STALE + anchor.every_seconds, f"{age:.0f} s behind"))
    return found


def placed(deployment: Deployment, folder: Path) -> Place:
    """Return where the settings put the ledger; relative names are beside the settings file."""
    audit = deployment.audit
    return Place(
        path=folder / audit.path,
        keys=folder / audit.keys,
        name=deployment.name,
        anchor=folder / audit.anchor.path if audit.anchor else None,
        anchor_every=audit.anchor.every_seconds if audit.anchor else 60.0,
        epoch=audit.epoch,
        version=__version__,
        accept_any_filesystem=audit.accept_any_filesystem,
    )
