"""An emergency at the EHR door: offered or not, with a coded reason, in the name of a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from nuts_pzp.consult.inquiry import inquire
from nuts_pzp.exchange import Asked, Caller, Inquiry
from nuts_pzp.identity import Bsn, EmergencyReason, Organization, Professional, Purpose, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

CALLER = Caller(Organization(Ura("90000444"), "N6", "De Kade"), None, frozenset(), Purpose.TREATMENT, None, {}, "mtls")
ASKED = Asked(
    bsn=Bsn("999912008"),
    birth_date=date(1950, 1, 1),
    professional=Professional("k-17", "huisarts", "M. Okker"),
    purpose=Purpose.EMERGENCY,
    reason="no-time",
    relation=None,
    targets=(),
    deadline=10.0,
    explanation="  gevallen,\n geen\tcontact  ",
)


def test_emergency_is_off_by_default() -> None:
    found = inquire(CALLER, ASKED)
    assert isinstance(found, Deny)
    assert found.reason is Reason.PURPOSE_NOT_ALLOWED


@pytest.mark.parametrize("code", [one.value for one in EmergencyReason])
def test_an_emergency_carries_its_code_and_what_was_added_on_one_line(code: str) -> None:
    found = inquire(CALLER, replace(ASKED, reason=code), emergency=True)
    assert isinstance(found, Inquiry)
    assert (found.purpose, found.emergency_reason) == (Purpose.EMERGENCY, code)
    assert found.emergency_text == "gevallen, geen contact"
    assert "gevallen" not in repr(found)


@pytest.mark.parametrize("reason", [None, "", "spoed", "NO-TIME", "no-time "])
def test_free_text_is_no_reason(reason: str | None) -> None:
    found = inquire(CALLER, replace(ASKED, reason=reason), emergency=True)
    assert isinstance(found, Deny)
    assert (found.reason, found.detail) == (Reason.BODY_MALFORMED, "reason: one of: unresponsive, incapable, no-time")


@pytest.mark.parametrize("text", [
    "patiënt 999912008 is gevallen",
    "patiënt 9999.12.008 is gevallen",
    "999 912 008",
    "9999-12008.",
    "nr1999912008",
    "\uff19\uff19\uff19\uff19\uff11\uff12\uff10\uff10\uff18",
    "\u0669\u0669\u0669\u0669\u0661\u0662\u0660\u0660\u0668",
    "dochter is 900010009",
    "dochter is 900.010.009",
])  # fmt: skip
def test_a_bsn_does_not_travel_in_an_explanation_however_it_is_written(text: str) -> None:
    found = inquire(CALLER, replace(ASKED, explanation=text), emergency=True)
    assert isinstance(found, Deny), text
    assert (found.reason, "999912008" in str(found)) == (Reason.BODY_MALFORMED, False)


@pytest.mark.parametrize("text", ["bel 057055511", "bel 0999912001", "28-11-2026 09:00", "0612 34 56 78", "kamer 12"])
def test_a_telephone_number_or_a_moment_stops_no_emergency(text: str) -> None:
    assert isinstance(inquire(CALLER, replace(ASKED, explanation=text), emergency=True), Inquiry)


@pytest.mark.parametrize("professional", [
    Professional("999912008", "huisarts", "M. Okker"),
    Professional("k-17", "999912008", "M. Okker"),
    Professional("k-17", "huisarts", "M. Okker (9999 12 008)"),
])  # fmt: skip
@pytest.mark.parametrize("purpose", [Purpose.TREATMENT, Purpose.EMERGENCY])
def test_the_patients_number_does_not_travel_as_a_professional(professional: Professional, purpose: Purpose) -> None:
    """An EHR that mixes up its fields: a professional's id stands in tokens, and in logs, in clear."""
    found = inquire(CALLER, replace(ASKED, professional=professional, purpose=purpose), emergency=True)
    assert isinstance(found, Deny)
    assert (found.reason, "999912008" in str(found)) == (Reason.BODY_MALFORMED, False)


def test_what_a_treatment_adds_stays_at_home() -> None:
    found = inquire(CALLER, replace(ASKED, purpose=Purpose.TREATMENT), emergency=True)
    assert isinstance(found, Inquiry)
    assert (found.emergency_reason, found.emergency_text) == (None, "")


def test_coordination_cannot_be_asked_for() -> None:
    found = inquire(CALLER, replace(ASKED, purpose=Purpose.COORDINATION), emergency=True)
    assert isinstance(found, Deny)


@pytest.mark.parametrize(
    ("born", "now", "fits"),
    [
        (date(1849, 12, 31), datetime(2026, 11, 29, 12, tzinfo=UTC), False),
        (date(1850, 1, 1), datetime(2026, 11, 29, 12, tzinfo=UTC), True),
        (date(2026, 11, 29), datetime(2026, 11, 29, 12, tzinfo=UTC), True),
        (date(2026, 11, 30), datetime(2026, 11, 29, 12, tzinfo=UTC), False),
        (date(2026, 11, 30), datetime(2026, 11, 29, 23, 30, tzinfo=UTC), True),
    ],
)
def test_a_patient_is_born_between_1850_and_today_on_dutch_clocks(born: date, now: datetime, fits: bool) -> None:
    found = inquire(CALLER, replace(ASKED, birth_date=born), now, emergency=True)
    assert isinstance(found, Inquiry) is fits
    if isinstance(found, Deny):
        assert found.reason is Reason.BODY_MALFORMED
        assert found.detail == "patient.birthDate: a day from 1850-01-01 to today"
