"""A second merge, slow and plain, of one item: rules 3.2 to 3.6 of the standard, written apart from the program.

It shares nothing with the program but the standard. It judges facts, not FHIR: `test_differential.py` writes each fact
as a resource and holds the two against each other.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

DUTCH = ZoneInfo("Europe/Amsterdam")
NO_INFORMATION = ("niet besproken", "onbekend", "nog onbekend")
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Fact:
    """One record: what a source says of the item. `says` is permit, deny, UNK, None or a text."""

    source: str
    id: str
    says: str | None
    date: str | None
    status: str
    end: str | None = None

    @property
    def name(self) -> str:
        return f"{self.source}/{self.id}"


@dataclass
class Judged:
    """What the item should read, in names of facts."""

    state: str
    leading: set[str]
    kind: str | None
    rivals: set[str]
    agreeing: set[str]
    history: set[str]
    codes: set[str]
    changed: bool
    last_known: str | None


def span(text: str) -> Span:
    """First moment of a date and the first moment after it, in UTC."""
    if "T" in text:
        start = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
        return start, start + timedelta(seconds=1)
    parts = [int(part) for part in text.split("-")]
    first = datetime(parts[0], parts[1] if len(parts) > 1 else 1, parts[2] if len(parts) > 2 else 1)
    days = {1: 366 if calendar.isleap(parts[0]) else 365, 3: 1}.get(len(parts))
    days = days or calendar.monthrange(parts[0], parts[1])[1]
    after = first + timedelta(days=days)
    return first.replace(tzinfo=DUTCH).astimezone(UTC), after.replace(tzinfo=DUTCH).astimezone(UTC)


def meaning(says: str | None) -> tuple[str, str]:
    """Kind and comparable value."""
    if says in ("permit", "deny"):
        return str(says), str(says)
    words = " ".join((says or "").casefold().split())
    if words in ("", "unk", *NO_INFORMATION):
        return "no-information", "no-information"
    if words.startswith("nee, nog geen besluit"):
        return "undecided", "undecided"
    return "conditional", f"conditional {words}"


class Candidate:
    """A fact with what status and clock make of it."""

    def __init__(self, fact: Fact, now: datetime, leading: tuple[str, ...]) -> None:
        self.fact, self.name = fact, fact.name
        self.kind, self.value = self.was = meaning(fact.says)
        self.since = self.when = span(fact.date) if fact.date else None
        self.code = ""
        end = span(fact.end) if fact.end else None
        over = fact.status == "inactive" or (fact.status == "active" and end is not None and end[1] <= now)
        if over:
            self.kind = self.value = "ended"
            if end and end[0] <= now and (self.when is None or end[0] > self.when[0]):
                self.when = end
        if fact.status not in (*leading, "inactive"):
            self.code = "STATUS_NOT_LEADING"
        elif self.when and self.when[0] > now:
            self.code = "FUTURE_DATE"
        self.may_lead = not self.code

    def before(self, other: Candidate) -> bool:
        return bool(self.when and other.when and self.when[1] <= other.when[0])

    def within(self, ended: Candidate) -> bool:
        """Agreed while the ended agreement held, and not that very agreement."""
        if ended.kind != "ended" or self.kind == "ended" or not (self.when and ended.since and ended.when):
            return False
        if not self.before(ended) or self.when[1] <= ended.since[0]:
            return False
        on_its_first_day = self.when[0] < ended.since[1] and ended.since[0] < self.when[1]
        return not (on_its_first_day and self.value == ended.was[1])


def judge(facts: list[Fact], now: datetime, leading: tuple[str, ...], *, free_text: bool = False) -> Judged:
    """Judge one item. `leading` are the statuses that may lead."""
    everything = [Candidate(one, now, leading) for one in facts if one.status != "entered-in-error"]
    everything.sort(key=lambda one: (-one.when[0].timestamp() if one.when else float("inf"), one.name))
    pool = [one for one in everything if one.may_lead]
    pool = [one for one in pool if one.kind != "no-information"] or pool
    dated, undated = [one for one in pool if one.when], [one for one in pool if not one.when]
    newest = [one for one in dated if not any(one.before(other) for other in dated)] or undated
    between = [one for one in pool if any(one.within(ended) for ended in newest)]
    voices = newest + [one for one in undated if one not in newest]
    conflict = len({one.value for one in voices}) > 1 or bool(between)
    codes = {one.code for one in everything if one.code}
    if not pool:
        return Judged("not-recorded", set(), None, set(), set(), {one.name for one in everything}, codes, False, None)
    front = set(voices) | set(between) if conflict else set(voices)
    names = {one.name for one in front}
    history = [one for one in everything if one.name not in names]
    newer = [one for one in history if one.may_lead and one.kind == "no-information" and newest[0].before(one)]
    if newer and any(one.kind != "no-information" for one in front):
        codes.add("NEWER_NO_INFORMATION")
    if conflict and not free_text:
        if dated and len({one.value for one in newest}) == 1 and not between:
            codes.add("UNDATED_DIFFERENT_VALUE")
        if not dated:
            codes.add("UNDATED_DIFFERENT_VALUE")
        rest = {one.name for one in history}
        return Judged("conflict", set(), None, names, set(), rest, codes, False, None)
    found = newest[0]
    shown = {one.value for one in front}
    older = [one for one in pool if one.before(found)] if found.when else []
    last = None
    if found.kind == "undecided":
        decided = [one for one in older if one.kind != "undecided"]
        decided = [one for one in decided if not any(one.before(other) for other in decided)]
        if decided:
            codes.add("UNDECIDED_AFTER_DECISION")
            last = max(decided, key=lambda one: (one.when or (now, now))[0]).value
        if len({one.value for one in decided}) > 1:
            codes.add("LAST_KNOWN_DIFFERS")
            last = None
    for one in older if found.kind == "ended" else ():
        elsewhere = any(end.fact.source != one.fact.source for end in newest)
        if one.kind != "ended" and (elsewhere or all(end.was[0] == "no-information" for end in newest)):
            codes.add("OLDER_AGREEMENT_AFTER_END")
    changed = any(one.value not in shown for one in older)
    state = "ended" if found.kind == "ended" else "current"
    return Judged(state, {found.name}, found.kind, set(), names, {one.name for one in history}, codes, changed, last)
