"""Rows 13 and 14: what a legal profile takes besides the patient's word (spec consent 5.6, 6.3; 8: 102 to 106)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from structlog.testing import capture_logs

from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.consent.table import MITZ_SAYS_NO, MITZ_SAYS_NOTHING, NOTHING_RECORDED
from nuts_pzp.exchange import Access
from nuts_pzp.identity import Purpose
from nuts_pzp.outcome import Deny, Evidence, Outcome, Permit, Stop, Unavailable, Unknown
from nuts_pzp.reasons import Reason

MITZ, REFERRAL = Evidence("mitz", "urn:uuid:1"), Evidence("fhir_relation", "ServiceRequest/7")
SILENT = Verdict(Unknown(Reason.CONSENT_NONE), False, 0)
MITZ_DENY = Verdict(Deny(Reason.MITZ_DENY, (MITZ,)), False, 4)
MITZ_PERMIT = Verdict(Permit("explicit-consent:mitz", (MITZ,)), True, 0)
NOT_AGAINST = Verdict(Permit("presumed-consent:mitz", (MITZ,)), False, 0)
OBJECTION = Verdict(Deny(Reason.CONSENT_OBJECTION), True, 1)
OUTRANKED = Verdict(Permit("explicit-consent:local"), True, 3)
TIMEOUT = Verdict(Unavailable(Reason.MITZ_TIMEOUT), False, 4)
UNREADABLE = Verdict(Unavailable(Reason.CONSENT_LOCAL_UNREADABLE), False, 4)

RELATED = Permit("implied:referral", (REFERRAL,))
NO_RELATION = Unknown(Reason.CONSENT_NONE)


@dataclass
class Presuming:
    """Mitz, as far as it asks another question when consent may be presumed."""

    says: Verdict
    presumes: Literal[True] = True
    highest_permit: int = 0
    asked: list[Access] = field(default_factory=list)

    async def ask(self, access: Access) -> Verdict:
        self.asked.append(access)
        return self.says


@dataclass
class Finds:
    """The holder's own evidence, or none."""

    says: Outcome[Permit] | Exception
    asked: list[Access] = field(default_factory=list)

    async def ground(self, access: Access) -> Outcome[Permit]:
        self.asked.append(access)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@dataclass
class Opens:
    """Takes every claim."""

    after: frozenset[Reason] = NOTHING_RECORDED
    asked: list[Stop] = field(default_factory=list)
    raising: bool = False

    async def open(self, access: Access, stop: Stop) -> Outcome[Permit]:
        self.asked.append(stop)
        if self.raising:
            raise RuntimeError("999912008")
        return Permit(f"emergency-override:{stop.reason.code}", stop.evidence)


def holder(*sources: Any, **more: Any) -> SharingConsent:
    ranked = tuple(Ranked(one, True, True) for one in sources)
    return SharingConsent(more.pop("profile", "routekaart"), ranked, **more)


async def test_routekaart_treatment_relation_allows(source: type, access: Access) -> None:
    consent = holder(source([SILENT]), grounds=(Finds(RELATED),))
    assert await consent.ask(access) == RELATED


async def test_without_evidence_of_its_own_nothing_is_implied(source: type, access: Access) -> None:
    assert await holder(source([SILENT]), grounds=(Finds(NO_RELATION),)).ask(access) == NO_RELATION


async def test_a_caller_that_claims_a_relation_gets_nothing_for_it(source: type, changed: Any) -> None:
    claiming = changed(claims={"treatment_relation": "true", "referral": "true", "purpose": "COC"})
    assert await holder(source([SILENT]), grounds=(Finds(NO_RELATION),)).ask(claiming) == NO_RELATION


@pytest.mark.parametrize("later", [SILENT, OBJECTION, MITZ_DENY, TIMEOUT])
async def test_implied_never_beats_an_objection(later: Verdict, source: type, access: Access) -> None:
    consent = holder(source([OBJECTION]), source([later]), grounds=(Finds(RELATED),), implied_over_deny=True)
    assert not isinstance(await consent.ask(access), Permit)


async def test_an_objection_that_only_a_permit_outranked_still_stops_what_is_implied(
    source: type, access: Access
) -> None:
    """Mitz said no after that: the permission fell, the objection is known all the same."""
    sources = source([OBJECTION]), source([OUTRANKED]), source([MITZ_DENY])
    consent = holder(*sources, grounds=(Finds(RELATED),), implied_over_deny=True)
    assert not isinstance(await consent.ask(access), Permit)


FINAL = [
    Reason.MITZ_PARTIAL, Reason.CONSENT_CATEGORY, Reason.CONSENT_ATTRIBUTES, Reason.CONSENT_ROLE_UNMAPPED,
    Reason.PURPOSE_NOT_ALLOWED, Reason.OWN_ORGANIZATION,
]  # fmt: skip
"""Rows 1, 2, 9, 20 and 21: no profile passes them."""


