"""Both engines behind the Policy port: the embedded one, and an OPA server played by the embedded one."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nuts_pzp.authorization.bundle import Bundle, load, shipped
from nuts_pzp.authorization.judgement import BundlePolicy
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.systems import opa, regorus
from nuts_pzp.systems.regorus import RegorusJudge

HOLDER = Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof")
USER = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")


def access(
    request: FhirRequest,
    *,
    role: str | None = "SEH-arts",
    purpose: Purpose = Purpose.TREATMENT,
    patient_id: str | None = "p1",
    claims: dict[str, str] | None = None,
) -> Access:
    professional = None if role is None else Professional("e-17", role, "R. de Boer")
    caller = Caller(USER, professional, frozenset({"pzp-gf"}), purpose, None, claims or {}, "nuts-dpop")
    return Access(caller, request, Patient(Bsn("999911120"), patient_id, Standing.KNOWN))


class FakeOpa:
    """Speaks the part of OPA's REST API that the adapter uses, and evaluates with the embedded engine."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.raw = [module.text for module in bundle.modules]
        self.data: dict[str, Any] = dict(bundle.data)
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.status = 200
        self.url = ""
        self._judge = RegorusJudge(bundle, memo=0)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/policies", self._policies)
        app.router.add_get("/v1/data/{name}", self._document)
        app.router.add_post("/v1/data/{path:.+}", self._decide)
        return app

    async def _policies(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("authorization"))
        return web.json_response({"result": [{"id": str(n), "raw": raw} for n, raw in enumerate(self.raw)]})

    async def _document(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response({"result": self.data[name]} if name in self.data else {})

    async def _decide(self, request: web.Request) -> web.Response:
        if self.status != 200:
            return web.json_response({"code": "internal_error", "message": "999911120"}, status=self.status)
        self.asked.append((await request.json())["input"])
        engine = self._judge.place().engine
        engine.set_input_json(json.dumps(self.asked[-1]))
        package = request.match_info["path"].replace("/", ".")
        if package != self.bundle.package:
            return web.json_response({})
        try:
            result = {"allow": engine.eval_rule(f"data.{package}.allow")}
        except Exception:
            return web.json_response({"code": "internal_error"}, status=500)
        if "reasons contains" in self.bundle.modules[0].text:
            result["reasons"] = sorted(engine.eval_rule(f"data.{package}.reasons"))
        return web.json_response({"result": {k: v for k, v in result.items() if _is_json(v)}})


def _is_json(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | dict)


@pytest.fixture
def asking() -> Callable[..., Access]:
    return access


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(
        Tenant("wilgenhof", HOLDER), Outbound((ipaddress.ip_network("127.0.0.0/8"),)), tmp_path, tmp_path
    )


@pytest.fixture
async def fake_opa() -> AsyncIterator[Callable[[Path], Awaitable[FakeOpa]]]:
    runners: list[web.AppRunner] = []

    async def start(folder: Path) -> FakeOpa:
        fake = FakeOpa(load(folder))
        runners.append(web.AppRunner(fake.application()))
        await runners[-1].setup()
        site = web.TCPSite(runners[-1], "127.0.0.1", 0)
        await site.start()
        fake.url = f"http://127.0.0.1:{runners[-1].addresses[0][1]}"
        return fake

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture(params=["regorus", "opa"])
async def policy_of(
    request: pytest.FixtureRequest, around: Surroundings, fake_opa: Callable[[Path], Awaitable[FakeOpa]]
) -> AsyncIterator[Callable[..., Awaitable[BundlePolicy]]]:
    """Build the policy of a folder (our own by default) on the engine under test."""
    living: list[opa.OpaPolicy] = []

    async def build(folder: Path | None = None) -> BundlePolicy:
        if request.param == "regorus":
            return regorus.build({"bundle_folder": str(folder)} if folder else {}, around)
        fake = await fake_opa(folder or shipped())
        settings = {"url": fake.url, **({"bundle_folder": str(folder)} if folder else {})}
        living.append(opa.build(settings, around))
        return living[-1]

    yield build
    for one in living:
        await one.stop()


@pytest.fixture
def write_policy(tmp_path: Path) -> Callable[[str], Path]:
    """Write a published policy of one module, and return its folder."""

    def write(body: str) -> Path:
        folder = tmp_path / "policy"
        folder.mkdir()
        (folder / "policy.rego").write_text(f"package region_x\n\nimport rego.v1\n\n{body}\n")
        return folder

    return write
