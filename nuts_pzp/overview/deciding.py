"""One item: which statement leads, what contradicts it, what is history (spec pzp-fhir 3.6). Order independent.

Conflict rules, stable names: SAME_DATE_DIFFERENT_VALUE, WITHIN_ENDED_PERIOD, UNDATED_DIFFERENT_VALUE,
DIFFERENT_WITHOUT_DATE (capacity and contacts, which have no date by nature).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from .attentions import attention
from .codes import EUTHANASIA, FREE_TEXT, normal
from .people import identities
from .statements import Attention, Leads, Severity, Statement
from .whose import compatible

State = Literal["current", "ended", "conflict", "not-recorded"]
WITHOUT_DATE = frozenset({"capacity", "representative", "first-contact"})
_PARALLEL = frozenset(f"obs:{code}" for code in FREE_TEXT)
_HIGH = frozenset({"capacity", "representative", f"obs:{EUTHANASIA}"})
_NEVER, _YES = Leads.NEVER, Leads.YES
_COMPARED = 1_000_000
"""Beyond this many comparisons of ends with agreements, all between the first and the last counts: more is shown."""
_FROM_HISTORY = frozenset(
    {"FUTURE_DATE", "UNKNOWN_MODIFIER", "STATUS_NOT_LEADING", "DUPLICATE_ID_DIFFERS", "SUBJECT_DIFFERS"}
)


class Verdict(msgspec.Struct):
    """What an item reads. `rivals` contradict each other; `parallel` stand side by side; nothing is ever lost."""

    state: State
    leading: Statement | None = None
    rule: str = ""
    severity: Severity = "medium"
    rivals: tuple[Statement, ...] = ()
    parallel: tuple[Statement, ...] = ()
    corroborating: tuple[Statement, ...] = ()
    history: tuple[Statement, ...] = ()
    last_known: Statement | None = None
    changed: bool = False
    attention: tuple[Attention, ...] = ()


def decide(key: str, ordered: list[Statement]) -> Verdict:
    """Judge one item. `ordered` are all statements of that key, duplicates folded, in final order (`collapse`)."""
    if key in WITHOUT_DATE:
        verdict = _without_date(key, ordered)
    elif key.startswith("directive:"):
        verdict = _documents(ordered)
    else:
        verdict = _by_date(key, ordered)
    _complete(verdict, ordered)
    return verdict


def severity_of(key: str) -> Severity:
    """Return how grave a contradiction about this item is."""
    return "high" if key.startswith("treatment:") or key in _HIGH else "medium"


def newest(dated: Sequence[Statement]) -> list[Statement]:
    """Return those that no other is wholly later than: intervals that overlap are a tie."""
    latest = max((one.when.start for one in dated if one.when), default=0)
    return [one for one in dated if one.when and one.when.end > latest]


def _pool(ordered: list[Statement]) -> list[Statement]:
    """Who may lead: information is preferred over "unknown", however new that is (rule 1)."""
    eligible = [one for one in ordered if one.leads is not _NEVER]
    return [one for one in eligible if one.informs] or eligible


def _by_date(key: str, ordered: list[Statement]) -> Verdict:
    pool = _pool(ordered)
    if not pool:
        return Verdict("not-recorded")
    dated = [one for one in pool if one.when is not None]
    undated = [one for one in pool if one.when is None]
    tier = newest(dated) if dated else undated
    leading = tier[0]
    same = leading.said.same
    ends = [one for one in tier if one.said.kind == "ended"]
    between = _between(ends, pool) if ends else []
    loose = [one for one in undated if one.said.same != same] if dated else []
    if {one.said.same for one in tier} != {same}:
        rule = "SAME_DATE_DIFFERENT_VALUE" if dated else "UNDATED_DIFFERENT_VALUE"
    elif between:
        rule = "WITHIN_ENDED_PERIOD"
    else:
        rule = "UNDATED_DIFFERENT_VALUE" if loose else ""
    agreeing = tuple(one for one in (*tier, *undated) if one is not leading and one.said.same == same)
    if rule and key not in _PARALLEL:
        rivals = _distinct([*tier, *between, *undated])
        return Verdict("conflict", rule=rule, severity=severity_of(key), rivals=rivals)
    verdict = Verdict(_state(leading), leading, corroborating=_distinct(agreeing))
    if rule:
        verdict.parallel = _distinct([*tier, *loose])
        beside = {id(one) for one in verdict.parallel}
        verdict.corroborating = tuple(one for one in verdict.corroborating if id(one) not in beside)
    _look_back(verdict, pool)
    return verdict


def _distinct(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    return tuple({id(one): one for one in statements}.values())


def _state(leading: Statement) -> State:
    return "ended" if leading.said.kind == "ended" else "current"


def _between(ends: list[Statement], pool: list[Statement]) -> list[Statement]:
    """Return what was agreed while one of the ended agreements was in force."""
    apart = {(end.since, end.when, end.was.same if end.was else ""): end for end in ends}
    if len(apart) * len(pool) <= _COMPARED:
        return [one for one in pool if any(_within(end, one) for end in apart.values())]
    first = min((end.since.start for end in ends if end.since), default=0)
    last = max(end.when.start for end in ends if end.when)
    return [one for one in pool if one.when and first < one.when.end <= last and one.said.kind != "ended"]


def _within(end: Statement, one: Statement) -> bool:
    """Say whether `one` was agreed while the agreement that `end` ends was in force (spec 3.5)."""
    if one.said.kind == "ended" or not (end.since and end.when and one.when):
        return False
    if end.when.overlaps(one.when) or one.when.later_than(end.when) or one.when.end <= end.since.start:
        return False
    same = end.was is not None and end.was.same == one.said.same
    return not (same and one.when.overlaps(end.since))


def _look_back(verdict: Verdict, pool: list[Statement]) -> None:
    """Add what is older than the leading statement and must be seen: the last decision, agreements never ended."""
    leading = verdict.leading
    if leading is None or leading.when is None:
        return
    older = [one for one in pool if one.when is not None and leading.when.later_than(one.when)]
    if leading.said.kind == "ended":
        ends = [one for one in (leading, *verdict.corroborating) if one.when is not None]
        ended_at = {one.source for one in ends}
        nothing = all(one.was is not None and one.was.kind == "no-information" for one in ends)
        still = [one for one in older if one.said.kind != "ended" and (nothing or ended_at - {one.source})]
        if still:
            verdict.attention += (attention("OLDER_AGREEMENT_AFTER_END", *(one.ref for one in still)),)
    if leading.said.kind == "undecided":
        decided = newest([one for one in older if one.said.kind != "undecided"])
        if decided:
            verdict.last_known = decided[0]
            verdict.attention += (attention("UNDECIDED_AFTER_DECISION", decided[0].ref),)
        if len({one.said.same for one in decided}) > 1:
            verdict.attention += (attention("LAST_KNOWN_DIFFERS", *(one.ref for one in decided)),)
    shown = {leading.said.same, *(one.said.same for one in verdict.parallel)}
    verdict.changed = any(one.said.same not in shown for one in older)


def _documents(ordered: list[Statement]) -> Verdict:
    """Wilsverklaringen: every active document stays in sight, newest first."""
    eligible = [one for one in ordered if one.leads is not _NEVER]
    latest: dict[str, int] = {}
    for one in eligible:
        if one.when is not None:
            for identifier in one.ids:
                latest[identifier] = max(latest.get(identifier, one.when.start), one.when.start)
    active = [one for one in eligible if one.said.kind != "ended" and not _superseded(one, latest)]
    if active:
        return Verdict("current", active[0], parallel=tuple(active) if len(active) > 1 else ())
    return Verdict("ended", eligible[0]) if eligible else Verdict("not-recorded")


def _superseded(one: Statement, latest: dict[str, int]) -> bool:
    """Say whether a newer record of the very same document exists (equal identifier, other content)."""
    when = one.when
    return when is not None and any(latest[identifier] >= when.end for identifier in one.ids)


def _without_date(key: str, ordered: list[Statement]) -> Verdict:
    """Capacity and contacts: each source has one voice; voices that differ are a conflict (rule 5)."""
    pool = _pool(ordered)
    if not pool:
        return Verdict("not-recorded")
    voices = [one for source in sorted({one.source for one in pool}) for one in _voice(source, pool)]
    voices.sort(key=lambda one: one.rank)
    who = _Who(voices)
    resources = {one.source: who(one) for one in voices if not one.form}
    speaking = [one for one in voices if not (one.form and who(one) <= resources.get(one.source, frozenset()))]
    if len({who(one) for one in speaking}) > 1:
        rivals = tuple(speaking)
        echoes = tuple(one for one in voices if one not in speaking)
        return Verdict("conflict", None, "DIFFERENT_WITHOUT_DATE", severity_of(key), rivals, corroborating=echoes)
    leading = speaking[0]
    return Verdict("current", leading, corroborating=tuple(one for one in voices if one is not leading))


def _voice(source: str, pool: list[Statement]) -> list[Statement]:
    """What one source says now: its resources, and its newest form; older forms are that source's history."""
    own = [one for one in pool if one.source == source]
    return [one for one in own if one.when is None] + newest([one for one in own if one.when is not None])


