"""Presumed consent is asked on the holder's own evidence only."""

from __future__ import annotations

from mitz_asked import PROOF, access, decided, mitz

from nuts_pzp.identity import (
    Purpose,
)
from nuts_pzp.outcome import Permit
from nuts_pzp.values import replace


async def test_coc_is_asked_only_on_the_holders_own_evidence_and_its_permit_is_not_explicit() -> None:
    source, fake = mitz(decided("Permit"))
    verdict = await source.ask(replace(access(), presumed=True))
    assert [one.purpose for one in fake.asked] == [Purpose.COORDINATION]
    assert verdict.outcome == Permit("presumed-consent:mitz", (PROOF,))
    assert not verdict.explicit


async def test_an_emergency_is_never_asked_as_presumed_consent() -> None:
    source, fake = mitz(decided("Deny"))
    emergency = access(lambda caller: replace(caller, purpose=Purpose.EMERGENCY, emergency_reason="unresponsive"))
    await source.ask(replace(emergency, presumed=True))
    assert [one.purpose for one in fake.asked] == [Purpose.TREATMENT]


def test_an_answer_about_presumed_consent_does_not_serve_for_explicit_consent() -> None:
    source, _ = mitz()
    assert source.sameness(access()) != source.sameness(replace(access(), presumed=True))
