"""Our door and our token requests against two real Nuts nodes (docs/how-to/interop-nuts.md says how to start them)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from peers import LOOPBACK, Nodes, real_nodes

from nuts_pzp.exchange import Caller, Inquiry, Presented
from nuts_pzp.identity import Bsn, Professional, Purpose, Tenant
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nuts_node import credentials, gatekeeper
from nuts_pzp.systems.nuts_node.employee import request_body

pytestmark = pytest.mark.interop

GOAL = "https://pep.example.org/fhir/Goal"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def nodes() -> Nodes:
    return real_nodes()


def around(nodes: Nodes) -> Surroundings:
    return Surroundings(Tenant("interop", nodes.organization), LOOPBACK, Path(), Path())


@pytest.fixture
async def bearer(nodes: Nodes) -> AsyncIterator[credentials.NutsCredentials]:
    made = credentials.build({"node": nodes.user, "subject": nodes.subject}, around(nodes))
    yield made
    await made.stop()


@pytest.fixture
async def bound(nodes: Nodes) -> AsyncIterator[credentials.NutsCredentials]:
    made = credentials.build({"node": nodes.user, "subject": nodes.subject, "token_type": "DPoP"}, around(nodes))
    yield made
    await made.stop()


@pytest.fixture
async def door(nodes: Nodes) -> AsyncIterator[gatekeeper.NutsGatekeeper]:
    made = gatekeeper.build({"node": nodes.holder, "issuer": nodes.issuer, "remember": 0}, around(nodes))
    yield made
    await made.stop()


def inquiry(nodes: Nodes, identifier: str) -> Inquiry:
    caller = Caller(nodes.organization, None, frozenset({"consult"}), Purpose.TREATMENT, None, {}, "mtls")
    professional = Professional(identifier, "Verpleegkundige", "C. van Loon")
    bsn = Bsn("999900006")
    return Inquiry(caller, professional, bsn, date(1940, 2, 1), Purpose.TREATMENT, None, None, (), 5.0)


def shown(headers: Any, url: str = GOAL) -> Presented:
    return Presented("c", headers["authorization"], headers.get("dpop"), None, "GET", url)


async def test_the_holder_learns_who_asks(nodes: Nodes, bearer: Any, door: Any) -> None:
    headers = await (await bearer.grant(nodes.source(), inquiry(nodes, "i-1")))("GET", GOAL)
    caller = await door.verify(shown(headers))
    assert isinstance(caller, Caller), caller
    assert (caller.organization.ura.value, caller.organization.type) == (nodes.ura, nodes.type)
    assert caller.organization.name
    assert caller.professional == Professional("i-1", "Verpleegkundige", "C. van Loon")
    assert (caller.means, caller.scopes) == ("nuts-bearer", {"pzp-gf"})


async def test_a_bound_token_needs_a_proof_of_this_call_once(nodes: Nodes, bound: Any, door: Any) -> None:
    signer = await bound.grant(nodes.source(), inquiry(nodes, "i-2"))
    first, second = await signer("GET", f"{GOAL}?patient=Patient/1"), await signer("GET", GOAL)
    assert (await door.verify(shown(first))).means == "nuts-dpop"
    assert (await door.verify(shown(first))).reason is Reason.PROOF_INVALID
    assert (await door.verify(shown(second, "https://pep.example.org/fhir/Consent"))).reason is Reason.PROOF_INVALID
    assert (await door.verify(shown(second))).means == "nuts-dpop"
    bare = {"authorization": second["authorization"]}
    assert (await door.verify(shown(bare))).reason is Reason.PROOF_ABSENT
    as_bearer = {**second, "authorization": second["authorization"].replace("DPoP", "Bearer")}
    assert (await door.verify(shown(as_bearer))).reason is Reason.PROOF_ABSENT


async def test_the_proof_of_one_token_does_not_serve_another(nodes: Nodes, bound: Any, door: Any) -> None:
    one = await (await bound.grant(nodes.source(), inquiry(nodes, "i-3")))("GET", GOAL)
    other = await (await bound.grant(nodes.source(), inquiry(nodes, "i-4")))("GET", GOAL)
    mixed = {"authorization": one["authorization"], "dpop": other["dpop"]}
    assert (await door.verify(shown(mixed))).reason is Reason.PROOF_INVALID


async def test_an_unknown_token_is_invalid(door: Any) -> None:
    outcome = await door.verify(shown({"authorization": f"Bearer {'x' * 43}"}))
    assert isinstance(outcome, Deny)
    assert outcome.reason is Reason.TOKEN_INVALID


async def test_a_token_of_another_issuer_is_refused(nodes: Nodes, bearer: Any) -> None:
    headers = await (await bearer.grant(nodes.source(), inquiry(nodes, "i-5")))("GET", GOAL)
    settings = {"node": nodes.holder, "issuer": f"{nodes.issuer}-2"}
    other = gatekeeper.build(settings, around(nodes))
    outcome = await other.verify(shown(headers))
    await other.stop()
    assert outcome.reason is Reason.TOKEN_ISSUER


async def test_the_node_remembers_a_token_per_user_until_asked_not_to(nodes: Nodes) -> None:
    async def token(identifier: str, *, fresh: bool = False) -> str:
        anew = credentials.build({"node": nodes.user, "subject": nodes.subject}, around(nodes))
        signer = await anew.grant(nodes.source(), inquiry(nodes, identifier))
        headers = await signer("GET", GOAL, fresh=fresh)
        await anew.stop()
        return str(headers["authorization"])

    one = await token("i-6")
    assert await token("i-6") == one
    assert await token("i-7") != one
    renewed = await token("i-6", fresh=True)
    assert renewed != one
    assert await token("i-6") == renewed


@pytest.mark.parametrize(
    ("settings", "server"),
    [
        ({"subject": "nobody"}, None),
        ({}, "https://localhost:1/oauth2/hospital"),
    ],
)
async def test_what_the_node_answers_with_400_is_a_refusal(
    nodes: Nodes, settings: dict[str, Any], server: str | None
) -> None:
    """The last one is a server that is down: version 6.2 does not tell that apart from a refusal."""
    made = credentials.build({"node": nodes.user, "subject": nodes.subject, **settings}, around(nodes))
    outcome = await made.grant(nodes.source(server), inquiry(nodes, "i-8"))
    await made.stop()
    assert isinstance(outcome, Deny)
    assert outcome.reason is Reason.TOKEN_REFUSED
    assert outcome.detail == "the node answered 400"


async def test_a_scope_the_other_side_does_not_know_looks_like_a_broken_server(nodes: Nodes) -> None:
    """The node asks for the definition without saying that it reads JSON, and cannot read the page it gets."""
    settings = {"node": nodes.user, "subject": nodes.subject, "scopes": {"TREAT": "geen-scope"}}
    made = credentials.build(settings, around(nodes))
    outcome = await made.grant(nodes.source(), inquiry(nodes, "i-10"))
    await made.stop()
    assert isinstance(outcome, Unavailable)
    assert outcome.detail == "the node answered 502"


async def test_both_nodes_are_ready(bearer: Any, door: Any) -> None:
    assert await bearer.health() == "ready"
    assert await door.health() == "ready"


async def test_a_node_that_is_not_there_is_unavailable(nodes: Nodes) -> None:
    absent = gatekeeper.build({"node": "http://127.0.0.1:1", "issuer": nodes.issuer}, around(nodes))
    outcome = await absent.verify(shown({"authorization": f"Bearer {'x' * 43}"}))
    await absent.stop()
    assert isinstance(outcome, Unavailable)
    assert outcome.reason is Reason.INTROSPECTION_DOWN


@pytest.mark.parametrize(("content_type", "status"), [(FORM, 200), (f"{FORM}; charset=utf-8", 415)])
async def test_introspection_takes_one_content_type_only(nodes: Nodes, content_type: str, status: int) -> None:
    async with httpx.AsyncClient(base_url=nodes.holder, trust_env=False) as client:
        path, headers = "/internal/auth/v2/accesstoken/introspect", {"content-type": content_type}
        answer = await client.post(path, content=b"token=unknown", headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"active": False}
    else:
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_malformed_url_in_a_proof_makes_the_node_drop_the_connection(nodes: Nodes, bound: Any) -> None:
    """Why the gateway reads `htu` before it asks, and takes a dropped connection for an invalid proof."""
    signer = await bound.grant(nodes.source(), inquiry(nodes, "i-9"))
    headers = await signer("GET", GOAL)
    proof, token = headers["dpop"], headers["authorization"].removeprefix("DPoP ")
    async with httpx.AsyncClient(base_url=nodes.holder, trust_env=False) as client:
        said = await client.post(
            "/internal/auth/v2/accesstoken/introspect", content=f"token={token}", headers={"content-type": FORM}
        )
        asked = {"dpop_proof": proof, "method": "GET", "token": token, "thumbprint": said.json()["cnf"]["jkt"]}
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/internal/auth/v2/dpop/validate", json={**asked, "url": "http://[::1"})
        answer = await client.post("/internal/auth/v2/dpop/validate", json={**asked, "url": GOAL})
    assert answer.json() == {"valid": True}


# Emergencies (spoedinzage): scope pzp-spoed, as policies/nuts/pzp-spoed.json words it


SCOPES = {"pzp-gf": "TREAT", "pzp-spoed": "ETREAT"}


@pytest.fixture(params=["Bearer", "DPoP"])
async def claiming(nodes: Nodes, request: pytest.FixtureRequest) -> AsyncIterator[credentials.NutsCredentials]:
    """The user's side, with both scopes."""
    settings = {"node": nodes.user, "subject": nodes.subject, "token_type": request.param}
    made = credentials.build(settings | {"scopes": {"TREAT": "pzp-gf", "ETREAT": "pzp-spoed"}}, around(nodes))
    yield made
    await made.stop()


