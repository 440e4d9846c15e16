"""A real FHIR server that speaks STU3: read by a consultation as STU3, and as a holder's own server.

NUTS_PZP_INTEROP_FHIR_STU3_URL names the base of an empty one that may be written to (docs/how-to/interop-fhir.md).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from peers import FHIR_STU3, LOOPBACK, moved, real_fhir, transaction
from stu3_source import BSN, KADE, MARK, NEW, NEWER, OLD, PATIENT, RECORDS, SHOWN, asking, overview_of, shown

from nuts_pzp.consult.queries_stu3 import PZP_STU3
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import Tenant
from nuts_pzp.outcome import Unavailable
from nuts_pzp.outside import Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.fhir_server import FhirServerTwin
from nuts_pzp.systems.fhir_server import build_connector, build_records
from nuts_pzp.web.server import Server

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def base() -> str:
    url = real_fhir(FHIR_STU3)
    bundle = transaction([moved(one, MARK) for one in RECORDS])
    answer = httpx.post(url, json=bundle, headers={"content-type": "application/fhir+json"}, timeout=120)
    assert answer.status_code == 200, answer.text[:500]
    return url


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(Tenant("kade", KADE), LOOPBACK, tmp_path, tmp_path)


@pytest.fixture
async def connector(around: Surroundings) -> AsyncIterator[Any]:
    made: Any = build_connector({}, around)
    yield made
    await made.stop()


async def ask(base: str, request: FhirRequest, around: Surroundings, version: str) -> Any:
    """One answer of the client for a holder's own server, and what it says of its health."""
    records = build_records({"base": base, "fhir_version": version}, around)
    await records.start()
    try:
        return await records.send(request), await records.health()
    finally:
        await records.stop()


DIRECTIVES = FhirRequest("search-type", "Consent", params=(("patient", (f"Patient/{MARK}7",)),))


async def test_a_holder_who_does_not_say_that_its_server_speaks_stu3_gives_nothing(
    base: str, around: Surroundings
) -> None:
    for outcome in await ask(base, DIRECTIVES, around, "auto"):
        assert isinstance(outcome, Unavailable)
        assert (outcome.reason, outcome.detail) == (
            Reason.SOURCE_VERSION,
            "the own server speaks FHIR STU3, not R4",
        )


async def test_a_holder_who_says_so_is_served(base: str, around: Surroundings) -> None:
    sent, health = await ask(base, DIRECTIVES, around, "STU3")
    assert isinstance(sent, FhirAnswer)
    assert len(json.loads(sent.body)["entry"]) == 3
    assert health == "answers"


async def test_a_holder_who_says_r4_of_it_is_contradicted_by_readiness(base: str, around: Surroundings) -> None:
    request = FhirRequest("read", "Patient", f"{MARK}7")
    sent, health = await ask(base, request, around, "R4")
    assert isinstance(health, Unavailable)
    assert (health.reason, health.detail) == (Reason.SOURCE_VERSION, "fhir_version is R4, the server says 3.0.2")
    assert sent == Unavailable(Reason.SOURCE_VERSION, detail="an answer in another FHIR version") or isinstance(
        sent, FhirAnswer
    )


async def test_everything_is_found_and_read_as_of_the_twin(base: str, connector: Any) -> None:
    """Beside an R4 source, and in each item what the twin of the sandbox gives for the same records."""
    twin = FhirServerTwin("/fhir", [PATIENT, NEWER], "r4-rc2")
    server = Server(twin.app, host="127.0.0.1", port=0)
    beside = f"http://127.0.0.1:{await server.start()}/fhir"
    try:
        overview, answers = await overview_of(asking(connector, {OLD: base, NEW: beside}))
    finally:
        await server.stop(grace=0.1)
    assert [(one.ura, one.dialect, one.status) for one in overview.sources] == [
        ("90000222", "r4", "ok"),
        ("90000333", "stu3", "ok"),
    ]
    assert shown(overview, OLD) == SHOWN
    ic = overview.item("treatment:305351004")
    assert ic is not None
    assert ic.agreed_with == ("Wytske Veenstra",), "who consented was read one by one"
    assert all(answer.got.complete for answer in answers)


@pytest.mark.parametrize("query", PZP_STU3, ids=lambda query: query.name)
async def test_a_query_has_a_wording_that_finds_what_is_there(base: str, query: Any) -> None:
    """What the server does not know it refuses with a 4xx: then the next wording serves."""
    found: list[str] = []
    async with httpx.AsyncClient(timeout=30) as client:
        for one in query.tries:
            request = one.about(f"{MARK}7")
            answer = await client.get(f"{base}/{request.resource_type}", params=dict(flat(request)))
            assert answer.status_code in (200, 400, 404), answer.text[:300]
            found += [entry["resource"]["resourceType"] for entry in answer.json().get("entry", [])]
            if found:
                break
    assert found, query.name


async def test_a_form_is_named_by_a_reference_and_compared_whole(base: str) -> None:
    """Real server and twin alike: without the version that the answer names there is no such form."""
    canonical, twin = PZP_STU3[-1].tries[0].params[0][1][0], FhirServerTwin("/fhir", RECORDS, "stu3")
    async with (
        httpx.AsyncClient(timeout=30) as real,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=twin.app)) as ours,
    ):
        for version, count in (("", 0), ("|1.0.0-rc2", 1), ("|9", 0)):
            for client, root, patient in ((real, base, f"{MARK}7"), (ours, "http://twin.test/fhir", "7")):
                asked = {"subject": f"Patient/{patient}", "questionnaire": canonical + version}
                bundle = (await client.get(f"{root}/QuestionnaireResponse", params=asked)).json()
                assert len(bundle.get("entry", [])) == count, (root, version)


def flat(request: FhirRequest) -> list[tuple[str, str]]:
    return [(name, ",".join(values)) for name, values in request.params]


async def test_the_patient_is_found_by_bsn(base: str) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        form = {"identifier": f"http://fhir.nl/fhir/NamingSystem/bsn|{BSN}"}
        bundle = (await client.post(f"{base}/Patient/_search", data=form)).json()
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == [f"{MARK}7"]
