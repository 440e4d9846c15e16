"""Builds the houses of a deployment and keeps them. One tenant's broken file fails alone; reload is a swap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import structlog

from .audit.ledger.sqlite import StoreFailed
from .audit.ledger.tail import Damaged
from .audit.port import Logs, NotRecorded
from .certificates import Certificates, named_in
from .descriptors import allowed, needed
from .emergency.desk import Desk
from .furnished import ALERTS, Furnished
from .furnishing import Furnishing
from .house import House
from .identity import Ura
from .keys import BadKeyFile
from .premises import open_store, surroundings
from .protection.guard import Memory
from .secret_files import Named, exposed, secret_files
from .secret_files import checks as secret_checks
from .settings import Deployment, SettingsError, read_tenant
from .state_settings import PostgresState
from .store.port import State
from .store.port import StoreFailed as StateFailed
from .web.operations import Check
from .web.server import App

_log = structlog.get_logger("nuts_pzp.assembly")


class Estate:
    """All houses of a deployment. `house` is what the doors look up, once per request."""

    def __init__(self, deployment: Deployment, folder: Path, ledger: Logs, *, accounts: bool = True) -> None:
        """`accounts`: do what is done once per deployment, such as bringing into the ledger what commands did."""
        self._deployment, self._folder, self._ledger, self.accounts = deployment, folder, ledger, accounts
        self._store: State | None = None
        self._houses: dict[str, Furnished] = {}
        self._memories: dict[str, Memory] = {}
        self._named: dict[str, list[tuple[str, Path]]] = {}
        self._secret: dict[str, list[Named]] = {}
        self.certificates = Certificates(self._certificate_files)
        """Our own certificates, listeners' and adapters', and until when they are good."""
        self.broken: dict[str, str] = {}
        """Tenant files that could not be used, and why, in words without values."""
        self._turn = asyncio.Lock()
        self._vacating: set[asyncio.Task[None]] = set()

    def house(self, slug: str) -> House | None:
        """Return the tenant's house, or None."""
        found = self._houses.get(slug)
        return found.house if found else None

    @contextmanager
    def visit(self, slug: str) -> Iterator[House | None]:
        """Enter a tenant's house, or nobody's; it stands until its visitors have left, also when it is replaced."""
        found = self._houses.get(slug)
        with found.guest() if found else nullcontext():
            yield found.house if found else None

    def deciding_for(self, ura: Ura) -> tuple[str, ...]:
        """Name the tenants of this URA that offer decisions to enforcement points."""
        return tuple(
            house.tenant.id for house in self.houses if house.deciding and house.tenant.organization.ura == ura
        )

    def visited(self, door: App) -> App:
        """Put before a door: whoever is answered in a house keeps it standing, also when a reload replaces it."""

        async def through(scope: Any, receive: Any, send: Any) -> None:
            slug = scope["raw_path"].decode("latin-1")[1:].partition("/")[0]
            found = self._houses.get(slug)
            if found is None:
                await door(scope, receive, send)
                return
            with found.guest():
                await door({**scope, "stay": found.guest}, receive, send)

        return through

    @property
    def houses(self) -> Iterable[House]:
        """All houses that stand."""
        return [one.house for one in self._houses.values()]

    def desks(self) -> dict[str, Desk]:
        """Who tells the officer of each tenant that offers emergency access."""
        found = ((name, one.living.get(ALERTS)) for name, one in self._houses.items())
        return {name: desk for name, desk in found if isinstance(desk, Desk)}

    async def start(self) -> None:
        """Build and start every tenant; raise SettingsError when not one of them can be used."""
        await self.reload()
        if not self._houses:
            why = "; ".join(f"{name}: {said}" for name, said in self.broken.items()) or "no tenant files found"
            raise SettingsError(f"no tenant can be served: {why}")

    async def reload(self) -> None:
        """Read the tenant files anew; each house that can be built replaces its predecessor, the others stay.

        One at a time: a slow one must not bring back, after a quick one, what an operator has taken out in between.
        """
        async with self._turn:
            await self._reload()

    async def _reload(self) -> None:
        if self._store is None:
            self._store = open_store(self._deployment, self._folder)
        files = sorted((self._folder / self._deployment.tenants).glob("*.yaml"))
        broken: dict[str, str] = {}
        for file in files:
            try:
                fresh = await self._furnish(file)
                await fresh.succeed(self._houses.get(file.stem))
            except SettingsError as error:
                broken[file.stem] = str(error)
                _log.error("tenant.refused", tenant=file.stem, why=str(error))
                continue
            except Exception as bug:
                broken[file.stem] = f"could not be started: {type(bug).__name__}"
                _log.error("tenant.refused", tenant=file.stem, error=type(bug).__name__)
                continue
            former = self._houses.get(file.stem)
            self._houses[file.stem] = fresh
            if former:
                await self._replaced(former)
        for gone in set(self._houses) - {file.stem for file in files}:
            await self._replaced(self._houses.pop(gone))
        self.broken = broken
        if self.accounts:
            self._warn()

    def _warn(self) -> None:
        """Say once what no request would tell of: files that others may read, certificates that end."""
        for key, why in exposed(self._secret_files()):
            _log.warning("secret_file.exposed", key=key, why=why)
        for check in self.certificates.checks():
            if not check.ok:
                _log.warning("certificate.ends", certificate=check.what.removeprefix("certificate: "), why=check.says)

    async def _replaced(self, former: Furnished) -> None:
        """Stop a house at once when it is empty, else when it is; the reload does not wait for that."""
        if not former.guests:
            await former.stop()
            return
        task = asyncio.create_task(former.vacate())
        self._vacating.add(task)
        task.add_done_callback(self._vacating.discard)

    async def _furnish(self, file: Path) -> Furnished:
        settings = read_tenant(file)
        assert self._store is not None
        around = surroundings(self._deployment, self._folder, settings, self._store, quiet=not self.accounts)
        network = self._deployment.listeners.network
        named = settings.model_dump(exclude_none=True)
        self._named[around.tenant.id] = list(named_in(named, around.folder, around.tenant.id))
        self._secret[around.tenant.id] = list(secret_files(named, around.folder, around.tenant.id))
        memory = self._memories.setdefault(around.tenant.id, Memory())
        try:
            audit = await self._ledger.enter(around.tenant)
            listed = frozenset(self._deployment.adapters)
            replica = self._deployment.name if isinstance(self._deployment.state, PostgresState) else None
            furnishing = Furnishing(settings, around, audit, listed, self.accounts, memory, replica)
            await furnishing.prove()
            mutual = network is not None and network.client_roots_file is not None
            return furnishing.build(network.url if network else "", mutual=mutual)
        except SettingsError as error:
            raise SettingsError(f"{file.name}: {error}") from None
        except (ValueError, Damaged, StoreFailed, StateFailed, BadKeyFile, NotRecorded) as error:
            raise SettingsError(f"{file.name}: {error}") from None

    def _secret_files(self) -> Iterable[Named]:
        yield from secret_files(self._deployment.listeners.model_dump(exclude_none=True), self._folder, "listeners")
        for slug in sorted(self._secret):
            yield from self._secret[slug] if slug in self._houses else ()

    def _certificate_files(self) -> Iterable[tuple[str, Path]]:
        yield from named_in(self._deployment.listeners.model_dump(), self._folder, "listeners")
        for slug in sorted(self._named):
            yield from self._named[slug] if slug in self._houses else ()

    async def checks(self) -> list[Check]:
        """Say of every slot of every tenant, and of every broken tenant file, how it is."""
        found = await asyncio.gather(*(one.checks() for one in self._houses.values()))
        broken = [Check(name, False, why) for name, why in self.broken.items()]
        files = [self._files(), *secret_checks(self._secret_files()), *self.certificates.checks()]
        return [*broken, *files, *(check for checks in found for check in checks)]

    def _files(self) -> Check:
        """Say whether this process may have as many files open as its listeners and sources can come to need."""
        listeners = self._deployment.listeners
        open_here = sum(one is not None for one in (listeners.network, listeners.ehr, listeners.operations))
        have, need = allowed(), needed(open_here)
        says = f"{have} allowed" if have >= need else f"{have} allowed, up to {need} needed: raise the hard limit"
        return Check("open files", have >= need, says)

    async def stop(self) -> None:
        """Stop everything; the doors are closed by now, so whoever is still inside is late."""
        for task in tuple(self._vacating):
            task.cancel()
        await asyncio.gather(*self._vacating, return_exceptions=True)
        await asyncio.gather(*(one.stop() for one in self._houses.values()))
        self._houses.clear()
        if self._store is not None:
            await asyncio.to_thread(self._store.close)
            self._store = None
