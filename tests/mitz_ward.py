"""A holder that corresponds with Mitz over real TLS: its door, its adapter, the twin, and who may call whom."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from nuts_pzp.accounted import Receipt
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.exchange import Access, Caller, Generation
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.house import Holding, House
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.mitz import Choice, MitzTwin
from nuts_pzp.sandbox.mitz.notices import Told, bundle
from nuts_pzp.sandbox.mitz.subscribed import Subscribed
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.systems.mitz import correspondence
from nuts_pzp.systems.mitz.consent import MitzConsent, build
from nuts_pzp.systems.mitz.subscriptions import State
from nuts_pzp.web.meter import Meter
from nuts_pzp.web.network import NetworkDoor
from nuts_pzp.web.server import Server, ServerTls

BSN, OTHER = "999912008", "999912033"
HOLDER = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
TENANT = Tenant("meerwijck", HOLDER)
GPS, HOSPITALS = "RPZAC001", "RPZAC104"
LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
KNOWN = Patient(Bsn(BSN), "1", Standing.KNOWN, date(1950, 3, 4))


@dataclass
class FakeAudit:
    """Keeps what it is given, unless it is down."""

    down: bool = False
    written: list[Any] = field(default_factory=list)

    async def append(self, event: Any) -> Receipt[Any]:
        if self.down:
            raise NotRecorded("the disk is full")
        self.written.append(event)
        return Receipt(event, len(self.written), "r")


@dataclass
class Ward:
    """One holder with its door, Mitz, and who may call whom."""

    folder: Path
    trusted: Authority
    mitz_identity: Issued
    gateway_client: Issued
    twin: MitzTwin
    audit: FakeAudit
    mitz: MitzConsent
    store: SqliteStore
    registry: CollectorRegistry
    url: str = ""

    async def notify(
        self, body: bytes, media_type: str = "application/fhir+json", *, by: Issued | None = None, path: str = "",
        method: str = "POST", anonymous: bool = False,
    ) -> httpx.Response:  # fmt: skip
        """Call the notification endpoint as Mitz, as somebody else, or as nobody."""
        context = ssl.create_default_context(cafile=str(self.trusted.root_file))
        if not anonymous:
            shown = by or self.mitz_identity
            context.load_cert_chain(shown.certificate_file, shown.key_file)
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            headers = {"content-type": media_type}
            return await client.request(method, self.url + path, content=body, headers=headers)

    def bundle(self, user: str = HOSPITALS, effect: str = "deny", **other: Any) -> dict[str, Any]:
        bsn, provider = other.get("bsn", BSN), other.get("provider", HOLDER.ura.value)
        to = Subscribed("1", bsn, provider, "V6", self.url, "json", "urn:oid:2.999.1", "urn:oid:2.999.2")
        choice = Choice(bsn, provider, "GGC002", user, effect)  # type: ignore[arg-type]
        return bundle(Told([choice], other.get("deceased", "")), to, other.get("at", "2026-11-24T14:05:00Z"))

    async def says(self, type: str = "V6", bsn: str = BSN) -> Any:
        """What the source that was told says about a user of that type."""
        caller = Caller(
            Organization(Ura("90000444"), type, ""), Professional("k-1", "huisarts"), frozenset(), Purpose.TREATMENT,
            None, {}, "nuts-bearer", token_digest=b"t" * 32,
        )  # fmt: skip
        letters = self.mitz.correspondence
        assert letters is not None
        access = Access(caller, FhirRequest("search-type", "Consent"), replace(KNOWN, bsn=Bsn(bsn)))
        return await SharingConsent(
            "nl-pzp-strict", (Ranked(letters.told, True, False), Ranked(self.mitz, True, True))
        ).ask(access)

    async def generation(self) -> Generation:
        letters = self.mitz.letters
        assert letters is not None
        found = await letters.told._patients.generation(Bsn(BSN))
        assert isinstance(found, Generation)
        return found

    async def state(self, bsn: str = BSN) -> State | None:
        assert self.mitz.letters is not None
        assert self.mitz.letters.subscriptions is not None
        found = await self.mitz.letters.subscriptions.of(Bsn(bsn))
        return found.state if found else None

    async def until(self, state: State | None) -> None:
        async with asyncio.timeout(20):
            while await self.state() is not state:
                await asyncio.sleep(0.02)

    def metric(self, became: str) -> float:
        found = self.registry.get_sample_value("nuts_pzp_notices_total", {"tenant": "meerwijck", "became": became})
        return found or 0.0

    def adapter(self, **own: Any) -> MitzConsent:
        """One more adapter over the same state, as another process or the next start has it."""
        return adapter(self, **own)


def adapter(ward: Ward, **own: Any) -> MitzConsent:
    subscriptions = {
        "subscribe_on": "first_pzp_record",
        "endpoint": ward.url,
        "format": "json",
        "gateway_system": "2.999.2.1",
        "source_system": "2.999.2.2",
        **own,
    }
    settings = {
        "url": ward.twin.url,
        "roots_file": str(ward.trusted.root_file),
        "certificate_file": str(ward.gateway_client.certificate_file),
        "key_file": str(ward.gateway_client.key_file),
        "roles": {"huisarts": "01.015"},
        "professional_id_root": "2.16.528.1.1007.3.1",
        "notifications": {"fingerprints": [ward.mitz_identity.sha256]},
        "subscriptions": subscriptions,
    }
    store = SqliteStore(ward.folder / "state" / "store.sqlite")
    around = Surroundings(TENANT, LOOPBACK, ward.folder, ward.folder / "state", store.of(TENANT))
    ward.store = store
    return build(settings, around)


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    servers: list[Server] = []

    async def serve(app: Any, tls: ServerTls) -> int:
        servers.append(Server(app, host="127.0.0.1", port=0, tls=tls))
        return await servers[-1].start()

    yield serve
    for server in servers:
        await server.stop(grace=0.1)


@pytest.fixture
async def ward(tmp_path: Path, serving: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ward]:
    monkeypatch.setattr(correspondence, "PAUSE", 0.02)
    trusted = Authority(tmp_path / "pki", "Sandbox PKI")
    server, identity = trusted.server("both"), trusted.client("mitz", common_name="notificaties.mitz.sandbox")
    client = trusted.client("meerwijck", common_name="meerwijck")
    twin = MitzTwin("", identity=identity, trust=trusted.root_file, clients=frozenset({client.sha256}))
    mutual = ServerTls(server.certificate_file, server.key_file, trusted.root_file, client_required=True)
    asked = ServerTls(server.certificate_file, server.key_file, trusted.root_file)
    twin.url = f"https://localhost:{await serving(twin.app, mutual)}"
    registry = CollectorRegistry()
    one = Ward(tmp_path, trusted, identity, client, twin, FakeAudit(), None, None, registry)  # type: ignore[arg-type]
    houses: dict[str, House] = {}
    door = NetworkDoor(houses.get, FakeAudit(), "https://localhost", Meter(registry))
    one.url = f"https://localhost:{await serving(door, asked)}/meerwijck/mitz/notifications"
    (tmp_path / "state").mkdir(mode=0o700)
    one.mitz = adapter(one)
    store = one.store
    nobody: Any = None
    holding = Holding(
        TENANT, "https://localhost/meerwijck/fhir", b"k" * 32, nobody, nobody, nobody, nobody, nobody, one.audit,
        correspondence=one.mitz.correspondence,
    )  # fmt: skip
    houses["meerwijck"] = House(TENANT, holding, None)
    await one.mitz.start()
    yield one
    await one.mitz.stop()
    await twin.close()
    store.close()
    one.store.close()