@pytest.fixture
async def hospital(nodes: Nodes) -> AsyncIterator[gatekeeper.NutsGatekeeper]:
    """A holder that takes emergencies."""
    settings = {"node": nodes.holder, "issuer": nodes.issuer, "remember": 0, "scopes": SCOPES}
    made = gatekeeper.build(settings, around(nodes))
    yield made
    await made.stop()


def emergency(nodes: Nodes, identifier: str, reason: str | None = "no-time", text: str = "") -> Inquiry:
    asked = inquiry(nodes, identifier)
    return replace(asked, purpose=Purpose.EMERGENCY, emergency_reason=reason, emergency_text=text)


@pytest.mark.parametrize("text", ["", "gevallen in de badkamer, geen contact mogelijk"])
async def test_an_emergency_says_who_why_and_for_what(nodes: Nodes, claiming: Any, hospital: Any, text: str) -> None:
    signer = await claiming.grant(nodes.source(), emergency(nodes, f"e-{len(text)}", text=text))
    caller = await hospital.verify(shown(await signer("GET", GOAL)))
    assert isinstance(caller, Caller), caller
    assert (caller.scopes, caller.purpose) == ({"pzp-spoed"}, Purpose.EMERGENCY)
    assert (caller.emergency_reason, caller.emergency_text) == ("no-time", text)
    assert caller.professional == Professional(f"e-{len(text)}", "Verpleegkundige", "C. van Loon")
    assert (caller.organization.ura.value, caller.organization.type) == (nodes.ura, nodes.type)
    assert text not in caller.claims.values() or not text


