"""What an emergency claim must have, how often it may be made, and what it leaves behind (spec consent 6.3 row 14)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.consent.table import NOTHING_RECORDED
from nuts_pzp.emergency.claim import Rule, plain
from nuts_pzp.emergency.glass import Glass
from nuts_pzp.emergency.register import ALERT, Judgment, Register, Verdict
from nuts_pzp.exchange import Access
from nuts_pzp.identity import EmergencyReason, Professional, Purpose
from nuts_pzp.outcome import Deny, Evidence, Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.store.port import StoreFailed

NOTHING = Unknown(Reason.CONSENT_NONE)
MITZ_DOWN = Unavailable(Reason.MITZ_TIMEOUT, (Evidence("mitz", "urn:uuid:1"),))
RULE = Rule(
    frozenset({plain("waarnemend huisarts"), plain("SEH-arts")}),
    frozenset({"N6", "V6"}),
    frozenset(EmergencyReason),
    frozenset({"Patient", "Consent"}),
)

Claim = Callable[..., Access]


@pytest.fixture
def glass(register: Register, clock: Any) -> Glass:
    return Glass("wilgenhof", RULE, register, NOTHING_RECORDED, 2, 3600.0, clock)


async def reviews(register: Register) -> list[Any]:
    return [one async for one in register.reviews()]


async def alerts(register: Register) -> list[Any]:
    return [one async for one, _ in register.waiting()]


async def test_a_complete_claim_passes_and_stands_in_the_queue_and_among_the_alerts(
    glass: Glass, register: Register, claim: Claim
) -> None:
    found = await glass.open(claim(), NOTHING)
    [review], [alert] = await reviews(register), await alerts(register)
    assert found == Permit("emergency-override:PZP-CONSENT-005", (Evidence("emergency", review.alert.id),))
    assert (review.open, review.professional_name, review.text) == (True, "M. Okker", "gevallen, geen contact")
    assert alert == review.alert
    assert (alert.meldcode, alert.reason, alert.nth, alert.most) == ("MELD12345678", "unresponsive", 1, 2)


async def test_an_alert_says_nothing_of_the_patient_or_of_who_looked_by_name(
    glass: Glass, register: Register, claim: Claim
) -> None:
    access = claim()
    await glass.open(access, NOTHING)
    [alert] = await alerts(register)
    told = str(alert.written())
    for secret in (access.patient.bsn.value, "Okker", "k-17", "gevallen"):
        assert secret not in told


INCOMPLETE: dict[str, tuple[dict[str, Any], Reason]] = {
    "treatment": ({"purpose": Purpose.TREATMENT}, Reason.EMERGENCY_INCOMPLETE),
    "no signed token": ({"token": b""}, Reason.EMERGENCY_INCOMPLETE),
    "nobody": ({"professional": None}, Reason.EMERGENCY_INCOMPLETE),
    "no name": ({"professional": Professional("k-17", "SEH-arts", " ")}, Reason.EMERGENCY_INCOMPLETE),
    "a system account": ({"professional": Professional("svc", "SEH-arts", "0017")}, Reason.EMERGENCY_INCOMPLETE),
    "no id": ({"professional": Professional(" ", "SEH-arts", "M. Okker")}, Reason.EMERGENCY_INCOMPLETE),
    "no reason": ({"emergency_reason": None}, Reason.EMERGENCY_INCOMPLETE),
    "free text for a reason": ({"emergency_reason": "haast"}, Reason.EMERGENCY_INCOMPLETE),
    "another role": ({"professional": Professional("k-17", "balie", "M. Okker")}, Reason.EMERGENCY_ROLE),
    "another type": ({"type": "Z3"}, Reason.EMERGENCY_TYPE),
    "an ambulance that is not configured": ({"type": "3600"}, Reason.EMERGENCY_TYPE),
    "more than the minimum": ({"asked": "Goal"}, Reason.EMERGENCY_BEYOND),
}


@pytest.mark.parametrize(("fields", "reason"), INCOMPLETE.values(), ids=INCOMPLETE.keys())
async def test_emergency_requires_named_person_and_reason(
    fields: dict[str, Any], reason: Reason, glass: Glass, register: Register, claim: Claim
) -> None:
    found = await glass.open(claim(**fields), NOTHING)
    assert isinstance(found, Deny)
    assert found.reason is reason
    assert (await reviews(register), await alerts(register)) == ([], [])


async def test_role_may_be_written_another_way(glass: Glass, claim: Claim) -> None:
    who = Professional("k-17", " seh-ARTS", "M. Okker")
    assert isinstance(await glass.open(claim(professional=who), NOTHING), Permit)


async def test_reasons_that_the_holder_left_out_do_not_count(glass: Glass, claim: Claim) -> None:
    fewer = replace(glass, rule=replace(RULE, reasons=frozenset({EmergencyReason.NO_TIME})))
    assert isinstance(await fewer.open(claim(), NOTHING), Deny)
    assert isinstance(await fewer.open(claim(emergency_reason="no-time"), NOTHING), Permit)


async def test_the_requests_of_one_token_about_one_patient_are_one_emergency(
    glass: Glass, register: Register, claim: Claim
) -> None:
    for asked in ("Patient", "Consent", "Consent", "Patient", "Consent"):
        assert isinstance(await glass.open(claim(asked=asked), NOTHING), Permit)
    assert len(await reviews(register)) == len(await alerts(register)) == 1


async def test_requests_at_once_are_one_emergency_too(glass: Glass, register: Register, claim: Claim) -> None:
    found = await asyncio.gather(*(glass.open(claim(), NOTHING) for _ in range(12)))
    assert all(isinstance(one, Permit) for one in found)
    [review] = await reviews(register)
    assert review.alert.nth == 1


async def test_emergency_rate_limit(
    glass: Glass, register: Register, another_process: Register, claim: Claim, clock: Any
) -> None:
    """Per organization, across patients, tokens and processes; room comes back as time passes."""
    beside = replace(glass, register=another_process)
    assert isinstance(await glass.open(claim(token=b"1"), NOTHING), Permit)
    assert isinstance(await beside.open(claim(token=b"2", bsn="999912021"), NOTHING), Permit)
    for one in (glass, beside):
        found = await one.open(claim(token=b"3"), NOTHING)
        assert isinstance(found, Deny)
        assert found.reason is Reason.EMERGENCY_CAP
    assert isinstance(await glass.open(claim(token=b"4", ura="90000222", type="V6"), NOTHING), Permit)
    assert isinstance(await glass.open(claim(token=b"1"), NOTHING), Permit), "what was opened stays open"
    clock.now += 3601
    assert isinstance(await glass.open(claim(token=b"3"), NOTHING), Permit)
    assert len(await reviews(register)) == 4


async def test_a_clock_that_is_set_back_gives_no_room(glass: Glass, claim: Claim, clock: Any) -> None:
    for token in (b"1", b"2"):
        await glass.open(claim(token=token), NOTHING)
    clock.now -= 86_400
    assert isinstance(await glass.open(claim(token=b"3"), NOTHING), Deny)


async def test_two_processes_at_once_never_pass_the_cap_together(
    glass: Glass, another_process: Register, claim: Claim
) -> None:
    beside = replace(glass, register=another_process)
    tokens = [bytes([65 + number]) for number in range(10)]
    found = await asyncio.gather(
        *(one.open(claim(token=token), NOTHING) for token in tokens for one in (glass, beside))
    )
    assert len({token for token, one in zip(tokens, found[::2], strict=True) if isinstance(one, Permit)}) == 2
    assert sum(isinstance(one, Permit) for one in found) == 4, "the two that passed, at both"


async def test_what_was_judged_unlawful_opens_nothing_any_more(glass: Glass, register: Register, claim: Claim) -> None:
    await glass.open(claim(), NOTHING)
    [review] = await reviews(register)
    for verdict, reason in ((Verdict.INQUIRY, None), (Verdict.UNLAWFUL, Reason.EMERGENCY_UNLAWFUL)):
        await register.judge(review.alert.id, Judgment(verdict.value, verdict, "f-1", review.alert.at, "zaak/7"))
        found = await glass.open(claim(), NOTHING)
        assert (found.reason if isinstance(found, Deny) else None) is reason


async def test_where_mitz_failed_a_claim_that_lacks_something_leaves_the_failure(glass: Glass, claim: Claim) -> None:
    found = await glass.open(claim(type="Z3"), MITZ_DOWN)
    assert found == replace(MITZ_DOWN, detail="(PZP-EMERGENCY-003)")


class Broken:
    """A vault that stops taking documents of one kind."""

    def __init__(self, inner: Any, kind: str) -> None:
        self._inner, self._kind = inner, kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def put(self, kind: str, *rest: Any) -> bool:
        if kind == self._kind:
            raise StoreFailed("the state file: SQLITE_FULL")
        return bool(await self._inner.put(kind, *rest))


@pytest.mark.parametrize("kind", ["emergency-count", "emergency-alert", "emergency-review"])
async def test_what_cannot_be_kept_is_not_opened(kind: str, glass: Glass, register: Register, claim: Claim) -> None:
    vault = register._vault
    register._vault = Broken(vault, kind)  # type: ignore[assignment]
    assert await glass.open(claim(), NOTHING) == Unavailable(
        Reason.EMERGENCY_UNRECORDED, detail="the state file: SQLITE_FULL"
    )
    register._vault = vault
    assert await reviews(register) == []
    assert isinstance(await glass.open(claim(), NOTHING), Permit), "once it can be kept"
    [review], [alert] = await reviews(register), await alerts(register)
    assert review.alert.nth == alert.nth == 1, "counted once, whatever broke in between"


async def test_nothing_lies_in_clear(glass: Glass, state: Any, claim: Claim) -> None:
    await glass.open(claim(), NOTHING)
    content = b"".join(one.read_bytes() for one in state.parent.iterdir())
    for secret in (b"999912008", b"Okker", b"gevallen", b"unresponsive"):
        assert secret not in content
    assert ALERT.encode() in content
