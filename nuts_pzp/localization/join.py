"""Joining several locators, and targets that the caller names. Pure sequencing; gaps of every register are kept.

Named targets are a question to those organisations only: no register is asked, so no pseudonym of the patient leaves
(spec generic-functions 1.6: a locator seeded with sources named by the caller).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from ..accounted import Intended, Receipt
from ..exchange import Holder
from ..outcome import Gap, Gathered, Unavailable
from ..reasons import Reason
from .port import Locator

NAMED = "caller"
"""`Holder.found_by` of a target that the caller named."""


class Joined:
    """Asks all locators at once and merges what they know; a locator of its own."""

    def __init__(self, locators: Sequence[Locator]) -> None:
        """Take the locators in order of preference: of two that name one holder, the first is kept."""
        self._locators = tuple(locators)

    async def locate(self, intended: Receipt[Intended], /) -> Gathered[Holder]:
        """Return the named targets, or else every holder that a register knows, each once; all gaps are kept."""
        targets = intended.event.inquiry.targets
        if targets:
            return Gathered(once(Holder(ura, NAMED) for ura in targets))
        if not self._locators:
            stop = Unavailable(Reason.LOCALIZATION_DOWN, detail="no register to ask, and no target was named")
            return Gathered(gaps=(Gap("localization", stop),))
        found: Gathered[Holder] = Gathered()
        for answer in await asyncio.gather(*(each.locate(intended) for each in self._locators)):
            found += answer
        return Gathered(once(found.items), found.gaps)


def once(holders: Iterable[Holder]) -> tuple[Holder, ...]:
    """Return each organisation once, in order; the first to name it counts."""
    by_ura: dict[str, Holder] = {}
    for holder in holders:
        by_ura.setdefault(holder.ura.value, holder)
    return tuple(by_ura.values())
