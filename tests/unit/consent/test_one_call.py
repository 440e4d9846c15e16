"""A caller whose token nobody here saw, as the decision API has them: one call is one question, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.exchange import Access
from nuts_pzp.outcome import Deny, Permit, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

PERMIT = Verdict(Permit("explicit-consent:mitz"), True, 0, 60.0)
DENY = Verdict(Deny(Reason.MITZ_DENY), False, 4, 30.0)
DOWN = Verdict(Unavailable(Reason.MITZ_UNAVAILABLE), False, 4)


@pytest.fixture
def source(repeatable: type) -> Any:
    return repeatable([PERMIT, DENY])


@pytest.fixture
def consent(source: Any) -> SharingConsent:
    return SharingConsent("nl-pzp-strict", (Ranked(source, True, True),))


@pytest.fixture
def first(changed: Any) -> Access:
    access: Access = replace(changed(token_digest=b""), correlation="XYVPV0WJ63QN")
    return access


async def test_the_policies_of_one_call_are_one_question(consent: SharingConsent, source: Any, first: Access) -> None:
    other_policy = replace(first, caller=replace(first.caller, scopes=frozenset({"bgz"})))
    assert await consent.ask(first) == await consent.ask(other_policy) == PERMIT.outcome
    assert len(source.asked) == 1


async def test_the_next_call_asks_anew(consent: SharingConsent, first: Access) -> None:
    await consent.ask(first)
    assert await consent.ask(replace(first, correlation="C8RKTNH4THXW")) == DENY.outcome


async def test_another_question_of_the_same_call_is_asked(consent: SharingConsent, first: Access) -> None:
    await consent.ask(first)
    other = replace(first.caller.organization, type="V6")
    assert await consent.ask(replace(first, caller=replace(first.caller, organization=other))) == DENY.outcome


async def test_a_failure_serves_nothing_else(repeatable: type, first: Access) -> None:
    source = repeatable([DOWN, PERMIT])
    consent = SharingConsent("nl-pzp-strict", (Ranked(source, True, True),))
    assert await consent.ask(first) == DOWN.outcome
    assert await consent.ask(first) == PERMIT.outcome


async def test_a_purge_within_the_call_makes_ask_anew(consent: SharingConsent, first: Access) -> None:
    await consent.ask(first)
    consent.purge(first.patient.bsn)
    assert await consent.ask(first) == DENY.outcome
