"""Two simulated nodes, really serving: the holder's and the user's, and what a gateway needs to reach its own."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.exchange import Caller, Inquiry, Presented, Source
from nuts_pzp.identity import Bsn, Organization, Professional, Purpose, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.nuts_node import NutsNodeTwin, Resident
from nuts_pzp.sandbox.nuts_node.did import fingerprint
from nuts_pzp.systems.nuts_node import credentials, gatekeeper
from nuts_pzp.web.server import Server, ServerTls

LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))
HOLDER = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
USER = Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof")


def definition(root_fingerprint: str) -> dict[str, Any]:
    """The presentation definition of the scope: certificate, provider type, employee."""

    def field(name: str | None, *paths: str, **rule: str) -> dict[str, Any]:
        made: dict[str, Any] = {"path": list(paths), "filter": {"type": "string", **rule}}
        return {"id": name, **made} if name else made

    def descriptor(name: str, kind: str, *fields: dict[str, Any]) -> dict[str, Any]:
        return {"id": name, "constraints": {"fields": [field(None, "$.type", const=kind), *fields]}}

    def both(tail: str) -> tuple[str, str]:
        return f"$.credentialSubject[0].{tail}", f"$.credentialSubject.{tail}"

    ura = r"^[0-9.]+-\d+-\d+-S-(\d+)-00\.000-\d+$"
    issuer = rf"^did:x509:0:sha256:{root_fingerprint}::.*$"
    return {
        "id": "pd_test",
        "format": {
            "ldp_vc": {"proof_type": ["JsonWebSignature2020"]},
            "jwt_vc": {"alg": ["PS256", "ES256"]},
            "jwt_vp": {"alg": ["ES256"]},
        },
        "input_descriptors": [
            descriptor(
                "certificate",
                "X509Credential",
                field(None, "$.issuer", pattern=issuer),
                field("organization_name", *both("subject.O")),
                field("organization_ura", *both("san.otherName"), pattern=ura),
            ),
            descriptor(
                "role",
                "HealthcareProviderRoleTypeCredential",
                field("organization_facility_type", *both("roleCodeNL"), pattern="^[A-Z][A-Z0-9]{1,3}$"),
            ),
            descriptor(
                "employee",
                "NutsEmployeeCredential",
                field("employee_identifier", *both("identifier")),
                field("employee_role", *both("roleName")),
                field("employee_name", *both("name")),
            ),
        ],
    }


@dataclass(frozen=True)
class Papers:
    """The certificates of the little region."""

    roots: Path
    server: Issued
    uzi: Authority
    holder: Issued
    user: Issued

    @property
    def policy(self) -> dict[str, Any]:
        return {"pzp-gf": {"organization": definition(fingerprint(self.uzi.certificate))}}


@dataclass
class Running:
    """A node that is being served."""

    twin: NutsNodeTwin
    internal: str
    public: str


@dataclass
class Pair:
    """The holder's node and the user's node."""

    holder: Running
    user: Running
    papers: Papers
    tmp: Path

    def around(self, organization: Organization) -> Surroundings:
        return Surroundings(Tenant("tenant", organization), LOOPBACK, self.tmp, self.tmp)

    def gatekeeper(self, **more: Any) -> gatekeeper.NutsGatekeeper:
        settings = {"node": self.holder.internal, "issuer": self.holder.twin.issuer, **more}
        return gatekeeper.build(settings, self.around(HOLDER))

    def credentials(self, **more: Any) -> credentials.NutsCredentials:
        settings = {"node": self.user.internal, "subject": "wilgenhof", **more}
        return credentials.build(settings, self.around(USER))

    @property
    def source(self) -> Source:
        return Source(HOLDER, "https://pep.meerwijck.example/fhir", self.holder.twin.issuer)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    tls, uzi = Authority(folder / "tls", "Region TLS"), Authority(folder / "uzi", "Region UZI")
    return Papers(
        tls.root_file,
        tls.server("node"),
        uzi,
        uzi.uzi("meerwijck", organization=HOLDER.name, locality="Deventer", ura=HOLDER.ura.value),
        uzi.uzi("wilgenhof", organization=USER.name, locality="Deventer", ura=USER.ura.value),
    )


@pytest.fixture
async def pair(papers: Papers, tmp_path: Path) -> AsyncIterator[Pair]:
    servers: list[Server] = []

    async def run(subject: str, kind: str, uzi: Issued) -> Running:
        resident = Resident(subject, kind, uzi)
        twin = NutsNodeTwin(resident, ca_root=papers.uzi.certificate, policy=papers.policy, trust=papers.roots)
        internal = Server(twin.internal, host="127.0.0.1", port=0)
        tls = ServerTls(papers.server.certificate_file, papers.server.key_file)
        public = Server(twin.public, host="127.0.0.1", port=0, tls=tls)
        servers.extend((internal, public))
        inside, outside = await internal.start(), await public.start()
        await twin.prepare(f"https://localhost:{outside}")
        return Running(twin, f"http://127.0.0.1:{inside}", f"https://localhost:{outside}")

    made = Pair(
        await run("meerwijck", "V6", papers.holder), await run("wilgenhof", "Z3", papers.user), papers, tmp_path
    )
    yield made
    for twin in (made.holder.twin, made.user.twin):
        await twin.close()
    for server in servers:
        await server.stop(grace=0.5)


@pytest.fixture
def inquire() -> Any:
    def make(identifier: str = "e-1001", *, name: str = "A. Verhoeven") -> Inquiry:
        professional = Professional(identifier, "Huisarts", name)
        caller = Caller(USER, None, frozenset({"consult"}), Purpose.TREATMENT, None, {}, "mtls")
        bsn = Bsn("999900006")
        return Inquiry(caller, professional, bsn, date(1940, 2, 1), Purpose.TREATMENT, None, None, (), 5.0)

    return make


@pytest.fixture
def present() -> Any:
    def make(headers: dict[str, str], *, url: str = "https://pep.meerwijck.example/fhir/Goal") -> Presented:
        return Presented("c", headers.get("authorization", ""), headers.get("dpop"), None, "GET", url)

    return make
