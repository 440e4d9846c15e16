"""Mitz twin: what citizens chose, and what that means for one question (spec consent 0.5, 1.9, 4.1).

An individual choice beats one for a category; of equal ones a no wins; no choice is a no.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .codes import COVERS, TYPES
from .request import Asked


@dataclass(frozen=True, slots=True)
class Choice:
    """`holder` and `user` are a URA (eight digits) or a category (`RPZAC001`); `ggc` a data category."""

    bsn: str
    holder: str
    ggc: str
    user: str
    effect: Literal["permit", "deny"]
    since: str = ""
    """When it was made, RFC 3339; for notifications only."""

    def about(self, other: Choice) -> bool:
        """True when the other choice is about the same, so that this one takes its place."""
        return (self.bsn, self.holder, self.ggc, self.user) == (other.bsn, other.holder, other.ggc, other.user)

    def __repr__(self) -> str:
        return f"Choice({self.holder}, {self.ggc}, {self.user}, {self.effect})"


def decide(choices: Iterable[Choice], asked: Asked, category: str) -> Literal["Permit", "Deny"]:
    """Return the word for one category of a question."""
    holders = {asked.holder: 1, TYPES.get(asked.holder_type): 0}
    users = {asked.user: 1, TYPES.get(asked.user_type): 0}
    found = [
        (holders[choice.holder] + users[choice.user], choice.effect == "deny")
        for choice in choices
        if choice.bsn == asked.bsn
        and category in COVERS.get(choice.ggc, ())
        and choice.holder in holders
        and choice.user in users
    ]
    return "Deny" if not found or max(found)[1] else "Permit"
