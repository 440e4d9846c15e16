"""Which language a reader wants: Dutch, unless English is preferred (RFC 9110 12.5.4)."""

from __future__ import annotations

import re

from ..reasons import Language

_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?", re.ASCII
)
_MOST = 20


def preferred(accept_language: str) -> Language:
    """Return `en` when the header weighs English above Dutch, else `nl`; what it says oddly is not looked at."""
    weights: dict[str, float] = {}
    for part in accept_language[:400].split(",")[:_MOST]:
        if found := _RANGE.fullmatch(part):
            weights.setdefault(found[1].lower(), float(found[2] or 1))
    other = weights.get("*", 0.0)
    return "en" if weights.get("en", other) > weights.get("nl", other) else "nl"
