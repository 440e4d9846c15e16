"""The decision table (spec consent 6.2, 6.3, 7; 8: 12, 14, 15, 87 to 89, 101, 110)."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.exchange import Access
from nuts_pzp.identity import Purpose
from nuts_pzp.outcome import Deny, Evidence, Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason

MITZ, LOCAL = Evidence("mitz", "urn:uuid:1"), Evidence("local", "Consent/1")


def permits(specificity: int = 0, *, explicit: bool = True, evidence: Evidence = MITZ) -> Verdict:
    return Verdict(Permit(f"explicit-consent:{evidence.source}", (evidence,)), explicit, specificity)


def denies(reason: Reason = Reason.MITZ_DENY, specificity: int = 4) -> Verdict:
    return Verdict(Deny(reason, (MITZ,)), reason is Reason.CONSENT_OBJECTION, specificity)


def objects(specificity: int) -> Verdict:
    return denies(Reason.CONSENT_OBJECTION, specificity)


def fails(reason: Reason = Reason.MITZ_TIMEOUT) -> Verdict:
    return Verdict(Unavailable(reason), False, 4)


SILENT = Verdict(Unknown(Reason.CONSENT_NONE), False, 0)


class Asking:
    """Builds the consent of a holder from verdicts in order, and remembers which sources were asked."""

    def __init__(self, fake: type, access: Access) -> None:
        self._fake, self._access = fake, access
        self.sources: list[Any] = []

    async def __call__(self, *verdicts: Verdict | tuple[Verdict, bool, bool]) -> Any:
        ranked = []
        for one in verdicts:
            verdict, required, authoritative = one if isinstance(one, tuple) else (one, True, True)
            self.sources.append(self._fake([verdict]))
            ranked.append(Ranked(self.sources[-1], required, authoritative))
        return await SharingConsent("nl-pzp-strict", tuple(ranked)).ask(self._access)

    @property
    def asked(self) -> list[int]:
        return [len(one.asked) for one in self.sources]


@pytest.fixture
def asking(source: type, access: Access) -> Asking:
    return Asking(source, access)


async def test_explicit_permit_allows_with_its_basis(asking: Asking) -> None:
    assert await asking(permits()) == Permit("explicit-consent:mitz", (MITZ,))


async def test_permit_that_is_not_explicit_does_not_allow(asking: Asking) -> None:
    assert await asking(permits(explicit=False)) == Unknown(Reason.CONSENT_NONE)


async def test_permit_of_a_source_without_authority_does_not_allow(asking: Asking) -> None:
    assert await asking((permits(4), False, False), SILENT) == Unknown(Reason.CONSENT_NONE)


async def test_nobody_knows_of_a_choice(asking: Asking) -> None:
    assert await asking(SILENT, SILENT) == Unknown(Reason.CONSENT_NONE)


@pytest.mark.parametrize(
    "reason", [Reason.MITZ_DENY, Reason.MITZ_PARTIAL, Reason.MITZ_INDETERMINATE, Reason.MITZ_NOT_APPLICABLE]
)
async def test_deny_keeps_its_reason(reason: Reason, asking: Asking) -> None:
    assert await asking(denies(reason)) == Deny(reason, (MITZ,))


async def test_local_permit_when_mitz_is_not_connected(asking: Asking) -> None:
    assert await asking(permits(3, evidence=LOCAL)) == Permit("explicit-consent:local", (LOCAL,))


async def test_local_specific_deny_beats_mitz_permit(asking: Asking) -> None:
    assert await asking(objects(3), permits()) == Deny(Reason.CONSENT_OBJECTION, (MITZ,))


async def test_objection_wins_a_tie(asking: Asking) -> None:
    assert await asking(permits(2, evidence=LOCAL), objects(2)) == Deny(Reason.CONSENT_OBJECTION, (MITZ,))


async def test_more_specific_permit_supersedes_a_general_objection(asking: Asking) -> None:
    assert await asking(objects(1), permits(3, evidence=LOCAL)) == Permit("explicit-consent:local", (LOCAL,))


async def test_local_permit_vs_mitz_deny_is_a_conflict_and_denied(asking: Asking) -> None:
    assert await asking(permits(3, evidence=LOCAL), denies()) == Deny(Reason.CONSENT_CONFLICT, (LOCAL, MITZ))


async def test_unexplained_deny_wins_a_tie_with_the_most_specific_permit(asking: Asking) -> None:
    assert await asking(permits(4, evidence=LOCAL), denies()) == Deny(Reason.CONSENT_CONFLICT, (LOCAL, MITZ))


async def test_local_permit_vs_mitz_indeterminate_keeps_the_alarming_reason(asking: Asking) -> None:
    found = await asking(permits(3, evidence=LOCAL), denies(Reason.MITZ_INDETERMINATE))
    assert found == Deny(Reason.MITZ_INDETERMINATE, (MITZ,))


async def test_error_of_a_required_source_is_an_error_of_the_whole(asking: Asking) -> None:
    assert await asking(permits(4, evidence=LOCAL), fails()) == Unavailable(Reason.MITZ_TIMEOUT)


async def test_known_objection_is_not_hidden_by_an_error(asking: Asking) -> None:
    assert await asking(objects(1), fails()) == Deny(Reason.CONSENT_OBJECTION, (MITZ,))


async def test_error_of_an_optional_source_leaves_the_others(asking: Asking) -> None:
    assert await asking((fails(), False, True), permits()) == Permit("explicit-consent:mitz", (MITZ,))


async def test_error_of_an_optional_source_is_not_the_same_as_no_choice(asking: Asking) -> None:
    assert await asking((fails(), False, True), SILENT) == Unavailable(Reason.MITZ_TIMEOUT)


async def test_nobody_is_asked_after_an_objection_that_nothing_outranks(asking: Asking) -> None:
    await asking(objects(4), permits())
    assert asking.asked == [1, 0]


async def test_nobody_is_asked_after_a_required_source_failed(asking: Asking) -> None:
    await asking(fails(), permits())
    assert asking.asked == [1, 0]


async def test_all_are_asked_while_the_outcome_is_open(asking: Asking) -> None:
    await asking(objects(3), SILENT, permits())
    assert asking.asked == [1, 1, 1]


async def test_source_that_raises_permits_nothing_and_is_told(source: type, access: Access) -> None:
    broken = source([permits()], raising=RuntimeError("999912008"))
    with capture_logs() as lines:
        found = await SharingConsent("nl-pzp-strict", (Ranked(broken, True, True),)).ask(access)
    assert found == Unavailable(Reason.INTERNAL, detail="RuntimeError")
    assert [line["event"] for line in lines] == ["consent.source_raised"]
    assert "999912008" not in str(lines)


@pytest.mark.parametrize("reason", [Reason.MITZ_INDETERMINATE, Reason.MITZ_NOT_APPLICABLE])
async def test_no_decision_raises_an_alarm_without_personal_data(reason: Reason, asking: Asking) -> None:
    with capture_logs() as lines:
        await asking(denies(reason))
    assert lines == [
        {"event": "consent.no_decision", "log_level": "error", "reason": reason.code, "alarm": "operations"}
    ]


async def test_strict_profile_gives_an_emergency_no_more_than_treatment(
    source: type, access: Access, changed: Any
) -> None:
    consent = SharingConsent("nl-pzp-strict", (Ranked(source([denies()]), True, True),))
    assert await consent.ask(changed(purpose=Purpose.EMERGENCY, emergency_reason="reanimatie")) == await consent.ask(
        access
    )


async def test_strict_profile_ignores_treatment_relation(source: type, changed: Any) -> None:
    consent = SharingConsent("nl-pzp-strict", (Ranked(source([SILENT]), True, True),))
    found = await consent.ask(changed(claims={"treatment_relation": "true", "referral": "true"}))
    assert found == Unknown(Reason.CONSENT_NONE)


@pytest.mark.parametrize("profile", ["", "routekaart-more", "Routekaart", "NL-PZP-STRICT"])
def test_profile_that_does_not_exist_refuses_start(profile: str, source: type) -> None:
    with pytest.raises(ValueError, match="nl-pzp-strict"):
        SharingConsent(profile, (Ranked(source([SILENT]), True, True),))


def test_no_source_configured_refuses_start() -> None:
    with pytest.raises(ValueError, match="authoritative"):
        SharingConsent("nl-pzp-strict", ())


def test_no_source_that_could_permit_refuses_start(source: type) -> None:
    with pytest.raises(ValueError, match="authoritative"):
        SharingConsent("nl-pzp-strict", (Ranked(source([SILENT]), True, False),))


def test_resting_is_that_of_the_first_required_source_that_rests(
    repeatable: type, source: type, access: Access
) -> None:
    stop = Unavailable(Reason.MITZ_UNAVAILABLE, detail="breaker-open")
    plain = Ranked(source([SILENT]), True, True)
    assert (
        SharingConsent("nl-pzp-strict", (plain, Ranked(repeatable([SILENT]), True, True))).resting(access.caller)
        is None
    )
    assert (
        SharingConsent("nl-pzp-strict", (plain, Ranked(repeatable([SILENT], rests=stop), False, True))).resting(
            access.caller
        )
        is None
    )
    assert (
        SharingConsent("nl-pzp-strict", (plain, Ranked(repeatable([SILENT], rests=stop), True, True))).resting(
            access.caller
        )
        == stop
    )
