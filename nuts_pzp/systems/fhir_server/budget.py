"""How often a source may be tried again: a share of what it is asked, so that retries never make a bad night worse."""

from __future__ import annotations

SHARE = 0.1
"""Retries earned by one call: one in ten."""

SAVED = 3.0
"""Retries that may be saved up; a source starts with so many."""


class Budget:
    """Retries of one source, shared by everybody who asks it. Searches and reads only: they are safe to repeat."""

    __slots__ = ("_saved",)

    def __init__(self) -> None:
        self._saved = SAVED

    def called(self) -> None:
        """A call was made: earn a share of a retry."""
        self._saved = min(SAVED, self._saved + SHARE)

    def spend(self) -> bool:
        """Take one retry; False when none is left."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
