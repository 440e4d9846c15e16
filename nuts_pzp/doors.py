"""The doors to a deployment's houses: a listener each, open only when somebody stands behind it (design D12)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry

from .assembly import Estate
from .audit.port import Audit
from .emergency.meter import AlertMeter
from .listener_settings import ListenerSettings
from .monthly import Monthly, by_process
from .settings import DecisionApiSettings, Deployment, SettingsError
from .unfit_files import unfit
from .web.acceptor import Shared
from .web.decision import DecisionDoor
from .web.decision_clients import Enforcer, Guard
from .web.ehr import EhrDoor
from .web.meter import Guarding, Meter
from .web.network import NetworkDoor
from .web.protocol import Unreadable
from .web.server import App, Server

DOORS = ("network", "ehr")


class Doors:
    """The network and the EHR door of one process. `shared`: sockets that several processes listen on together."""

    def __init__(
        self,
        deployment: Deployment,
        folder: Path,
        registry: CollectorRegistry,
        shared: Mapping[str, Shared] | None = None,
    ) -> None:
        self._deployment, self._folder, self._registry = deployment, folder, registry
        self._shared = shared or {}
        self._servers: dict[str, Server] = {}
        self._ehr: EhrDoor | None = None
        self._monthly: Monthly | None = None
        self.deciding: DecisionDoor | None = None
        """The decision API, for the operations listener, while the doors are open."""

    @property
    def ports(self) -> dict[str, int]:
        """The port of each open door, by name."""
        return {name: server.port for name, server in self._servers.items()}

    async def open(self, estate: Estate, system: Audit) -> None:
        """Open the doors that this estate needs; raise SettingsError when one cannot be opened."""
        listeners, meter = self._deployment.listeners, Meter(self._registry)
        self._registry.register(Guarding(lambda: estate.houses))
        self._registry.register(estate.certificates)
        self._registry.register(AlertMeter(estate.desks))
        await self._counting(estate)
        if listeners.network and any(house.holding for house in estate.houses):
            network = NetworkDoor(estate.house, system, listeners.network.url, meter)
            await self._open("network", estate.visited(network), listeners.network, network.unreadable)
        if listeners.ehr and any(house.consulting for house in estate.houses):
            ehr = self._ehr = EhrDoor(estate.house, system, listeners.ehr.url, meter)
            await self._open("ehr", estate.visited(ehr), listeners.ehr, ehr.unreadable)
        if api := self._deployment.decision_api:
            self.deciding = DecisionDoor(estate, guard(api), system, meter)

    async def _counting(self, estate: Estate) -> None:
        """Have last month's indicators counted, where that is wanted, by the one process that does such things."""
        if not (self._deployment.indicators and estate.accounts):
            return
        audit = self._deployment.audit
        counting = by_process(self._folder / audit.path, self._folder / audit.keys)
        self._monthly = Monthly(counting, lambda: [one.tenant.id for one in estate.houses if one.consulting])
        self._registry.register(self._monthly)
        await self._monthly.start()

    async def _open(
        self, name: str, app: App, settings: ListenerSettings, unreadable: Unreadable | None = None
    ) -> None:
        shared = self._shared.get(name)
        self._servers[name] = await listening(name, app, settings, self._folder, shared=shared, unreadable=unreadable)

    async def close(self) -> None:
        """Take nobody in any more; who is being answered has a few seconds."""
        self.deciding = None
        if self._monthly is not None:
            await self._monthly.stop()
        for name in DOORS:
            if server := self._servers.pop(name, None):
                await server.stop()
        if self._ehr is not None:
            await self._ehr.stop()


def guard(api: DecisionApiSettings) -> Guard:
    """Return who may ask for decisions, by these settings."""
    return Guard({one.sha256: Enforcer(one.name, frozenset(one.tenants)) for one in api.clients})


async def listening(
    name: str,
    app: App,
    settings: ListenerSettings,
    folder: Path,
    *,
    shared: Shared | None = None,
    unreadable: Unreadable | None = None,
) -> Server:
    """Return the open listener of that name in the settings; SettingsError, with words, when it cannot be opened."""
    try:
        tls = settings.tls(folder)
        server = Server(app, host=settings.host, port=settings.port, tls=tls, shared=shared, unreadable=unreadable)
        await server.start()
    except OSError as error:
        if said := unfit(settings.model_dump(), folder):
            raise SettingsError(f"listeners.{name}.{said}") from None
        raise SettingsError(f"listeners.{name}: {error.strerror or 'cannot be opened'}") from None
    return server
