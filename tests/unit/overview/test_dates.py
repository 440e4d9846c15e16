"""Dates are intervals of their own precision on Dutch clocks (spec pzp-fhir 3.4)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nuts_pzp.overview.dates import AMSTERDAM, dutch, is_future, is_past, over_a_year_apart, read_date


def _when(text: str):  # type: ignore[no-untyped-def]
    when = read_date(text)
    assert when is not None
    return when


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2022", "2022-11-08"),
        ("2022-11", "2022-11-30"),
        ("2022-11-08", "2022-11-08T23:30:00+01:00"),
        ("2022-11-08", "2022-11-07T23:30:00Z"),
        ("2022-11-08T10:00:00Z", "2022-11-08T11:00:00.500+01:00"),
    ],
)
def test_overlapping_dates_are_a_tie(one: str, other: str) -> None:
    assert _when(one).overlaps(_when(other))
    assert not _when(one).later_than(_when(other))
    assert not _when(other).later_than(_when(one))


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("2023", "2022-12-31"),
        ("2022-12", "2022-11-30"),
        ("2022-11-09", "2022-11-08T23:30:00+01:00"),
        ("2022-11-08", "2022-11-07T22:30:00Z"),
        ("2022-11-08T11:00:00Z", "2022-11-08T11:00:00+01:00"),
    ],
)
def test_dates_that_do_not_overlap_are_ordered(later: str, earlier: str) -> None:
    assert _when(later).later_than(_when(earlier))
    assert not _when(later).overlaps(_when(earlier))
    assert not _when(earlier).overlaps(_when(later))


def test_a_day_is_a_day_in_amsterdam_also_when_the_clock_changes() -> None:
    assert _when("2024-03-31").end - _when("2024-03-31").start == 23 * 3600
    assert _when("2024-10-27").end - _when("2024-10-27").start == 25 * 3600
    assert _when("2020-10-01T22:30:00Z").day == "2020-10-02"


@pytest.mark.parametrize(
    "text", ["2022-13-01", "2022-02-30", "8-11-2022", "22", "", "2022-11-08T25:00:00Z", "0000", "²⁰²²"]
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_date(text) is None


def test_the_end_of_time_is_a_date() -> None:
    assert _when("9999-12-31").start > _when("2100").start


@pytest.mark.parametrize(
    ("text", "start", "seconds", "day"),
    [
        ("2022-11-08T10:15:30+01:00", "2022-11-08T09:15:30+00:00", 1, "2022-11-08"),
        ("2022-11-08T10:15:30.250-05:00", "2022-11-08T15:15:30+00:00", 1, "2022-11-08"),
        ("2022-11-08T10:15:30Z", "2022-11-08T10:15:30+00:00", 1, "2022-11-08"),
        ("2022-11-08T10:15:30", "2022-11-08T09:15:30+00:00", 1, "2022-11-08"),
        ("2022-07-08T10:15", "2022-07-08T08:15:00+00:00", 60, "2022-07-08"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00", 1, "2017-01-01"),
        ("2022-11-08T23:15Z", "2022-11-08T23:15:00+00:00", 60, "2022-11-09"),
    ],
)
def test_an_instant_is_one_second_and_one_without_seconds_a_minute(
    text: str, start: str, seconds: int, day: str
) -> None:
    when = _when(text)
    assert (when.text, when.day, when.end - when.start) == (text, day, seconds)
    assert datetime.fromtimestamp(when.start, UTC).isoformat() == start


@pytest.mark.parametrize(
    ("text", "first", "after", "day"),
    [
        ("2022", "2022-01-01T00:00:00+01:00", "2023-01-01T00:00:00+01:00", ""),
        ("2022-12", "2022-12-01T00:00:00+01:00", "2023-01-01T00:00:00+01:00", ""),
        ("2024-02", "2024-02-01T00:00:00+01:00", "2024-03-01T00:00:00+01:00", ""),
        ("2022-01-31", "2022-01-31T00:00:00+01:00", "2022-02-01T00:00:00+01:00", "2022-01-31"),
        ("9999-12-31", "9999-12-31T00:00:00+01:00", None, "9999-12-31"),
    ],
)
def test_a_coarse_date_is_all_of_its_unit(text: str, first: str, after: str | None, day: str) -> None:
    when = _when(text)
    start = int(datetime.fromisoformat(first).timestamp())
    assert (when.text, when.start, when.day) == (text, start, day)
    assert when.end == (int(datetime.fromisoformat(after).timestamp()) if after else start + 86_400)


def test_a_longer_text_than_any_date_is_not_looked_at() -> None:
    longest = "2022-11-08T10:15:30.123456789012+01:00"
    assert read_date(longest) is not None
    assert read_date(f"{longest}{' ' * 10}") is None


def test_an_interval_is_past_from_the_moment_it_ends() -> None:
    day = _when("2026-11-21")
    assert is_past(day, day.end)
    assert not is_past(day, day.end - 1)
    assert not is_future(day, day.start)


def test_past_and_future_mean_the_whole_interval() -> None:
    now = datetime(2026, 11, 22, 0, 40, tzinfo=AMSTERDAM).timestamp()
    assert not is_future(_when("2026"), now)
    assert not is_past(_when("2026"), now)
    assert not is_past(_when("2026-11-22"), now)
    assert is_past(_when("2026-11-21"), now)
    assert is_future(_when("2026-11-23"), now)


def test_dutch_dates_keep_their_precision() -> None:
    assert [dutch(_when(text)) for text in ("2026-02-11", "2026-02", "2026", "2026-02-11T23:30:00Z")] == [
        "11-02-2026",
        "02-2026",
        "2026",
        "12-02-2026",
    ]


@pytest.mark.parametrize(
    ("one", "other", "over"),
    [
        ("2024-02-10", "2025-02-10", False),
        ("2024-02-10", "2025-02-11", True),
        ("2025-02-10", "2026-02-11", True),
        ("2024-02-29", "2025-02-28", False),
        ("2024-02-29", "2025-03-01", True),
        ("2024", "2025-12-31", False),
        ("2024", "2026-01-01", True),
        ("2025-02-10T23:30:00Z", "2026-02-11", False),
        ("9999-12-31", "2026-01-01", True),
        ("2024-03", "2024", False),
        ("2024-06-01T00:00:00+02:00", "2025-06-01", False),
    ],
)
def test_a_year_apart_is_a_calendar_year_in_either_order(one: str, other: str, over: bool) -> None:
    assert over_a_year_apart(_when(one), _when(other)) is over
    assert over_a_year_apart(_when(other), _when(one)) is over


@pytest.mark.parametrize(
    ("month", "days"), [("2023-02", 28), ("2024-02", 29), ("2023-04", 30), ("2023-01", 31), ("2023-12", 31)]
)
def test_a_month_is_all_its_days(month: str, days: int) -> None:
    year, number = (int(part) for part in month.split("-"))
    last = datetime(year, number, days, 23, 59, 59, tzinfo=AMSTERDAM).timestamp()
    assert _when(month).start == datetime(year, number, 1, tzinfo=AMSTERDAM).timestamp()
    assert _when(month).end == last + 1
