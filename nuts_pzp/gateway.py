"""One gateway process: the ledger first, then the houses, then the doors; in reverse order at the end.

A listener opens only when what stands behind it can answer; the operations listener opens first, so that readiness can
say what is being waited for.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry, Gauge

from . import __version__
from .assembly import Estate
from .audit.ledger.ledger import Condition, Ledger, Place
from .audit.ledger.sqlite import LedgerInUse, StoreFailed
from .audit.ledger.tail import Damaged
from .emergency.meter import AlertMeter
from .keys import BadKeyFile
from .settings import DecisionApiSettings, Deployment, ListenerSettings, SettingsError
from .web.decision import DecisionDoor
from .web.decision_clients import Enforcer, Guard
from .web.ehr import EhrDoor
from .web.meter import Guarding, Meter
from .web.network import NetworkDoor
from .web.operations import Check, operations
from .web.protocol import Unreadable
from .web.server import App, Server

LEDGER_REFUSED = (LedgerInUse, StoreFailed, Damaged, BadKeyFile)

STALE = 300.0
"""Seconds without an anchor after which the gateway says that it is not ready (spec audit 4)."""

_log = structlog.get_logger("nuts_pzp.gateway")


class Gateway:
    """Built from settings, started once. `ports` tells where each listener ended up."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self._deployment, self._folder = deployment, folder
        self._servers: dict[str, Server] = {}
        self._ledger: Ledger | None = None
        self._estate: Estate | None = None
        self._ehr: EhrDoor | None = None
        self._open_for_all = False
        self._deciding: DecisionDoor | None = None
        self._registry = CollectorRegistry()

    @property
    def ports(self) -> dict[str, int]:
        """The port of each listener, by name."""
        return {name: server.port for name, server in self._servers.items()}

    async def start(self) -> None:
        """Open the ledger, build the houses, open the doors; raise SettingsError with words when it cannot be done."""
        audit = self._deployment.audit
        api = self._deployment.decision_api
        inside = operations(self._checks, self._registry, (lambda: self._deciding) if api else None)
        await self._open("operations", inside, self._deployment.listeners.operations)
        try:
            self._ledger = Ledger.open(placed(self._deployment, self._folder))
        except LEDGER_REFUSED as error:
            await self.stop()
            raise SettingsError(f"audit: {error}") from None
        self._count()
        estate = self._estate = Estate(self._deployment, self._folder, self._ledger)
        self._registry.register(Guarding(lambda: estate.houses))
        self._registry.register(AlertMeter(estate.desks))
        try:
            await estate.start()
            listeners = self._deployment.listeners
            system, meter = self._ledger.system, Meter(self._registry)
            if listeners.network and any(house.holding for house in estate.houses):
                network = NetworkDoor(estate.house, system, listeners.network.url, meter)
                await self._open("network", estate.visited(network), listeners.network, network.unreadable)
            if listeners.ehr and any(house.consulting for house in estate.houses):
                ehr = self._ehr = EhrDoor(estate.house, system, listeners.ehr.url, meter)
                await self._open("ehr", estate.visited(ehr), listeners.ehr)
            if api:
                self._deciding = DecisionDoor(estate, guard(api), system, meter)
        except BaseException:
            await self.stop()
            raise
        self._open_for_all = True
        _log.info("gateway.ready", ports=self.ports, anchor=audit.anchor is not None)

    async def _open(
        self, name: str, app: App, settings: ListenerSettings, unreadable: Unreadable | None = None
    ) -> None:
        try:
            tls = settings.tls(self._folder)
            server = Server(app, host=settings.host, port=settings.port, tls=tls, unreadable=unreadable)
            await server.start()
        except OSError as error:
            raise SettingsError(f"listeners.{name}: {error.strerror or 'cannot be opened'}") from None
        self._servers[name] = server

    async def _checks(self) -> list[Check]:
        if self._ledger is None or self._estate is None or not self._open_for_all:
            return [Check("gateway", False, "starting", critical=True)]
        condition = self._ledger.condition()
        says = condition.trouble or f"room on disk: {condition.room}"
        return [
            Check("audit", condition.ready, says, critical=True),
            *self._anchored(condition),
            *await self._estate.checks(),
        ]

    def _anchored(self, condition: Condition) -> list[Check]:
        anchor = self._deployment.audit.anchor
        if anchor is None:
            return []
        age = condition.unanchored_seconds or 0.0
        return [Check("audit.anchor", age < STALE + anchor.every_seconds, f"{age:.0f} s behind")]

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
        self._deciding = None
        for name in ("network", "ehr"):
            if server := self._servers.pop(name, None):
                await server.stop()
        if self._ehr:
            await self._ehr.stop()
        if self._estate:
            await self._estate.stop()
        if self._ledger:
            await self._ledger.aclose()
        if server := self._servers.pop("operations", None):
            await server.stop()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP reloads."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = asyncio.create_task(self.reload())
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, done.set)
        loop.add_signal_handler(signal.SIGHUP, reload)
        await self.start()
        settle()
        try:
            await done.wait()
        finally:
            await self.stop()


def settle() -> None:
    """Tell the garbage collector that what stands after the start stays, and that requests leave little to collect.

    It would otherwise walk modules, settings and tables again and again. What a reload replaces of the first houses is
    kept if it refers to itself: small, and once.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


def guard(api: DecisionApiSettings) -> Guard:
    """Return who may ask for decisions, by these settings."""
    return Guard({one.sha256: Enforcer(one.name, frozenset(one.tenants)) for one in api.clients})


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
