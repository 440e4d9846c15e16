"""A verdict belongs to the generation it was asked in: none outlives its patient's change (spec consent 3.4, 6.6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from nuts_pzp.consent.cache import Reuse
from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.exchange import Access, Generation
from nuts_pzp.identity import Bsn
from nuts_pzp.outcome import Deny, Outcome, Permit, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

PERMIT = Verdict(Permit("explicit-consent:mitz"), True, 0, 60.0)
DENY = Verdict(Deny(Reason.MITZ_DENY), False, 4, 30.0)
OLD, NEW = Generation(0, 0), Generation(7, 0)


@dataclass
class FakeGenerations:
    """What another process may change at any moment."""

    now: Outcome[Generation] = OLD

    async def generation(self, bsn: Bsn, /) -> Outcome[Generation]:
        return self.now


@pytest.fixture
def shared() -> FakeGenerations:
    return FakeGenerations()


@pytest.fixture
def consenting(repeatable: type, shared: FakeGenerations) -> Callable[..., tuple[SharingConsent, Any]]:
    def make(*verdicts: Verdict) -> tuple[SharingConsent, Any]:
        source = repeatable(list(verdicts))
        reuse = Reuse(generations=shared)
        return SharingConsent("nl-pzp-strict", (Ranked(source, True, True),), reuse), source

    return make


async def test_permit_of_an_older_generation_serves_nobody(
    consenting: Any, access: Access, shared: FakeGenerations
) -> None:
    consent, source = consenting(PERMIT, DENY)
    assert await consent.ask(access) == PERMIT.outcome
    shared.now = NEW
    assert await consent.ask(access) == DENY.outcome
    assert len(source.asked) == 2


async def test_deny_of_an_older_generation_serves_nobody(
    consenting: Any, access: Access, shared: FakeGenerations
) -> None:
    consent, _ = consenting(DENY, PERMIT)
    await consent.ask(access)
    shared.now = NEW
    assert await consent.ask(access) == PERMIT.outcome


async def test_permit_in_flight_is_discarded_when_another_process_was_told(
    consenting: Any, access: Access, shared: FakeGenerations
) -> None:
    consent, source = consenting(PERMIT, DENY)
    source.gate = asyncio.Event()
    waiters = [asyncio.create_task(consent.ask(access)) for _ in range(3)]
    await asyncio.sleep(0.01)
    shared.now = NEW
    source.gate.set()
    assert await asyncio.gather(*waiters) == [DENY.outcome] * 3
    assert len(source.asked) == 2


async def test_question_of_a_new_generation_does_not_join_the_one_in_flight(
    consenting: Any, access: Access, shared: FakeGenerations
) -> None:
    consent, source = consenting(PERMIT, DENY)
    source.gate = asyncio.Event()
    before = asyncio.create_task(consent.ask(access))
    await asyncio.sleep(0.01)
    shared.now = NEW
    after = asyncio.create_task(consent.ask(access))
    await asyncio.sleep(0.01)
    assert len(source.asked) == 2
    source.gate.set()
    assert await asyncio.gather(before, after) == [DENY.outcome] * 2


async def test_without_its_generation_no_kept_permit_serves_and_nothing_is_asked(
    consenting: Any, access: Access, shared: FakeGenerations
) -> None:
    consent, source = consenting(PERMIT)
    await consent.ask(access)
    shared.now = Unavailable(Reason.CONSENT_STATE_UNREADABLE)
    found = await consent.ask(access)
    assert isinstance(found, Unavailable)
    assert found.reason is Reason.CONSENT_STATE_UNREADABLE
    assert len(source.asked) == 1


async def test_state_that_fails_while_a_permit_is_on_its_way_leaves_no_permit(
    consenting: Any, access: Access, shared: FakeGenerations
) -> None:
    consent, source = consenting(PERMIT)
    source.gate = asyncio.Event()
    waiter = asyncio.create_task(consent.ask(access))
    await asyncio.sleep(0.01)
    shared.now = Unavailable(Reason.CONSENT_STATE_UNREADABLE)
    source.gate.set()
    assert isinstance(await waiter, Unavailable)


async def test_permits_of_two_patients_have_each_their_own_generation(consenting: Any, access: Access) -> None:
    @dataclass
    class ByPatient:
        changed: str = ""

        async def generation(self, bsn: Bsn, /) -> Outcome[Generation]:
            return NEW if bsn.value == self.changed else OLD

    consent, source = consenting(PERMIT)
    consent.reuse.generations = by = ByPatient()
    other = replace(access, patient=replace(access.patient, bsn=Bsn("999912033")))
    await consent.ask(access)
    await consent.ask(other)
    by.changed = "999912033"
    await consent.ask(access)
    assert len(source.asked) == 2
    await consent.ask(other)
    assert len(source.asked) == 3
