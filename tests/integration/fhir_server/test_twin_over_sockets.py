"""The FHIR server twin behind a real listener: absolute links, hanging up, slowness, every test person."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from nuts_pzp.sandbox.fhir_server import FhirServerTwin
from nuts_pzp.sandbox.organizations import HOLDERS
from nuts_pzp.sandbox.people import PEOPLE
from nuts_pzp.web.server import Server

SCT = "http://snomed.info/sct"


@pytest.fixture
async def practice() -> AsyncIterator[tuple[FhirServerTwin, httpx.AsyncClient]]:
    resources = [one for person in PEOPLE for one in person.records.get("wilgenhof", ())]
    twin = FhirServerTwin("/fhir", resources, "r4-beta3")
    server = Server(twin.app, host="127.0.0.1", port=0)
    port = await server.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/fhir", timeout=5) as client:
        yield twin, client
    await server.stop(grace=0.1)


async def test_a_dossier_of_three_pages_by_following_absolute_links(
    practice: tuple[FhirServerTwin, httpx.AsyncClient],
) -> None:
    _, client = practice
    url: str | None = f"{client.base_url}Consent?patient=Patient/10"
    pages = []
    while url:
        bundle = (await client.get(url)).json()
        pages.append(len(bundle["entry"]))
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        url = links.get("next")
        assert url is None or url.startswith(str(client.base_url).rstrip("/") + "?_getpages=")
    assert pages == [20, 20, 4]


async def test_a_post_search_by_bsn(practice: tuple[FhirServerTwin, httpx.AsyncClient]) -> None:
    _, client = practice
    body = {"identifier": "http://fhir.nl/fhir/NamingSystem/bsn|999930412"}
    answer = await client.post("Patient/_search", data=body)
    assert [entry["fullUrl"] for entry in answer.json()["entry"]] == [f"{client.base_url}Patient/1"]


async def test_hanging_lasts_until_the_caller_hangs_up(practice: tuple[FhirServerTwin, httpx.AsyncClient]) -> None:
    twin, client = practice
    twin.faults.set("hang", True)
    with pytest.raises(httpx.ReadTimeout):
        await client.get("Patient/1", timeout=httpx.Timeout(20, read=0.15))
    twin.faults.set("hang", False)
    assert (await client.get("Patient/1")).status_code == 200


async def test_slow_answers_late_and_answers(practice: tuple[FhirServerTwin, httpx.AsyncClient]) -> None:
    twin, client = practice
    twin.faults.set("slow", True)
    twin.faults.slow_seconds = 0.15
    started = time.monotonic()
    assert (await client.get("Patient/1")).status_code == 200
    assert time.monotonic() - started >= 0.15


async def test_a_big_answer_travels_whole(practice: tuple[FhirServerTwin, httpx.AsyncClient]) -> None:
    twin, client = practice
    twin.faults.set("big", True)
    answer = await client.get("Goal?patient=Patient/1")
    assert len(answer.content) > 8 * 1024 * 1024
    assert answer.json()["entry"][0]["resource"]["resourceType"] == "Goal"


@pytest.mark.parametrize("holder", [one.slug for one in HOLDERS])
async def test_every_holder_gives_back_each_patient_and_all_of_the_dossier(holder: str) -> None:
    members = [person for person in PEOPLE if holder in person.charts]
    charts = [person.charts[holder] for person in members]
    belongs = {reference: chart.patient_id for chart in charts for reference in chart.unlinked}
    resources = [one for chart in charts for one in chart.resources]
    twin = FhirServerTwin("/fhir", resources, charts[0].dialect, belongs=belongs)
    transport = httpx.ASGITransport(app=twin.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://fhir.test/fhir") as client:
        for person, chart in zip(members, charts, strict=True):
            body = {"identifier": f"http://fhir.nl/fhir/NamingSystem/bsn|{person.bsn.value}"}
            found = (await client.post("/Patient/_search", data=body)).json()
            assert [entry["resource"]["id"] for entry in found["entry"]] == [chart.patient_id]
            for kind in ("Consent", "Goal", "Observation", "Procedure", "Encounter", "QuestionnaireResponse"):
                held = [one["id"] for one in chart.resources if one["resourceType"] == kind]
                query = f"/{kind}?patient=Patient/{chart.patient_id}&_count=200"
                bundle = (await client.get(query)).json()
                assert [entry["resource"]["id"] for entry in bundle.get("entry", [])] == held


async def test_many_at_once(practice: tuple[FhirServerTwin, httpx.AsyncClient]) -> None:
    _, client = practice
    codes = "153851000146100", "395091006"
    query = f"Observation?patient=Patient/1&code={','.join(f'{SCT}|{code}' for code in codes)}"
    answers = await asyncio.gather(*(client.get(query) for _ in range(20)))
    assert {answer.json()["total"] for answer in answers} == {2}


async def test_a_closing_server_lets_go_of_what_hangs(practice: tuple[FhirServerTwin, httpx.AsyncClient]) -> None:
    twin, client = practice
    twin.faults.set("hang", True)
    hanging = asyncio.create_task(client.get("Patient/1"))
    await asyncio.sleep(0.05)
    twin.close()
    assert (await hanging).status_code == 503
