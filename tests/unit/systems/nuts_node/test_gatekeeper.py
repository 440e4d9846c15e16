"""An introspection serves for a moment, to all who wait for it, and never replaces a proof."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nuts_pzp.exchange import Caller
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Trouble
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.nuts_node.jose import SigningKey, digest, thumbprint
from nuts_pzp.systems.nuts_node.gatekeeper import NutsGatekeeper
from nuts_pzp.systems.nuts_node.node import Mishap
from nuts_pzp.systems.nuts_node.settings import GatekeeperSettings

KEY = SigningKey.make("did:web:node.example#1")
THUMBPRINT = thumbprint(KEY.jwk)
TOKEN = "kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE"
ISSUER = "https://node.meerwijck.example/oauth2/meerwijck"
GOOD = {
    "active": True,
    "iss": ISSUER,
    "scope": "pzp-gf",
    "iat": 1_790_000_000,
    "exp": 1_790_000_900,
    "organization_ura": "90000111",
    "organization_name": "Huisartsenpraktijk De Wilgenhof",
    "organization_facility_type": "Z3",
    "employee_identifier": "e-1001",
    "employee_role": "Huisarts",
    "employee_name": "A. Verhoeven",
}
BOUND = {**GOOD, "cnf": {"jkt": "k" * 43}}


def proof(now: float, jti: str = "first") -> str:
    claims = {"htm": "GET", "htu": "https://pep.meerwijck.example/fhir/Goal", "iat": int(now), "jti": jti}
    return KEY.sign({**claims, "ath": digest(TOKEN.encode())}, typ="dpop+jwt", jwk=KEY.jwk)


def door(node: Any, clock: Any, **settings: Any) -> NutsGatekeeper:
    read = GatekeeperSettings.model_validate({"node": "http://127.0.0.1:1", "issuer": ISSUER, **settings})
    return NutsGatekeeper(node, read, clock=clock, steady=clock)


async def test_one_question_serves_ten_seconds_and_no_longer(node: Any, clock: Any, present: Any) -> None:
    node.said = [GOOD, {"active": False}]
    keeper = door(node, clock)
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)
    clock.now += 9.9
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)
    assert len(node.asked) == 1
    clock.now += 0.1
    assert (await keeper.verify(present(f"Bearer {TOKEN}"))).reason is Reason.TOKEN_INVALID
    assert len(node.asked) == 2


async def test_a_clock_that_is_set_back_prolongs_nothing(node: Any, clock: Any, present: Any) -> None:
    """What was revoked meanwhile is not let in for as long as the clock went back."""
    node.said = [GOOD, {"active": False}, GOOD]
    read, steady = GatekeeperSettings.model_validate({"node": "http://127.0.0.1:1", "issuer": ISSUER}), [100.0]
    keeper = NutsGatekeeper(node, read, clock=clock, steady=lambda: steady[0])
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)
    clock.now -= 600
    steady[0] += 9.9
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)
    assert len(node.asked) == 1
    steady[0] += 0.1
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Deny)
    assert len(node.asked) == 2
    clock.now -= 60
    steady[0] += 1.0
    await keeper.verify(present(f"Bearer {TOKEN}"))
    assert len(node.asked) == 3


async def test_a_remembered_token_ends_when_it_ends(node: Any, clock: Any, present: Any) -> None:
    node.said = [GOOD, {"active": False}]
    clock.now = 1_790_000_895.0
    keeper = door(node, clock)
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)
    clock.now = 1_790_000_900.0
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Deny)


async def test_with_remember_0_every_call_asks(node: Any, clock: Any, present: Any) -> None:
    node.said = [GOOD]
    keeper = door(node, clock, remember=0)
    await keeper.verify(present(f"Bearer {TOKEN}"))
    await keeper.verify(present(f"Bearer {TOKEN}"))
    assert len(node.asked) == 2


async def test_a_refusal_is_remembered_for_one_second(node: Any, clock: Any, present: Any) -> None:
    node.said = [{"active": False}, GOOD]
    keeper = door(node, clock)
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Deny)
    clock.now += 0.9
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Deny)
    clock.now += 0.1
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)


async def test_not_having_been_able_to_ask_is_never_remembered(node: Any, clock: Any, present: Any) -> None:
    node.said = [Mishap(503, "x"), GOOD]
    keeper = door(node, clock)
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Unavailable)
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)


async def test_waiters_share_one_question_also_when_the_first_leaves(node: Any, clock: Any, present: Any) -> None:
    node.said, node.gate = [GOOD], asyncio.Event()
    keeper = door(node, clock)
    first, second = [asyncio.create_task(keeper.verify(present(f"Bearer {TOKEN}"))) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    node.gate.set()
    assert isinstance(await second, Caller)
    assert first.cancelled()
    assert len(node.asked) == 1


async def test_two_tokens_are_two_questions(node: Any, clock: Any, present: Any) -> None:
    node.said = [GOOD]
    keeper = door(node, clock)
    await keeper.verify(present(f"Bearer {TOKEN}"))
    await keeper.verify(present(f"Bearer {TOKEN}2"))
    assert [asked[1] for asked in node.asked] == [TOKEN, f"{TOKEN}2"]


@pytest.mark.parametrize(
    ("mishap", "reason"),
    [
        (Mishap(0, "x", Trouble.REFUSED), Reason.INTROSPECTION_DOWN),
        (Mishap(0, "x", Trouble.TIMEOUT), Reason.INTROSPECTION_DOWN),
        (Mishap(0, "x", Trouble.BROKEN), Reason.INTROSPECTION_DOWN),
        (Mishap(503, "x"), Reason.INTROSPECTION_DOWN),
        (Mishap(0, "x", Trouble.TLS), Reason.INTROSPECTION_BROKEN),
        (Mishap(0, "x", Trouble.REDIRECT), Reason.INTROSPECTION_BROKEN),
        (Mishap(0, "x", Trouble.OVERSIZE), Reason.INTROSPECTION_BROKEN),
        (Mishap(500, "x"), Reason.INTROSPECTION_BROKEN),
        (Mishap(401, "x"), Reason.INTROSPECTION_BROKEN),
        (Mishap(200, "x"), Reason.INTROSPECTION_BROKEN),
        ({}, Reason.INTROSPECTION_BROKEN),
        ({**GOOD, "active": "true"}, Reason.INTROSPECTION_BROKEN),
    ],
)
async def test_no_answer_is_unavailable(node: Any, clock: Any, present: Any, mishap: Any, reason: Reason) -> None:
    node.said = [mishap]
    outcome = await door(node, clock).verify(present(f"Bearer {TOKEN}"))
    assert isinstance(outcome, Unavailable)
    assert outcome.reason is reason


async def test_a_connection_closed_in_between_is_asked_again_once(node: Any, clock: Any, present: Any) -> None:
    node.said = [Mishap(0, "x", Trouble.BROKEN), GOOD]
    assert isinstance(await door(node, clock).verify(present(f"Bearer {TOKEN}")), Caller)


@pytest.mark.parametrize(
    ("said", "authorization", "proof", "reason"),
    [
        (BOUND, f"Bearer {TOKEN}", None, Reason.PROOF_ABSENT),
        (BOUND, f"Bearer {TOKEN}", "a.b.c", Reason.PROOF_ABSENT),
        (BOUND, f"DPoP {TOKEN}", None, Reason.PROOF_ABSENT),
        (BOUND, f"DPoP {TOKEN}", "a.b.c", Reason.PROOF_INVALID),
        (GOOD, f"DPoP {TOKEN}", "a.b.c", Reason.PROOF_INVALID),
    ],
)
async def test_a_token_must_be_shown_as_what_it_is(
    node: Any, clock: Any, present: Any, said: Any, authorization: str, proof: str | None, reason: Reason
) -> None:
    node.said = [said]
    outcome = await door(node, clock).verify(present(authorization, proof))
    assert isinstance(outcome, Deny)
    assert outcome.reason is reason
    assert [asked[0] for asked in node.asked] == ["introspect"]


async def test_a_tenant_may_demand_bound_tokens(node: Any, clock: Any, present: Any) -> None:
    node.said = [GOOD]
    outcome = await door(node, clock, require_proof=True).verify(present(f"Bearer {TOKEN}"))
    assert outcome.reason is Reason.PROOF_ABSENT


async def test_the_header_is_read_before_the_node_is_asked(node: Any, clock: Any, present: Any) -> None:
    keeper = door(node, clock)
    assert (await keeper.verify(present(""))).reason is Reason.TOKEN_ABSENT
    assert (await keeper.verify(present(f"Basic {TOKEN}"))).reason is Reason.TOKEN_INVALID
    assert node.asked == []


async def test_stopping_closes_the_connections(node: Any, clock: Any) -> None:
    keeper = door(node, clock)
    await keeper.start()
    await keeper.stop()
    assert node.closed


async def test_a_node_that_keeps_failing_is_left_alone_and_then_asked_once(node: Any, clock: Any, present: Any) -> None:
    node.said = [Mishap(0, "x", Trouble.TIMEOUT)]
    keeper = door(node, clock)
    for number in range(8):
        outcome = await keeper.verify(present(f"Bearer {TOKEN}{number}"))
        assert isinstance(outcome, Unavailable)
        assert outcome.reason is Reason.INTROSPECTION_DOWN
    assert len(node.asked) == 5
    clock.now += 10.0
    for number in range(3):
        await keeper.verify(present(f"Bearer {TOKEN}{number}"))
    assert len(node.asked) == 6


async def test_after_the_rest_one_good_answer_opens_the_door_again(node: Any, clock: Any, present: Any) -> None:
    node.said = [*[Mishap(503, "x")] * 5, GOOD]
    keeper = door(node, clock)
    for _ in range(5):
        await keeper.verify(present(f"Bearer {TOKEN}"))
    clock.now += 10.0
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}2")), Caller)


async def test_a_clock_that_is_set_back_keeps_no_door_shut(node: Any, clock: Any, present: Any) -> None:
    """A node that is well again is asked after the rest, not after as long as the clock went back."""
    node.said = [*[Mishap(503, "x")] * 5, GOOD]
    read, steady = GatekeeperSettings.model_validate({"node": "http://127.0.0.1:1", "issuer": ISSUER}), [100.0]
    keeper = NutsGatekeeper(node, read, clock=clock, steady=lambda: steady[0])
    for _ in range(5):
        await keeper.verify(present(f"Bearer {TOKEN}"))
    clock.now -= 60
    steady[0] += 10.0
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)


async def test_unknown_tokens_never_make_the_node_look_ill(node: Any, clock: Any, present: Any) -> None:
    node.said = [{"active": False}]
    keeper = door(node, clock)
    for number in range(20):
        assert (await keeper.verify(present(f"Bearer {TOKEN}{number}"))).reason is Reason.TOKEN_INVALID
    assert len(node.asked) == 20


async def test_a_remembered_token_serves_while_the_node_is_left_alone(node: Any, clock: Any, present: Any) -> None:
    node.said = [GOOD, Mishap(0, "x", Trouble.REFUSED)]
    keeper = door(node, clock)
    await keeper.verify(present(f"Bearer {TOKEN}"))
    for number in range(5):
        await keeper.verify(present(f"Bearer {TOKEN}{number}"))
    assert isinstance(await keeper.verify(present(f"Bearer {TOKEN}")), Caller)


async def test_names_of_claims_may_differ_by_scope(node: Any, clock: Any, present: Any) -> None:
    other = {key: value for key, value in GOOD.items() if key != "organization_ura"}
    node.said = [{**other, "scope": "pzp-2", "ura": "90000111"}, {**other, "ura": "90000111"}]
    scopes = {"pzp-gf": "TREAT", "pzp-2": "TREAT"}
    keeper = door(node, clock, scopes=scopes, scope_claims={"pzp-2": {"organization_ura": "ura"}})
    found = await keeper.verify(present(f"Bearer {TOKEN}"))
    assert isinstance(found, Caller)
    assert found.organization.ura.value == "90000111"
    assert (await keeper.verify(present(f"Bearer {TOKEN}2"))).reason is Reason.TOKEN_CLAIMS


async def test_a_bound_token_serves_with_a_proof_of_its_key_and_only_once(node: Any, clock: Any, present: Any) -> None:
    node.said = [{**GOOD, "cnf": {"jkt": THUMBPRINT}}]
    keeper = door(node, clock)
    assert isinstance(await keeper.verify(present(f"DPoP {TOKEN}", proof(clock.now))), Caller)
    again = proof(clock.now, "second")
    assert isinstance(await keeper.verify(present(f"DPoP {TOKEN}", again)), Caller)
    refused = await keeper.verify(present(f"DPoP {TOKEN}", again))
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.PROOF_INVALID


async def test_a_proof_that_the_node_does_not_take_is_refused_and_used_up(node: Any, clock: Any, present: Any) -> None:
    node.said, node.proofs = [{**GOOD, "cnf": {"jkt": THUMBPRINT}}], [False, True]
    keeper, made = door(node, clock), proof(clock.now)
    assert (await keeper.verify(present(f"DPoP {TOKEN}", made))).reason is Reason.PROOF_INVALID
    assert (await keeper.verify(present(f"DPoP {TOKEN}", made))).reason is Reason.PROOF_INVALID


async def test_a_proof_of_another_key_never_reaches_the_node(node: Any, clock: Any, present: Any) -> None:
    node.said = [{**GOOD, "cnf": {"jkt": "k" * 43}}]
    assert (await door(node, clock).verify(present(f"DPoP {TOKEN}", proof(clock.now)))).reason is Reason.PROOF_INVALID
    assert [asked[0] for asked in node.asked] == ["introspect"]