@pytest.mark.parametrize("reason", FINAL)
async def test_a_permission_of_the_holders_own_makes_no_final_refusal_passable(
    reason: Reason, source: type, access: Access, emergency: Access
) -> None:
    """It was a conflict then, and a conflict was taken for a no of Mitz that the owner lets pass."""
    final = Verdict(Deny(reason), False, 4)
    for own in (SILENT, OUTRANKED):
        related = holder(source([own]), source([final]), grounds=(Finds(RELATED),), implied_over_deny=True)
        assert await related.ask(access) == Deny(reason)
        opens = Opens(NOTHING_RECORDED | MITZ_SAYS_NO | MITZ_SAYS_NOTHING)
        assert await holder(source([own]), source([final]), emergency=opens).ask(emergency) == Deny(reason)
        assert opens.asked == []


async def test_a_no_of_mitz_stands_against_a_relation_unless_the_owner_decided_otherwise(
    source: type, access: Access
) -> None:
    assert await holder(source([MITZ_DENY]), grounds=(Finds(RELATED),)).ask(access) == MITZ_DENY.outcome
    passing = holder(source([MITZ_DENY]), grounds=(Finds(RELATED),), implied_over_deny=True)
    assert await passing.ask(access) == RELATED


@pytest.mark.parametrize("reason", sorted(MITZ_SAYS_NOTHING, key=lambda one: one.code), ids=lambda one: one.name)
async def test_a_failure_of_mitz_is_never_passed_by_a_relation(reason: Reason, source: type, access: Access) -> None:
    kind = Deny if reason in (Reason.MITZ_INDETERMINATE, Reason.MITZ_NOT_APPLICABLE) else Unavailable
    stop = kind(reason)
    consent = holder(source([Verdict(stop, False, 4)]), grounds=(Finds(RELATED),), implied_over_deny=True)
    assert await consent.ask(access) == stop


async def test_mitz_is_asked_once_and_for_presumed_consent_where_there_is_evidence(access: Access) -> None:
    mitz = Presuming(NOT_AGAINST)
    found = await holder(mitz, grounds=(Finds(RELATED),)).ask(access)
    assert found == Permit("implied:referral", (REFERRAL, MITZ)), "the basis is the relation; what Mitz said is kept"
    assert [one.presumed for one in mitz.asked] == [True]


async def test_mitz_is_asked_for_explicit_consent_where_there_is_none(access: Access) -> None:
    mitz = Presuming(MITZ_DENY)
    assert await holder(mitz, grounds=(Finds(NO_RELATION),), implied_over_deny=True).ask(access) == MITZ_DENY.outcome
    assert [one.presumed for one in mitz.asked] == [False], "no second question after a no"


async def test_evidence_is_not_looked_for_when_an_objection_settles_it(source: type, access: Access) -> None:
    finds = Finds(RELATED)
    await holder(source([OBJECTION]), Presuming(MITZ_PERMIT), grounds=(finds,)).ask(access)
    assert finds.asked == []


async def test_the_first_evidence_counts_and_what_failed_is_told_only_without_any(source: type, access: Access) -> None:
    failed = Unavailable(Reason.RELATION_UNKNOWN)
    both = holder(source([SILENT]), grounds=(Finds(failed), Finds(RELATED)))
    assert await both.ask(access) == RELATED
    assert await holder(source([SILENT]), grounds=(Finds(failed), Finds(NO_RELATION))).ask(access) == failed


async def test_evidence_that_breaks_implies_nothing_and_is_told(source: type, access: Access) -> None:
    with capture_logs() as lines:
        found = await holder(source([SILENT]), grounds=(Finds(RuntimeError("999912008")),)).ask(access)
    assert found == Unavailable(Reason.INTERNAL, detail="RuntimeError")
    assert "999912008" not in str(lines)


async def test_evidence_of_a_relation_is_no_basis_in_an_emergency(source: type, changed: Any) -> None:
    access = changed(purpose=Purpose.EMERGENCY, emergency_reason="unresponsive")
    assert await holder(source([SILENT]), grounds=(Finds(RELATED),)).ask(access) == NO_RELATION


@pytest.fixture
def emergency(changed: Any) -> Access:
    access: Access = changed(purpose=Purpose.EMERGENCY, emergency_reason="unresponsive")
    return access


ONLY = "routekaart-emergency-only"


async def test_an_emergency_passes_where_nothing_is_recorded(source: type, emergency: Access) -> None:
    found = await holder(source([SILENT]), profile=ONLY, emergency=Opens()).ask(emergency)
    assert found == Permit("emergency-override:PZP-CONSENT-005")


