"""Invariant: anything but an explicit yes of every room denies. No failure permits."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Denied, Disclosed
from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.outcome import Deny, Permit, Stop, Unavailable, Unknown
from nuts_pzp.reasons import Reason

SEARCH = RawRequest("GET", "/Consent", "patient=Patient/p1", (), b"")
READ = RawRequest("GET", "/Consent/c1", "", (), b"")

NOT_YES: dict[str, Any] = {
    "deny": Deny(Reason.POLICY_DENY),
    "unknown": Unknown(Reason.CONSENT_NONE),
    "unavailable": Unavailable(Reason.MITZ_UNAVAILABLE),
    "nothing": None,
    "true": True,
    "one": 1,
    "text": "Permit",
    "the class instead of a value": Permit,
    "bug": RuntimeError("broken"),
    "missing key": KeyError("allow"),
    "a stop that is only a text": "PZP-POLICY-001",
    "recursion": RecursionError(),
    "memory": MemoryError(),
    "timeout": TimeoutError(),
}
ROOMS = ("network", "directory", "consent", "policy")


def denies(holder: Any, reply: Any) -> None:
    """One Denied on record, its stop as the answer, and nothing asked of the records after it."""
    assert isinstance(reply.content, Stop)
    assert [type(event) for event in holder.audit.events] == [Denied]
    assert holder.audit.events[0].stop is reply.content
    assert holder.journal[-1] == "audit Denied"
    assert "records Consent" not in holder.journal


async def test_only_when_every_room_says_yes_something_leaves(holder: Any) -> None:
    assert isinstance((await holder.disclose(SEARCH)).content, Minimized)


@pytest.mark.parametrize(("room", "kind"), list(product(ROOMS, NOT_YES)))
async def test_one_room_that_does_not_say_yes_denies(room: str, kind: str, holder: Any) -> None:
    getattr(holder, room).says = NOT_YES[kind]
    denies(holder, await holder.disclose(SEARCH))


@pytest.mark.parametrize("kind", [kind for kind in NOT_YES if kind != "nothing"])
async def test_consent_that_will_not_be_asked_denies(kind: str, holder: Any) -> None:
    holder.consent.rests = NOT_YES[kind]
    denies(holder, await holder.disclose(SEARCH))


@pytest.mark.parametrize("kind", NOT_YES)
async def test_patient_that_cannot_be_established_denies(kind: str, holder: Any) -> None:
    holder.records.answers["Patient/p1"] = NOT_YES[kind]
    denies(holder, await holder.disclose(SEARCH))


@pytest.mark.parametrize("kind", NOT_YES)
async def test_resource_whose_patient_cannot_be_established_denies(kind: str, holder: Any) -> None:
    holder.records.answers["Consent/c1"] = NOT_YES[kind]
    denies(holder, await holder.disclose(READ))


@pytest.mark.parametrize("pattern", list(product((True, False), repeat=len(ROOMS)))[1:])
async def test_every_combination_with_a_no_in_it_denies(pattern: tuple[bool, ...], holder: Any) -> None:
    for room, yes in zip(ROOMS, pattern, strict=True):
        if not yes:
            getattr(holder, room).says = Deny(Reason.POLICY_DENY)
    denies(holder, await holder.disclose(SEARCH))


@pytest.mark.parametrize("kind", NOT_YES)
async def test_records_that_fail_after_the_decision_give_nothing(kind: str, holder: Any) -> None:
    holder.records.answers["Consent"] = NOT_YES[kind]
    reply = await holder.disclose(SEARCH)
    assert isinstance(reply.content, Stop)
    assert [type(event) for event in holder.audit.events] == [Allowed, Disclosed]
    assert holder.audit.events[1].stop is reply.content


async def test_policy_that_cannot_name_its_rules_denies(holder: Any) -> None:
    holder.policy.capability = None
    denies(holder, await holder.disclose(SEARCH))
