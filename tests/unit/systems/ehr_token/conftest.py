"""An EHR with keys of its own, and a tenant that lists it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

from nuts_pzp.exchange import Presented
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outcome import Outcome
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.systems.ehr_token import tokens
from nuts_pzp.systems.ehr_token.tokens import CLIENT_ASSERTION, GRANT, EhrTokens
from nuts_pzp.values import replace

ISSUER = "https://ehr.gateway.example/kade"
CAME = Presented("CODE12345678", "", None, None, "POST", f"{ISSUER}/oauth/token")


@dataclass
class Ehr:
    """One EHR: it signs who it is and who logged in."""

    id: str = "his-kade"
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    count: int = 0

    def jwks(self) -> dict[str, Any]:
        public = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [public | {"kid": "k1", "alg": "ES256", "use": "sig"}]}

    def sign(self, claims: dict[str, Any], header: dict[str, Any] | None = None, key: Any = None) -> str:
        return jwt.encode(claims, key or self.key, algorithm="ES256", headers={"kid": "k1"} | (header or {}))

    def claims(self, **changed: Any) -> dict[str, Any]:
        self.count += 1
        now = int(time.time())
        made = {"iss": self.id, "aud": ISSUER, "iat": now, "exp": now + 300, "jti": f"jti-{self.id}-{self.count:08}"}
        return {name: value for name, value in (made | changed).items() if value is not None}

    def employee(self, **changed: Any) -> dict[str, Any]:
        about = {
            "sub": "k-17",
            "employee_name": "M. Okker",
            "employee_role": "waarnemend huisarts",
            "organization_ura": "90000444",
            "login_means": "uzi-pas",
        }
        return self.claims(**(about | changed))

    def form(self, **changed: Any) -> dict[str, str]:
        form = {
            "grant_type": GRANT,
            "assertion": self.sign(self.employee()),
            "client_assertion_type": CLIENT_ASSERTION,
            "client_assertion": self.sign(self.claims(sub=self.id)),
        }
        return {name: value for name, value in (form | changed).items() if value is not None}


@dataclass
class Desk:
    """The issuer and gatekeeper of one tenant, and its EHR."""

    tokens: EhrTokens
    ehr: Ehr
    folder: Path
    build: Callable[..., EhrTokens]

    async def issue(self, form: dict[str, str], certificate: bytes | None = None) -> Outcome[Any]:
        return await self.tokens.issue(replace(CAME, certificate=certificate), form)

    async def token(self, **changed: Any) -> str:
        issued = await self.issue(self.ehr.form(**changed))
        assert hasattr(issued, "token"), issued
        return str(issued.token)

    async def verify(self, token: str, certificate: bytes | None = None) -> Outcome[Any]:
        return await self.tokens.verify(replace(CAME, authorization=f"Bearer {token}", certificate=certificate))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store, ehr = SqliteStore(tmp_path / "state" / "store.sqlite"), Ehr()
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "his.json").write_text(json.dumps(ehr.jwks()))

    def build(slug: str = "kade", issuer: str = ISSUER, **client: Any) -> EhrTokens:
        tenant = Tenant(slug, Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"))
        state = tmp_path / "state" / slug
        state.mkdir(parents=True, exist_ok=True)
        around = Surroundings(tenant, Outbound(), tmp_path / "tenants", state, store.of(tenant))
        listed = {"id": "his-kade", "name": "HIS", "jwks_file": "his.json"} | client
        return tokens.build({"issuer": issuer, "clients": [listed]}, around)

    yield Desk(build(), ehr, tmp_path, build)
    store.close()
