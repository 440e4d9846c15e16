"""An emergency at the EHR door: offered or not, with a coded reason, in the name of a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

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


def test_a_bsn_does_not_travel_in_an_explanation() -> None:
    found = inquire(CALLER, replace(ASKED, explanation="patiënt 999912008 is gevallen"), emergency=True)
    assert isinstance(found, Deny)
    assert "999912008" not in str(found)
    assert isinstance(inquire(CALLER, replace(ASKED, explanation="bel 057055511"), emergency=True), Inquiry)


def test_what_a_treatment_adds_stays_at_home() -> None:
    found = inquire(CALLER, replace(ASKED, purpose=Purpose.TREATMENT), emergency=True)
    assert isinstance(found, Inquiry)
    assert (found.emergency_reason, found.emergency_text) == (None, "")


def test_coordination_cannot_be_asked_for() -> None:
    found = inquire(CALLER, replace(ASKED, purpose=Purpose.COORDINATION), emergency=True)
    assert isinstance(found, Deny)
