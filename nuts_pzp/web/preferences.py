"""What a client would rather have (RFC 7240), read the same way by the consultation API and the facade."""

from __future__ import annotations

import re

_PARTS = re.compile("[,;]")


def preferences(prefer: str) -> dict[str, str]:
    """Return what the header names, in lower case, each with its value; the first of a name counts.

    A parameter counts as a preference of its own: some write `respond-async; wait=2`.
    """
    found: dict[str, str] = {}
    for part in _PARTS.split(prefer):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found
