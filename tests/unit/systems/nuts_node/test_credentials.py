"""One user, one token; a refusal, a failure and no address are three different things."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.identity import Purpose
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Outbound, Trouble
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nuts_node.credentials import NutsCredentials
from nuts_pzp.systems.nuts_node.node import Mishap, Token
from nuts_pzp.systems.nuts_node.settings import CredentialsSettings

GOAL = "https://pep.meerwijck.example/fhir/Goal"
END = 1_790_001_000.0


def credentials(
    node: Any, clock: Any, outbound: Outbound | None = None, steady: Any = None, **settings: Any
) -> NutsCredentials:
    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    read = CredentialsSettings.model_validate({"node": "http://127.0.0.1:1", "subject": "wilgenhof", **settings})
    return NutsCredentials(node, read, outbound or Outbound(), clock=clock, steady=steady or clock, pause=pause)


async def test_the_request_names_the_user_in_the_same_bytes_every_time(
    node: Any, clock: Any, source: Any, inquire: Any
) -> None:
    node.tokens = [Token("t-1", END)]
    for _ in range(2):
        await credentials(node, clock).grant(source, inquire())
    (_, subject, one, bypass), (_, _, other, _) = node.asked
    assert (subject, bypass) == ("wilgenhof", False)
    assert one == other
    assert json.loads(one) == {
        "authorization_server": "https://node.meerwijck.example/oauth2/meerwijck",
        "scope": "pzp-gf",
        "token_type": "Bearer",
        "credentials": [
            {
                "@context": ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"],
                "type": ["VerifiableCredential", "NutsEmployeeCredential"],
                "credentialSubject": {"identifier": "e-1001", "name": "A. Verhoeven", "roleName": "Huisarts"},
            }
        ],
    }
    assert b"999900006" not in one


async def test_a_token_is_kept_per_user_and_source_until_half_a_minute_before_its_end(
    node: Any, clock: Any, source: Any, inquire: Any
) -> None:
    node.tokens = [Token(f"t-{number}", END) for number in range(4)]
    room = credentials(node, clock)
    other_source = replace(source, authorization_server="https://node.lindezicht.example/oauth2/lindezicht")

    async def header(where: Any, inquiry: Any) -> str:
        signer = await room.grant(where, inquiry)
        return (await signer("GET", GOAL))["authorization"]

    assert await header(source, inquire("e-1")) == "Bearer t-0"
    assert await header(source, inquire("e-1")) == "Bearer t-0"
    assert await header(source, inquire("e-2")) == "Bearer t-1"
    assert await header(other_source, inquire("e-1")) == "Bearer t-2"
    clock.now = END - 30.1
    assert await header(source, inquire("e-1")) == "Bearer t-0"
    clock.now = END - 30.0
    assert await header(source, inquire("e-1")) == "Bearer t-3"


async def test_users_asking_at_once_share_a_request_only_with_themselves(
    node: Any, clock: Any, source: Any, inquire: Any
) -> None:
    node.tokens, node.gate = [Token("t-0", END), Token("t-1", END)], asyncio.Event()
    room = credentials(node, clock)
    asking = [asyncio.create_task(room.grant(source, inquire(who))) for who in ("e-1", "e-1", "e-2")]
    await asyncio.sleep(0)
    node.gate.set()
    signers = [await task for task in asking]
    got = [(await signer("GET", GOAL))["authorization"] for signer in signers]
    assert got == ["Bearer t-0", "Bearer t-0", "Bearer t-1"]
    assert len(node.asked) == 2


async def test_fresh_goes_past_the_nodes_memory(node: Any, clock: Any, source: Any, inquire: Any) -> None:
    node.tokens = [Token("t-0", END), Token("t-1", END), Token("t-2", END)]
    signer = await credentials(node, clock).grant(source, inquire())
    assert (await signer("GET", GOAL))["authorization"] == "Bearer t-0"
    assert (await signer("GET", GOAL, fresh=True))["authorization"] == "Bearer t-1"
    assert (await signer("GET", GOAL, fresh=True))["authorization"] == "Bearer t-1"
    clock.now += 2.0
    assert (await signer("GET", GOAL, fresh=True))["authorization"] == "Bearer t-2"
    assert [asked[3] for asked in node.asked] == [False, True, True]


async def test_a_clock_that_is_set_back_keeps_no_token_longer_and_nobody_from_a_fresh_one(
    node: Any, clock: Any, source: Any, inquire: Any
) -> None:
    node.tokens, steady = [Token(f"t-{number}", END) for number in range(4)], [100.0]
    signer = await credentials(node, clock, steady=lambda: steady[0]).grant(source, inquire())
    assert (await signer("GET", GOAL, fresh=True))["authorization"] == "Bearer t-1"
    clock.now, steady[0] = clock.now - 7200, 102.0
    assert (await signer("GET", GOAL))["authorization"] == "Bearer t-1"
    assert (await signer("GET", GOAL, fresh=True))["authorization"] == "Bearer t-2"
    clock.now, steady[0] = END - 3600, 102.0 + END - 30.0 - (END - 900.0 - 7200)
    assert (await signer("GET", GOAL))["authorization"] == "Bearer t-3"


async def test_a_bound_token_gets_a_proof_without_the_query(node: Any, clock: Any, source: Any, inquire: Any) -> None:
    node.tokens, node.proofs = [Token("t-0", END, "did:web:x#k")], ["p-1", "p-2"]
    signer = await credentials(node, clock, token_type="DPoP").grant(source, inquire())
    assert await signer("GET", f"{GOAL}?patient=Patient/7") == {"authorization": "DPoP t-0", "dpop": "p-1"}
    assert await signer("GET", GOAL) == {"authorization": "DPoP t-0", "dpop": "p-2"}
    assert node.asked[1] == ("make_proof", "did:web:x#k", {"method": "GET", "url": GOAL, "token": "t-0"})


async def test_without_a_proof_nothing_is_sent(node: Any, clock: Any, source: Any, inquire: Any) -> None:
    node.tokens, node.proofs = [Token("t-0", END, "did:web:x#k")], [Mishap(500, "x")]
    signer = await credentials(node, clock, token_type="DPoP").grant(source, inquire())
    outcome = await signer("GET", GOAL)
    assert isinstance(outcome, Unavailable)


@pytest.mark.parametrize(
    ("token", "settings"),
    [(Token("t", END), {"token_type": "DPoP"}), (Token("t", END, "k"), {}), (Token("t", 1.0), {})],
)
async def test_a_token_of_another_kind_or_past_its_end_is_no_token(
    node: Any, clock: Any, source: Any, inquire: Any, token: Token, settings: Any
) -> None:
    node.tokens = [token]
    outcome = await credentials(node, clock, **settings).grant(source, inquire())
    assert isinstance(outcome, Unavailable)
    assert outcome.reason is Reason.TOKEN_UNAVAILABLE


@pytest.mark.parametrize("status", [400, 412])
async def test_an_answer_no_is_a_refusal_at_once(node: Any, clock: Any, source: Any, inquire: Any, status: int) -> None:
    node.tokens = [Mishap(status, "x")]
    outcome = await credentials(node, clock).grant(source, inquire())
    assert isinstance(outcome, Deny)
    assert outcome.reason is Reason.TOKEN_REFUSED
    assert len(node.asked) == 1


@pytest.mark.parametrize(
    ("mishap", "attempts"),
    [
        (Mishap(500, "x"), 2),
        (Mishap(502, "x"), 2),
        (Mishap(503, "x"), 2),
        (Mishap(0, "x", Trouble.TIMEOUT), 2),
        (Mishap(401, "x"), 1),
        (Mishap(200, "x"), 1),
    ],
)
async def test_no_answer_is_unavailable_after_at_most_one_more_attempt(
    node: Any, clock: Any, source: Any, inquire: Any, mishap: Mishap, attempts: int
) -> None:
    node.tokens = [mishap]
    outcome = await credentials(node, clock).grant(source, inquire())
    assert isinstance(outcome, Unavailable)
    assert outcome.reason is Reason.TOKEN_UNAVAILABLE
    assert len(node.asked) == attempts


async def test_a_failure_is_not_remembered(node: Any, clock: Any, source: Any, inquire: Any) -> None:
    node.tokens = [Mishap(400, "x"), Token("t-0", END)]
    room = credentials(node, clock)
    assert isinstance(await room.grant(source, inquire()), Deny)
    assert callable(await room.grant(source, inquire()))


@pytest.mark.parametrize(
    "server",
    [None, "http://node.example/oauth2/x", "https://127.0.0.1/oauth2/x", "https://u:p@node.example/x", "ftp://x", ""],
)
async def test_an_authorization_server_that_may_not_be_dialled_is_never_named_to_the_node(
    node: Any, clock: Any, source: Any, inquire: Any, server: str | None
) -> None:
    outcome = await credentials(node, clock).grant(replace(source, authorization_server=server), inquire())
    assert isinstance(outcome, Deny)
    assert outcome.reason is Reason.TOKEN_REFUSED
    assert node.asked == []


async def test_even_on_loopback_the_authorization_server_speaks_https(
    node: Any, clock: Any, source: Any, inquire: Any
) -> None:
    loopback = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
    plain = replace(source, authorization_server="http://127.0.0.1:8080/oauth2/x")
    assert isinstance(await credentials(node, clock, loopback).grant(plain, inquire()), Deny)
    assert node.asked == []


async def test_a_purpose_without_a_scope_is_refused(node: Any, clock: Any, source: Any, inquire: Any) -> None:
    outcome = await credentials(node, clock).grant(source, inquire(purpose=Purpose.COORDINATION))
    assert isinstance(outcome, Deny)
    assert node.asked == []


async def test_without_an_emergency_scope_an_emergency_is_asked_as_for_treatment(
    node: Any, clock: Any, source: Any, inquire: Any
) -> None:
    node.tokens = [Token("t", END)]
    await credentials(node, clock).grant(source, inquire(purpose=Purpose.EMERGENCY, reason="unconscious"))
    assert json.loads(node.asked[0][2])["scope"] == "pzp-gf"


@pytest.mark.parametrize("mishap", [Mishap(400, "x"), Mishap(502, "x")])
async def test_a_source_without_the_emergency_scope_is_asked_as_for_treatment(
    node: Any, clock: Any, source: Any, inquire: Any, mishap: Mishap
) -> None:
    attempts = 1 if mishap.status == 400 else 2
    node.tokens = [*[mishap] * attempts, Token("t", END)]
    room = credentials(node, clock, scopes={"TREAT": "pzp-gf", "ETREAT": "pzp-spoed"})
    signer = await room.grant(source, inquire(purpose=Purpose.EMERGENCY, reason="unconscious"))
    assert await signer("GET", GOAL) == {"authorization": "Bearer t"}
    assert [json.loads(asked[2])["scope"] for asked in node.asked] == ["pzp-spoed"] * attempts + ["pzp-gf"]
    assert b"unconscious" not in node.asked[-1][2]


async def test_a_node_that_does_not_answer_is_not_asked_for_another_scope(
    node: Any, clock: Any, source: Any, inquire: Any
) -> None:
    node.tokens = [Mishap(0, "x", Trouble.TIMEOUT)]
    room = credentials(node, clock, scopes={"TREAT": "pzp-gf", "ETREAT": "pzp-spoed"})
    outcome = await room.grant(source, inquire(purpose=Purpose.EMERGENCY, reason="unconscious"))
    assert isinstance(outcome, Unavailable)
    assert {json.loads(asked[2])["scope"] for asked in node.asked} == {"pzp-spoed"}


async def test_treatment_never_asks_for_the_emergency_scope(node: Any, clock: Any, source: Any, inquire: Any) -> None:
    node.tokens = [Mishap(400, "x")]
    room = credentials(node, clock, scopes={"TREAT": "pzp-gf", "ETREAT": "pzp-spoed"})
    assert isinstance(await room.grant(source, inquire()), Deny)
    assert [json.loads(asked[2])["scope"] for asked in node.asked] == ["pzp-gf"]


async def test_an_emergency_has_its_own_scope_and_carries_its_reason(
    node: Any, clock: Any, source: Any, inquire: Any
) -> None:
    node.tokens = [Token("t", END)]
    room = credentials(node, clock, scopes={"TREAT": "pzp-gf", "ETREAT": "pzp-spoed"})
    await room.grant(source, inquire(purpose=Purpose.EMERGENCY, reason="unconscious"))
    body = json.loads(node.asked[0][2])
    assert body["scope"] == "pzp-spoed"
    subject = body["credentials"][0]["credentialSubject"]
    assert (subject["purposeOfUse"], subject["emergencyReason"]) == ("ETREAT", "unconscious")
    assert "emergencyText" not in subject


async def test_the_reason_of_a_treatment_stays_at_home(node: Any, clock: Any, source: Any, inquire: Any) -> None:
    node.tokens = [Token("t", END)]
    await credentials(node, clock).grant(source, inquire(reason="unconscious"))
    assert b"unconscious" not in node.asked[0][2]


async def test_no_repr_shows_a_token_or_a_name(node: Any, clock: Any, source: Any, inquire: Any) -> None:
    node.tokens = [Token("geheim-token", END)]
    room = credentials(node, clock)
    signer = await room.grant(source, inquire())
    assert "geheim" not in repr(node.tokens[0])
    assert "Verhoeven" not in repr(signer) + repr(vars(signer))
