"""Sandbox: what runs in the region, on loopback: five Nuts nodes, Mitz, the national services, four FHIR servers.

`Services` makes certificates, starts every twin and registers every test person; `region.Region` is what is used.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

from ..identity import Ura
from ..web.server import Server, ServerTls
from .authority import Authority, Issued
from .fhir_server import Behavior, FhirServerTwin
from .gateways import CONSULTING, EMERGENCY_AT, PROFESSIONAL_ROOT, SCOPES, Gateway, plan
from .lines import Lines
from .lrza import ListedOrganization
from .mitz import Choice, MitzTwin
from .mitz.codes import UZI
from .national import NationalServices
from .nuts_node import NutsNodeTwin, Resident
from .nuts_node.did import fingerprint
from .officer import OfficerTwin
from .organizations import HOLDERS, MEMBERS, Member, member
from .people import PEOPLE, Person
from .ports import Reservations

Hospice = Literal["hangs", "answers", "absent"]


@dataclass(frozen=True, slots=True)
class Node:
    """A Nuts node that runs."""

    twin: NutsNodeTwin
    internal_url: str
    public_url: str


class Services:
    """The region's services; where they are and what the gateways show is known once they run."""

    def __init__(
        self,
        folder: Path,
        *,
        people: Sequence[Person] = PEOPLE,
        hospice: Hospice = "hangs",
    ) -> None:
        """Everything is written below `folder`. `hospice`: its server hangs (default), answers, or has no gateway."""
        self.folder, self.people = folder, tuple(people)
        self.absent: tuple[str, ...] = ("avondrood",) if hospice == "absent" else ()
        self.nodes: dict[str, Node] = {}
        self.fhir: dict[str, FhirServerTwin] = {}
        self.fhir_urls: dict[str, str] = {}
        self.gateways: dict[str, Gateway] = {}
        self.ehr_clients: dict[str, Issued] = {}
        self.lines = Lines()
        self.officer = OfficerTwin()
        self.officer_url = ""
        self._hospice = hospice
        self._servers: list[Server] = []
        self._secrets: dict[str, Path] = {}

    async def __aenter__(self) -> Self:
        """Start; what was started is stopped again when something fails."""
        ports = Reservations()
        try:
            await self._start(ports)
        except BaseException:
            await self.__aexit__()
            raise
        finally:
            ports.release()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything; idempotent."""
        for twin in self.fhir.values():
            twin.close()
        servers, self._servers = self._servers, []
        await asyncio.gather(*(server.stop(grace=0.2) for server in servers))
        if hasattr(self, "national"):
            await self.national.stop()
        if hasattr(self, "mitz"):
            await self.mitz.close()
        nodes, self.nodes = self.nodes, {}
        for node in nodes.values():
            await node.twin.close()

    async def _start(self, ports: Reservations) -> None:
        papers = self.folder / "certificates"
        self.authority, self.uzi = await asyncio.gather(
            asyncio.to_thread(Authority, papers / "tls", "Sandbox TLS CA"),
            asyncio.to_thread(Authority, papers / "uzi", "Sandbox UZI CA"),
        )
        self._server_certificate = self.authority.server("services")
        self.gateways = plan(self.folder / "gateways", self.authority, ports)
        self.ehr_clients = {
            slug: self.authority.client(f"ehr-{slug}", common_name=f"{slug}.ehr.sandbox") for slug in CONSULTING
        }
        self.mitz_identity = self.authority.client("mitz-notifications", common_name="notificaties.mitz.sandbox")
        await self._start_nodes()
        for holder in HOLDERS:
            await self._start_fhir(holder)
        await self._start_mitz()
        await self._start_officer()
        await self._start_national()
        if self._hospice == "hangs":
            self.fault("avondrood", "hang", True)

    async def _start_nodes(self) -> None:
        mark = fingerprint(self.uzi.certificate)
        policies = [json.loads(_access_policy(scope).replace("REPLACE_WITH_CA_FINGERPRINT", mark)) for scope in SCOPES]

        async def start(one: Member) -> None:
            own = one.organization
            issued = await asyncio.to_thread(
                self.uzi.uzi, one.slug, organization=own.name, locality=one.locality, ura=one.ura
            )
            resident = Resident(one.slug, own.type, issued)
            trust = self.authority.root_file
            policy = policies[0] | (policies[1] if one.slug == EMERGENCY_AT else {})
            twin = NutsNodeTwin(resident, ca_root=self.uzi.certificate, policy=policy, trust=trust)
            inside, outside = (self.lines.watch(f"node:{one.slug}", app) for app in (twin.internal, twin.public))
            internal = await self._serve(Server(inside, host="127.0.0.1", port=0))
            public = await self._serve(Server(outside, host="127.0.0.1", port=0, tls=self._tls()))
            # did:web takes a name, not an address.
            node = Node(twin, f"http://127.0.0.1:{internal}", f"https://localhost:{public}")
            self.nodes[one.slug] = node
            await twin.prepare(node.public_url)

        await asyncio.gather(*(start(one) for one in MEMBERS))

    async def _start_fhir(self, holder: Member) -> None:
        charts = [person.charts[holder.slug] for person in self.people if holder.slug in person.charts]
        assert holder.dialect is not None
        behavior = Behavior()
        if holder.slug == "meerwijck":
            behavior = Behavior(authorization=self._secret(holder.slug))
        twin = FhirServerTwin(
            "/fhir",
            [resource for chart in charts for resource in chart.resources],
            holder.dialect,
            belongs={reference: chart.patient_id for chart in charts for reference in chart.unlinked},
            behavior=behavior,
        )
        port = await self._serve(Server(self.lines.watch(f"fhir:{holder.slug}", twin.app), host="127.0.0.1", port=0))
        self.fhir[holder.slug], self.fhir_urls[holder.slug] = twin, f"http://127.0.0.1:{port}/fhir"

    async def _start_mitz(self) -> None:
        choices = [
            Choice(
                person.bsn.value, member(one.holder).ura, "GGC002", one.category, "permit" if one.permits else "deny"
            )
            for person in self.people
            for one in person.choices
        ]
        clients = frozenset(gateway.client.sha256 for gateway in self.gateways.values())
        roots = frozenset({UZI, PROFESSIONAL_ROOT})
        self.mitz = MitzTwin(
            "",
            choices,
            clients=clients,
            professional_roots=roots,
            identity=self.mitz_identity,
            trust=self.authority.root_file,
        )
        # Members sign their open questions with the key of their UZI certificate.
        self.mitz.signers.extend(node.twin.resident.uzi.certificate for node in self.nodes.values())
        app = self.lines.watch("mitz", self.mitz.app)
        port = await self._serve(Server(app, host="127.0.0.1", port=0, tls=self._tls(mutual=True)))
        self.mitz.url = f"https://127.0.0.1:{port}"

    async def _start_officer(self) -> None:
        app = self.lines.watch("officer", self.officer.app)
        port = await self._serve(Server(app, host="127.0.0.1", port=0, tls=self._tls()))
        self.officer_url = f"https://127.0.0.1:{port}/alerts"

    async def _start_national(self) -> None:
        self.national = await asyncio.to_thread(
            NationalServices, self.authority, [self._listed(one) for one in MEMBERS], lines=self.lines
        )
        await self.national.start()
        for person in self.people:
            for slug in person.registered:
                ura = member(slug).ura
                await self.national.nvi.seed(person.bsn, Ura(ura), f"gateway-{ura}")

    def _listed(self, one: Member) -> ListedOrganization:
        own = one.organization
        gateway = self.gateway_of(one.slug)
        return ListedOrganization(
            ura=one.ura,
            type=own.type,
            name=own.name,
            phone=own.phone,
            fhir_base=gateway.fhir_base(one.slug) if one.dialect else "",
            authorization_server=self.nodes[one.slug].twin.issuer if one.dialect else "",
        )

    async def _serve(self, server: Server) -> int:
        port = await server.start()
        self._servers.append(server)
        return port

    def _tls(self, *, mutual: bool = False) -> ServerTls:
        own = self._server_certificate
        if mutual:
            return ServerTls(own.certificate_file, own.key_file, self.authority.root_file, client_required=True)
        return ServerTls(own.certificate_file, own.key_file)

    def _secret(self, slug: str) -> str:
        """Make the Authorization header that this organisation's FHIR server demands, and keep it in a file."""
        value = f"Bearer {secrets.token_urlsafe(24)}"
        file = self.folder / "secrets" / f"{slug}-fhir-authorization"
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(value)
        self._secrets[slug] = file
        return value

    def authorization_file(self, slug: str) -> Path | None:
        """The file with the Authorization header that a holder's FHIR server demands, or None."""
        return self._secrets.get(slug)

    def gateway_of(self, slug: str) -> Gateway:
        """Return the gateway that serves an organisation."""
        return next(gateway for gateway in self.gateways.values() if slug in gateway.tenants)

    def fault(self, slug: str, name: str, on: bool) -> None:
        """Switch a fault of an organisation's FHIR server; raises KeyError for an unknown organisation or fault."""
        self.fhir[slug].faults.set(name, on)


def _access_policy(scope: str) -> str:
    """The access policy of a scope that the project ships for real nodes: in the wheel, or at the top of a checkout."""
    within = Path(str(files("nuts_pzp"))) / "_policies"
    folder = within if within.is_dir() else Path(__file__).parents[2] / "policies"
    return (folder / "nuts" / f"{scope}.json").read_text("utf-8")
