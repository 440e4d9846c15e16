"""The PZP requests against a real FHIR R4 server, next to our twin: where they differ, the twin is wrong.

NUTS_PZP_INTEROP_FHIR_URL names the base of an empty server that may be written to (docs/how-to/interop-fhir.md).
Our own client for a tenant's server is tried on it too.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from peers import LOOPBACK, moved, real_fhir, transaction

from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.fhir_server import FhirServerTwin
from nuts_pzp.sandbox.organizations import Dialect
from nuts_pzp.sandbox.people import by_slug
from nuts_pzp.systems.fhir_server import build_records
from nuts_pzp.systems.fhir_server.server import Records

pytestmark = pytest.mark.interop

SCT = "http://snomed.info/sct"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ACD = "http://terminology.hl7.org/CodeSystem/consentcategorycodes|acd"
OBSERVATIONS = "153851000146100", "395091006", "340171000146104", "247751003", "570801000146104"
VALUE_SETS = "https://fhir.iknl.nl/fhir/ValueSet"
FORM = "https://fhir.iknl.nl/fhir/Questionnaire/ACP-zib2020"

LOADED: tuple[tuple[str, str, Dialect], ...] = (
    ("postma", "wilgenhof", "r4-beta3"),
    ("postma", "meerwijck", "r4-rc2"),
    ("postma", "lindezicht", "form"),
    ("hendriks", "wilgenhof", "r4-beta3"),
)


def prefix(slug: str, organization: str) -> str:
    return f"pzp-{organization}-{slug}-"


@dataclass(frozen=True)
class Both:
    """A real server and our twin, holding the same."""

    real: httpx.AsyncClient
    twin: httpx.AsyncClient
    url: str

    async def ask(self, target: str) -> tuple[httpx.Response, httpx.Response]:
        return await self.real.get(self.url + target), await self.twin.get("http://twin.test/fhir" + target)

    async def agree(self, target: str) -> list[str]:
        """Ask both, compare what is found and what comes along, and return the matches."""
        real, twin = await self.ask(target)
        assert (real.status_code, twin.status_code) == (200, 200), (target, real.text[:300], twin.text[:300])
        for mode in ("match", "include"):
            assert sorted(references(real.json(), mode)) == sorted(references(twin.json(), mode)), (target, mode)
        assert real.json().get("total") == twin.json().get("total"), target
        return references(real.json(), "match")


def references(bundle: dict[str, Any], mode: str) -> list[str]:
    resources = [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]
    return [f"{one['resourceType']}/{one['id']}" for one in resources]


@pytest.fixture(scope="module")
def base() -> str:
    url = real_fhir()
    resources = [
        moved(one, prefix(slug, organization))
        for slug, organization, _ in LOADED
        for one in by_slug(slug).records[organization]
    ]
    bundle = transaction(resources)
    answer = httpx.post(url, json=bundle, headers={"content-type": "application/fhir+json"}, timeout=60)
    assert answer.status_code == 200, answer.text[:500]
    return url


@pytest.fixture
async def both(base: str, dialect: Dialect) -> AsyncIterator[Both]:
    resources = [
        moved(one, prefix(slug, organization))
        for slug, organization, _ in LOADED
        for one in by_slug(slug).records[organization]
    ]
    twin = FhirServerTwin("/fhir", resources, dialect)
    async with (
        httpx.AsyncClient(timeout=30) as real,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=twin.app)) as ours,
    ):
        yield Both(real, ours, base)


@pytest.fixture(params=["r4-beta3", "r4-rc2", "form"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def patient(dialect: str) -> str:
    organization = {one: organization for slug, organization, one in LOADED if slug == "postma"}[dialect]
    return f"Patient/{prefix('postma', organization)}1"


def queries(dialect: str) -> dict[str, int]:
    """The requests of both guides that a server without custom parameters knows -> how many must be found."""
    p = patient(dialect)
    codes = ",".join(f"{SCT}|{code}" for code in OBSERVATIONS)
    by_procedure = f"/Procedure?patient={p}&code={SCT}|713603004&_include=Procedure:encounter"
    by_encounter = (
        f"/Encounter?patient={p}&reason-reference:Procedure.code={SCT}|713603004&_include=Encounter:reason-reference"
    )
    directives = f"/Consent?patient={p}&scope={SCOPE}|treatment&category={SCT}|129125009&_include=Consent:actor"
    papers = f"/Consent?patient={p}&scope={SCOPE}|adr&category={ACD}&_include=Consent:actor"
    expected = {"r4-beta3": (1, 1, 6, 0, 5, 0, 0, 0, 0), "r4-rc2": (1, 1, 5, 0, 2, 1, 1, 0, 0)}
    asked = (
        by_procedure,
        by_encounter,
        directives,
        papers,
        f"/Observation?patient={p}&code={codes}",
        f"/Goal?patient={p}&category={SCT}|713603004",
        f"/CommunicationRequest?patient={p}&category={SCT}|223449006",
        f"/DeviceUseStatement?patient={p}&_include=DeviceUseStatement:device",
        f"/QuestionnaireResponse?subject={p}&questionnaire={FORM}",
    )
    return dict(zip(asked, expected.get(dialect, (0,) * 8 + (1,)), strict=True))


async def test_every_query_finds_the_same_on_both(both: Both, dialect: str) -> None:
    for target, count in queries(dialect).items():
        assert (target, len(await both.agree(target))) == (target, count)


async def test_a_form_is_found_with_and_without_a_version(both: Both) -> None:
    subject = patient("form")
    for canonical in (FORM, f"{FORM}|0.1.3-beta3", f"{FORM}|other", FORM + "x"):
        await both.agree(f"/QuestionnaireResponse?subject={subject}&questionnaire={canonical}")
        await both.agree(f"/QuestionnaireResponse?patient={subject}&questionnaire={canonical}")


async def test_tokens_and_references_mean_the_same_on_both(both: Both, dialect: str) -> None:
    p = patient(dialect)
    for asked in (
        f"patient={p.removeprefix('Patient/')}",
        f"patient={p}&category=129125009",
        f"patient={p}&category=|129125009",
        f"patient={p}&category={SCT}|",
        f"patient={p}&category={SCT}|1,{SCT}|129125009",
        f"patient={p}&category={SCT}|129125009%5C,1",
        f"patient={p}&category={SCT}|129125009&category=acd",
        "patient=Patient/nobody",
    ):
        await both.agree(f"/Consent?{asked}")


async def test_a_patient_by_bsn_in_a_post(both: Both) -> None:
    body = {"identifier": f"http://fhir.nl/fhir/NamingSystem/bsn|{by_slug('postma').bsn.value}"}
    for client, base in ((both.real, both.url), (both.twin, "http://twin.test/fhir")):
        found = references((await client.post(f"{base}/Patient/_search", data=body)).json(), "match")
        ours = [reference for reference in found if reference.startswith("Patient/pzp-")]
        assert sorted(ours) == [f"Patient/pzp-{one}-postma-1" for one in ("lindezicht", "meerwijck", "wilgenhof")]


async def test_pages_hold_everything_once_on_both(both: Both) -> None:
    query = f"/Consent?patient=Patient/{prefix('hendriks', 'wilgenhof')}10&_include=Consent:actor&_count=20"
    counts = []
    for client, base in ((both.real, both.url), (both.twin, "http://twin.test/fhir")):
        url: str | None = base + query
        pages: list[list[str]] = []
        while url:
            bundle = (await client.get(url)).json()
            pages.append(references(bundle, "match"))
            assert bundle["link"][0]["relation"] == "self"
            assert references(bundle, "include"), "each page brings along what its own matches name"
            url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
            assert url is None or url.startswith(f"{base}?_getpages=")
        assert len({one for page in pages for one in page}) == 44
        counts.append([len(page) for page in pages])
    assert counts == [[20, 20, 4], [20, 20, 4]]


@pytest.mark.parametrize(
    "target",
    [
        "/Consent?mood=good",
        "/Goal?description:in=https://fhir.iknl.nl/fhir/ValueSet/ACP-MedicalPolicyGoal",
        "/Communication?reason-code=http://snomed.info/sct|713603004",
        "/DeviceUseStatement?device.type:in=https://fhir.iknl.nl/fhir/ValueSet/ACP-MedicalDeviceProductType-ICD",
        "/Consent?_include=Consent:mood",
        "/Consent?_include=mood",
        "/Consent?_count=many",
        "/Patient/nobody",
        "/Basics?x=1",
        "/Encounter?reason-reference:Procedure.mood=1",
        "?_getpages=gone&_getpagesoffset=1",
    ],
)
@pytest.mark.parametrize("dialect", ["r4-rc2"])
async def test_refusals_have_the_same_status_and_the_same_first_words(both: Both, target: str) -> None:
    real, twin = await both.ask(target)
    assert real.status_code == twin.status_code
    said = [answer.json()["issue"][0]["diagnostics"] for answer in (real, twin)]
    assert said[0].partition("Valid search")[0][:60] == said[1].partition("Valid search")[0][:60]


@pytest.mark.parametrize("dialect", ["r4-rc2"])
async def test_a_read_looks_the_same_and_may_be_cut(both: Both) -> None:
    for target in (f"/{patient('r4-rc2')}", f"/{patient('r4-rc2')}?_elements=identifier"):
        real, twin = await both.ask(target)
        assert set(real.json()) == set(twin.json())
        assert {**real.json(), "meta": None} == {**twin.json(), "meta": None}
        assert real.headers["etag"].startswith('W/"')
        assert twin.headers["etag"].startswith('W/"')


@pytest.mark.parametrize("dialect", ["r4-rc2"])
async def test_a_body_of_another_media_type_is_ignored_by_both(both: Both) -> None:
    """Why our gateway always sends a form's media type: the search would be about every patient."""
    headers = {"content-type": "text/plain"}
    body = f"patient={patient('r4-rc2')}".encode()
    real = await both.real.post(both.url + "/Goal/_search", content=body, headers=headers)
    twin = await both.twin.post("http://twin.test/fhir/Goal/_search", content=body, headers=headers)
    for answer in (real, twin):
        subjects = {entry["resource"]["subject"]["reference"] for entry in answer.json()["entry"]}
        assert len(subjects) > 1


