"""What came to nothing: told again on record, and asked anew where its answer said to try later."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from later import BODY, KEY, LATER, Slow, kinds, knows

from nuts_pzp.accounted import Denied
from nuts_pzp.outcome import Gap, Gathered, Unavailable
from nuts_pzp.reasons import Reason

DOWN: Gathered[Any] = Gathered((), (Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN)),))


@pytest.fixture
def up(region: Any) -> Any:
    region.source("90000111", knows)
    return region.holders


@pytest.mark.parametrize("how", [{}, LATER | {"prefer": "respond-async, wait=5"}], ids=["at once", "later"])
async def test_a_key_whose_answer_said_to_try_later_is_asked_anew(
    region: Any, ask: Any, up: Any, how: dict[str, str]
) -> None:
    region.holders = DOWN
    failed = await ask(headers=KEY | how)
    assert (failed.status, failed.headers["retry-after"]) == (503, "30")
    region.holders = up
    seen = await ask(headers=KEY | how)
    assert (seen.status, seen.json["complete"]) == (200, True)
    again = await ask(headers=KEY | how)
    assert (again.status, again.json["meldcode"]) == (200, seen.json["meldcode"])
    assert region.asked.count("locate") == 2


async def test_of_many_that_come_again_one_asks(region: Any, ask: Any) -> None:
    region.holders = DOWN
    assert (await ask(headers=KEY)).status == 503
    region.holders = Gathered()
    slow = Slow()
    region.source("90000111", slow)
    all_of_them = [asyncio.create_task(ask(headers=KEY)) for _ in range(4)]
    await asyncio.sleep(0.1)
    slow.may.set()
    assert {(await one).status for one in all_of_them} == {200}
    assert region.asked.count("locate") == 2


async def test_a_key_whose_record_failed_is_asked_anew(region: Any, ask: Any, up: Any) -> None:
    region.fail_at = 1
    assert (await ask(headers=KEY)).status == 503
    region.fail_at = 0
    assert (await ask(headers=KEY)).status == 200


async def test_a_refusal_stays_one_and_is_on_record_each_time(region: Any, ask: Any, up: Any) -> None:
    body = BODY | {"purpose": "emergency", "reason": "no-time"}
    told = [await ask(headers=KEY, body=body) for _ in range(2)]
    assert [(one.status, one.json["code"]) for one in told] == [(403, "PZP-REQUEST-011")] * 2
    assert kinds(region) == ["Denied", "Denied"]
    for one, event in zip(told, region.events, strict=True):
        assert isinstance(event, Denied)
        assert (event.attempt.correlation, event.stop.reason) == (
            one.headers["x-meldcode"], Reason.PURPOSE_NOT_ALLOWED,
        )  # fmt: skip


async def test_a_refusal_that_cannot_be_recorded_is_not_told_again(region: Any, ask: Any, up: Any) -> None:
    body = BODY | {"purpose": "emergency", "reason": "no-time"}
    await ask(headers=KEY, body=body)
    region.fail_at = 1
    seen = await ask(headers=KEY, body=body)
    assert (seen.status, seen.json["code"]) == (503, "PZP-AUDIT-001")


async def test_who_waits_for_a_consultation_that_is_cut_off_is_told_so_on_record(
    region: Any, ask: Any, make_door: Any, state: Any
) -> None:
    slow, door = Slow(), make_door(state())
    region.source("90000111", slow)
    waiting = asyncio.create_task(ask(headers=KEY, door=door))
    await slow.asked.wait()
    await door.stop()
    seen = await waiting
    assert (seen.status, slow.cancelled) == (404, True)
    assert isinstance(region.events[-1], Denied)
    assert region.events[-1].stop.reason is Reason.RESULT_GONE
    assert region.events[-1].attempt.correlation == seen.headers["x-meldcode"]
