"""One simulated node with two subjects, so that a whole token flow needs no network: own DIDs resolve locally."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.nuts_node import NutsNodeTwin, Resident
from nuts_pzp.sandbox.nuts_node.credentials import Credential, self_attest
from nuts_pzp.sandbox.nuts_node.did import fingerprint
from nuts_pzp.sandbox.nuts_node.matching import match, submission
from nuts_pzp.sandbox.nuts_node.presentation import make
from nuts_pzp.sandbox.nuts_node.state import Subject

EMPLOYEE = {
    "@context": ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"],
    "type": ["VerifiableCredential", "NutsEmployeeCredential"],
    "credentialSubject": {"name": "A. Verhoeven", "roleName": "Huisarts", "identifier": "e-1001"},
}


def definition(root: str) -> dict[str, Any]:
    def descriptor(name: str, kind: str, *fields: dict[str, Any]) -> dict[str, Any]:
        named = {"path": ["$.type"], "filter": {"type": "string", "const": kind}}
        return {"id": name, "constraints": {"fields": [named, *fields]}}

    return {
        "id": "pd",
        "format": {
            "ldp_vc": {"proof_type": ["JsonWebSignature2020"]},
            "jwt_vc": {"alg": ["PS256", "ES256"]},
            "jwt_vp": {"alg": ["ES256"]},
        },
        "input_descriptors": [
            descriptor(
                "certificate",
                "X509Credential",
                {"path": ["$.issuer"], "filter": {"type": "string", "pattern": f"^did:x509:0:sha256:{root}::.*$"}},
                {
                    "id": "organization_ura",
                    "path": ["$.credentialSubject[0].san.otherName"],
                    "filter": {"type": "string", "pattern": r"^[0-9.]+-\d+-\d+-S-(\d+)-00\.000-\d+$"},
                },
            ),
            descriptor("role", "HealthcareProviderRoleTypeCredential"),
            descriptor(
                "employee",
                "NutsEmployeeCredential",
                {"id": "employee_identifier", "path": ["$.credentialSubject.identifier"]},
            ),
        ],
    }


@dataclass(frozen=True)
class Papers:
    uzi: Authority
    leaf: Issued
    other: Authority


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    uzi = Authority(folder / "uzi", "UZI")
    leaf = uzi.uzi("wilgenhof", organization="De Wilgenhof", locality="Deventer", ura="90000111")
    return Papers(uzi, leaf, Authority(folder / "other", "Other"))


@dataclass
class Bench:
    """A node whose resident asks for tokens at a second subject, `holder`, of the same node."""

    twin: NutsNodeTwin
    inside: httpx.AsyncClient
    outside: httpx.AsyncClient

    @property
    def user(self) -> Subject:
        return self.twin.state.subjects["user"]

    @property
    def server(self) -> str:
        return self.twin.state.issuer("holder")

    @property
    def definition(self) -> dict[str, Any]:
        found: dict[str, Any] = self.twin.state.policy["pzp-gf"]["organization"]
        return found

    def wallet(self) -> list[Credential]:
        """Certificate, role and employee, in that order."""
        attested = self_attest(EMPLOYEE, self.user.did, time.time())
        return [one.credential for one in match(self.definition, [attested, *self.user.wallet])]

    def assertion(self, **claims: Any) -> str:
        """A good presentation, with these claims changed; `...` leaves one out."""
        good = make(self.user, self.wallet(), audience=self.server, now=time.time(), shape="v6.2")
        body = good.split(".")[1]
        read = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        changed = {name: value for name, value in {**read, **claims}.items() if value is not ...}
        return self.user.key.sign(changed, kid=self.user.key.id, typ="JWT")

    def submission(self) -> dict[str, Any]:
        attested = self_attest(EMPLOYEE, self.user.did, time.time())
        return submission(self.definition, match(self.definition, [attested, *self.user.wallet]), "s")

    async def token(self, *, dpop: str | None = None, accept: str = "application/json", **form: Any) -> httpx.Response:
        """POST a good token request, with these fields changed; `...` leaves one out."""
        good = {
            "grant_type": "vp_token-bearer",
            "client_id": self.twin.issuer,
            "scope": "pzp-gf",
            "assertion": self.assertion(),
            "presentation_submission": json.dumps(self.submission()),
        }
        sent = {name: value for name, value in {**good, **form}.items() if value is not ...}
        headers = {"accept": accept, **({"dpop": dpop} if dpop else {})}
        return await self.outside.post("/oauth2/holder/token", data=sent, headers=headers)

    async def introspect(self, token: str, tail: str = "") -> dict[str, Any]:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        path = f"/internal/auth/v2/accesstoken/introspect{tail}"
        answer = await self.inside.post(path, content=f"token={token}", headers=headers)
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def bench(papers: Papers) -> AsyncIterator[Bench]:
    policy = {"pzp-gf": {"organization": definition(fingerprint(papers.uzi.certificate))}}
    resident = Resident("user", "Z3", papers.leaf)
    twin = NutsNodeTwin(resident, ca_root=papers.uzi.certificate, policy=policy, trust=papers.uzi.root_file)
    await twin.prepare("https://localhost:18443")

    def client(app: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://localhost:18443")

    made = Bench(twin, client(twin.internal), client(twin.public))
    await made.inside.post("/internal/vdr/v2/subject", json={"subject": "holder"})
    yield made
    await made.inside.aclose()
    await made.outside.aclose()
    await twin.close()
