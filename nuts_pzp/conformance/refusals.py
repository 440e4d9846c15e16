"""What counts as a refusal, and when two of them are alike. Pure."""

from __future__ import annotations

import re
from typing import Any

from .rules import Said, met, partly, unmet
from .wire import Got

_CODE = re.compile(r"[0-9A-Za-z_-]{8,}")


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


def alike(one: Got, other: Got) -> bool:
    """The same status, media type and body, but for a code that names the request."""
    return (one.status, one.media, _shape(one.content)) == (other.status, other.media, _shape(other.content))


def _shape(value: Any) -> Any:
    """The body without what may name this one request: long codes that hold a digit."""
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items() if key not in ("id", "meta", "link")}
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    if isinstance(value, str):
        return _CODE.sub(lambda found: "#" if any(c.isdigit() for c in found[0]) else found[0], value)
    return value
