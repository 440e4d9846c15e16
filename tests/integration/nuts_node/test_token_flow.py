"""From one organisation's EHR user to the other organisation's door, over two simulated nodes."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.identity import Assurance, Purpose
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.nuts_node import Fault

GOAL = "https://pep.meerwijck.example/fhir/Goal"


async def signed(pair: Any, inquiry: Any, url: str = GOAL, **settings: Any) -> dict[str, str]:
    credentials = pair.credentials(**settings)
    signer = await credentials.grant(pair.source, inquiry)
    assert callable(signer), signer
    headers = await signer("GET", url)
    await credentials.stop()
    return dict(headers)


async def test_the_holder_learns_who_asks_and_for_whom(pair: Any, inquire: Any, present: Any) -> None:
    headers = await signed(pair, inquire())
    assert headers["authorization"].startswith("Bearer ")
    assert "dpop" not in headers
    door = pair.gatekeeper()
    caller = await door.verify(present(headers))
    await door.stop()
    assert caller.organization.ura.value == "90000111"
    assert caller.organization.type == "Z3"
    assert caller.organization.name == "Huisartsenpraktijk De Wilgenhof"
    assert (caller.professional.id, caller.professional.role) == ("e-1001", "Huisarts")
    assert caller.professional.assurance is Assurance.SELF_ATTESTED
    assert caller.scopes == {"pzp-gf"}
    assert caller.purpose is Purpose.TREATMENT
    assert caller.means == "nuts-bearer"


async def test_a_bound_token_passes_with_a_fresh_proof_per_call(pair: Any, inquire: Any, present: Any) -> None:
    credentials, door = pair.credentials(token_type="DPoP"), pair.gatekeeper()
    signer = await credentials.grant(pair.source, inquire())
    first, second = await signer("GET", f"{GOAL}?patient=Patient/1"), await signer("GET", GOAL)
    assert first["authorization"] == second["authorization"]
    assert first["dpop"] != second["dpop"]
    caller = await door.verify(present(first))
    assert caller.means == "nuts-dpop"
    assert (await door.verify(present(second))).means == "nuts-dpop"
    again = await door.verify(present(first))
    assert isinstance(again, Deny)
    assert again.reason is Reason.PROOF_INVALID
    await credentials.stop()
    await door.stop()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dpop": None}, Reason.PROOF_ABSENT),
        ({"scheme": "Bearer"}, Reason.PROOF_ABSENT),
        ({"url": "https://pep.meerwijck.example/fhir/Consent"}, Reason.PROOF_INVALID),
        ({"url": "https://pep.meerwijck.example:8443/fhir/Goal"}, Reason.PROOF_INVALID),
        ({"url": "http://pep.meerwijck.example/fhir/Goal"}, Reason.PROOF_INVALID),
    ],
)
async def test_a_bound_token_shown_otherwise_is_refused(
    pair: Any, inquire: Any, present: Any, change: dict[str, Any], reason: Reason
) -> None:
    headers = await signed(pair, inquire(), token_type="DPoP")
    if "dpop" in change:
        del headers["dpop"]
    if "scheme" in change:
        headers["authorization"] = headers["authorization"].replace("DPoP", "Bearer")
    door = pair.gatekeeper()
    outcome = await door.verify(present(headers, url=change.get("url", GOAL)))
    await door.stop()
    assert isinstance(outcome, Deny)
    assert outcome.reason is reason


async def test_a_token_of_another_subject_of_the_same_node_is_refused(pair: Any, inquire: Any, present: Any) -> None:
    headers = await signed(pair, inquire())
    door = pair.gatekeeper(issuer=f"{pair.holder.public}/oauth2/elders")
    outcome = await door.verify(present(headers))
    await door.stop()
    assert outcome.reason is Reason.TOKEN_ISSUER


async def test_a_second_user_never_gets_the_token_of_the_first(pair: Any, inquire: Any) -> None:
    credentials = pair.credentials()
    one, same, other, renamed = [
        await (await credentials.grant(pair.source, inquiry))("GET", GOAL)
        for inquiry in (inquire("e-1"), inquire("e-1"), inquire("e-2"), inquire("e-1", name="B. Verhoeven"))
    ]
    await credentials.stop()
    assert one == same
    assert len({one["authorization"], other["authorization"], renamed["authorization"]}) == 3


async def test_after_a_restart_a_401_is_mended_by_asking_for_a_fresh_token(
    pair: Any, inquire: Any, present: Any
) -> None:
    credentials, door = pair.credentials(), pair.gatekeeper(remember=0)
    signer = await credentials.grant(pair.source, inquire())
    stale = await signer("GET", GOAL)
    pair.holder.twin.restart()
    assert (await door.verify(present(stale))).reason is Reason.TOKEN_INVALID
    assert await signer("GET", GOAL) == stale
    fresh = await signer("GET", GOAL, fresh=True)
    assert fresh != stale
    assert (await door.verify(present(fresh))).means == "nuts-bearer"
    assert await signer("GET", GOAL) == fresh
    await credentials.stop()
    await door.stop()


async def test_the_calls_of_one_consultation_share_one_renewed_token(pair: Any, inquire: Any) -> None:
    credentials = pair.credentials()
    signer = await credentials.grant(pair.source, inquire())
    got = [(await signer("GET", GOAL, fresh=True))["authorization"] for _ in range(3)]
    await credentials.stop()
    assert len(set(got)) == 1


async def test_a_wallet_without_the_certificate_is_a_refusal(pair: Any, inquire: Any) -> None:
    pair.user.twin.state.subjects["wilgenhof"].wallet.clear()
    credentials = pair.credentials()
    outcome = await credentials.grant(pair.source, inquire())
    await credentials.stop()
    assert isinstance(outcome, Deny)
    assert outcome.reason is Reason.TOKEN_REFUSED
    assert "412" in outcome.detail


async def test_a_scope_the_other_side_does_not_know_looks_like_a_broken_server(pair: Any, inquire: Any) -> None:
    """The node of version 6.2 cannot read the other's refusal of a scope, and answers 502."""
    credentials = pair.credentials(scopes={"TREAT": "anders"})
    outcome = await credentials.grant(pair.source, inquire())
    await credentials.stop()
    assert isinstance(outcome, Unavailable)
    assert outcome.detail == "the node answered 502"


