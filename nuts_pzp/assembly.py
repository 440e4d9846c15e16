"""Builds the houses of a deployment and keeps them. Adapters, ours and a region's, are found by entry point.

A slot `function: {kind: <adapter>, ...}` is filled by the entry point of that name in the group `nuts_pzp.<function>`;
none is named here. Adapters of other distributions must be listed in the deployment file. One tenant's broken file
fails alone; reload is a swap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog
from pydantic import ValidationError

from .addressing.phones import Listed, PhoneList
from .addressing.port import Directory, TypeTable
from .addressing.types import Typed
from .audit.ledger.sqlite import StoreFailed
from .audit.ledger.tail import Damaged
from .audit.port import Audit, Logs, NotRecorded
from .authentication.certified import Certified
from .authentication.port import Admission, Credentials, Gatekeeper, TokenIssuer, Vouching
from .authorization.policies import Policies
from .authorization.port import Policy
from .bookkeeping import Bookkeeping
from .certificates import Certificates, named_in
from .consent.cache import Reuse
from .consent.generation import SINGLE
from .consent.notice import Correspondence, Corresponding
from .consent.port import ConsentSource, Grounds
from .consent.profile import Ranked, SharingConsent
from .consenting import LEGAL, LegalBasis, glass
from .emergency.desk import Desk
from .emergency.port import Alarm
from .emergency.register import Register
from .forwarding.port import Connector, FhirServer
from .forwarding.turns import Turns
from .furnished import ALERTS, BOOKS, Furnished
from .house import Consulting, Deciding, Holding, House
from .identity import Ura
from .keys import BadKeyFile, secret, secret_or_new
from .localization.join import Joined
from .localization.port import Locator
from .outside import Living, Surroundings
from .protection.guard import Guard, Memory
from .settings import (
    TOLD,
    ConsentSettings,
    Deployment,
    DiscloseSettings,
    SettingsError,
    SlotSettings,
    TenantSettings,
    in_words,
    read_tenant,
)
from .state_settings import PostgresState
from .store.once import Once
from .store.outbox import Outbox
from .store.patients import Patients
from .store.port import State
from .store.port import StoreFailed as StateFailed
from .store.sqlite import SqliteStore
from .store.turn import Turn
from .store.vault import STORE_KEY, Vault
from .web.operations import Check
from .web.server import App

P = TypeVar("P")

OWN = "nuts-pzp"

_log = structlog.get_logger("nuts_pzp.assembly")


@dataclass(frozen=True, slots=True)
class Slot(Generic[P]):
    """A place in the house: which settings key, hence which group of entry points."""

    function: str

    def fill(self, chosen: SlotSettings, around: Surroundings, listed: frozenset[str]) -> P:
        """Return the adapter's port object; raise SettingsError that names the key and says what would be right."""
        found = _adapters(f"nuts_pzp.{self.function}", listed)
        entry = found.get(chosen.kind)
        if entry is None:
            known = ", ".join(sorted(found)) or "none"
            raise SettingsError(f"{self.function}.kind: no such adapter is installed and listed (known: {known})")
        try:
            factory: Callable[[Mapping[str, Any], Surroundings], P] = entry.load()
            return factory(chosen.own, around)
        except ValidationError as error:
            raise SettingsError(in_words(error, f"{self.function}.")) from None
        except (ValueError, OSError, ImportError) as error:
            raise SettingsError(f"{self.function} ({chosen.kind}): {error}") from None


@lru_cache(maxsize=1)
def _installed() -> Any:
    """Everything that installed distributions offer, read once: each reading opens the metadata of all of them.

    Of a type that changed with Python 3.12; before and after, it has `select`.
    """
    return entry_points()


def _adapters(group: str, listed: frozenset[str]) -> dict[str, EntryPoint]:
    return {
        entry.name: entry
        for entry in _installed().select(group=group)
        if entry.dist is not None and (entry.dist.name == OWN or entry.dist.name in listed)
    }


AUTHENTICATION: Slot[Gatekeeper] = Slot("authentication")
CLIENT_CERTIFICATES: Slot[Admission] = Slot("client_certificates")
EHR: Slot[Gatekeeper] = Slot("ehr")
CREDENTIALS: Slot[Credentials] = Slot("credentials")
RECORDS: Slot[FhirServer] = Slot("records")
CONNECTOR: Slot[Connector] = Slot("connector")
CONSENT: Slot[ConsentSource] = Slot("consent")
POLICY: Slot[Policy] = Slot("policy")
LOCALIZATION: Slot[Locator] = Slot("localization")
ADDRESSING: Slot[Directory] = Slot("addressing")
ORGANIZATION_TYPES: Slot[TypeTable] = Slot("organization_types")
RELATION: Slot[Grounds] = Slot("relation")
ALERT: Slot[Alarm] = Slot("alert")


