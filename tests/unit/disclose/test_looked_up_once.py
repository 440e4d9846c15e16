"""Which requests may use what their token looked up just now, and which always ask (ADR 0033)."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Denied
from nuts_pzp.disclose.flow import Reply, disclose
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.forwarding.recent import RecentPatients
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace


class OneHouse:
    """A holder whose house stays the same from request to request, as at a real door."""

    def __init__(self, fakes: Any) -> None:
        self.fakes, self.holder, self.now = fakes, fakes.Holder(), 50.0
        self.house = replace(self.holder.house, recent=RecentPatients(clock=lambda: self.now))

    async def ask(self, raw: RawRequest) -> Reply:
        del self.holder.records.asked[:]
        return await disclose(self.house, self.fakes.PRESENTED, raw, lambda: self.holder.now)

    async def search(self) -> Reply:
        return await self.ask(self.fakes.get("/Consent", "patient=Patient/p1"))

    @property
    def looked_up(self) -> bool:
        """True when the last request asked who the patient is."""
        return any(one.resource_type == "Patient" for one in self.holder.records.asked)


@pytest.fixture
def one(fakes: Any) -> OneHouse:
    return OneHouse(fakes)


async def test_the_second_search_of_a_consultation_looks_nobody_up(one: OneHouse) -> None:
    for looks_up in (True, False, False):
        reply = await one.search()
        assert isinstance(one.holder.audit.events[-2], Allowed)
        assert reply.receipt.event.references == ("Consent/c1/_history/3", "Consent/c2/_history/3")
        assert one.looked_up is looks_up


async def test_a_patient_search_seeds_the_searches_that_follow(one: OneHouse, fakes: Any) -> None:
    await one.ask(fakes.post("/Patient/_search", f"identifier=http://fhir.nl/fhir/NamingSystem/bsn|{fakes.OWN}"))
    reply = await one.search()
    assert reply.receipt.event.references == ("Consent/c1/_history/3", "Consent/c2/_history/3")
    assert not one.looked_up


async def test_a_patient_search_always_asks(one: OneHouse, fakes: Any) -> None:
    raw = fakes.post("/Patient/_search", f"identifier=http://fhir.nl/fhir/NamingSystem/bsn|{fakes.OWN}")
    for _ in range(2):
        await one.ask(raw)
        assert len(one.holder.records.asked) == 2  # who it is, then what leaves


async def test_reads_always_ask(one: OneHouse, fakes: Any) -> None:
    await one.search()
    await one.ask(fakes.get("/Consent/c1"))
    assert one.looked_up
    await one.ask(fakes.get("/Patient/p1"))
    assert len(one.holder.records.asked) == 2


async def test_another_token_looks_up_for_itself(one: OneHouse, fakes: Any) -> None:
    await one.search()
    one.holder.network.says = replace(fakes.CALLER, token_digest=b"u" * 32)
    await one.search()
    assert one.looked_up


async def test_without_a_token_every_request_asks(one: OneHouse, fakes: Any) -> None:
    one.holder.network.says = replace(fakes.CALLER, token_digest=b"")
    for _ in range(2):
        await one.search()
        assert one.looked_up


async def test_a_death_is_seen_after_ten_seconds_at_the_latest(one: OneHouse) -> None:
    await one.search()
    one.holder.records.resources[0]["deceasedBoolean"] = True
    one.now += 10.0
    reply = await one.search()
    assert isinstance(reply.receipt.event, Denied)
    assert reply.receipt.event.stop.reason is Reason.PATIENT_DECEASED


async def test_a_failed_look_up_makes_it_forget(one: OneHouse, fakes: Any) -> None:
    await one.search()
    one.holder.records.answers["Patient/p1"] = Unavailable(Reason.SOURCE_DOWN)
    await one.ask(fakes.get("/Patient/p1"))
    del one.holder.records.answers["Patient/p1"]
    await one.search()
    assert one.looked_up
