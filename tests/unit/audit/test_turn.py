"""What one turn of a loop hands in: together, in order, and each on its own account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import pytest

from nuts_pzp.accounted import Kept
from nuts_pzp.audit.canonical import OutsideProfile
from nuts_pzp.audit.ledger import turn as turns
from nuts_pzp.audit.ledger.turn import Handed, Turn
from nuts_pzp.audit.page import Draft
from nuts_pzp.audit.port import NotRecorded


class Pen:
    """Writes anything down but for what it is told not to."""

    def draft(self, event: Kept) -> Draft:
        if event.code == "outside":
            raise OutsideProfile("larger than 64 KiB")
        if event.code == "bug":
            raise LookupError("a bug")
        return Draft(f"record-{event.code}", (b"{", b"", b"", b"}"))


class Book:
    """Takes what is handed over, and answers when it is told to."""

    def __init__(self, patience: float = 2.0, *, at_once: bool = True) -> None:
        self.groups: list[list[str]] = []
        self.at_once = at_once
        self.turn: Turn[str] = Turn(asyncio.get_running_loop(), self.over, patience)

    def over(self, handed: Sequence[Handed[str]]) -> None:
        written = [one for one in handed if one.write()]
        self.groups.append([one.draft.id for one in written if one.draft])
        for number, one in enumerate(written):
            if self.at_once and not one.future.done():
                one.future.set_result(number)

    async def record(self, code: str) -> Any:
        pen: Any = Pen()
        return await self.turn.record(Kept(code), pen, "meerwijck")


async def test_what_is_handed_in_during_one_turn_goes_over_together_and_in_order() -> None:
    book = Book()
    receipts = await asyncio.gather(*(book.record(str(number)) for number in range(5)))
    assert book.groups == [[f"record-{number}" for number in range(5)]]
    assert [receipt.record_id for receipt in receipts] == book.groups[0]
    assert [receipt.event.code for receipt in receipts] == list("01234")
    assert (await book.record("later")).index == 0
    assert book.groups[1:] == [["record-later"]]


async def test_a_full_turn_goes_over_before_it_ends() -> None:
    book = Book()
    await asyncio.gather(*(book.record(str(number)) for number in range(2 * turns._FULL + 3)))
    assert list(map(len, book.groups)) == [turns._FULL, turns._FULL, 3]


async def test_exactly_a_full_turn_goes_over_once() -> None:
    book = Book()
    await asyncio.gather(*(book.record(str(number)) for number in range(turns._FULL)))
    await asyncio.sleep(0)
    assert list(map(len, book.groups)) == [turns._FULL]


async def test_a_record_that_cannot_be_written_down_fails_alone() -> None:
    book = Book()
    found = await asyncio.gather(*map(book.record, ("a", "outside", "bug", "b")), return_exceptions=True)
    assert [type(one).__name__ for one in found] == ["Receipt", "NotRecorded", "LookupError", "Receipt"]
    assert str(found[1]) == "larger than 64 KiB"
    assert book.groups == [["record-a", "record-b"]]


async def test_who_leaves_before_the_turn_ends_does_not_take_the_record_back() -> None:
    book = Book()
    tasks = [asyncio.create_task(book.record(code)) for code in "abc"]
    loop = asyncio.get_running_loop()
    loop.call_soon(tasks[1].cancel)  # after all three handed in, before the end of that turn
    assert (await tasks[0]).record_id == "record-a"
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert book.groups == [["record-a", "record-b", "record-c"]]


async def test_everybody_waits_as_long_as_is_promised_and_no_longer() -> None:
    book = Book(0.15, at_once=False)

    async def waits(after: float) -> float:
        await asyncio.sleep(after)
        began = time.monotonic()
        with pytest.raises(NotRecorded, match="in time"):
            await book.record("lost")
        return time.monotonic() - began

    waited = await asyncio.gather(*(waits(after) for after in (0.0, 0.05, 0.1, 0.1, 0.3)))
    assert all(0.14 < one < 1.0 for one in waited)


async def test_a_wait_that_ended_well_does_not_end_a_later_one() -> None:
    book = Book(0.1)
    await book.record("first")
    await asyncio.sleep(0.06)
    book.at_once = False
    began = time.monotonic()
    with pytest.raises(NotRecorded, match="in time"):
        await book.record("second")
    assert time.monotonic() - began > 0.09
