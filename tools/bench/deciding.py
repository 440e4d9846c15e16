"""One warm request within this process, from the network door to its reply: what deciding costs by itself.

A real house: gatekeeper, directory, limits, sources of consent and their state, policy (answers remembered),
minimization. The holder's own server and the ledger are stood in for, so no socket, disk or other process adds to it.
"""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import replace
from typing import Any, TypeVar

from holder import Holder
from prometheus_client import CollectorRegistry
from stand import HOLDER, Stand
from table import Effort, Row

from nuts_pzp.accounted import Event, Receipt
from nuts_pzp.assembly import Estate
from nuts_pzp.audit.ledger.ledger import Ledger
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.gateway import placed
from nuts_pzp.settings import read_deployment
from nuts_pzp.web.meter import Meter
from nuts_pzp.web.network import NetworkDoor

E = TypeVar("E", bound=Event)

BATCH = 32
"""Requests of one measurement; the cheapest of all is told, since others use the machine too."""


class Server:
    """The holder's own: the patient to a read, the same searchset to a search."""

    def __init__(self, holder: Holder) -> None:
        texts = (one.replace("{base}", holder.base) for one in (holder.patient, holder.answer))
        self._patient, self._found = [FhirAnswer(200, one.encode(), None, holder.base) for one in texts]

    async def send(self, request: FhirRequest, /) -> FhirAnswer:
        """Answer at once."""
        return self._patient if request.interaction == "read" else self._found


class Papers:
    """A ledger that keeps nothing."""

    async def append(self, event: E, /) -> Receipt[E]:
        """Give the receipt at once."""
        return Receipt(event, 0, "")


async def rows(stand: Stand, effort: Effort) -> list[Row]:
    """Ask the same again and again, within one token."""
    holder = Holder(stand)
    file = stand.write(holder.settings(), HOLDER)
    deployment = read_deployment(file)
    ledger = Ledger.open(placed(deployment, file.parent))
    estate = Estate(deployment, file.parent, ledger)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # the table is all that goes out
            await estate.start()
        asking = _Asking(_door(estate, holder), await _scope(holder))
        await asking.batch(2)
        each = [await asking.batch(min(BATCH, effort.calls)) for _ in range(max(1, effort.calls // BATCH))]
    finally:
        await estate.stop()
        await ledger.aclose()
    what = "deciding alone: a warm request within the process, own server and ledger stood in for"
    return [Row("decide", what, f"{min(each) * 1e6:.0f} us CPU", "", {"cpu_us": min(each) * 1e6})]


def _door(estate: Estate, holder: Holder) -> NetworkDoor:
    house, papers = estate.house(HOLDER), Papers()
    assert house is not None
    assert house.holding is not None
    changed = replace(house, holding=replace(house.holding, records=Server(holder), audit=papers))
    return NetworkDoor({HOLDER: changed}.get, papers, holder.base, Meter(CollectorRegistry()))


async def _scope(holder: Holder) -> dict[str, Any]:
    asked = await holder.bearer()
    path, _, query = asked.target.partition("?")
    headers = [(name.encode(), value.encode()) for name, value in (("host", "127.0.0.1"), *asked.headers)]
    return {
        "method": "GET",
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
    }


class _Asking:
    def __init__(self, door: NetworkDoor, scope: dict[str, Any]) -> None:
        self._door, self._scope = door, scope

    async def batch(self, requests: int) -> float:
        """Seconds of processor time of this thread per request."""
        began = time.thread_time()
        for _ in range(requests):
            await self._door(self._scope, self._receive, self._send)
        return (time.thread_time() - began) / requests

    async def _receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: dict[str, Any]) -> None:
        assert message.get("status", 200) == 200
