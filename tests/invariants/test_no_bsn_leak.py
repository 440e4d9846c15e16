"""Invariant: no BSN in clear in anything that running gateways leave, say or ask, in any usual spelling.

Everybody is consulted and hostile visitors put BSNs where they do not belong; then every file below the gateways'
folders, their standard error, metrics, readiness, error bodies, command lines and every URL at a twin is searched.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from bsn_search import BSNS, STRANGER, content, files, found, spellings
from staging import BSN, Visitor

from nuts_pzp.consult.queries import PZP, patient_by_bsn, read
from nuts_pzp.fhir.request import encode
from nuts_pzp.identity import Bsn
from nuts_pzp.sandbox.mitz.faults import Fault as MitzFault
from nuts_pzp.sandbox.people import PEOPLE

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("form", dict(spellings(STRANGER)))
async def test_the_search_finds_each_spelling(form: str) -> None:
    needle = dict(spellings(STRANGER))[form]
    assert found(b"before " + needle + b" after") == {form}
    assert len(needle) >= 9


@pytest.mark.parametrize("ahead", [b"", b"x", b"xy", b"xyz"])
async def test_the_search_finds_base64_whatever_stands_before(ahead: bytes) -> None:
    assert found(base64.b64encode(ahead + STRANGER.encode() + b" and so on"))
    assert found(b"") == found(base64.b64encode(b"123456789")) == set()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def said(visitor: Visitor) -> list[httpx.Response]:
    """Every answer that is not an overview or a disclosure, after a busy night."""
    errors: list[httpx.Response] = []
    for person in PEOPLE:
        await visitor.consult(person.slug)
    for unpleasant in (_network, _ehr, _troubles):
        errors += [answer async for answer in unpleasant(visitor)]
    assert all(answer.status_code >= 400 for answer in errors)
    return errors


async def _network(visitor: Visitor) -> Any:
    """A BSN wherever a request has room for one."""
    token, region = await visitor.token("wilgenhof"), visitor.stage.region
    for bsn in (STRANGER, BSNS[0]):
        for path in (
            f"/Patient?identifier={BSN}|{bsn}",
            f"/Patient?identifier={BSN}%7C{bsn}",
            f"/Consent?patient=Patient/1&{bsn}=1",
            f"/Consent?patient=Patient/1&_include=Consent:{bsn}",
            f"/Consent?patient=Patient/1&category={bsn}&category={bsn}",
            f"/Consent?patient=Patient/1&_page={bsn}",
            f"/Consent?patient.identifier={bsn}",
            f"/{bsn}",
            f"/Patient/1/{bsn}",
            f"/Patient/1/_history/{bsn}",
            f"/Patient/$match?bsn={bsn}",
        ):
            yield await visitor.fhir("wilgenhof", path, token)
        for form in (
            {"identifier": bsn},
            {"identifier": f"{BSN}|{bsn},{BSN}|{bsn}"},
            {"identifier": f"urn:oid:2.16.840.1.113883.2.4.6.3|{bsn}"},
            {"identifier": f"{BSN}|{bsn}", bsn: bsn},
        ):
            yield await visitor.fhir("wilgenhof", "/Patient/_search", token, method="POST", data=form)
        yield await visitor.fhir("wilgenhof", "/Patient/_search", token, method="POST", json={"identifier": bsn})
        yield await visitor.fhir("wilgenhof", "/Patient/1", bsn * 4)
        yield await visitor.fhir("wilgenhof", "/Patient/1", None, headers={"authorization": f"Basic {bsn}"})
        odd = {"user-agent": bsn, "cookie": f"bsn={bsn}", "x-bsn": bsn, "traceparent": bsn, "dpop": bsn}
        yield await visitor.fhir("wilgenhof", "/Composition", token, headers=odd)
        yield await visitor.patient("wilgenhof", STRANGER, token, headers=odd)
        client = visitor.client(region.gateways["kade"].client)
        for path in (f"/{bsn}/fhir/Patient/1", f"/wilgenhof/{bsn}", f"/{bsn}?bsn={bsn}"):
            yield await client.get(region.gateways["providers"].network_url + path)


async def _ehr(visitor: Visitor) -> Any:
    question = visitor.question("postma")
    bsn = question["patient"]["bsn"]
    for body in (
        question | {bsn: 1},
        question | {"patient": question["patient"] | {f"x`{bsn}": 1}},
        question | {"patient": {"bsn": int(bsn), "birthDate": "1941-04-17"}},
        question | {"patient": {"bsn": bsn, "birthDate": bsn}},
        question | {"patient": bsn},
        question | {"purpose": bsn},
        question | {"context": bsn},
        question | {"sources": [bsn]},
        question | {"relation": {"kind": bsn}},
        question | {"relation": {"kind": "x", "since": bsn}},
        question | {"deadline_ms": int(bsn)},
        question | {"purpose": "emergency", "reason": bsn},
        [bsn],
        bsn,
    ):
        yield await visitor.consultation("kade", json=body)
    yield await visitor.consultation("kade", json=question, params={"bsn": bsn})
    yield await visitor.consultation("kade", json=question, by=visitor.stage.region.ehr_clients["meerwijck"])
    yield await visitor.consultation("kade", method="PUT", content=bsn.encode())
    yield await visitor.consultation("kade", content=json.dumps(question)[:-9].encode())


async def _troubles(visitor: Visitor) -> Any:
    """Outside systems that speak of the patient in their errors, and servers that mix up their patients."""
    region = visitor.stage.region
    token, bsn = await visitor.token("wilgenhof"), BSNS[0]
    region.mitz.faults.set(MitzFault("fault", name="Receiver", status=500, times=1))
    yield await visitor.patient("wilgenhof", bsn, token)
    region.mitz.faults.set(MitzFault("fault", name="Sender", status=400, times=1))
    yield await visitor.patient("wilgenhof", bsn, await visitor.token("wilgenhof"))
    for fault in ("malformed", "outcome-200", "down", "lying-next"):
        region.fault("wilgenhof", fault, True)
        yield await visitor.patient("wilgenhof", bsn, token)
        region.fault("wilgenhof", fault, False)
    region.fault("wilgenhof", "wrong-patient", True)
    yield await visitor.directives("wilgenhof", "1", token)
    region.fault("wilgenhof", "wrong-patient", False)
    region.national.nvi.faults.lying = "not-a-bundle"
    yield await visitor.consultation("kade", json=visitor.question("postma"))
    region.national.nvi.faults.clear()


async def test_no_error_body_or_header_repeats_a_bsn(said: list[httpx.Response]) -> None:
    assert len(said) > 60
    for answer in said:
        assert found(answer.content) == set()
        assert found(repr(answer.headers.raw).encode()) == set()


async def test_no_file_of_a_gateway_holds_one(said: list[httpx.Response], visitor: Visitor) -> None:
    """Ledger, write-ahead log, index, keys, page keys, replicas, settings, standard error, anchors: all of it."""
    left = files(visitor.stage.folder / "gateways") + files(visitor.stage.folder / "anchors")
    kinds = {file.name.removesuffix("-wal") for file in left}
    assert {"ledger.sqlite", "ledger.sqlite.index", "gateway.log", "page.key", "kade.jsonl"} <= kinds
    assert {str(file): hits for file in left if (hits := found(content(file)))} == {}


async def test_standard_error_was_written_and_says_what_went_wrong_without_one(
    said: list[httpx.Response], visitor: Visitor
) -> None:
    lines = visitor.stage.log_file("providers").read_text("utf-8").splitlines()
    assert "mitz.no_answer" in {json.loads(line)["event"] for line in lines}, "what the fault said is not repeated"
    assert found("\n".join(lines).encode()) == set()


async def test_no_metric_and_no_readiness_names_one(said: list[httpx.Response], visitor: Visitor) -> None:
    for gateway in visitor.stage.region.gateways:
        for path in ("/metrics", "/ready", "/health"):
            assert found((await visitor.operations(gateway, path)).content) == set()


async def test_no_command_line_and_no_environment_holds_one(visitor: Visitor) -> None:
    for gateway in visitor.stage.region.gateways:
        process = Path("/proc") / str(visitor.stage.pid(gateway))
        for name in ("cmdline", "environ"):
            assert found((process / name).read_bytes()) == set()


async def test_no_url_at_any_twin_holds_one(said: list[httpx.Response], visitor: Visitor) -> None:
    seen = list(visitor.stage.region.lines.seen)
    assert {"fhir:wilgenhof", "mitz", "nvi", "prs", "oauth", "lrza", "node:kade"} <= {line.service for line in seen}
    assert [line for line in seen if found(line.target.encode())] == []


@pytest.mark.parametrize("bsn", BSNS)
async def test_no_url_to_another_holder_holds_one(bsn: str) -> None:
    """The same for what leaves for other gateways, which no twin sees: the BSN travels in one body only."""
    asked = [encode(attempt.about("1")) for query in PZP for attempt in query.tries]
    asked.append(encode(read("RelatedPerson", "1")))
    search = encode(patient_by_bsn(Bsn(bsn)))
    for request in (*asked, search):
        assert found(f"{request.path}?{request.query}".encode()) == set()
        assert found(repr(request.headers).encode()) == set()
    assert {request.body for request in asked} == {b""}
    assert bsn.encode() in search.body