async def test_treatment_and_emergency_are_two_tokens_of_the_same_person(
    nodes: Nodes, claiming: Any, hospital: Any
) -> None:
    treating = await claiming.grant(nodes.source(), inquiry(nodes, "e-2"))
    pressed = await claiming.grant(nodes.source(), emergency(nodes, "e-2"))
    seen = [await hospital.verify(shown(await signer("GET", GOAL))) for signer in (treating, pressed, treating)]
    assert [one.purpose for one in seen] == [Purpose.TREATMENT, Purpose.EMERGENCY, Purpose.TREATMENT]
    assert [one.emergency_reason for one in seen] == [None, "no-time", None]


async def claim(nodes: Nodes, said: dict[str, Any]) -> httpx.Response:
    """Ask for a token of the emergency scope with an employee credential of our own making."""
    employee = {
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"],
        "type": ["VerifiableCredential", "NutsEmployeeCredential"],
        "credentialSubject": {"identifier": "e-3", "name": "C. van Loon", "roleName": "Verpleegkundige", **said},
    }
    asked = {"authorization_server": nodes.issuer, "scope": "pzp-spoed", "token_type": "Bearer"}
    path = f"/internal/auth/v2/{nodes.subject}/request-service-access-token"
    async with httpx.AsyncClient(base_url=nodes.user, trust_env=False) as client:
        return await client.post(path, json=asked | {"credentials": [employee]})


