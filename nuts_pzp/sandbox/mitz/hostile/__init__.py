"""Hostile answers of the Mitz twin, by name: each takes the question and makes the bytes of one way to be wrong.

The names of spec consent 8 (14 to 24, 41 to 71) come back here, and more. A few are answers all the same: a Deny with
something odd inside it is still a Deny. What each must become is written down with the reader's tests.
"""

from __future__ import annotations

from .envelopes import ENVELOPES
from .octets import OCTETS
from .parts import Hostile, honest
from .results import RESULTS

HOSTILE: dict[str, Hostile] = {**OCTETS, **ENVELOPES, **RESULTS}

__all__ = ["HOSTILE", "Hostile", "honest"]