async def test_a_scope_added_elsewhere_is_seen_after_five_minutes_only(pair: Any, inquire: Any) -> None:
    """The other side's refusal is kept by the node like any document of it."""
    credentials = pair.credentials(scopes={"TREAT": "later"})
    assert isinstance(await credentials.grant(pair.source, inquire()), Unavailable)
    pair.holder.twin.state.policy["later"] = pair.holder.twin.state.policy["pzp-gf"]
    assert isinstance(await credentials.grant(pair.source, inquire()), Unavailable)
    pair.user.twin.state.clock.shift = pair.holder.twin.state.clock.shift = 301
    assert callable(await credentials.grant(pair.source, inquire()))
    await credentials.stop()


async def test_one_failure_of_the_node_is_tried_again_and_two_are_not(pair: Any, inquire: Any) -> None:
    credentials = pair.credentials()
    pair.user.twin.faults.set("request-token", Fault("status", 503, times=1))
    assert callable(await credentials.grant(pair.source, inquire("e-1")))
    pair.user.twin.faults.set("request-token", Fault("drop", times=2))
    outcome = await credentials.grant(pair.source, inquire("e-2"))
    await credentials.stop()
    assert isinstance(outcome, Unavailable)
    assert outcome.reason is Reason.TOKEN_UNAVAILABLE


async def test_a_failing_server_elsewhere_is_unavailable_not_refused(pair: Any, inquire: Any) -> None:
    pair.holder.twin.faults.set("token", Fault("status", 500))
    credentials = pair.credentials()
    outcome = await credentials.grant(pair.source, inquire())
    await credentials.stop()
    assert isinstance(outcome, Unavailable)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("status", 503), Reason.INTROSPECTION_DOWN),
        (Fault("status", 500), Reason.INTROSPECTION_BROKEN),
        (Fault("drop"), Reason.INTROSPECTION_DOWN),
        (Fault("delay", seconds=1.0), Reason.INTROSPECTION_DOWN),
    ],
)
async def test_a_node_that_cannot_say_never_lets_anyone_in(
    pair: Any, inquire: Any, present: Any, fault: Fault, reason: Reason
) -> None:
    headers = await signed(pair, inquire())
    door = pair.gatekeeper(timeout=0.1)
    pair.holder.twin.faults.set("introspect", fault)
    outcome = await door.verify(present(headers))
    await door.stop()
    assert isinstance(outcome, Unavailable)
    assert outcome.reason is reason


async def test_a_connection_dropped_on_a_proof_is_an_invalid_proof(pair: Any, inquire: Any, present: Any) -> None:
    headers = await signed(pair, inquire(), token_type="DPoP")
    pair.holder.twin.faults.set("validate-proof", Fault("drop"))
    door = pair.gatekeeper()
    outcome = await door.verify(present(headers))
    await door.stop()
    assert isinstance(outcome, Deny)
    assert outcome.reason is Reason.PROOF_INVALID


@pytest.mark.parametrize("operation", ["status", "introspect"])
async def test_health_of_the_door_follows_the_node(pair: Any, operation: str) -> None:
    door = pair.gatekeeper()
    assert await door.health() == "ready"
    pair.holder.twin.faults.set(operation, Fault("status", 503))
    assert isinstance(await door.health(), Unavailable)
    await door.stop()


async def test_health_of_the_credentials_needs_a_known_subject(pair: Any) -> None:
    known, unknown = pair.credentials(), pair.credentials(subject="nobody")
    assert await known.health() == "ready"
    outcome = await unknown.health()
    assert isinstance(outcome, Unavailable)
    assert outcome.detail == "the node does not know this subject"
    pair.user.twin.faults.set("status", Fault("status", 503))
    assert isinstance(await known.health(), Unavailable)
    await known.stop()
    await unknown.stop()