def open_store(deployment: Deployment, folder: Path) -> State:
    """Open this deployment's small state; SettingsError when it cannot be used. The command line opens it too."""
    chosen = deployment.state
    try:
        if isinstance(chosen, PostgresState):
            from .store.postgres import PostgresStore  # only who has the extra `postgres` can import it

            return PostgresStore(chosen.dsn(folder), folder / chosen.roots_file if chosen.roots_file else None)
        return SqliteStore(folder / chosen / "store.sqlite")
    except ImportError:
        raise SettingsError("state.kind: postgres needs the extra nuts-pzp[postgres]") from None
    except (StateFailed, BadKeyFile) as error:
        raise SettingsError(f"state: {error}") from None


def surroundings(
    deployment: Deployment, folder: Path, settings: TenantSettings, store: State, *, quiet: bool = False
) -> Surroundings:
    """Return what the adapters of one tenant are given; makes the tenant's folder under `state`."""
    tenant = settings.tenant()
    around = Surroundings(
        tenant=tenant,
        outbound=deployment.outbound.outbound(),
        folder=folder / deployment.tenants,
        state=folder / deployment.state_folder / tenant.id,
        store=store.of(tenant),
        quiet=quiet,
    )
    around.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    return around


class _Furnishing:
    """Builds one tenant's house from its settings."""

    def __init__(
        self, settings: TenantSettings, around: Surroundings, audit: Audit, listed: frozenset[str], accounts: bool,
        memory: Memory, replica: str | None,
    ) -> None:  # fmt: skip
        """`replica`: what this one is called among those that share the state; None when nobody shares it."""
        self._settings, self._around, self._audit, self._listed = settings, around, audit, listed
        self._accounts, self._memory, self._replica = accounts, memory, replica
        self._living: dict[str, Living] = {}
        self._vault = (
            Vault(around.store, secret_or_new(around.state / STORE_KEY), around.tenant.id) if around.store else None
        )
        self._patients = Patients(self._vault) if self._vault else None
        self._letters: Correspondence | None = None

    async def prove(self) -> None:
        """Raise StateFailed when this tenant's state lies under another key than ours."""
        if self._vault is not None:
            await self._vault.prove()

    def build(self, network_url: str, *, mutual: bool = False) -> Furnished:
        """`network_url` is where others reach the network door; `mutual`: it asks for client certificates."""
        settings, tenant = self._settings, self._around.tenant
        if settings.disclose is None and settings.consult is None:
            raise SettingsError("disclose or consult: a tenant offers at least one flow")
        audit = self._audit
        directory = self._put("addressing", ADDRESSING, settings.addressing)
        if (table := settings.organization_types) is not None:
            directory = Typed(directory, self._put("organization_types", ORGANIZATION_TYPES, table))
        holding = consulting = deciding = None
        if (own := settings.disclose) is not None:
            if not network_url and own.decision is None:
                raise SettingsError("listeners.network.url: is needed by a tenant that discloses")
            key_file = self._around.path(own.page_key_file) if own.page_key_file else None
            patients = self._patients
            consent = self._consent(own.consent, audit, patients)
            holding = Holding(
                tenant=tenant,
                base=f"{network_url.rstrip('/')}/{tenant.id}/fhir",
                page_key=secret(key_file) if key_file else secret_or_new(self._around.state / "page.key"),
                network=self._network(own, mutual),
                directory=directory,
                records=self._put("records", RECORDS, own.records),
                consent=consent,
                policies=self._policies(own),
                audit=audit,
                generations=patients or SINGLE,
                correspondence=self._letters,
                guard=Guard(tenant.id, own.protection.rules(), self._memory),
            )
            deciding = self._deciding(own, holding)
        if (user := settings.consult) is not None:
            own_records = holding.records if holding else None
            if user.records is not None:
                own_records = self._put("consult.records", RECORDS, user.records)
            ehr = self._put("ehr", EHR, user.ehr)
            consulting = Consulting(
                tenant=tenant,
                ehr=ehr,
                issuer=ehr if isinstance(ehr, TokenIssuer) else None,
                locator=Joined(
                    tuple(self._put(f"localization.{one.kind}", LOCALIZATION, one) for one in user.localization)
                ),
                directory=directory,
                credentials=self._put("credentials", CREDENTIALS, user.credentials),
                connector=self._put("connector", CONNECTOR, user.connector),
                audit=audit,
                source_deadline=user.source_deadline_seconds,
                cross_checks=user.cross_checks,
                emergency=user.emergency,
                roles=frozenset(role.casefold() for role in user.roles),
                own=own_records,
                phones=PhoneList(Listed(Ura(one.ura), one.name, one.phone, one.usual) for one in user.phones),
                turns=Turns(user.at_once),
                once=Once(self._vault, "ehr-idempotency") if self._vault else None,
            )
        return Furnished(House(tenant, holding, consulting, deciding), self._living)

    def _deciding(self, own: DiscloseSettings, holding: Holding) -> Deciding | None:
        if own.decision is None:
            return None
        # An enforcement point ends TLS itself: the certificate of its clients never gets here.
        keeper = holding.network.inner if isinstance(holding.network, Certified) else holding.network
        if not isinstance(keeper, Vouching):
            raise SettingsError("disclose.decision: this kind of authentication knows no introspection answers")
        return Deciding(replace(holding, base=own.decision.base), keeper)

    def _network(self, own: DiscloseSettings, mutual: bool) -> Gatekeeper:
        keeper = self._put("authentication", AUTHENTICATION, own.authentication)
        if own.client_certificates is None:
            return keeper
        if not mutual:
            raise SettingsError("disclose.client_certificates: needs client_roots_file of listeners.network")
        return Certified(self._put("client_certificates", CLIENT_CERTIFICATES, own.client_certificates), keeper)

    def _policies(self, own: DiscloseSettings) -> Policies:
        named = {name: self._put(f"policy.{name}", POLICY, slot) for name, slot in own.named_policies.items()}
        return Policies(named, own.scopes)

    def _consent(self, chosen: ConsentSettings, audit: Audit, patients: Patients | None) -> SharingConsent:
        sources = [Ranked(self._put(f"consent.{one.kind}", CONSENT, one), *weight) for one, weight in chosen.weighed]
        for one in [ranked.source for ranked in sources]:
            if isinstance(one, Corresponding) and (letters := one.correspondence) is not None:
                self._letters = letters
                sources.insert(0, Ranked(letters.told, *TOLD))
        grounds = chosen.implied.sources if chosen.implied else ()
        vault = self._vault
        desk = self._desk(chosen, vault)
        consent = SharingConsent(
            chosen.profile,
            tuple(sources),
            Reuse(generations=patients or SINGLE),
            grounds=tuple(self._put(f"relation.{one.kind}", RELATION, one) for one in grounds),
            implied_over_deny=chosen.implied is not None and chosen.implied.on_mitz_deny == "allow",
            emergency=glass(chosen.emergency, self._around.tenant, Register(vault), desk) if vault and desk else None,
        )
        self._living[LEGAL] = LegalBasis(self._around.tenant.id, chosen)
        if patients is not None and self._accounts:
            turn = Turn(patients.vault, BOOKS, self._replica) if self._replica else None
            self._living[BOOKS] = Bookkeeping(Outbox(patients.vault), audit, patients.advance, turn)
        return consent

    def _desk(self, chosen: ConsentSettings, vault: Vault | None) -> Desk | None:
        """Who tells the officer. Where nothing is accounted for, nobody is told either: that is only a look."""
        if chosen.emergency is None:
            return None
        if vault is None:
            raise SettingsError("disclose.consent.emergency: this deployment keeps no state")
        alarms = {
            f"{one.kind}-{number}": self._put(f"alert.{one.kind}", ALERT, one)
            for number, one in enumerate(chosen.emergency.alerts)
        }
        desk = Desk(Register(vault), alarms)
        if self._accounts:
            self._living[ALERTS] = desk
        return desk

    def _put(self, name: str, slot: Slot[P], chosen: SlotSettings) -> P:
        port = slot.fill(chosen, self._around, self._listed)
        if isinstance(port, Living):
            self._living[name] = port
        return port


