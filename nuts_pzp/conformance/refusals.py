"""What counts as a refusal, and when two of them are alike. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .rules import Said, met, partly, unmet, untried
from .wire import Got

Pair = tuple[Got, Got]
"""Two answers to one question, asked at different moments."""

_WORD = re.compile(r"([0-9A-Za-z_-]+)")
_OF_THE_REQUEST = ("id", "meta", "link")
"""What may name a request or its URL as a whole."""
_OF_THE_MOMENT = frozenset({"date", "age", "expires", "content-length", "connection", "keep-alive", "server-timing"})
"""Headers that follow from the moment, the connection or the body, which is compared itself."""


def entries(got: Got) -> int:
    """How many resources an answer holds, outcomes left out."""
    given = got.content.get("entry")
    rows = [one.get("resource") for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return sum(1 for one in rows if isinstance(one, dict) and one.get("resourceType") != "OperationOutcome")


def withheld(got: Got) -> Said:
    """Refused is right; an answer without data is no refusal and no leak either; data is wrong."""
    if got.searchset and entries(got) == 0:
        return partly(f"{got}, without data: not refused")
    return refused_or(got, lambda: unmet(str(got)))


def kept_back(got: Got) -> Said:
    """Refused or empty: either way no data."""
    if got.searchset and entries(got) == 0:
        return met(f"{got}, without data")
    return refused_or(got, lambda: unmet(f"{got}, {entries(got)} resources"))


def not_taken(got: Got, taken: str = "taken, or ignored and not refused") -> Said:
    """Refused; an answer of any other kind took what had to be refused, or looked past it."""
    words = "a breakdown and no refusal" if got.status >= 500 else taken
    return refused_or(got, lambda: unmet(f"{got}: {words}"))


def refused_or(got: Got, otherwise: Callable[[], Said]) -> Said:
    """Met for a refusal, no verdict where the answer is about something else than what was asked."""
    if got.unheard:
        return untried(f"{got}: says nothing about what was asked")
    return met(str(got)) if got.refused else otherwise()


def uniform(unknown: Pair, refused: Pair) -> Said:
    """Whether the refusal of a patient who is known looks like that of nobody; see `alike`."""
    one, other = unknown[0], refused[0]
    if not alike(unknown, refused):
        return unmet(f"unknown {one.status or one.why}, not released {other.status or other.why}, or in words")
    if strange := next((each for each in (*unknown, *refused) if each.unheard), None):
        return untried(f"{strange}: says nothing about who was asked for")
    if any(map(entries, (*unknown, *refused))):
        return unmet("data of both")
    return met(f"both {other.status}")


def alike(unknown: Pair, refused: Pair) -> bool:
    """Status, headers and body are the same, but for words that name the request or its moment.

    Each question was asked twice. A word betrays the patient when it stays with its question and the answers to the
    other one never show it; what changes with the moment, or with the machine that answers, is found with both.
    """
    rows = (*unknown, *refused)
    names = {name for each in rows for name in each.headers} - _OF_THE_MOMENT
    return not (
        _apart(*(str(each.status or each.why) for each in rows))
        or _apart(*(each.media for each in rows))
        or any(_differ(*(each.headers.get(name, "") for each in rows)) for name in names)
        or _differ(*(_body(each) for each in rows))
    )


def _apart(one: Any, again: Any, other: Any, others: Any) -> bool:
    """Whether one of two questions alone brings this."""
    return (one == again and one not in (other, others)) or (other == others and other not in (one, again))


def _differ(*rows: Any) -> bool:
    """Whether four values, the second pair of them of the other question, betray which question they answer."""
    kinds = {type(each) for each in rows}
    if len(kinds) > 1:
        return _apart(*(type(each) for each in rows))
    if kinds == {dict}:
        given = [{key: inner for key, inner in each.items() if key not in _OF_THE_REQUEST} for each in rows]
        shared = set.intersection(*(set(each) for each in given))
        return _apart(*map(set, given)) or any(_differ(*(each[key] for each in given)) for key in shared)
    if kinds == {list}:
        return _apart(*map(len, rows)) or any(_differ(*each) for each in zip(*rows, strict=False))
    if kinds == {str}:
        return _words_differ(*rows)
    return _apart(*rows)


def _words_differ(*rows: str) -> bool:
    """Word by word; where a random word has a random number of parts, between spaces."""
    words = [_WORD.split(each) for each in rows]
    if len({len(each) for each in words}) > 1:
        words = [each.split() for each in rows]
    return _apart(*map(len, words)) or any(_apart(*each) for each in zip(*words, strict=False))


def _body(got: Got) -> Any:
    try:
        return json.loads(got.body)
    except (ValueError, RecursionError):
        return got.body.decode("utf-8", "replace")
