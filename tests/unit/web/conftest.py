"""The fakes of the consult room, behind the EHR door, and of the disclose room, behind the decision API."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from nuts_pzp.authorization.policies import Policies
from nuts_pzp.house import Deciding, House
from nuts_pzp.identity import Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nuts_node.settings import GatekeeperSettings
from nuts_pzp.systems.nuts_node.vouching import vouched
from nuts_pzp.web.decision import DecisionDoor
from nuts_pzp.web.decision_clients import Guard
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
            if isinstance(self._stays, asyncio.Event):
                await self._stays.wait()
            else:
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


class Issues:
    """An issuer that issues nothing; a house has its addresses."""

    async def issue(self, presented: Any, form: Any) -> Any:
        return Deny(Reason.GRANT_UNSUPPORTED)

    def keys(self) -> dict[str, Any]:
        return {"keys": []}

    def metadata(self) -> dict[str, Any]:
        return {}


@pytest.fixture
def with_tokens(region: Any) -> Any:
    """A house whose EHR door issues tokens."""
    return replace(region.house(), issuer=Issues())


@pytest.fixture
def make_door(region: Any) -> Callable[[Any], EhrDoor]:
    """Open one door for several requests."""
    return partial(door_of, region)


@pytest.fixture
def called(region: Any) -> Callable[..., Called]:
    """Make one request of this region's EHR door."""
    return partial(Called, region)


strict = _fakes_of("schemas").strict


ISSUER = "https://node.meerwijck.example/oauth2/meerwijck"
PEP_BASE = "https://fhir.meerwijck.example/meerwijck/fhir"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """The door of a holder made of fakes; the claims of a subject are judged by the real rules."""

    holder: Any
    fakes: Any
    guard: Guard = field(default_factory=lambda: Guard({}))
    policies: Policies | None = None
    issuers: dict[str, str] = field(default_factory=lambda: {"pzp-gf": "TREAT"})
    tenants: tuple[str, ...] = ("meerwijck",)

    def __post_init__(self) -> None:
        self.system = self.fakes.Holder().audit

    def vouched(self, said: Any, /, *, instead: str = "") -> Any:
        settings = {"node": "http://127.0.0.1:8081", "issuer": ISSUER, "scopes": self.issuers}
        chosen = GatekeeperSettings.model_validate(settings)
        return vouched(said, chosen, instead=instead, digest=b"", now=self.holder.now)

    @contextmanager
    def visit(self, slug: str) -> Iterator[House | None]:
        if slug not in self.tenants:
            yield None
            return
        holding = replace(self.holder.house, base=PEP_BASE)
        if self.policies:
            holding = replace(holding, policies=self.policies)
        yield House(holding.tenant, holding, None, Deciding(holding, self))

    def deciding_for(self, ura: Ura) -> tuple[str, ...]:
        return self.tenants if ura.value == "90000222" else ()

    async def ask(
        self, path: str, content: Any = b"", *, method: str = "POST", client: Any = ("127.0.0.1", 5),
        certificate: bytes | None = None, **headers: str,
    ) -> Answer:  # fmt: skip
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        given = {"content-type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        scope = {
            "type": "http", "method": method, "raw_path": path.encode(), "path": path, "query_string": b"",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
            "client": client, "client_certificate": certificate,
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        door = DecisionDoor(self, self.guard, self.system, Meter(CollectorRegistry()), lambda: self.holder.now)
        await door(scope, receive, send)
        [start, rest] = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], told, rest["body"])

    @property
    def events(self) -> list[Any]:
        return [*self.holder.audit.events]


@pytest.fixture
def decision_api(holder: Any, fakes: Any) -> Api:
    return Api(holder, fakes)
