"""A night on which the register is silent until it is told to speak."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from nuts_pzp.accounted import Addressed, Intended, Receipt, Received
from nuts_pzp.consult.flow import Arrived, Complete, consult
from nuts_pzp.exchange import Asked, Holder, Presented
from nuts_pzp.house import Consulting
from nuts_pzp.identity import Ura
from nuts_pzp.localization.join import Joined
from nuts_pzp.outcome import Gap, Gathered, Unavailable
from nuts_pzp.overview.shape import Overview
from nuts_pzp.reasons import Reason

from ..conftest import KADE, NOW, FakeServer, Region, holding, owning

OWN, L, M, A = KADE.ura.value, "90000333", "90000222", "90000555"
DOWN = Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN))

Flow = AsyncGenerator[Arrived | Complete, None]


class Registers:
    """A register that is silent until it is told to answer, or to fail."""

    def __init__(self) -> None:
        self.may, self.asked, self.left = asyncio.Event(), 0, False
        self.says: Gathered[Holder] = Gathered()
        self.bug: Exception | None = None

    async def locate(self, intended: Receipt[Intended]) -> Gathered[Holder]:
        self.asked += 1
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.left = True
            raise
        if self.bug:
            raise self.bug
        return self.says

    def answer(self, *uras: str, gaps: tuple[Gap, ...] = ()) -> None:
        self.says = Gathered(tuple(Holder(Ura(one), "nvi") for one in uras), gaps)
        self.may.set()


class Held:
    """A source that answers when it may."""

    def __init__(self) -> None:
        self.may, self.asked, self.left = asyncio.Event(), asyncio.Event(), False

    def __call__(self, request: Any) -> Any:
        self.asked.set()
        return self._answer(request)

    async def _answer(self, request: Any) -> Any:
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.left = True
            raise
        return holding("permit", "2024-01-01")(request)


@dataclass
class Night:
    """A house with a server of its own and a silent register; the caller names L and wants the registers as well."""

    region: Region
    house: Consulting
    own: FakeServer
    registers: Registers
    asked: Asked
    presented: Presented
    began: float

    def consult(self, **changes: Any) -> Flow:
        return consult(self.house, self.presented, replace(self.asked, **changes), NOW)

    def times(self, ura: str) -> int:
        """How often a source was asked who the patient is."""
        if ura == OWN:
            return sum(one.resource_type == "Patient" for one in self.own.log)
        return self.region.asked.count(f"grant {ura}")

    @property
    def waited(self) -> float:
        return time.monotonic() - self.began

    @property
    def told(self) -> list[Any]:
        """The records: sources with whom they name and whether registers are awaited, received with whose."""
        return [record_of(event) for event in self.region.events]


def record_of(event: Any) -> Any:
    if isinstance(event, Addressed):
        return [one.holder.ura.value for one in event.sources], "awaited" if event.registers_awaited else ""
    if isinstance(event, Received):
        return event.source.holder.ura.value
    return type(event).__name__


@pytest.fixture
async def night(leaping: None, region: Region, question: Asked, presented: Presented) -> Night:
    for ura in (L, M, A):
        region.answering[ura] = holding("permit", "2023-04-01")
    house, own = owning(region, holding("deny", "2026-02-11"))
    registers = Registers()
    asked = replace(question, targets=(Ura(L),), localize=True, deadline=10.0)
    house = replace(house, locator=Joined([registers]))
    return Night(region, house, own, registers, asked, presented, time.monotonic())


async def arrived(flow: Flow) -> str:
    step = await anext(flow)
    assert isinstance(step, Arrived)
    return step.answer.source.holder.ura.value


async def to_the_end(flow: Flow) -> tuple[list[str], Overview]:
    *steps, last = [step async for step in flow]
    assert isinstance(last.content, Overview)
    return [one.answer.source.holder.ura.value for one in steps], last.content


def nothing_runs() -> bool:
    return asyncio.all_tasks() == {asyncio.current_task()}