@pytest.mark.parametrize("said", [
    {},
    {"purposeOfUse": "ETREAT"},
    {"emergencyReason": "no-time"},
    {"purposeOfUse": "TREAT", "emergencyReason": "no-time"},
    {"purposeOfUse": "ETREAT", "emergencyReason": "curious"},
    {"purposeOfUse": "ETREAT", "emergencyReason": "no-time "},
    {"purposeOfUse": "ETREAT", "emergencyReason": "no-time\n"},
    {"purposeOfUse": "ETREAT", "emergencyReason": "no-time", "emergencyText": "x" * 401},
    {"purposeOfUse": "ETREAT", "emergencyReason": "no-time", "name": ""},
])  # fmt: skip
async def test_the_node_gives_no_token_for_an_emergency_without_purpose_code_or_name(
    nodes: Nodes, said: dict[str, Any]
) -> None:
    answer = await claim(nodes, said)
    assert answer.status_code == 412, answer.text
    assert "access_token" not in answer.text


@pytest.mark.parametrize("said", [
    {"purposeOfUse": "ETREAT", "emergencyReason": ["curious", "no-time"]},
    {"purposeOfUse": ["TREAT", "ETREAT"], "emergencyReason": "no-time"},
    {"purposeOfUse": "ETREAT", "emergencyReason": "no-time", "roleName": ["tuinman", "huisarts"]},
])  # fmt: skip
async def test_a_list_satisfies_the_node_and_not_the_door(nodes: Nodes, hospital: Any, said: dict[str, Any]) -> None:
    """One element that fits is enough for a definition, and the claim is then the whole list: two answers in one."""
    answer = await claim(nodes, said)
    assert answer.status_code == 200, answer.text
    outcome = await hospital.verify(shown({"authorization": f"Bearer {answer.json()['access_token']}"}))
    assert outcome.reason is Reason.TOKEN_CLAIMS


async def test_a_holder_that_takes_no_emergencies_refuses_their_token(nodes: Nodes, claiming: Any, door: Any) -> None:
    signer = await claiming.grant(nodes.source(), emergency(nodes, "e-4"))
    outcome = await door.verify(shown(await signer("GET", GOAL)))
    assert outcome.reason is Reason.TOKEN_SCOPE


async def test_two_scopes_at_once_are_had_from_no_node(nodes: Nodes) -> None:
    body = request_body(emergency(nodes, "e-5"), server=nodes.issuer, scope="pzp-gf pzp-spoed", token_type="Bearer")
    path = f"/internal/auth/v2/{nodes.subject}/request-service-access-token"
    async with httpx.AsyncClient(base_url=nodes.user, trust_env=False) as client:
        answer = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 502, answer.text
