"""Joining locators: named targets, order of preference, gaps kept."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import date

import pytest

from nuts_pzp.accounted import Intended, Receipt
from nuts_pzp.exchange import Attempt, Caller, Holder, Inquiry
from nuts_pzp.identity import Bsn, Organization, Professional, Purpose, Ura
from nuts_pzp.localization.join import Joined
from nuts_pzp.outcome import Gap, Gathered, Unavailable
from nuts_pzp.reasons import Reason

WILGENHOF, MEERWIJCK, KADE = Ura("90000111"), Ura("90000222"), Ura("90000444")
NO_REGISTER = "no register to ask, and no target was named"
DOWN = Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN))


class Known:
    """A locator that knows this."""

    def __init__(self, *holders: Holder, gaps: tuple[Gap, ...] = ()) -> None:
        self.answer, self.asked = Gathered(holders, gaps), 0

    async def locate(self, intended: Receipt[Intended], /) -> Gathered[Holder]:
        self.asked += 1
        return self.answer


def intended(*targets: Ura) -> Receipt[Intended]:
    caller = Caller(Organization(KADE, "N6", "De Kade"), None, frozenset(), Purpose.TREATMENT, None, {}, "mtls")
    professional = Professional("p1", "huisarts")
    bsn = Bsn("999990019")
    inquiry = Inquiry(caller, professional, bsn, date(1941, 5, 4), Purpose.TREATMENT, None, None, targets, 10.0)
    return Receipt(Intended(Attempt("c1"), inquiry), 0, "r1")


async def test_named_targets_are_the_answer_and_no_register_is_asked() -> None:
    register = Known(Holder(MEERWIJCK, "nvi"))
    found = await Joined([register]).locate(intended(WILGENHOF, WILGENHOF))
    assert found == Gathered((Holder(WILGENHOF, "caller"),))
    assert register.asked == 0


async def test_a_holder_that_two_registers_name_is_kept_once_as_the_first_named_it() -> None:
    first = Known(Holder(WILGENHOF, "nvi"))
    second = Known(Holder(MEERWIJCK, "mitz"), Holder(WILGENHOF, "mitz"))
    found = await Joined([first, second]).locate(intended())
    assert found.items == (Holder(WILGENHOF, "nvi"), Holder(MEERWIJCK, "mitz"))
    assert found.complete


async def test_what_one_register_knows_survives_the_failure_of_another_and_so_does_the_gap() -> None:
    found = await Joined([Known(gaps=(DOWN,)), Known(Holder(MEERWIJCK, "mitz"))]).locate(intended())
    assert found.items == (Holder(MEERWIJCK, "mitz"),)
    assert found.gaps == (DOWN,)


async def test_without_any_register_and_without_targets_it_is_a_gap_and_not_an_empty_list() -> None:
    found = await Joined([]).locate(intended())
    assert found.items == ()
    assert [(gap.where, gap.stop.reason) for gap in found.gaps] == [("localization", Reason.LOCALIZATION_DOWN)]


async def test_a_caller_may_want_both_named_targets_and_whom_a_register_knows() -> None:
    both = intended(WILGENHOF)
    both = Receipt(replace(both.event, inquiry=replace(both.event.inquiry, localize=True)), 0, "r1")
    register = Known(Holder(WILGENHOF, "nvi"), Holder(MEERWIJCK, "nvi"), gaps=(DOWN,))
    found = await Joined([register]).locate(both)
    assert found == Gathered((Holder(WILGENHOF, "caller"), Holder(MEERWIJCK, "nvi")), (DOWN,))
    assert await Joined([]).locate(both) == Gathered(
        (Holder(WILGENHOF, "caller"),),
        (Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN, detail=NO_REGISTER)),),
    )


@pytest.mark.usefixtures("leaping")
async def test_a_register_that_never_answers_leaves_the_others_their_time() -> None:
    class Silent:
        async def locate(self, receipt: Receipt[Intended], /) -> Gathered[Holder]:
            await asyncio.sleep(60)
            raise AssertionError("nobody waits this long")

    asked = intended()
    asked = Receipt(replace(asked.event, inquiry=replace(asked.event.inquiry, deadline=0.2)), 0, "r1")
    began = time.monotonic()
    found = await Joined([Silent(), Known(Holder(MEERWIJCK, "mitz"))]).locate(asked)
    assert time.monotonic() - began <= 0.21
    assert found.items == (Holder(MEERWIJCK, "mitz"),)
    assert [(gap.where, gap.stop.reason) for gap in found.gaps] == [("localization", Reason.LOCALIZATION_DOWN)]
