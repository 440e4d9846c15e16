"""Whatever breaks at whichever wait of a disclosure: one answer, without content, and one result on record.

The first wait that a disclosure does not come to ends each series.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from waits import Counted

from nuts_pzp.accounted import Allowed, Denied, Disclosed
from nuts_pzp.exchange import Generation
from nuts_pzp.house import House
from nuts_pzp.values import replace as with_values
from nuts_pzp.web.meter import Meter
from nuts_pzp.web.network import NetworkDoor

SEARCH, READ = (b"/fhir/Consent", b"patient=Patient/p1"), (b"/fhir/Consent/c1", b"")


class Waits(Counted):
    """The rooms of `inner`, a holder."""

    async def verify(self, presented: Any) -> Any:
        await self._wait("verify")
        return await self.inner.network.verify(presented)

    async def organization(self, ura: Any) -> Any:
        await self._wait("organization")
        return await self.inner.directory.organization(ura)

    async def send(self, request: Any) -> Any:
        await self._wait("send")
        return await self.inner.records.send(request)

    async def ask(self, access: Any) -> Any:
        await self._wait("ask")
        return await self.inner.consent.ask(access)

    def resting(self, caller: Any) -> Any:
        return self.inner.consent.resting(caller)

    async def generation(self, bsn: Any) -> Any:
        await self._wait("generation")
        return Generation(1, 1)

    async def append(self, event: Any) -> Any:
        await self._wait("append")
        return await self.inner.audit.append(event)

    @property
    def holding(self) -> Any:
        house = self.inner.house
        return replace(house, network=self, directory=self, records=self, consent=self, generations=self, audit=self)


async def asked(waits: Waits, path: bytes, query: bytes) -> tuple[list[Any], Any, Any]:
    network = waits.inner.network
    network.says = with_values(network.says, expires=0)
    holding, registry, sent = waits.holding, CollectorRegistry(), []
    scope = {
        "type": "http", "method": "GET", "raw_path": b"/meerwijck" + path, "query_string": query,
        "headers": [(b"host", b"gateway.example")], "client": ("192.0.2.7", 5), "client_certificate": None,
    }  # fmt: skip

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    system = waits.inner.audit
    door = NetworkDoor({"meerwijck": House(holding.tenant, holding, None)}.get, system, "https://gw", Meter(registry))
    task = asyncio.create_task(door(scope, receive, send))
    if waits.hangs:
        over = asyncio.create_task(waits.reached.wait())
        await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        task.cancel()
        await asyncio.wait({task})
    else:
        await task
    return sent, holding.guard.memory.turns, registry.get_sample_value("nuts_pzp_not_recorded_total")


@pytest.mark.parametrize("what", [SEARCH, READ], ids=["search", "read"])
async def test_whatever_breaks_nothing_leaves_but_a_refusal_with_one_result_on_record(
    fakes: Any, what: tuple[bytes, bytes]
) -> None:
    broke = set()
    for at in range(1, 100):
        waits = Waits(fakes.Holder(), at)
        sent, turns, unrecorded = await asked(waits, *what)
        if not waits.where:
            break
        broke.add(waits.where)
        start, body = sent
        assert start["status"] >= 403, (at, waits.where)
        assert b'"OperationOutcome"' in body["body"]
        assert turns.inside == 0
        kinds = [type(event) for event in waits.inner.audit.events]
        if waits.where == "append":
            assert (unrecorded, Disclosed in kinds, Denied in kinds) == (1, False, False)
            continue
        assert unrecorded == 0
        assert kinds in ([Denied], [Allowed, Disclosed]), (at, waits.where, kinds)
        code = dict(start["headers"])[b"x-meldcode"].decode()
        assert waits.inner.audit.events[-1].attempt.correlation == code
    assert broke == {"verify", "organization", "send", "ask", "generation", "append"}


@pytest.mark.parametrize("what", [SEARCH, READ], ids=["search", "read"])
async def test_a_request_that_is_ended_at_any_wait_leaves_neither_a_result_nor_a_turn(
    fakes: Any, what: tuple[bytes, bytes]
) -> None:
    for at in range(1, 100):
        waits = Waits(fakes.Holder(), at, hangs=True)
        sent, turns, _ = await asked(waits, *what)
        if not waits.where:
            break
        assert (sent, turns.inside, turns.waiting) == ([], 0, 0)
        kinds = [type(event) for event in waits.inner.audit.events]
        assert kinds in ([], [Allowed]), (at, waits.where)
    assert at > 8