@pytest.fixture
async def records(base: str, tmp_path: Path) -> AsyncIterator[Records]:
    tenant = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "De Wilgenhof"))
    made = build_records({"base": base}, Surroundings(tenant, LOOPBACK, tmp_path, tmp_path))
    await made.start()
    yield made
    await made.stop()


WANTED = (("patient", (f"Patient/{prefix('hendriks', 'wilgenhof')}10",)),)


@pytest.mark.parametrize("via", ["GET", "POST"])
async def test_our_client_reads_all_pages(records: Records, via: Any) -> None:
    request = FhirRequest("search-type", "Consent", params=WANTED, via=via)
    found: list[str] = []
    for _ in range(4):
        answer = await records.send(request)
        assert isinstance(answer, FhirAnswer), answer
        found += references(json.loads(answer.body), "match")
        if answer.next is None:
            break
        request = FhirRequest("search-type", "Consent", continuation=answer.next)
    assert len(set(found)) == 44


async def test_our_client_learns_the_version_and_is_content(records: Records) -> None:
    assert await records.health() == "answers"


@pytest.mark.parametrize("lost", ["00000000-0000-4000-8000-000000000000", "x"])
async def test_a_page_that_is_no_longer_there_is_an_answer_that_could_not_be_had(records: Records, lost: str) -> None:
    """The server forgets a search after an hour (410): never an empty page, and never the end."""
    first = await records.send(FhirRequest("search-type", "Consent", params=WANTED))
    assert isinstance(first, FhirAnswer)
    assert first.next is not None
    further = re.sub(r"_getpages=[^&]+", f"_getpages={lost}", first.next)
    assert further != first.next
    gone = await records.send(FhirRequest("search-type", "Consent", continuation=further))
    assert isinstance(gone, Unavailable), gone
    assert gone.detail == "HTTP 410"


@pytest.mark.parametrize(("kind", "asked", "status"), [
    ("DeviceUseStatement", ("device.type:in", f"{VALUE_SETS}/ACP-MedicalDeviceProductType-ICD"), 404),
    ("Goal", ("description:in", f"{VALUE_SETS}/ACP-MedicalPolicyGoal"), 400),
    ("Consent", ("mood", "good"), 400),
])  # fmt: skip
async def test_what_the_server_does_not_know_is_told_apart_from_a_no(
    records: Records, kind: str, asked: tuple[str, str], status: int
) -> None:
    """A value set is missing with 404: a search of something that is not there, not a resource that is not."""
    request = FhirRequest("search-type", kind, params=(*WANTED, (asked[0], (asked[1],))))
    stop = await records.send(request)
    assert stop == Unavailable(Reason.SOURCE_QUERY, detail=f"HTTP {status}")


async def test_what_is_not_there_to_read_is_a_no(records: Records) -> None:
    stop = await records.send(FhirRequest("read", "Consent", "nobody"))
    assert stop == Deny(Reason.NOT_FOUND, detail="HTTP 404")
