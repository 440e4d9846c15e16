"""Cancellation seen from the other side: whoever is not waited for any more sees its connections closed."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from nuts_pzp.accounted import Addressed, Consulted, Receipt, Received
from nuts_pzp.consult.flow import Arrived, Complete, consult
from nuts_pzp.exchange import Asked, Caller, Holder, Inquiry, Presented, Source
from nuts_pzp.house import Consulting
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Organization, Professional, Purpose, Tenant, Ura
from nuts_pzp.outcome import Gathered
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.fhir_server import build_connector

BSN = "999900006"
KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
WELL, SICK = Ura("90000111"), Ura("90000555")
PATIENT = {
    "resourceType": "Patient",
    "id": "1",
    "identifier": [{"system": BSN_SYSTEM, "value": BSN}],
    "birthDate": "1941-03-09",
}


def answer(*resources: dict[str, Any]) -> bytes:
    body = orjson.dumps({"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]})
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@dataclass
class Upstream:
    """A source of raw sockets: answers the patient search, and all else too unless it `hangs` after that."""

    hangs: bool
    base: str = ""
    open: int = 0
    most: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most = max(self.most, self.open)
        self.closed.clear()
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"POST"):
                    await reader.read(1000)
                    writer.write(answer(PATIENT))
                elif self.hangs and b"/metadata" not in head:
                    self.asked.set()  # and not a word; the next read sees the other side leave
                else:
                    writer.write(answer())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            if not self.open:
                self.closed.set()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@dataclass
class Rooms:
    """The rooms of a consulting tenant but the connector, which is real."""

    sources_: tuple[Source, ...]
    events: list[Any] = field(default_factory=list)
    hangs: bool = False
    """Whether the register says nothing at all."""
    located: asyncio.Event = field(default_factory=asyncio.Event)

    async def append(self, event: Any) -> Receipt[Any]:
        self.events.append(event)
        return Receipt(event, len(self.events) - 1, "r")

    async def verify(self, presented: Presented) -> Any:
        return Caller(KADE, None, frozenset(), Purpose.TREATMENT, None, {}, "mtls", certificate="ab")

    async def locate(self, intended: Any) -> Gathered[Holder]:
        try:
            await asyncio.sleep(60 if self.hangs else 0)
        finally:
            self.located.set()
        return Gathered(tuple(Holder(one.holder.ura, "test") for one in self.sources_))

    async def sources(self, holders: tuple[Holder, ...]) -> Gathered[Source]:
        wanted = {one.ura for one in holders}
        return Gathered(tuple(one for one in self.sources_ if one.holder.ura in wanted))

    async def grant(self, source: Source, inquiry: Inquiry) -> Any:
        async def sign(method: str, url: str, *, fresh: bool = False) -> Any:
            return {"authorization": "Bearer t"}

        return sign


@dataclass
class Scene:
    well: Upstream
    sick: Upstream
    rooms: Rooms
    house: Consulting

    def consult(self, seconds: float) -> Any:
        person = Professional("k-17", "huisarts", "M. Okker")
        both = (WELL, SICK) if self.rooms.hangs else ()
        asked = Asked(Bsn(BSN), date(1941, 3, 9), person, Purpose.TREATMENT, None, None, both, seconds, localize=True)
        presented = Presented("CODE12345678", "", None, b"der", "POST", "https://gw.example/x")
        return consult(self.house, presented, asked, datetime(2026, 11, 22, 3, 0, tzinfo=UTC))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    upstreams = (Upstream(hangs=False), Upstream(hangs=True))
    servers = []
    for one in upstreams:
        server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
        one.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fhir"
        servers.append(server)
    tenant = Tenant("kade", KADE)
    around = Surroundings(tenant, Outbound((ipaddress.ip_network("127.0.0.0/8"),)), tmp_path, tmp_path)
    connector: Any = build_connector({}, around)
    names = zip((WELL, SICK), upstreams, strict=True)
    rooms = Rooms(tuple(Source(Organization(ura, "V6", "bron", "0570-1"), one.base, "as") for ura, one in names))
    fake: Any = rooms
    house = Consulting(tenant, fake, fake, fake, fake, connector, fake, 30.0)
    yield Scene(*upstreams, rooms, house)
    await connector.stop()
    for server in servers:
        server.close()
    await asyncio.gather(*(asyncio.wait_for(one.closed.wait(), 5) for one in upstreams if one.open))


async def test_at_the_deadline_every_connection_to_the_late_source_is_closed(scene: Scene) -> None:
    *arrived, last = [step async for step in scene.consult(0.4)]
    assert isinstance(last, Complete)
    await asyncio.wait_for(scene.sick.closed.wait(), 10)
    assert (scene.sick.open, scene.sick.most > 1) == (0, True)
    assert scene.well.open > 0, "a source that answered keeps its connections for the next question"
    late = next(step for step in arrived if step.answer.source.holder.ura == SICK)
    assert {gap.stop.reason for gap in late.answer.got.gaps} == {Reason.SOURCE_TIMEOUT}
    assert [one.reference for one in late.answer.got.items] == ["Patient/1"], "what came in time is kept"


async def test_an_ehr_that_hangs_up_ends_every_call_at_once(scene: Scene) -> None:
    async def listening() -> None:
        async for _ in scene.consult(30.0):
            pass

    task = asyncio.create_task(listening())
    await asyncio.wait_for(scene.sick.asked.wait(), 20)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await asyncio.wait_for(scene.sick.closed.wait(), 10)
    assert scene.house.turns.running == 0


async def test_an_ehr_that_hangs_up_while_a_register_hangs_ends_that_call_too(scene: Scene) -> None:
    scene.rooms.hangs = True
    flow = scene.consult(30.0)
    first = await asyncio.wait_for(anext(flow), 20)
    assert isinstance(first, Arrived)
    assert first.answer.source.holder.ura == WELL
    [addressed] = [event for event in scene.rooms.events if isinstance(event, Addressed)]
    assert addressed.registers_awaited
    await asyncio.wait_for(scene.sick.asked.wait(), 20)
    assert not scene.rooms.located.is_set()
    await flow.aclose()
    assert scene.rooms.located.is_set()
    await asyncio.wait_for(scene.sick.closed.wait(), 10)
    assert scene.house.turns.running == 0
    assert not any(isinstance(event, Consulted) for event in scene.rooms.events)


async def test_the_first_result_does_not_wait_for_the_last(scene: Scene) -> None:
    flow = scene.consult(30.0)
    first = await asyncio.wait_for(anext(flow), 20)
    assert isinstance(first, Arrived)
    assert first.answer.source.holder.ura == WELL
    assert [event.source.holder.ura for event in scene.rooms.events if isinstance(event, Received)] == [WELL]
    assert scene.sick.open > 0
    await flow.aclose()
    await asyncio.wait_for(scene.sick.closed.wait(), 10)
