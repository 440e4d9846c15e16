"""Joining several locators, and targets that the caller names. Pure sequencing; gaps of every register are kept.

Named targets are a question to those organisations only: no register is asked, so no pseudonym of the patient leaves
(spec generic-functions 1.6: a locator seeded with sources named by the caller). A caller may want both: then what the
registers know comes after the named ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from ..accounted import Intended, Receipt
from ..exchange import Holder, Inquiry
from ..outcome import Gap, Gathered, Unavailable
from ..reasons import Reason
from .port import Locator

NAMED = "caller"
"""`Holder.found_by` of a target that the caller named."""

PART = 0.8
"""Of the caller's deadline, what a register may take at most: what is left is for whom another register knows."""


class Joined:
    """Asks all locators at once and merges what they know; a locator of its own."""

    def __init__(self, locators: Sequence[Locator]) -> None:
        """Take the locators in order of preference: of two that name one holder, the first is kept."""
        self._locators = tuple(locators)

    async def locate(self, intended: Receipt[Intended], /) -> Gathered[Holder]:
        """Return the named targets first, then (without targets, or when both are wanted) whom a register knows.

        Each holder once; all gaps are kept.
        """
        inquiry = intended.event.inquiry
        found = Gathered(named(inquiry))
        if inquiry.targets and not inquiry.localize:
            return found
        if not self._locators:
            stop = Unavailable(Reason.LOCALIZATION_DOWN, detail="no register to ask, and no target was named")
            return found + Gathered(gaps=(Gap("localization", stop),))
        for answer in await asyncio.gather(*(_in_time(each, intended) for each in self._locators)):
            found += answer
        return Gathered(once(found.items), found.gaps)


async def _in_time(locator: Locator, intended: Receipt[Intended]) -> Gathered[Holder]:
    """A register that takes too long is a gap; it does not cost those whom another register knows their time."""
    try:
        async with asyncio.timeout(intended.event.inquiry.deadline * PART):
            return await locator.locate(intended)
    except TimeoutError:
        stop = Unavailable(Reason.LOCALIZATION_DOWN, detail="a register took too long")
        return Gathered(gaps=(Gap("localization", stop),))


def named(inquiry: Inquiry) -> tuple[Holder, ...]:
    """Return the organizations that the caller named, each once: for them no register is needed."""
    return once(Holder(ura, NAMED) for ura in inquiry.targets)


def once(holders: Iterable[Holder]) -> tuple[Holder, ...]:
    """Return each organisation once, in order; the first to name it counts."""
    by_ura: dict[str, Holder] = {}
    for holder in holders:
        by_ura.setdefault(holder.ura.value, holder)
    return tuple(by_ura.values())
