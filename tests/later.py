"""A question, a source that answers when it may, and what to wait for, for tests of results by id."""

from __future__ import annotations

import asyncio
from typing import Any

from nuts_pzp.accounted import Consulted

BODY = {
    "patient": {"bsn": "999900006", "birthDate": "1941-03-09"},
    "professional": {"id": "k-17", "name": "M. Okker", "role": "huisarts"},
    "purpose": "treatment",
}


LATER = {"prefer": "respond-async"}


KEY = {"idempotency-key": "4b1f0c66"}


def knows(request: Any) -> Any:
    if request.resource_type != "Patient":
        return {"resourceType": "Bundle", "type": "searchset"}
    identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"}]
    patient = {"resourceType": "Patient", "id": "1", "identifier": identifier, "birthDate": "1941-03-09"}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": patient}]}


class Slow:
    """A source that answers when it may."""

    def __init__(self) -> None:
        self.may, self.asked = asyncio.Event(), asyncio.Event()
        self.cancelled = False

    def __call__(self, request: Any) -> Any:
        self.asked.set()
        return self._answer(request)

    async def _answer(self, request: Any) -> Any:
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return knows(request)


def kinds(region: Any) -> list[str]:
    return [type(event).__name__ for event in region.events]


async def ended(region: Any) -> None:
    async with asyncio.timeout(5):
        while not isinstance(region.events[-1] if region.events else None, Consulted):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