class Estate:
    """All houses of a deployment. `house` is what the doors look up, once per request."""

    def __init__(self, deployment: Deployment, folder: Path, ledger: Logs, *, accounts: bool = True) -> None:
        """`accounts`: do what is done once per deployment, such as bringing into the ledger what commands did."""
        self._deployment, self._folder, self._ledger, self._accounts = deployment, folder, ledger, accounts
        self._store: State | None = None
        self._houses: dict[str, Furnished] = {}
        self._memories: dict[str, Memory] = {}
        self._named: dict[str, list[tuple[str, Path]]] = {}
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
        around = surroundings(self._deployment, self._folder, settings, self._store, quiet=not self._accounts)
        network = self._deployment.listeners.network
        named = settings.model_dump(exclude_none=True)
        self._named[around.tenant.id] = list(named_in(named, around.folder, around.tenant.id))
        memory = self._memories.setdefault(around.tenant.id, Memory())
        try:
            audit = await self._ledger.enter(around.tenant)
            listed = frozenset(self._deployment.adapters)
            replica = self._deployment.name if isinstance(self._deployment.state, PostgresState) else None
            furnishing = _Furnishing(settings, around, audit, listed, self._accounts, memory, replica)
            await furnishing.prove()
            mutual = network is not None and network.client_roots_file is not None
            return furnishing.build(network.url if network else "", mutual=mutual)
        except SettingsError as error:
            raise SettingsError(f"{file.name}: {error}") from None
        except (ValueError, Damaged, StoreFailed, StateFailed, BadKeyFile, NotRecorded) as error:
            raise SettingsError(f"{file.name}: {error}") from None

    def _certificate_files(self) -> Iterable[tuple[str, Path]]:
        yield from named_in(self._deployment.listeners.model_dump(), self._folder, "listeners")
        for slug in sorted(self._named):
            yield from self._named[slug] if slug in self._houses else ()

    async def checks(self) -> list[Check]:
        """Say of every slot of every tenant, and of every broken tenant file, how it is."""
        found = await asyncio.gather(*(one.checks() for one in self._houses.values()))
        broken = [Check(name, False, why) for name, why in self.broken.items()]
        return [*broken, *self.certificates.checks(), *(check for checks in found for check in checks)]

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
