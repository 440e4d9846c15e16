"""The policy for a holder whose server speaks STU3, on either engine: what is asked in STU3, and nothing of R4."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.authorization.policies import Policies
from nuts_pzp.consult.queries import PZP, RESOLVED, Try, patient_by_bsn, read
from nuts_pzp.consult.queries_stu3 import PZP_STU3
from nuts_pzp.fhir.request import encode, parse
from nuts_pzp.identity import Bsn
from nuts_pzp.outcome import Deny, Permit

CONSENT = Permit("explicit-consent:mitz")
BASE = "https://gateway.example/wilgenhof/fhir"
STU3 = shipped("pzp_stu3")
EVERY_REQUEST = Try("CommunicationRequest", (), after_empty=False)
"""The last resort of a consumer; it would give what is no PZP, so it is the one that gets a no."""
TRIES = [attempt for query in PZP_STU3 for attempt in query.tries if attempt != EVERY_REQUEST]
ALIKE = [attempt for query in PZP for attempt in query.tries if attempt in TRIES]


@pytest.mark.parametrize("attempt", TRIES, ids=lambda one: one.resource_type)
async def test_what_a_consumer_asks_in_stu3_is_permitted(attempt: Try, policy_of: Any, asking: Any) -> None:
    policy = await policy_of(STU3)
    request = parse(encode(attempt.about("p1")), policy.capability, BASE)
    assert isinstance(await policy.evaluate(asking(request), CONSENT), Permit)
    assert not isinstance(await policy.evaluate(asking(request, patient_id="p2"), CONSENT), Permit)


async def test_the_patient_and_what_answers_refer_to_are_permitted(policy_of: Any, asking: Any) -> None:
    policy = await policy_of(STU3)
    for request in [patient_by_bsn(Bsn("999911120")), *(read(name, "x-1") for name in sorted(RESOLVED))]:
        assert parse(encode(request), policy.capability, BASE) == request
        assert isinstance(await policy.evaluate(asking(request), CONSENT), Permit)


async def test_every_communication_request_is_not(policy_of: Any, asking: Any) -> None:
    policy = await policy_of(STU3)
    stop = await policy.evaluate(asking(EVERY_REQUEST.about("p1")), CONSENT)
    assert isinstance(stop, Deny)
    assert stop.detail == "request"


@pytest.mark.parametrize(
    "attempt",
    [attempt for query in PZP for attempt in query.tries if attempt not in ALIKE],
    ids=lambda one: f"{one.resource_type}-{len(one.params)}",
)
async def test_what_is_asked_in_r4_is_permitted_by_no_rule(attempt: Try, policy_of: Any, asking: Any) -> None:
    policy = await policy_of(STU3)
    assert isinstance(await policy.evaluate(asking(attempt.about("p1")), CONSENT), Deny)


async def test_what_is_asked_in_stu3_is_permitted_by_no_rule_for_r4(policy_of: Any, asking: Any) -> None:
    policy = await policy_of()
    for attempt in TRIES:
        if attempt not in ALIKE:
            assert isinstance(await policy.evaluate(asking(attempt.about("p1")), CONSENT), Deny)


async def test_a_tenant_has_policies_of_one_version(policy_of: Any) -> None:
    with pytest.raises(ValueError, match="two FHIR versions"):
        Policies({"pzp": await policy_of(), "pzp_stu3": await policy_of(STU3)})


def test_who_may_ask_is_decided_word_for_word_as_in_r4() -> None:
    """One gate, written twice because a bundle stands alone: neither may drift."""
    gates = []
    for name in ("pzp", "pzp_stu3"):
        text = load(shipped(name)).modules[0].text
        gates.append(text[text.index("import rego.v1") : text.index("# 1a The conversation")])
    assert gates[0] == gates[1]
    assert (shipped("pzp") / "roles.yaml").read_bytes() == (STU3 / "roles.yaml").read_bytes()
