"""What counts as a refusal, and when two of them are alike. Pure."""

from __future__ import annotations

import re
from typing import Any

from .rules import Said, met, partly, unmet, untried
from .wire import Got

_WORD = re.compile(r"([0-9A-Za-z_-]+)")
_OF_THE_REQUEST = ("id", "meta", "link")
"""What may name a request or its URL as a whole."""


def entries(got: Got) -> int:
    """How many resources an answer holds, outcomes left out."""
    given = got.content.get("entry")
    rows = [one.get("resource") for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return sum(1 for one in rows if isinstance(one, dict) and one.get("resourceType") != "OperationOutcome")


def withheld(got: Got) -> Said:
    """Refused (4xx) is right; an answer without data is no refusal and no leak either; data is wrong."""
    if got.refused:
        return met(str(got))
    if got.searchset and entries(got) == 0:
        return partly(f"{got}, without data: not refused")
    return unmet(str(got))


def kept_back(got: Got) -> Said:
    """Refused or empty: either way no data."""
    if got.refused or (got.searchset and entries(got) == 0):
        return met(str(got) if got.refused else f"{got}, without data")
    return unmet(f"{got}, {entries(got)} resources")


def uniform(unknown: Got, refused: Got, again: Got) -> Said:
    """Whether the refusal of a patient who is known looks like that of nobody; see `alike`."""
    if alike(unknown, refused, again):
        return met(f"both {refused.status}") if refused.status else untried(f"{refused}")
    return unmet(f"unknown {unknown.status or unknown.why}, not released {refused.status or refused.why}, or in words")


def alike(unknown: Got, refused: Got, again: Got) -> bool:
    """Status, media type and body are the same, but for words that name the request or its moment.

    `again` answers the question of `unknown`, asked after `refused`: where these two differ stands such a word,
    whatever it looks like. A code of letters alone cannot be told from a word that betrays something in any other way.
    """
    if not unknown.status == refused.status == again.status or not unknown.media == refused.media == again.media:
        return False
    return _same(unknown.content, refused.content, again.content)


def _same(one: Any, other: Any, again: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict) and isinstance(again, dict):
        told, others, agains = (
            {key: inner for key, inner in each.items() if key not in _OF_THE_REQUEST} for each in (one, other, again)
        )
        return told.keys() == others.keys() == agains.keys() and all(
            _same(told[key], others[key], agains[key]) for key in told
        )
    if isinstance(one, list) and isinstance(other, list) and isinstance(again, list):
        return len(one) == len(other) == len(again) and all(map(_same, one, other, again))
    if isinstance(one, str) and isinstance(other, str) and isinstance(again, str):
        words = _WORD.split(one), _WORD.split(other), _WORD.split(again)
        return len({len(each) for each in words}) == 1 and all(a == b or a != c for a, b, c in zip(*words, strict=True))
    return bool(one == other)
