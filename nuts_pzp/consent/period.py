"""From when until when a choice holds, by dates as people write them (`2026`, `2026-05`, `2026-05-01`) or instants.

A date says no time zone. A permit holds only when it holds by any reading, an objection already when it holds by one: a
Dutch day begins 22:00 or 23:00 UTC the day before. So no table of time zones is needed, and doubt never permits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_DATE = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_DOUBT = timedelta(hours=2)
_NEVER = datetime.max.replace(tzinfo=UTC)


class NotAMoment(ValueError):
    """The text is no date and no instant with a time zone. Never carries the text."""


@dataclass(frozen=True, slots=True)
class Period:
    """From the first moment of `start` to the last of `end`, both included; an empty text leaves that side open.

    One that ends before it begins says nothing that can be meant: no permit holds by it, and every objection.
    """

    start: str = ""
    end: str = ""

    def surely(self, now: datetime) -> bool:
        """True when `now` (aware) is within by every reading; NotAMoment when a text is unreadable."""
        return (not self.start or _first(self.start)[1] <= now) and (not self.end or now < _last(self.end)[0])

    def possibly(self, now: datetime) -> bool:
        """True when `now` (aware) is within by some reading; NotAMoment when a text is unreadable."""
        if self.start and self.end and _last(self.end)[1] <= _first(self.start)[1]:
            return True
        return (not self.start or _first(self.start)[0] <= now) and (not self.end or now < _last(self.end)[1])


def _first(text: str) -> tuple[datetime, datetime]:
    """Return the earliest and the latest reading of where it begins."""
    begin, _, exact = _span(text)
    return (begin, begin) if exact else (begin - _DOUBT, begin)


def _last(text: str) -> tuple[datetime, datetime]:
    """Return the earliest and the latest reading of where it is over."""
    _, over, exact = _span(text)
    return (over, over) if exact else (over - _DOUBT, over)


def _span(text: str) -> tuple[datetime, datetime, bool]:
    """Return first moment, first moment after, and whether the text named an instant."""
    try:
        if text < "1900":
            raise NotAMoment("not a date")
        if _INSTANT.fullmatch(text):
            moment = datetime.fromisoformat(text)
            return moment, _after(moment, timedelta(seconds=1)), True
        found = _DATE.fullmatch(text)
        if found is None:
            raise NotAMoment("not a date")
        year, month, day = (int(part) if part else None for part in found.groups())
        assert year is not None
        begin = datetime(year, month or 1, day or 1, tzinfo=UTC)
        if day:
            return begin, _after(begin, timedelta(days=1)), False
        if month:
            return begin, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC), False
        return begin, datetime(year + 1, 1, 1, tzinfo=UTC), False
    except (ValueError, OverflowError):
        raise NotAMoment("not a date") from None


def _after(moment: datetime, length: timedelta) -> datetime:
    """Return the first moment after; the last day that there is, which many systems write for no end, has none."""
    try:
        return moment + length
    except OverflowError:
        return _NEVER
