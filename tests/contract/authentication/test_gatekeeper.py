"""What every gatekeeper promises: exactly who is known gets in, nothing raises, no refusal repeats what was shown."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from jwt.algorithms import ECAlgorithm

from nuts_pzp.authentication.port import Gatekeeper, Issued
from nuts_pzp.exchange import Caller, Presented
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Face, Reason
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.systems.ehr_mtls import gatekeeper as ehr_mtls
from nuts_pzp.systems.ehr_token import tokens as ehr_token
from nuts_pzp.systems.nuts_node.gatekeeper import NutsGatekeeper
from nuts_pzp.systems.nuts_node.settings import GatekeeperSettings
from nuts_pzp.values import replace

TOKEN = "kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE"
ISSUER = "https://node.example/oauth2/meerwijck"
NOBODY = Presented("c", "", None, None, "GET", "https://pep.example/fhir/Goal")


class FakeNode:
    """Knows one token."""

    async def introspect(self, token: str) -> dict[str, Any]:
        now = int(time.time())
        good = {
            "active": True,
            "iss": ISSUER,
            "scope": "pzp-gf",
            "iat": now,
            "exp": now + 900,
            "organization_ura": "90000111",
            "organization_name": "Huisartsenpraktijk De Wilgenhof",
            "organization_facility_type": "Z3",
            "employee_identifier": "e-1001",
            "employee_role": "Huisarts",
            "employee_name": "A. Verhoeven",
        }
        return good if token == TOKEN else {"active": False}


@dataclass(frozen=True)
class Door:
    """A gatekeeper, and what it lets in."""

    keeper: Gatekeeper
    good: Presented


def _nuts(_: Path) -> Door:
    settings = GatekeeperSettings(node="http://127.0.0.1:1", issuer=ISSUER)
    return Door(NutsGatekeeper(FakeNode(), settings), replace(NOBODY, authorization=f"Bearer {TOKEN}"))


def _mtls(folder: Path) -> Door:
    issued = Authority(folder, "EHR CA").client("his", common_name="his.example")
    tenant = Tenant("kade", Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"))
    around = Surroundings(tenant, Outbound(), folder, folder)
    keeper = ehr_mtls.build({"clients": [{"name": "HIS", "sha256": issued.sha256}]}, around)
    return Door(keeper, replace(NOBODY, certificate=issued.certificate.public_bytes(Encoding.DER)))


def _issued(folder: Path) -> Door:
    key = generate_private_key(SECP256R1())
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "k", "alg": "ES256"}
    (folder / "his.json").write_text(json.dumps({"keys": [public]}))
    tenant = Tenant("kade", Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"))
    issuer, now = "https://ehr.example/kade", int(time.time())
    claims = {"iss": "his", "aud": issuer, "iat": now, "exp": now + 300, "sub": "his", "jti": "client-1"}
    person = {
        "sub": "k-17", "jti": "person-1", "employee_name": "M. Okker", "employee_role": "Huisarts",
        "organization_ura": "90000444", "login_means": "uzi-pas",
    }  # fmt: skip

    def sign(what: dict[str, Any]) -> str:
        return jwt.encode(what, key, "ES256", {"kid": "k"})

    form = {
        "grant_type": ehr_token.GRANT,
        "assertion": sign(claims | person),
        "client_assertion_type": ehr_token.CLIENT_ASSERTION,
        "client_assertion": sign(claims),
    }

    async def token() -> str:
        issued = await keeper.issue(NOBODY, form)
        assert isinstance(issued, Issued)
        return issued.token

    store = SqliteStore(folder / "store.sqlite")
    try:
        around = Surroundings(tenant, Outbound(), folder, folder, store.of(tenant))
        keeper = ehr_token.build(
            {"issuer": issuer, "clients": [{"id": "his", "name": "HIS", "jwks_file": "his.json"}]}, around
        )
        return Door(keeper, replace(NOBODY, authorization=f"Bearer {asyncio.run(token())}"))
    finally:
        store.close()


MAKERS: dict[str, Callable[[Path], Door]] = {"nuts-node": _nuts, "mtls": _mtls, "issued-token": _issued}


@pytest.fixture(scope="module", params=list(MAKERS))
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Door:
    return MAKERS[request.param](tmp_path_factory.mktemp("door"))


async def test_who_is_known_gets_in_as_an_organisation_with_a_means_and_a_scope(door: Door) -> None:
    caller = await door.keeper.verify(door.good)
    assert isinstance(caller, Caller)
    assert len(caller.organization.ura.value) == 8
    assert caller.organization.type
    assert caller.means
    assert caller.scopes


async def test_the_same_answer_twice(door: Door) -> None:
    assert await door.keeper.verify(door.good) == await door.keeper.verify(door.good)


async def test_nobody_is_told_to_identify(door: Door) -> None:
    outcome = await door.keeper.verify(NOBODY)
    assert isinstance(outcome, Deny)
    assert outcome.reason.face is Face.UNAUTHENTICATED
    assert outcome.reason in (Reason.TOKEN_ABSENT, Reason.CERTIFICATE_ABSENT)


@pytest.mark.parametrize(
    "change",
    [
        {"authorization": "Bearer GEHEIM-GEHEIM-GEHEIM", "certificate": b"GEHEIM"},
        {"authorization": "DPoP GEHEIM-GEHEIM-GEHEIM", "dpop": "GEHEIM", "certificate": b"\x30\x80GEHEIM"},
        {"authorization": "GEHEIM" * 10_000, "certificate": b"GEHEIM" * 10_000},
        {"authorization": "\x00\ud800GEHEIM", "certificate": b"\x00"},
    ],
    ids=["plain", "proof", "long", "odd"],
)
async def test_whoever_is_not_known_is_refused_without_an_echo(door: Door, change: dict[str, Any]) -> None:
    outcome = await door.keeper.verify(replace(NOBODY, **change))
    assert isinstance(outcome, Deny)
    assert outcome.reason.face in (Face.UNAUTHENTICATED, Face.FORBIDDEN)
    assert "GEHEIM" not in repr(outcome)
