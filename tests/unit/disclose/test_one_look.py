"""One look at the state serves a whole question; what another process puts meanwhile is seen by the look after.

Real state, real sources over it and a stand-in for Mitz; another process is a second opening of the same file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from state_ward import Ward, ward

from nuts_pzp.accounted import Allowed, Denied
from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.identity import Bsn
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

__all__ = ["ward"]


def gathering(ward: Ward, act: Callable[[], Any]) -> None:
    """Do something while the own server gathers the answer."""
    send = ward.holder.records.send

    async def sending(request: Any) -> Any:
        answer = await send(request)
        if request.interaction == "search-type":
            await act()
        return answer

    ward.holder.records.send = sending


async def test_a_warm_request_looks_three_times_and_waits_for_no_thread(ward: Ward) -> None:
    await ward.ask()
    ward.reads.clear()
    assert isinstance((await ward.ask()).content, Minimized)
    assert ward.mitz.asked == 1
    assert ward.reads == {"look": 3}


async def test_that_a_choice_was_recorded_here_costs_no_thread_either(ward: Ward) -> None:
    await ward.elsewhere.permits()
    await ward.ask()
    ward.reads.clear()
    reply = await ward.ask()
    assert isinstance(reply.content, Minimized)
    assert ward.holder.audit.events[-2].grounds[0].basis == "explicit-consent:local"
    assert ward.reads == {"look": 3}


async def test_choices_that_were_read_before_serve_until_another_process_adds_one(ward: Ward) -> None:
    await ward.elsewhere.permits()
    assert isinstance((await ward.ask()).content, Minimized)
    await ward.elsewhere.objects_as_well()
    reply = await ward.ask()
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.CONSENT_OBJECTION


async def test_an_objection_recorded_after_its_source_was_passed_stops_the_decision(ward: Ward) -> None:
    ward.mitz.meanwhile = [ward.elsewhere.objects]
    reply = await ward.ask()
    assert isinstance(reply.receipt.event, Denied)
    assert reply.receipt.event.stop.reason is Reason.CONSENT_OBJECTION
    assert "records Consent" not in ward.holder.journal


async def test_a_refusal_told_after_its_source_was_passed_stops_the_decision(ward: Ward) -> None:
    ward.mitz.meanwhile = [ward.elsewhere.refuses]
    reply = await ward.ask()
    assert isinstance(reply.receipt.event, Denied)
    assert reply.receipt.event.stop.reason is Reason.CONSENT_OBJECTION
    assert "records Consent" not in ward.holder.journal


@pytest.mark.parametrize("change", ["objects", "refuses"])
async def test_a_change_between_the_first_look_and_a_kept_verdict_is_seen_by_the_look_after(
    ward: Ward, change: str
) -> None:
    """All is warm, so nothing is awaited between the looks: the change comes with the first of them."""
    await ward.ask()
    seen = ward.house.generations.generation
    changes = [getattr(ward.elsewhere, change)]

    async def looking(bsn: Bsn, /) -> Any:
        found = await seen(bsn)
        while changes:
            await changes.pop()()
        return found

    object.__setattr__(ward.house, "generations", type("Looking", (), {"generation": staticmethod(looking)})())
    reply = await ward.ask()
    assert isinstance(reply.receipt.event, Denied)
    assert reply.receipt.event.stop.reason is Reason.CONSENT_OBJECTION


@pytest.mark.parametrize("change", ["objects", "refuses"])
async def test_a_change_while_the_answer_is_gathered_keeps_it_here(ward: Ward, change: str) -> None:
    gathering(ward, getattr(ward.elsewhere, change))
    reply = await ward.ask()
    assert isinstance(ward.holder.audit.events[0], Allowed)
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.CONSENT_OBJECTION


async def test_a_new_generation_while_mitz_is_asked_asks_it_once_more(ward: Ward) -> None:
    ward.mitz.meanwhile = [ward.elsewhere.begins_anew]
    assert isinstance((await ward.ask()).content, Minimized)
    assert ward.mitz.asked == 2
