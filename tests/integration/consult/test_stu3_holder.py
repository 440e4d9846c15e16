"""A holder whose own server speaks STU3, behind our own door, and our own consultation at that door: over sockets."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import stu3_source as there
from fhir.resources.STU3.capabilitystatement import CapabilityStatement
from prometheus_client import CollectorRegistry

from nuts_pzp.accounted import Allowed, Denied
from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.authorization.policies import Policies
from nuts_pzp.disclose.decide import decide
from nuts_pzp.exchange import Attempt
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.house import Consulting, Holding, House
from nuts_pzp.identity import BSN_SYSTEM, Organization, Professional, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.overview.shape import Overview
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.fhir_server import FhirServerTwin
from nuts_pzp.systems import regorus
from nuts_pzp.systems.fhir_server import build_connector, build_records
from nuts_pzp.values import replace
from nuts_pzp.web.meter import Meter
from nuts_pzp.web.network import NetworkDoor
from nuts_pzp.web.server import Server


def _module(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    found = sys.modules.setdefault(name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(found)
    return found


_HERE = Path(__file__)
FAKES = _module("disclose_fakes", _HERE.parents[2] / "unit/disclose/conftest.py")

SCT = "http://snomed.info/sct"
HOLDER = Organization(Ura("90000333"), "V6", "Verpleeghuis De Esch")
OTHERS = [
    {**there.PATIENT, "id": "8", "identifier": [{"system": BSN_SYSTEM, "value": "999911120"}]},
    {**there.directive("of-8", "89666000", "JA"), "patient": {"reference": "Patient/8"}},
]
TREATMENTS = f"patient=Patient/7&category={SCT}%7C11291000146105"


@dataclass
class Scene:
    """One holder with an STU3 server, and a tenant that consults it at its door."""

    server: FhirServerTwin
    holding: Holding
    consulting: Consulting
    base: str
    audit: Any

    async def ask(self, path: str, *, accept: str = "") -> tuple[int, Any]:
        """Ask at the door, as another organization does."""
        headers = {"authorization": "DPoP t", **({"accept": accept} if accept else {})}
        async with aiohttp.ClientSession() as session, session.get(f"{self.base}{path}", headers=headers) as got:
            return got.status, json.loads(await got.read())

    async def overview(self) -> Overview:
        return (await there.overview_of(self.consulting))[0]

    def asked_for_data(self) -> list[str]:
        return [one.path for one in self.server.asked if not one.path.endswith("/metadata")]


@pytest.fixture
async def scene(tmp_path: Path, server_speaks: Any) -> AsyncIterator[Scene]:
    twin = FhirServerTwin("/fhir", [*there.RECORDS, *OTHERS], "stu3")
    if server_speaks:
        twin._version = server_speaks
    around = Surroundings(Tenant("esch", HOLDER), Outbound((ipaddress.ip_network("127.0.0.0/8"),)), tmp_path, tmp_path)
    async with AsyncExitStack() as stack:
        inside = Server(twin.app, host="127.0.0.1", port=0)
        records = build_records(
            {"base": f"http://127.0.0.1:{await inside.start()}/fhir", "fhir_version": "STU3"}, around
        )
        stack.push_async_callback(inside.stop, grace=0.1)
        stack.push_async_callback(records.stop)
        fakes = FAKES.Holder()
        fakes.network.says = replace(FAKES.CALLER, expires=0.0, professional=Professional("h-1", "huisarts", "A."))
        holding = replace(
            fakes.house,
            tenant=around.tenant,
            records=records,
            policies=Policies({"pzp": regorus.build({"bundle": "pzp_stu3"}, around)}),
        )
        houses = {"esch": House(around.tenant, holding, None)}
        door = NetworkDoor(houses.get, fakes.audit, "http://x.example", Meter(CollectorRegistry()))
        outside = Server(door, host="127.0.0.1", port=0)
        base = f"http://127.0.0.1:{await outside.start()}/esch/fhir"
        stack.push_async_callback(outside.stop, grace=0.1)
        holding = replace(holding, base=base)
        houses["esch"] = House(around.tenant, holding, None)

        connector: Any = build_connector({}, around)
        stack.push_async_callback(connector.stop)
        yield Scene(twin, holding, there.asking(connector, {HOLDER.ura: base}), base, fakes.audit)


@pytest.fixture
def server_speaks() -> str:
    return ""


async def test_a_consultation_at_a_stu3_holder_finds_and_reads_everything(scene: Scene) -> None:
    overview = await scene.overview()
    assert [(one.ura, one.dialect, one.status) for one in overview.sources] == [("90000333", "stu3", "ok")]
    assert there.shown(overview, HOLDER.ura) == there.SHOWN | {
        "treatment:89666000": "Anders, namelijk: Alleen als zij kan herstellen"
    }


async def test_ja_maar_is_a_condition_and_never_the_denial_it_is_exchanged_with(scene: Scene) -> None:
    status, bundle = await scene.ask(f"/Consent?{TREATMENTS}")
    assert status == 200
    [cpr] = [one["resource"] for one in bundle["entry"] if one["resource"]["id"] == "cpr"]
    assert cpr["except"][0]["type"] == "deny", "as the own server wrote it: nothing is translated"
    item = (await scene.overview()).item("treatment:89666000")
    assert item is not None
    assert item.value is not None
    assert (item.value.kind, item.display) == ("conditional", "Anders, namelijk: Alleen als zij kan herstellen")


async def test_the_door_says_that_it_speaks_stu3_and_what_may_be_asked(scene: Scene) -> None:
    status, statement = await scene.ask("/metadata")
    assert (status, statement["fhirVersion"]) == (200, "3.0.2")
    assert CapabilityStatement.model_validate(statement).acceptUnknown == "no"
    [encounter] = [one for one in statement["rest"][0]["resource"] if one["type"] == "Encounter"]
    assert [one["name"] for one in encounter["searchParam"]] == ["patient", "reason"]


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        (f"/Consent?patient=Patient/7&scope=treatment&category={SCT}%7C129125009", "", 400),
        (f"/Consent?patient=Patient/7&category={SCT}%7C129125009", "", 400),
        (f"/Encounter?patient=Patient/7&reason-reference:Procedure.code={SCT}%7C713603004", "", 400),
        (f"/Communication?patient=Patient/7&reason-code={SCT}%7C713603004", "", 400),
        (f"/Consent?{TREATMENTS}", "application/fhir+json; fhirVersion=4.0", 406),
    ],
)
async def test_a_question_in_r4_is_refused_with_its_reason_and_nothing_is_asked(
    scene: Scene, path: str, accept: str, status: int
) -> None:
    said, outcome = await scene.ask(path, accept=accept)
    assert said == status
    assert ("PZP-REQUEST-022" if status == 400 else "PZP-REQUEST-015") in json.dumps(outcome)
    assert scene.asked_for_data() == []
    assert "consent" not in scene.holding.consent.journal  # type: ignore[attr-defined]


async def test_who_consented_comes_along_and_a_device_that_names_nobody_is_nobodys(scene: Scene) -> None:
    _, bundle = await scene.ask(f"/Consent?{TREATMENTS}&_include=Consent:consentor")
    assert {one["resource"]["id"] for one in bundle["entry"]} == {"cpr", "ic", "z"}
    status, _ = await scene.ask("/RelatedPerson/z")
    assert status == 200
    status, _ = await scene.ask("/Device/d")
    assert status == 403
    _, bundle = await scene.ask("/DeviceUseStatement?patient=7&_include=DeviceUseStatement:device")
    assert {one["resource"]["id"] for one in bundle["entry"]} == {"du", "d"}, "it is who refers to it"


async def test_a_server_that_mixes_up_its_patients_is_an_incident_and_no_answer(scene: Scene) -> None:
    scene.server.faults.set("wrong-patient", True)
    status, outcome = await scene.ask(f"/Consent?{TREATMENTS}")
    assert status == 502
    assert "of-8" not in json.dumps(outcome)


async def test_pages_of_a_stu3_server_are_decided_one_by_one(scene: Scene) -> None:
    scene.server.behavior = replace(scene.server.behavior, page_size=1)
    found, path = [], f"/Consent?{TREATMENTS}"
    while path:
        status, bundle = await scene.ask(path)
        assert status == 200
        found += [one["resource"]["id"] for one in bundle["entry"]]
        path = next((one["url"].removeprefix(scene.base) for one in bundle["link"] if one["relation"] == "next"), "")
    assert sorted(found) == ["cpr", "ic"]
    decided = [event for event in scene.audit.events if isinstance(event, Allowed)]
    assert [event.policy for event in decided] == [load(shipped("pzp_stu3")).digest] * 2


async def test_what_was_not_asked_for_does_not_leave_when_the_server_ignores_a_parameter(scene: Scene) -> None:
    scene.server.behavior = replace(scene.server.behavior, lenient=True)
    scene.server._known["Encounter"].pop("reason")
    scene.server.put(there.of_patient("Encounter", "other", status="finished", reason=[there.coded("185349003")]))
    scene.server.put(there.of_patient("Encounter", "talk", status="finished", reason=[there.coded("713603004")]))
    _, bundle = await scene.ask(f"/Encounter?patient=Patient/7&reason={SCT}%7C713603004")
    assert [one["resource"]["id"] for one in bundle["entry"]] == ["talk"]


@pytest.mark.parametrize("server_speaks", ["4.0.1"])
async def test_a_server_that_turns_out_to_speak_r4_is_not_asked(scene: Scene) -> None:
    status, _ = await scene.ask(f"/Consent?{TREATMENTS}")
    assert status == 502
    assert scene.asked_for_data() == []
    note = await scene.holding.records.health()  # type: ignore[attr-defined]
    assert note.detail == "fhir_version is STU3, the server says 4.0.1"


async def test_own_data_in_stu3_is_read_at_home_in_stu3(scene: Scene) -> None:
    rooms: Any = there.Rooms(())
    here = replace(scene.consulting, locator=rooms, directory=rooms, own=scene.holding.records)
    overview = await replace(scene, consulting=here).overview()
    assert [one.dialect for one in overview.sources] == ["stu3"]


@pytest.mark.parametrize(
    ("query", "allowed"),
    [(TREATMENTS, True), (f"patient=Patient/7&category={SCT}%7C129125009", False)],
    ids=["stu3", "r4"],
)
async def test_an_enforcement_point_of_a_stu3_holder_gets_the_same_decision(
    scene: Scene, query: str, allowed: bool
) -> None:
    caller = await scene.holding.network.verify(FAKES.PRESENTED)
    raw = RawRequest("GET", "/Consent", query, (), b"")
    decision = await decide(scene.holding, Attempt("MELD12345678"), caller, raw, FAKES.NOW)
    assert isinstance(decision, Allowed) is allowed
    if isinstance(decision, Denied):
        assert decision.stop.reason is Reason.REQUEST_VERSION
        assert scene.asked_for_data() == []
