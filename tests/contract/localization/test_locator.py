"""What every locator promises (nuts_pzp/localization/port.py)."""

from __future__ import annotations

from typing import Any


async def test_each_holder_is_named_once_and_nobody_else(situation: Any) -> None:
    locator = await situation.furnish(("90000111", "90000222"))
    found = await locator.locate(situation.intended)
    assert sorted(holder.ura.value for holder in found.items) == ["90000111", "90000222"]
    assert found.complete


async def test_the_asking_organization_itself_is_named_like_any_other(situation: Any) -> None:
    locator = await situation.furnish(("90000111", "90000444"))
    found = await locator.locate(situation.intended)
    assert sorted(holder.ura.value for holder in found.items) == ["90000111", "90000444"]


async def test_no_holder_is_a_complete_and_empty_answer(situation: Any) -> None:
    found = await (await situation.furnish(())).locate(situation.intended)
    assert (found.items, found.gaps) == ((), ())


async def test_a_holder_says_who_named_it(situation: Any) -> None:
    found = await (await situation.furnish(("90000111",))).locate(situation.intended)
    assert found.items[0].found_by in ("nvi", "regional-file", "mitz")


async def test_the_same_question_may_be_asked_again(situation: Any) -> None:
    locator = await situation.furnish(("90000111",))
    assert await locator.locate(situation.intended) == await locator.locate(situation.intended)
