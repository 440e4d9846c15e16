"""The fakes of the consult room, behind the EHR door, and of the disclose room, behind the decision API."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from nuts_pzp.house import House
from nuts_pzp.web.ehr import PATH, EhrDoor
from nuts_pzp.web.meter import Meter


def _fakes_of(room: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"{room}_fakes", Path(__file__).parents[1] / room / "conftest.py")
    assert spec
    assert spec.loader
    found = sys.modules.setdefault(f"{room}_fakes", importlib.util.module_from_spec(spec))
    spec.loader.exec_module(found)
    return found


region = _fakes_of("consult").region
holder, fakes = _fakes_of("disclose").holder, _fakes_of("disclose").fakes


BODY = orjson.dumps(
    {
        "patient": {"bsn": "999900006", "birthDate": "1941-03-09"},
        "professional": {"id": "k-17", "name": "M. Okker", "role": "huisarts"},
        "purpose": "treatment",
    }
)


def door_of(region: Any, house: Any) -> EhrDoor:
    """The EHR door of a deployment of one tenant."""
    return EhrDoor({"kade": House(house.tenant, None, house)}.get, region, "https://gw", Meter(CollectorRegistry()))


class Called:
    """One request through the door: what it sent, and a client that may hang up."""

    def __init__(self, region: Any, **how: Any) -> None:
        self._door = how.get("door") or door_of(region, how.get("house") or region.house())
        headers = {"host": "gw", "content-type": "application/json"} | how.get("headers", {})
        self.scope = {
            "type": "http",
            "method": how.get("method", "POST"),
            "raw_path": how.get("path", "/kade" + PATH).encode(),
            "query_string": how.get("query", b""),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "client_certificate": how.get("certificate", b"der"),
        }
        self._body = how.get("body", BODY)
        self._stays = how.get("stays", 30.0)
        self.sent: list[dict[str, Any]] = []

    @property
    def json(self) -> Any:
        return orjson.loads(self.content)

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    async def run(self) -> Called:
        asked = iter(({"type": "http.request", "body": self._body, "more_body": False},))

        async def receive() -> dict[str, Any]:
            for message in asked:
                return message
            await asyncio.sleep(self._stays)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            self.sent.append(message)

        await self._door(self.scope, receive, send)
        return self

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def media_type(self) -> str:
        return dict(self.sent[0]["headers"])[b"content-type"].decode()

    @property
    def content(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def events(self) -> list[str]:
        return [line[7:] for line in self.content.decode().splitlines() if line.startswith("event: ")]


@pytest.fixture
def make_door(region: Any) -> Callable[[Any], EhrDoor]:
    """Open one door for several requests."""
    return partial(door_of, region)


@pytest.fixture
def called(region: Any) -> Callable[..., Called]:
    """Make one request of this region's EHR door."""
    return partial(Called, region)


strict = _fakes_of("schemas").strict
