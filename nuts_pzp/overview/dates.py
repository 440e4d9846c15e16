"""Dates as intervals of their own precision, in Europe/Amsterdam (spec pzp-fhir 3.4). Pure: `now` comes from outside.

A year is a whole year, a date a whole day on Dutch clocks, an instant one second. Intervals that overlap are a tie,
not an order: nobody knows which of `2022` and `2022-11-08` is the newer.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

AMSTERDAM = ZoneInfo("Europe/Amsterdam")

_LONGEST = 40
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,12})?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII
)


class When(msgspec.Struct, frozen=True, gc=False):
    """One date as the source wrote it. `start` and `end` are Unix seconds, end excluded; `day` is empty above a day."""

    text: str
    start: int
    end: int
    day: str = ""

    @property
    def units(self) -> tuple[str | int, ...]:
        """The calendar units it lies in, its own last: two dates overlap when one's own is a unit of the other."""
        text = self.day or self.text
        whole = tuple(text[:length] for length in (4, 7, 10) if length <= len(text))
        if self.end - self.start > 60:
            return whole
        minute = self.start // 60
        return (*whole, minute) if self.end - self.start == 60 else (*whole, minute, -self.start)

    def overlaps(self, other: When) -> bool:
        """Say whether neither is later than the other."""
        return self.start < other.end and other.start < self.end

    def later_than(self, other: When) -> bool:
        """Say whether all of this lies after all of the other."""
        return self.start >= other.end


def read_date(text: str) -> When | None:
    """Read a FHIR date, dateTime or instant; None when it is not one. A time without zone is Dutch clock time."""
    return _read(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _read(text: str) -> When | None:
    try:
        if match := _DATE.fullmatch(text):
            return _whole(text, match[1], match[2], match[3])
        if match := _INSTANT.fullmatch(text):
            return _second(text, match)
    except (ValueError, OverflowError):
        return None
    return None


def _whole(text: str, year: str, month: str | None, day: str | None) -> When:
    first = date(int(year), int(month or 1), int(day or 1))
    start = _midnight(first)
    try:
        if day is not None:
            after = first + timedelta(days=1)
        elif month is not None:
            after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        else:
            after = first.replace(year=first.year + 1)
        end = _midnight(after)
    except (ValueError, OverflowError):  # 9999-12-31 is written for "no end" and has no day after it
        end = start + 86_400
    return When(text, start, end, text if day is not None else "")


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=AMSTERDAM).timestamp())


def _second(text: str, match: re.Match[str]) -> When:
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    second = min(int(match[6] or 0), 59)
    zone = match[7]
    aware = datetime(year, month, day, hour, minute, second, tzinfo=AMSTERDAM)
    if zone is not None:
        aware = datetime.fromisoformat(f"{aware.replace(tzinfo=None).isoformat()}{'+00:00' if zone == 'Z' else zone}")
    start = int(aware.timestamp())
    return When(text, start, start + (1 if match[6] else 60), aware.astimezone(AMSTERDAM).date().isoformat())


def is_future(when: When, now: float) -> bool:
    """Say whether all of it is still to come. `now` is in Unix seconds."""
    return when.start > now


def is_past(when: When, now: float) -> bool:
    """Say whether all of it has gone by. `now` is in Unix seconds."""
    return when.end <= now


def over_a_year_apart(one: When, other: When) -> bool:
    """Say whether the later begins more than a calendar year after the earlier has ended; exactly a year is not."""
    earlier, later = (one, other) if one.start <= other.start else (other, one)
    last = datetime.fromtimestamp(earlier.end - 1, AMSTERDAM).date()
    first = datetime.fromtimestamp(later.start, AMSTERDAM).date()
    return (first.year - 1, first.month, first.day) > (last.year, last.month, last.day)


def dutch(when: When) -> str:
    """Write a date as Dutch readers do (`11-02-2026`), at its own precision; a time is left out."""
    return "-".join(reversed((when.day or when.text).split("-")))
