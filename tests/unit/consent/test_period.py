"""When a choice holds: doubt about the time zone never permits (spec consent 7.1; 8: 94)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.consent.period import NotAMoment, Period


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("moment", "surely", "possibly"),
    [
        ("2026-04-30T21:59:59Z", False, False),
        ("2026-04-30T22:00:00Z", False, True),  # midnight in a Dutch summer
        ("2026-05-01T00:00:00Z", True, True),
        ("2026-05-31T21:59:59Z", True, True),
        ("2026-05-31T22:00:00Z", False, True),
        ("2026-06-01T00:00:00Z", False, False),
    ],
)
def test_a_day_begins_and_ends_where_every_reading_agrees(moment: str, surely: bool, possibly: bool) -> None:
    period = Period("2026-05-01", "2026-05-31")
    assert (period.surely(at(moment)), period.possibly(at(moment))) == (surely, possibly)


def test_months_and_years_end_with_their_last_day() -> None:
    assert Period("2026-02", "2026-02").surely(at("2026-02-28T12:00:00Z"))
    assert not Period("2026-02", "2026-02").possibly(at("2026-03-01T12:00:00Z"))
    assert Period("2026", "2026").surely(at("2026-12-31T12:00:00Z"))
    assert not Period("2026", "2026").possibly(at("2027-01-01T12:00:00Z"))
    assert Period("2026-12", "2026-12").surely(at("2026-12-31T12:00:00Z"))


def test_an_instant_is_exact_in_its_own_zone() -> None:
    period = Period("2026-05-01T09:00:00+02:00", "2026-05-01T10:00:00+02:00")
    assert not period.possibly(at("2026-05-01T06:59:59Z"))
    assert period.surely(at("2026-05-01T07:00:00Z"))
    assert period.surely(at("2026-05-01T08:00:00Z"))
    assert not period.possibly(at("2026-05-01T08:00:01Z"))


def test_an_open_side_has_no_end() -> None:
    assert Period().surely(at("1950-01-01T00:00:00Z"))
    assert Period("2026-05-01").surely(at("2099-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    "end", ["9999-12-31", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59+01:00", "9999-12-31T23:59:59-05:00"]
)
def test_the_last_day_there_is_is_no_end(end: str) -> None:
    period = Period("2026-05-01", end)
    assert period.surely(at("2099-01-01T00:00:00Z"))
    assert not period.possibly(at("2026-04-01T00:00:00Z"))


@pytest.mark.parametrize(
    "text",
    [
        "20260501", "2026-13-01", "2026-02-30", "0001-01-01", "9999", "2026-05-01T09:00", "2026-05-01T09:00:00",
        "1-5-2026", "２０２６", "2026-05-01 ", "now", "0001-01-01T00:00:00Z",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_told_without_its_text(text: str) -> None:
    with pytest.raises(NotAMoment) as caught:
        Period(text).surely(at("2026-05-01T00:00:00Z"))
    assert text not in str(caught.value)
    with pytest.raises(NotAMoment):
        Period(end=text).possibly(at("2026-05-01T00:00:00Z"))


def test_a_period_that_ends_before_it_begins_permits_never_and_objects_always() -> None:
    for period in (Period("2026-05-31", "2026-05-01"), Period("2026-05-01T12:00:00Z", "2026-05-01T11:59:59Z")):
        for moment in ("2026-04-01T00:00:00Z", "2026-05-15T12:00:00Z", "2026-07-01T00:00:00Z"):
            assert (period.surely(at(moment)), period.possibly(at(moment))) == (False, True)
    day = Period("2026-05-01", "2026-05-01")
    assert day.surely(at("2026-05-01T12:00:00Z"))
    assert not day.possibly(at("2026-05-03T00:00:00Z"))


@given(
    start=st.dates(datetime(1950, 1, 1).date(), datetime(2090, 1, 1).date()),
    end=st.dates(datetime(1950, 1, 1).date(), datetime(2090, 1, 1).date()),
    now=st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
)
def test_what_surely_holds_possibly_holds(start: object, end: object, now: datetime) -> None:
    period = Period(str(start), str(end))
    assert period.possibly(now) or not period.surely(now)