class _Who:
    """Who a statement names: by name, and by birth date only when namesakes with different ones occur.

    A year agrees with every date in it.
    """

    def __init__(self, voices: list[Statement]) -> None:
        births: dict[str, set[str]] = {}
        for one in voices:
            for found in one.persons:
                if found.birth_date:
                    births.setdefault(normal(found.name), set()).add(found.birth_date)
        self.told_apart = frozenset(name for name, dates in births.items() if _of_several(dates))

    def __call__(self, one: Statement) -> frozenset[str]:
        return identities(one.persons, self.told_apart) if one.persons else frozenset({one.said.same})


def _of_several(dates: set[str]) -> bool:
    return any(not compatible(one, other) for one in dates for other in dates)


def _complete(verdict: Verdict, ordered: list[Statement]) -> None:
    """Add history and everything that asks for attention."""
    shown = {id(one) for one in (*verdict.rivals, *verdict.parallel, *verdict.corroborating)}
    if verdict.leading is not None:
        shown.add(id(verdict.leading))
    verdict.history = tuple(one for one in ordered if id(one) not in shown)
    lead = verdict.leading or (verdict.rivals[0] if verdict.rivals else None)
    if lead is not None and lead.informs and lead.when is not None:
        newer = [
            one
            for one in verdict.history
            if one.said.kind == "no-information" and one.leads is _YES and one.when and one.when.later_than(lead.when)
        ]
        if newer:
            verdict.attention += (attention("NEWER_NO_INFORMATION", *(one.ref for one in newer)),)
    if verdict.rule == "UNDATED_DIFFERENT_VALUE":
        refs = (one.ref for one in verdict.rivals if one.when is None)
        verdict.attention += (Attention(verdict.rule, verdict.severity, attention(verdict.rule).text, tuple(refs)),)
    found = [(one, mark) for one in ordered if one.attention or one.copies for mark in _marks(one)]
    marks = [mark for one, mark in found if id(one) in shown or mark.code in _FROM_HISTORY]
    verdict.attention = merged([*verdict.attention, *marks])


def _marks(one: Statement) -> list[Attention]:
    """What asks for attention in a statement and in the copies that were folded into it."""
    return [*one.attention, *(mark for copy in one.copies for mark in copy.attention)]


def merged(marks: Iterable[Attention]) -> tuple[Attention, ...]:
    """Return each code once, with all its references, in a fixed order."""
    found: dict[str, Attention] = {}
    for mark in marks:
        known = found.get(mark.code)
        refs = sorted({*(known.refs if known else ()), *mark.refs})
        found[mark.code] = Attention(mark.code, mark.severity, mark.text, tuple(refs))
    return tuple(found[code] for code in sorted(found))
