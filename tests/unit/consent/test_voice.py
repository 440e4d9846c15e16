"""On whose word, and how long it holds (spec consent 5 item 5; 8: 109)."""

from __future__ import annotations

from datetime import date

import pytest

from nuts_pzp.consent.voice import REPRESENTATIVES, Voice, last_day, refuses

TODAY = date(2026, 11, 22)
P, R, T, S = Voice.PARENTS, Voice.REPRESENTATIVE, Voice.TOGETHER, Voice.PATIENT


@pytest.mark.parametrize(
    ("birth", "may"),
    [
        (date(2014, 11, 23), {P}),  # eleven, twelve tomorrow
        (date(2014, 11, 22), {T}),  # twelve today
        (date(2010, 11, 23), {T}),  # fifteen, sixteen tomorrow
        (date(2010, 11, 22), {S}),  # sixteen today
        (date(1950, 1, 1), {S}),
    ],
)
def test_who_speaks_goes_by_age(birth: date, may: set[Voice]) -> None:
    assert {voice for voice in (P, T, S) if refuses(voice, "", birth, TODAY) is None} == may


def test_parental_consent_ends_at_12_and_16() -> None:
    assert last_day(P, date(2018, 3, 5), TODAY) == date(2030, 3, 4)
    assert last_day(T, date(2012, 3, 5), TODAY) == date(2028, 3, 4)
    assert last_day(S, date(1950, 3, 5), TODAY) is None


def test_a_leap_day_child_is_older_on_the_first_of_march_but_a_word_ends_a_day_early() -> None:
    born = date(2008, 2, 29)
    assert refuses(R, "parent", born, date(2026, 2, 28)) is None, "seventeen"
    assert refuses(R, "sibling", born, date(2026, 3, 1)) is None, "eighteen"
    assert last_day(R, born, date(2025, 1, 1)) == date(2026, 2, 27)
    assert last_day(P, date(2016, 2, 29), TODAY) == date(2028, 2, 28), "2028 has a 29 February"


def test_representatives_are_those_of_the_law_in_its_order() -> None:
    assert REPRESENTATIVES == ("curator", "mentor", "proxy", "partner", "parent", "child", "sibling")
    for relation in REPRESENTATIVES:
        assert refuses(R, relation, date(1950, 1, 1), TODAY) is None
    for relation in ("", "neighbour", "Curator"):
        assert refuses(R, relation, date(1950, 1, 1), TODAY) is not None


def test_for_a_minor_who_cannot_speak_the_parents_do_until_the_next_age() -> None:
    assert refuses(R, "parent", date(2012, 3, 5), TODAY) is None
    assert last_day(R, date(2012, 3, 5), TODAY) == date(2028, 3, 4)
    assert refuses(R, "parent", date(2009, 3, 5), TODAY) is None
    assert last_day(R, date(2009, 3, 5), TODAY) == date(2027, 3, 4)
    assert refuses(R, "sibling", date(2009, 3, 5), TODAY) is not None
    assert refuses(R, "parent", date(2016, 3, 5), TODAY) is not None
    assert last_day(R, date(1950, 3, 5), TODAY) is None


@pytest.mark.parametrize("voice", Voice)
def test_nobody_speaks_for_the_unborn(voice: Voice) -> None:
    assert refuses(voice, "parent", date(2026, 11, 23), TODAY) is not None
