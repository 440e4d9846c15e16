"""Dialling: how many addresses at once, and that what is called off is closed at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nuts_pzp.outside import Outbound, TlsFiles, Trouble
from nuts_pzp.outside.connection import Connection
from nuts_pzp.outside.reaching import Reach
from nuts_pzp.outside.request import Origin

HERE = Origin(True, "a.example", 443, "a.example")


class Dials:
    """Stands in for what opens a connection: hangs, but at the addresses that answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answers: str = "") -> None:
        self.begun: list[str] = []
        self.open: list[str] = []
        self.ended: list[str] = []
        self.most = 0
        self._answers = answers
        monkeypatch.setattr(Reach, "_dial", self.dial)
        monkeypatch.setattr("nuts_pzp.outside.reaching._HEAD_START", 0.02)

    async def dial(self, origin: Origin, address: str, made: Any) -> Any:
        self.begun.append(address)
        self.open.append(address)
        self.most = max(self.most, len(self.open))
        try:
            await asyncio.sleep(0 if address == self._answers else 20)
            return address
        finally:
            self.open.remove(address)
            self.ended.append(address)


def reach(within: float = 20.0) -> Reach:
    return Reach(Outbound(), TlsFiles().context_for("http:"), within)


@pytest.mark.parametrize("answers", ["a1", "a5", "a9"])
async def test_of_many_addresses_four_are_dialled_at_once_and_each_has_its_turn(
    monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    dials = Dials(monkeypatch, answers)
    addresses, complaints = [f"a{number}" for number in range(10)], []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    assert await reach()._race(HERE, addresses, lambda: None) == answers  # type: ignore[arg-type,return-value,comparison-overlap]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (dials.begun[-1], dials.open, complaints) == (answers, [], [])
    assert dials.ended[: len(dials.begun) - 4] == dials.begun[:-4]  # who has had most time makes way
    assert dials.most <= 5  # one that is called off ends when the loop comes to it


async def test_many_dead_addresses_take_no_more_than_the_time_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    dials = Dials(monkeypatch)

    async def many(self: Outbound, host: str, port: int) -> tuple[str, ...]:
        return tuple(f"192.0.2.{number}" for number in range(250))

    monkeypatch.setattr(Outbound, "addresses", many)
    assert await reach(0.3).connect(HERE, lambda: None) is Trouble.TIMEOUT  # type: ignore[arg-type,return-value]
    await asyncio.sleep(0)
    assert dials.most <= 5
    assert dials.open == []


class Standing:
    """A transport over TLS to somebody who never takes leave."""

    aborted = closed = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize("end", [asyncio.CancelledError(), TimeoutError(), OSError()])
async def test_a_connection_that_stands_when_its_dial_ends_badly_is_closed_at_once(
    monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    """As when it is called off in the turn in which the handshake is done: loops take leave then, and wait for it."""
    there = Standing()

    async def create(self: Any, factory: Any, host: str, port: int, **_: Any) -> Any:
        factory().connection_made(there)
        there.close()
        raise end

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", create)
    with pytest.raises(type(end)):
        await reach()._dial(HERE, "192.0.2.1", lambda: Connection(HERE, lambda _: None))
    assert there.aborted
