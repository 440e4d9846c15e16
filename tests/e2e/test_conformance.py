"""The conformance kit before our own gateways, the bare server behind one, and by its command."""

from __future__ import annotations

import asyncio
import json
import sys
import xml.etree.ElementTree as Xml
from pathlib import Path

import httpx
import jsonschema_rs
import pytest
from staging import Visitor

from nuts_pzp.conformance.bench import Bench, Extra, Subject
from nuts_pzp.conformance.rules import Finding, Verdict
from nuts_pzp.conformance.run import chosen, hold
from nuts_pzp.conformance.tokens import Employee, Node, NodeTokens, NoToken
from nuts_pzp.conformance.wire import Limits, Wire
from nuts_pzp.sandbox.people import Person
from nuts_pzp.schemas import schema

pytestmark = pytest.mark.asyncio(loop_scope="session")


def failed(findings: list[Finding]) -> set[str]:
    return {one.rule.id for one in findings if one.verdict is Verdict.FAILED}


def objecting(visitor: Visitor, holder: str) -> Person | None:
    """A test person whom this holder knows and who objects there."""
    for person in visitor.stage.region.people:
        if holder in person.charts and any(one.holder == holder and not one.permits for one in person.choices):
            return person
    return None


async def tried(visitor: Visitor, holder: str) -> list[Finding]:
    """The whole holder side before one of our gateways, with a DPoP token for an employee who asked nothing before."""
    region = visitor.stage.region
    person, refused = visitor.stage.patient("postma"), objecting(visitor, holder)
    node = region.nodes["kade"]
    wallet = Node(node.internal_url, "kade", region.nodes[holder].twin.issuer, "pzp-gf", "DPoP")
    tokens = NodeTokens(wallet, Employee(f"kit-{holder}", "P. Vos", "huisarts"), visitor.client(None))
    client = visitor.client(region.gateways["kade"].client)
    wire = Wire(region.gateway_of(holder).fhir_base(holder), client, tokens, Limits(rate=200))
    patient, bsn = (refused.patient_ids[holder], refused.bsn) if refused else (None, None)
    extra = Extra(patient, bsn, None, visitor.client(None))
    return await hold(Bench(wire, Subject(person.bsn, person.birth_date.isoformat()), extra), chosen("holder"))


@pytest.mark.parametrize("holder", ["wilgenhof", "meerwijck", "lindezicht", "avondrood"])
async def test_our_own_gateways_keep_every_shall(visitor: Visitor, holder: str) -> None:
    findings = await tried(visitor, holder)
    told = {one.rule.id: one.seen for one in findings if one.verdict is Verdict.FAILED}
    assert told == {}
    not_run = {one.rule.id for one in findings if one.verdict is Verdict.NOT_RUN}
    assert "HOLD-012" in not_run, "a token that has ended cannot be had in a moment"
    without_refused = set() if objecting(visitor, holder) else {"HOLD-032", "HOLD-202", "HOLD-203"}
    assert not_run <= {"HOLD-012", "HOLD-130", "HOLD-131", *PAGED} | without_refused
    assert len(not_run & PAGED) in (0, len(PAGED)), "an answer of one resource has no pages to judge"


PAGED = {"HOLD-140", "HOLD-141", "HOLD-142"}
BARE = {
    "HOLD-001": "the base is http: nothing is encrypted",
    "HOLD-010": "without a token: 200",
    "HOLD-011": "with a token that nobody issued: 200",
    "HOLD-024": "not listed: xml",
    "HOLD-031": "GET Patient: 200: a BSN in a URL was taken",
    "HOLD-035": "POST Patient/_search: 200",
    "HOLD-151": "GET Consent: 200, asked for in XML",
    "HOLD-204": "GET Consent: 200",
    "HOLD-205": "GET Consent: 200",
    "HOLD-902": "a BSN in a link of: GET Patient: 200",
}
"""What a FHIR server without anything before it does not keep."""


async def test_a_bare_fhir_server_fails_exactly_what_a_gateway_is_for(visitor: Visitor) -> None:
    person = visitor.stage.patient("postma")
    async with httpx.AsyncClient(trust_env=False) as client:
        wire = Wire(visitor.stage.region.fhir_urls["wilgenhof"], client, NoToken(), Limits(rate=500))
        bench = Bench(wire, Subject(person.bsn, person.birth_date.isoformat()))
        findings = await hold(bench, chosen("holder"))
    assert {one.rule.id: one.seen for one in findings if one.verdict is Verdict.FAILED} == BARE


async def command(visitor: Visitor, folder: Path, *more: str) -> tuple[int, bytes, bytes]:
    (folder / "bsn").write_text(visitor.stage.patient("postma").bsn.value)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nuts_pzp", "conformance", "--birth-date", "1941-04-17", "--bsn-file",
        str(folder / "bsn"), "--rate", "500", *more, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out, err


async def test_the_command_tells_people_and_programs_the_same(visitor: Visitor, tmp_path: Path) -> None:
    target = visitor.stage.region.fhir_urls["wilgenhof"]
    junit = tmp_path / "junit.xml"
    code, out, err = await command(visitor, tmp_path, "--target", target, "--json", "--junit", str(junit))
    told = json.loads(out)
    jsonschema_rs.validate(schema("conformance-1.json"), told)
    assert (code, told["ok"]) == (1, False)
    broken = [one["id"] for one in told["findings"] if one["verdict"] == "failed"]
    cases = Xml.fromstring(junit.read_text()).iter("testcase")
    assert [case.attrib["name"].split()[0] for case in cases if case.find("failure") is not None] == broken
    assert set(broken) == set(BARE)
    person = visitor.stage.patient("postma")
    for secret in (person.bsn.value, "Postma", "tuin blijven"):
        assert secret.encode() not in out + err + junit.read_bytes()


async def test_one_rule_can_be_tried_and_its_verdict_is_the_exit_code(visitor: Visitor, tmp_path: Path) -> None:
    target = visitor.stage.region.fhir_urls["wilgenhof"]
    kept = await command(visitor, tmp_path, "--target", target, "--only", "HOLD-103", "--json")
    assert (kept[0], [one["id"] for one in json.loads(kept[1])["findings"]]) == (0, ["HOLD-103"])
    assert (await command(visitor, tmp_path, "--target", target, "--only", "HOLD-001"))[0] == 1
    assert (await command(visitor, tmp_path, "--target", target, "--only", "HOLD-999"))[0] == 2
    assert (await command(visitor, tmp_path, "--target", "http://127.0.0.1:9/fhir"))[0] == 4
