"""What every adapter of the port `Audit` promises; the fake included."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nuts_pzp.accounted import Denied, Kept, Receipt
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.exchange import Attempt
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason


def refusal(correlation: str) -> Denied:
    return Denied(Attempt(correlation), Deny(Reason.TOKEN_ABSENT))


async def test_the_receipt_is_of_the_very_event(candidate: Any) -> None:
    event = refusal("c1")
    receipt = await candidate.audit.append(event)
    assert isinstance(receipt, Receipt)
    assert receipt.event is event
    assert receipt.record_id


async def test_once_awaited_it_is_there(candidate: Any) -> None:
    await candidate.audit.append(refusal("c1"))
    assert candidate.count() == 1


async def test_indexes_rise_in_the_order_of_appending(candidate: Any) -> None:
    indexes = [(await candidate.audit.append(refusal(f"c{number}"))).index for number in range(5)]
    assert indexes == sorted(set(indexes))
    assert indexes[-1] - indexes[0] == 4


async def test_concurrent_callers_get_different_records(candidate: Any) -> None:
    receipts = await asyncio.gather(*(candidate.audit.append(refusal(f"c{number}")) for number in range(50)))
    assert len({receipt.index for receipt in receipts}) == 50
    assert len({receipt.record_id for receipt in receipts}) == 50
    assert candidate.count() == 50


async def test_every_tenant_counts_for_itself(candidate: Any) -> None:
    first = await candidate.audit.append(Kept("policy.activated"))
    theirs = await candidate.others[0].append(Kept("policy.activated"))
    assert first.index == theirs.index
    assert candidate.count() == 1


async def test_what_cannot_be_recorded_is_raised_never_returned(candidate: Any) -> None:
    await candidate.break_it()
    before = candidate.count()
    with pytest.raises(NotRecorded):
        await asyncio.wait_for(candidate.audit.append(refusal("c1")), 20)
    assert candidate.count() == before
