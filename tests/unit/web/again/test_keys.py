"""Idempotency keys: a question is asked once per key, whoever comes again and wherever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from later import BODY, KEY, LATER, Slow, kinds, knows

from nuts_pzp.accounted import Denied
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace


async def test_a_key_and_the_same_body_are_one_consultation(region: Any, ask: Any) -> None:
    slow = Slow()
    region.source("90000111", slow)
    both = [asyncio.create_task(ask(headers=KEY)) for _ in range(3)]
    await asyncio.sleep(0.1)
    slow.may.set()
    first, second, third = [await one for one in both]
    assert first.content == second.content == third.content
    assert [kinds(region).count(name) for name in ("Intended", "Consulted", "Shown")] == [1, 1, 2]
    later = await ask(headers=KEY)
    assert later.content == first.content
    assert kinds(region).count("Intended") == 1
    assert region.asked.count("locate") == 1


async def test_an_ehr_that_hangs_up_and_comes_again_with_its_key_gets_its_answer(region: Any, ask: Any) -> None:
    slow = Slow()
    region.source("90000111", slow)
    left = await ask(headers=KEY, stays=slow.asked)
    assert left.sent == []
    slow.may.set()
    seen = await ask(headers=KEY)
    assert (seen.status, seen.json["complete"]) == (200, True)
    assert kinds(region).count("Intended") == 1


async def test_a_key_for_another_body_is_refused(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    assert (await ask(headers=KEY)).status == 200
    seen = await ask(headers=KEY, body=BODY | {"context": "visit"})
    assert (seen.status, seen.json["code"]) == (422, "PZP-REQUEST-018")
    denied = region.events[-1]
    assert isinstance(denied, Denied)
    assert denied.attempt.caller is not None
    assert kinds(region).count("Intended") == 1
    again = await ask(headers=KEY)
    assert again.status == 200


async def test_a_key_is_its_clients_and_its_professionals(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    await ask(headers=KEY)
    await ask(headers=KEY, body=BODY | {"professional": {"id": "k-18", "name": "x", "role": "arts"}})
    region.caller = replace(await region.verify(None), certificate="cd")
    await ask(headers=KEY)
    assert kinds(region).count("Intended") == 3


async def test_no_second_question_also_not_by_another_process(
    region: Any, ask: Any, make_door: Any, state: Any
) -> None:
    region.source("90000111", knows)
    await ask(headers=KEY)
    elsewhere = await ask(headers=KEY, door=make_door(state()))
    assert (elsewhere.status, elsewhere.json["code"]) == (421, "PZP-REQUEST-017")
    assert kinds(region).count("Intended") == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 129, "a b", "\x7f", "é", '"a', 'a"', 'a"b', '""'])
async def test_a_key_that_is_none_is_refused(region: Any, called: Any, key: str) -> None:
    seen = await called(headers={"idempotency-key": key}).run()
    assert seen.status == 400
    assert seen.json["errors"][0]["key"] == "Idempotency-Key"
    assert kinds(region) == ["Denied"]


async def test_without_state_no_key_is_taken(region: Any, called: Any) -> None:
    seen = await called(headers=KEY).run()
    assert (seen.status, seen.json["code"]) == (503, "PZP-INTERNAL-003")
    assert kinds(region) == ["Denied"]


async def test_a_stranger_takes_no_key_and_no_place(region: Any, ask: Any) -> None:
    region.caller = Deny(Reason.CERTIFICATE_UNLISTED)
    for headers in (KEY, LATER):
        assert (await ask(headers=headers)).status == 401
    region.caller = None
    region.source("90000111", knows)
    assert (await ask(headers=KEY)).status == 200
