"""Sources that answer at the same moment are recorded at the same moment, each before it is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from nuts_pzp.accounted import Received
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.consult.flow import Arrived, Complete, consult
from nuts_pzp.exchange import Asked
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SOURCES = ("90000111", "90000222", "90000333")


def silent(_: Any) -> Unavailable:
    return Unavailable(Reason.SOURCE_DOWN)


async def test_the_records_of_three_sources_wait_for_one_commit_not_for_each_other(
    region: Any, presented: Any, question: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ura in SOURCES:
        region.source(ura, silent)
    waiting, commit = [], asyncio.Event()
    at_once = region.append

    async def grouped(event: Any) -> Any:
        if isinstance(event, Received):
            waiting.append(event)
            if len(waiting) == len(SOURCES):
                commit.set()
            await asyncio.wait_for(commit.wait(), 20)
        return await at_once(event)

    monkeypatch.setattr(region, "append", grouped)
    *arrived, last = [step async for step in consult(region.house(), presented, question, NOW)]
    assert isinstance(last, Complete)
    assert {one.answer.source.holder.ura.value for one in arrived if isinstance(one, Arrived)} == set(SOURCES)
    assert all(one.receipt.event in region.events for one in arrived)


async def test_a_source_that_cannot_be_recorded_ends_the_consultation(
    region: Any, presented: Any, question: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ura in SOURCES:
        region.source(ura, silent)
    at_once = region.append

    async def refusing(event: Any) -> Any:
        if isinstance(event, Received):
            raise NotRecorded
        return await at_once(event)

    monkeypatch.setattr(region, "append", refusing)
    with pytest.raises(NotRecorded):
        [step async for step in consult(region.house(), presented, question, NOW)]
    assert not any(isinstance(event, Received) for event in region.events)