@pytest.mark.parametrize("order", [1, -1])
async def test_no_failure_hides_behind_one_that_an_emergency_passes(
    source: type, emergency: Access, order: int
) -> None:
    opens = Opens(frozenset({Reason.MITZ_TIMEOUT}))
    sources = [source([TIMEOUT]), source([UNREADABLE])][::order]
    assert not isinstance(await holder(*sources, profile=ONLY, emergency=opens).ask(emergency), Permit)
    assert opens.asked == []


async def test_treatment_is_no_emergency(source: type, access: Access) -> None:
    opens = Opens()
    assert await holder(source([SILENT]), profile=ONLY, emergency=opens).ask(access) == NO_RELATION
    assert opens.asked == []


async def test_an_emergency_with_explicit_consent_is_an_ordinary_disclosure(source: type, emergency: Access) -> None:
    opens = Opens()
    assert await holder(source([MITZ_PERMIT]), profile=ONLY, emergency=opens).ask(emergency) == MITZ_PERMIT.outcome
    assert opens.asked == [], "no glass is broken, nobody is alerted"


async def test_emergency_never_passes_an_objection(source: type, emergency: Access) -> None:
    opens = Opens(NOTHING_RECORDED | MITZ_SAYS_NO | MITZ_SAYS_NOTHING)
    for others in ([SILENT], [MITZ_DENY], [TIMEOUT], [OUTRANKED, MITZ_DENY]):
        for place in range(len(others) + 1):
            heard = [*others[:place], OBJECTION, *others[place:]]
            found = await holder(*(source([one]) for one in heard), profile=ONLY, emergency=opens).ask(emergency)
            assert not isinstance(found, Permit)
    assert opens.asked == []


async def test_emergency_on_mitz_deny_is_the_owners_decision(source: type, emergency: Access) -> None:
    denied = holder(source([MITZ_DENY]), profile=ONLY, emergency=Opens())
    assert await denied.ask(emergency) == MITZ_DENY.outcome
    allowed = holder(source([MITZ_DENY]), profile=ONLY, emergency=Opens(NOTHING_RECORDED | MITZ_SAYS_NO))
    assert await allowed.ask(emergency) == Permit("emergency-override:PZP-CONSENT-010", (MITZ,))


async def test_emergency_on_a_failure_of_mitz_is_the_owners_decision(source: type, emergency: Access) -> None:
    denied = holder(source([TIMEOUT]), profile=ONLY, emergency=Opens(NOTHING_RECORDED | MITZ_SAYS_NO))
    assert await denied.ask(emergency) == TIMEOUT.outcome
    allowed = holder(source([TIMEOUT]), profile=ONLY, emergency=Opens(NOTHING_RECORDED | MITZ_SAYS_NOTHING))
    assert await allowed.ask(emergency) == Permit("emergency-override:PZP-CONSENT-015")


async def test_emergency_never_passes_an_own_source_that_could_not_be_read(source: type, emergency: Access) -> None:
    """Nobody knows whether it holds an objection."""
    opens = Opens(NOTHING_RECORDED | MITZ_SAYS_NO | MITZ_SAYS_NOTHING)
    for heard in ([UNREADABLE], [UNREADABLE, SILENT], [UNREADABLE, MITZ_DENY]):
        found = await holder(*(source([one]) for one in heard), profile=ONLY, emergency=opens).ask(emergency)
        assert found == UNREADABLE.outcome
    assert opens.asked == []


async def test_a_glass_that_breaks_permits_nothing(source: type, emergency: Access) -> None:
    with capture_logs() as lines:
        found = await holder(source([SILENT]), profile=ONLY, emergency=Opens(raising=True)).ask(emergency)
    assert found == Unavailable(Reason.INTERNAL, detail="RuntimeError")
    assert "999912008" not in str(lines)


@pytest.mark.parametrize(
    ("profile", "more"),
    [
        ("nl-pzp-strict", {"grounds": (Finds(RELATED),)}),
        ("nl-pzp-strict", {"emergency": Opens()}),
        (ONLY, {"grounds": (Finds(RELATED),)}),
    ],
)
def test_a_profile_takes_no_more_than_it_says(profile: str, more: dict[str, Any], source: type) -> None:
    with pytest.raises(ValueError, match="does not accept"):
        holder(source([SILENT]), profile=profile, **more)


async def test_a_resting_mitz_stops_everybody_but_an_emergency_that_may_pass_it(
    repeatable: type, access: Access, emergency: Access
) -> None:
    rests = Unavailable(Reason.MITZ_UNAVAILABLE, detail="breaker-open")
    mitz = repeatable([TIMEOUT], rests=rests)
    passing = holder(mitz, profile=ONLY, emergency=Opens(NOTHING_RECORDED | MITZ_SAYS_NOTHING))
    assert passing.resting(access.caller) == rests
    assert passing.resting(emergency.caller) is None
    assert holder(mitz, profile=ONLY, emergency=Opens()).resting(emergency.caller) == rests
