"""The conformance kit before our own door of a holder whose server speaks STU3: the STU3 rules run, and are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
import stu3_source as there
import yaml
from staging import Visitor

from nuts_pzp.cli.stage import Stage
from nuts_pzp.conformance.bench import Bench, Extra, Subject
from nuts_pzp.conformance.rules import Finding, Verdict
from nuts_pzp.conformance.run import chosen, hold
from nuts_pzp.conformance.tokens import Employee, Node, NodeTokens
from nuts_pzp.conformance.wire import Limits, Wire
from nuts_pzp.identity import BSN_SYSTEM, Bsn
from nuts_pzp.sandbox.fhir_server import FhirServerTwin
from nuts_pzp.sandbox.mitz import Choice
from nuts_pzp.sandbox.people.person import GP_AND_OUT_OF_HOURS
from nuts_pzp.web.server import Server

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOME, OTHER = "90000666", Bsn("999911120")
UNASKED = {**there.PATIENT, "id": "8", "identifier": [{"system": BSN_SYSTEM, "value": OTHER.value}]}
"""Somebody of whom the home has data, and who permitted nothing."""
TALK = there.of_patient("Encounter", "talk", status="finished", reason=[there.coded("713603004")])
FORM = there.of_patient(
    "QuestionnaireResponse",
    "form",
    status="completed",
    questionnaire={"reference": "https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"},
    item=[{"linkId": "385", "answer": [{"valueDateTime": "2026-02-01"}]}],
)
FOUND = {
    "HOLD-101": "GET Procedure: 200, 1 found",
    "HOLD-107": "GET Observation: 200, 1 found",
    "HOLD-115": "GET Consent: 200, 2 found",
    "HOLD-116": "GET Consent: 200, 1 found",
    "HOLD-117": "GET Encounter: 200, 1 found",
    "HOLD-118": "GET DeviceUseStatement: 200, 1 found",
    "HOLD-119": "GET QuestionnaireResponse: 200, 1 found",
}
R4 = {f"HOLD-{number}" for number in (102, 103, 104, 105, 106, *range(108, 115))}


@dataclass(frozen=True)
class Home:
    """The nursing home, and who knocks there."""

    visitor: Visitor
    base: str

    async def tried(self) -> dict[str, Finding]:
        """Every rule of the holder's side."""
        region = self.visitor.stage.region
        wallet = Node(
            region.nodes["kade"].internal_url, "kade", region.nodes["lindezicht"].twin.issuer, "pzp-gf", "DPoP"
        )
        tokens = NodeTokens(wallet, Employee("kit-stu3", "P. Vos", "huisarts"), self.visitor.client(None))
        wire = Wire(self.base, self.visitor.client(region.gateways["kade"].client), tokens, Limits(rate=200))
        extra = Extra("8", OTHER, None, self.visitor.client(None))
        bench = Bench(wire, Subject(Bsn(there.BSN), there.BORN), extra)
        return {one.rule.id: one for one in await hold(bench, chosen("holder"))}


@pytest_asyncio.fixture(loop_scope="session")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    """One more tenant of the hosted gateway, before an own server that speaks STU3."""
    own = Server(FhirServerTwin("/fhir", [*there.RECORDS, TALK, FORM, UNASKED], "stu3").app, host="127.0.0.1", port=0)
    async with Stage(tmp_path_factory.mktemp("stu3"), hospice="answers", gateways=()) as stage:
        gateway = stage.region.gateways["providers"]
        settings = yaml.safe_load((gateway.folder / "tenants/lindezicht.yaml").read_text("utf-8"))
        settings |= {"id": "esch", "organization": {"ura": HOME, "type": "X3", "name": "Verpleeghuis De Esch"}}
        address = f"http://127.0.0.1:{await own.start()}/fhir"
        settings["disclose"] |= {
            "records": {"kind": "fhir_server", "base": address, "fhir_version": "STU3"},
            "policy": {"kind": "regorus", "bundle": "pzp_stu3"},
        }
        (gateway.folder / "tenants/esch.yaml").write_text(yaml.safe_dump(settings), "utf-8")
        stage.region.mitz.choices.append(Choice(there.BSN, HOME, "GGC002", GP_AND_OUT_OF_HOURS, "permit"))
        await stage.start_gateways("providers")
        visitor = Visitor(stage)
        yield Home(visitor, gateway.fhir_base("esch"))
        await visitor.close()
        await stage.stop_gateways()
        await own.stop(grace=0.2)


async def test_our_own_stu3_door_keeps_every_shall(home: Home) -> None:
    found = await home.tried()
    told = {name: one.seen for name, one in found.items() if one.verdict is Verdict.FAILED}
    assert not told, told
    assert {name for name, one in found.items() if one.verdict is Verdict.WARNING} == {"HOLD-021"}, "the pilot is in R4"
    assert {name for name, one in found.items() if one.verdict is Verdict.NOT_RUN} == {"HOLD-012"}
    assert {name: found[name].seen for name in FOUND} == FOUND
    other = {one.seen for name, one in found.items() if name in R4}
    assert other == {"a request of another FHIR version than the target's"}
