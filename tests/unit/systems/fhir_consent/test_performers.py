"""On whose word a Consent rests: what parents said ends when the child grows up (spec consent 5 item 5; 8: 109)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from nuts_pzp.identity import URA_SYSTEM, Bsn, Organization, Ura
from nuts_pzp.systems.fhir_consent.criteria import Asked
from nuts_pzp.systems.fhir_consent.reading import finding

SCOPE = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
ROLE = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
USER = {"identifier": {"system": URA_SYSTEM, "value": "90000444"}}
BSN = {"identifier": {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999912008"}}
PATIENT, PARENT = {"reference": "Patient/p1"}, {"reference": "RelatedPerson/r1"}
BORN = date(2014, 11, 29)
EVE, BIRTHDAY = "2026-11-28T12:00:00Z", "2026-11-29T12:00:00Z"
"""Of the twelfth birthday."""


def says(now: str, *who: dict[str, Any], on: str = "2020-03-01", born: date | None = BORN, **rule: Any) -> str | None:
    """What a Consent of these performers, given that day, says at a moment."""
    provision = {"type": "permit", "actor": [{"role": {"coding": [ROLE]}, "reference": USER}], **rule}
    one = {
        "resourceType": "Consent", "id": "c1", "status": "active", "scope": {"coding": [SCOPE]}, "patient": PATIENT,
        "dateTime": on, "performer": [*who], "provision": provision,
        "organization": [{"identifier": {"system": URA_SYSTEM, "value": "90000222"}}],
    }  # fmt: skip
    asked = Asked(
        Bsn("999912008"), "p1", Ura("90000222"), Organization(Ura("90000444"), "N6", "De Kade"),
        datetime.fromisoformat(now).astimezone(UTC), "https://fhir.example/r4", born=born,
    )  # fmt: skip
    found = finding({name: value for name, value in one.items() if value != ""}, asked)
    return None if found is None else "permit" if found.permits else "deny"


@pytest.mark.parametrize(
    "parent", [PARENT, {"reference": "https://fhir.example/r4/RelatedPerson/r1"}, {"type": "RelatedPerson"}]
)
def test_the_word_of_parents_ends_with_the_eve_of_the_twelfth_birthday(parent: dict[str, Any]) -> None:
    assert says(EVE, parent) == "permit"
    assert says("2026-11-28T22:30:00Z", parent) is None, "half past eleven in winter; a summer's day is over"
    assert says(BIRTHDAY, parent) is None


def test_whoever_was_born_on_29_february_is_outgrown_the_day_before() -> None:
    born = date(2012, 2, 29)
    assert says("2024-02-28T12:00:00Z", PARENT, born=born) == "permit"
    assert says("2024-02-29T12:00:00Z", PARENT, born=born) is None


@pytest.mark.parametrize("patient", [PATIENT, BSN])
def test_from_twelve_both_speak_until_sixteen(patient: dict[str, Any]) -> None:
    assert says("2027-06-01T12:00:00Z", patient, PARENT, on="2027-01-01") == "permit"
    assert says("2030-11-28T12:00:00Z", PARENT, patient, on="2027-01-01") == "permit"
    assert says("2030-11-29T12:00:00Z", patient, PARENT, on="2027-01-01") is None
    for alone in (patient, PARENT):
        assert says("2027-06-01T12:00:00Z", alone, on="2027-01-01") is None


def test_from_sixteen_the_patient_speaks_and_a_representative_until_eighteen() -> None:
    assert says("2050-01-01T12:00:00Z", PATIENT, on="2031-01-01") == "permit"
    assert says("2050-01-01T12:00:00Z", PATIENT, PARENT, on="2031-01-01") == "permit"
    assert says("2032-11-28T12:00:00Z", PARENT, on="2031-01-01") == "permit"
    assert says("2032-11-29T12:00:00Z", PARENT, on="2031-01-01") is None
    assert says("2050-01-01T12:00:00Z", PARENT, on="2033-01-01") == "permit"


def test_a_child_under_twelve_does_not_permit() -> None:
    assert says("2021-01-01T12:00:00Z", PATIENT) is None


@pytest.mark.parametrize("on", ["", "2009", "2014"])
def test_without_a_day_it_may_be_as_old_as_the_patient(on: str) -> None:
    assert says(EVE, PARENT, on=on) == "permit"
    assert says(BIRTHDAY, PARENT, on=on) is None


def test_a_month_is_its_first_day() -> None:
    assert says("2027-06-01T12:00:00Z", PARENT, PATIENT, on="2026-11") is None
    assert says("2027-06-01T12:00:00Z", PARENT, PATIENT, on="2026-12") == "permit"


def test_an_objection_does_not_end_by_age_nor_does_an_exception() -> None:
    for who in (PARENT, PATIENT):
        assert says("2050-01-01T12:00:00Z", who, type="deny") == "deny"
    no = {"type": "deny", "actor": [{"role": {"coding": [ROLE]}, "reference": USER}]}
    assert says(BIRTHDAY, PARENT, provision=[no]) == "deny"


def test_who_is_none_of_them_is_whoever_could_speak_on_that_day() -> None:
    for who in ([], [{"reference": "Practitioner/d1"}], [{"reference": "Organization/o1"}]):
        assert says("2050-01-01T12:00:00Z", *who, on="") == "permit"
        assert says("2050-01-01T12:00:00Z", *who, on="2031-01-01") == "permit"
        assert says("2050-01-01T12:00:00Z", *who) is None, "whoever spoke for a child of five speaks no more"
    assert says("2050-01-01T12:00:00Z", PARENT, born=None) == "permit"
