"""Reuse within one token (design D3; spec consent 3.4, 6.6; 8: 112 to 118 as design section 8 has them)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nuts_pzp.consent.cache import Reuse
from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Ura
from nuts_pzp.outcome import Deny, Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

PERMIT = Verdict(Permit("explicit-consent:mitz"), True, 0, 60.0)
DENY = Verdict(Deny(Reason.MITZ_DENY), False, 4, 30.0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def consenting(repeatable: type, clock: Clock) -> Callable[..., tuple[SharingConsent, Any]]:
    """A holder with one repeatable source that gives these verdicts."""

    def make(*verdicts: Verdict, size: int = 10_000) -> tuple[SharingConsent, Any]:
        source = repeatable(list(verdicts))
        return SharingConsent("nl-pzp-strict", (Ranked(source, True, True),), Reuse(size, clock)), source

    return make


async def test_eleven_requests_of_one_consult_are_one_question(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT)
    kinds = ("Patient", "Consent", "Goal", "Observation", "Procedure", "DeviceUseStatement")
    for kind in (*kinds, *kinds[:5]):
        request = FhirRequest("search-type", kind)
        assert await consent.ask(replace(access, request=request)) == PERMIT.outcome
    assert len(source.asked) == 1


async def test_eleven_requests_at_once_are_one_question(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT)
    found = await asyncio.gather(*(consent.ask(access) for _ in range(11)))
    assert found == [PERMIT.outcome] * 11
    assert len(source.asked) == 1


async def test_permit_serves_one_token_for_60_s(consenting: Any, access: Access, clock: Clock) -> None:
    consent, source = consenting(PERMIT)
    await consent.ask(access)
    clock.now = 59.9
    await consent.ask(access)
    assert len(source.asked) == 1
    clock.now = 60.0
    await consent.ask(access)
    assert len(source.asked) == 2


async def test_reading_does_not_lengthen_what_is_kept(consenting: Any, access: Access, clock: Clock) -> None:
    consent, source = consenting(PERMIT)
    for clock.now in (0.0, 30.0, 59.0, 61.0):
        await consent.ask(access)
    assert len(source.asked) == 2


async def test_deny_ttl(consenting: Any, access: Access, clock: Clock) -> None:
    consent, source = consenting(DENY)
    await consent.ask(access)
    clock.now = 29.9
    assert await consent.ask(access) == DENY.outcome
    assert len(source.asked) == 1
    clock.now = 30.0
    await consent.ask(access)
    assert len(source.asked) == 2


async def test_a_source_cannot_ask_for_more_than_the_limit(consenting: Any, access: Access, clock: Clock) -> None:
    consent, source = consenting(replace(PERMIT, cacheable_for=3600.0))
    await consent.ask(access)
    clock.now = 60.0
    await consent.ask(access)
    assert len(source.asked) == 2


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(Unavailable(Reason.MITZ_TIMEOUT), False, 4, 60.0),
        Verdict(Unknown(Reason.CONSENT_NONE), False, 0, 60.0),
        Verdict(Deny(Reason.MITZ_INDETERMINATE), False, 4, 0.0),
        Verdict(Deny(Reason.MITZ_NOT_APPLICABLE), False, 4, 0.0),
        replace(PERMIT, cacheable_for=0.0),
    ],
    ids=["error", "no opinion", "indeterminate", "not applicable", "permit for once"],
)
async def test_errors_never_cached(verdict: Verdict, consenting: Any, access: Access) -> None:
    consent, source = consenting(verdict)
    await consent.ask(access)
    await consent.ask(access)
    assert len(source.asked) == 2


OTHERS: dict[str, dict[str, Any]] = {
    "token": {"token_digest": b"u" * 32},
    "organization": {"organization": Organization(Ura("90000555"), "N6", "")},
    "type": {"organization": Organization(Ura("90000444"), "Z3", "Huisartsenpost De Kade")},
    "professional": {"professional": Professional("medewerker-18", "huisarts")},
    "role": {"professional": Professional("medewerker-17", "verpleegkundige")},
    "purpose": {"purpose": Purpose.EMERGENCY},
}


@pytest.mark.parametrize("name", OTHERS)
async def test_key_separates_token_role_professional_purpose(
    name: str, consenting: Any, access: Access, changed: Any
) -> None:
    consent, source = consenting(PERMIT, DENY)
    assert await consent.ask(access) == PERMIT.outcome
    assert await consent.ask(changed(**OTHERS[name])) == DENY.outcome
    assert len(source.asked) == 2


async def test_key_separates_patients(consenting: Any, access: Access) -> None:
    consent, _ = consenting(PERMIT, DENY)
    await consent.ask(access)
    other = replace(access, patient=Patient(Bsn("999912033"), "1", Standing.KNOWN))
    assert await consent.ask(other) == DENY.outcome


async def test_nothing_is_reused_without_a_token(consenting: Any, access: Access, changed: Any) -> None:
    consent, source = consenting(PERMIT)
    await consent.ask(changed(token_digest=b""))
    await consent.ask(changed(token_digest=b""))
    assert len(source.asked) == 2


async def test_nothing_is_reused_of_a_source_that_does_not_say_what_its_question_is(
    source: type, access: Access
) -> None:
    plain = source([PERMIT])
    consent = SharingConsent("nl-pzp-strict", (Ranked(plain, True, True),))
    await asyncio.gather(consent.ask(access), consent.ask(access))
    assert len(plain.asked) == 2


async def test_two_sources_of_one_holder_do_not_share_verdicts(repeatable: type, access: Access) -> None:
    silent = Verdict(Unknown(Reason.CONSENT_NONE), False, 0)
    first, second = repeatable([replace(PERMIT, specificity=1)]), repeatable([silent])
    consent = SharingConsent("nl-pzp-strict", (Ranked(first, True, True), Ranked(second, True, True)))
    await consent.ask(access)
    await consent.ask(access)
    assert (len(first.asked), len(second.asked)) == (1, 2)


async def test_two_holders_do_not_share_verdicts(consenting: Any, access: Access) -> None:
    (one, _), (other, asked) = consenting(PERMIT), consenting(DENY)
    await one.ask(access)
    assert await other.ask(access) == DENY.outcome
    assert len(asked.asked) == 1


async def test_cancelled_waiter_does_not_cancel_the_question(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT)
    source.gate = asyncio.Event()
    first, second = asyncio.create_task(consent.ask(access)), asyncio.create_task(consent.ask(access))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await second == PERMIT.outcome
    assert first.cancelled()
    assert len(source.asked) == 1


async def test_question_whose_only_waiter_left_still_serves_the_next(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT)
    source.gate = asyncio.Event()
    waiter = asyncio.create_task(consent.ask(access))
    await asyncio.sleep(0.01)
    waiter.cancel()
    source.gate.set()
    await asyncio.sleep(0.01)
    assert await consent.ask(access) == PERMIT.outcome
    assert len(source.asked) == 1


async def test_source_that_raises_in_flight_is_asked_again_by_the_next(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT)
    source.raising = RuntimeError("bug")
    assert isinstance(await consent.ask(access), Unavailable)
    source.raising = None
    assert await consent.ask(access) == PERMIT.outcome


async def test_notification_purges(consenting: Any, access: Access) -> None:
    consent, _ = consenting(PERMIT, DENY)
    await consent.ask(access)
    consent.purge(Bsn("999912008"))
    assert await consent.ask(access) == DENY.outcome


async def test_purge_leaves_other_patients(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT)
    await consent.ask(access)
    consent.purge(Bsn("999912033"))
    await consent.ask(access)
    assert len(source.asked) == 1


async def test_inflight_permit_discarded_after_deny_notification(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT, DENY)
    source.gate = asyncio.Event()
    waiters = [asyncio.create_task(consent.ask(access)) for _ in range(3)]
    await asyncio.sleep(0.01)
    consent.purge(Bsn("999912008"))
    source.gate.set()
    assert await asyncio.gather(*waiters) == [DENY.outcome] * 3
    assert len(source.asked) == 2
    assert await consent.ask(access) == DENY.outcome


async def test_purged_permit_nobody_waits_for_is_not_kept(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT, DENY)
    source.gate = asyncio.Event()
    waiter = asyncio.create_task(consent.ask(access))
    await asyncio.sleep(0.01)
    consent.purge(Bsn("999912008"))
    waiter.cancel()
    source.gate.set()
    await asyncio.sleep(0.01)
    assert await consent.ask(access) == DENY.outcome


async def test_question_after_a_purge_does_not_join_the_one_before_it(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT, DENY)
    source.gate = asyncio.Event()
    before = asyncio.create_task(consent.ask(access))
    await asyncio.sleep(0.01)
    consent.purge(Bsn("999912008"))
    after = asyncio.create_task(consent.ask(access))
    await asyncio.sleep(0.01)
    assert len(source.asked) == 2
    source.gate.set()
    assert await after == DENY.outcome
    assert await before == DENY.outcome


async def test_permit_purged_twice_on_its_way_is_denied(consenting: Any, access: Access) -> None:
    consent, source = consenting(PERMIT)

    async def purging(access: Access) -> Verdict:
        source.asked.append(access)
        consent.purge(access.patient.bsn)
        return PERMIT

    source.ask = purging
    assert await consent.ask(access) == Deny(Reason.CONSENT_CONFLICT, detail="changed-while-asked")
    assert len(source.asked) == 2


async def test_oldest_verdict_goes_when_there_are_too_many(consenting: Any, access: Access, changed: Any) -> None:
    consent, source = consenting(PERMIT, size=2)
    tokens = [changed(token_digest=bytes([number]) * 32) for number in range(3)]
    for one in tokens:
        await consent.ask(one)
    await consent.ask(tokens[2])
    await consent.ask(tokens[1])
    assert len(source.asked) == 3
    await consent.ask(tokens[0])
    assert len(source.asked) == 4


async def test_what_is_kept_shows_no_patient(consenting: Any, access: Access) -> None:
    consent, _ = consenting(PERMIT)
    await consent.ask(access)
    assert "999912008" not in repr(consent)
    assert "999912008" not in repr(consent.reuse)
    assert b"999912008" not in b"".join(consent.reuse._kept)
