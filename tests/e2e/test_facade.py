"""The FHIR facade end to end: a client that knows the queries of the guide and one base URL gets every source."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from facade_client import QUERIES, FacadeClient, entries, patient_id, tag
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from staging import FHIR, SOURCE_SECONDS, Visitor

from nuts_pzp.consult.facade.ids import LIFETIME, Bound, Ids
from nuts_pzp.identity import Professional, Purpose
from nuts_pzp.keys import secret

pytestmark = pytest.mark.asyncio(loop_scope="session")

W, M, L, A = "90000111", "90000222", "90000333", "90000555"


def refused(answer: Any) -> tuple[int, str]:
    OperationOutcome.model_validate(answer.json())
    return answer.status_code, answer.json()["issue"][0]["details"]["coding"][0]["code"]


def issues(answer: Any) -> list[dict[str, Any]]:
    return [issue for one in entries(answer, "outcome") for issue in one["issue"]]


@pytest.fixture
def silent(visitor: Visitor) -> Iterator[None]:
    region = visitor.stage.region
    region.fault("avondrood", "hang", True)
    yield
    region.fault("avondrood", "hang", False)


async def test_one_server_to_its_client_and_all_sources_behind_it(visitor: Visitor) -> None:
    client = FacadeClient(visitor)
    found = await client.search("postma")
    id = patient_id(found)
    assert issues(found) == [], "every source answered"
    assert {tag(one) for one in entries(found, "include")} == {W, M, L, A}
    received = visitor.stage.region.fhir["wilgenhof"].asked
    before = len(received)
    gathered: dict[str, list[dict[str, Any]]] = {}
    for name in QUERIES:
        answer = await client.query(name, id)
        Bundle.model_validate(answer.json())
        gathered[name] = entries(answer, "match")
        assert answer.json()["total"] == len(gathered[name])
        for one in (*gathered[name], *entries(answer, "include")):
            about = one.get("subject") or one.get("patient")
            assert about is None or about["reference"] == f"{client.base}/Patient/{id}", name
    assert len(received) == before, "the sources were asked once"
    assert {tag(one) for one in gathered["treatment"]} >= {W, M}, "both dialects"
    assert {tag(one) for one in gathered["form"]} == {tag(one) for one in gathered["form, beta3"]} != set()
    assert gathered["goal"] == gathered["goal, beta3"] != []
    status, overview = await visitor.consult("postma")
    assert status == 200
    shown = {one["meta"]["source"] for matches in gathered.values() for one in matches}
    shown |= {one["meta"]["source"] for one in entries(found, "include")}
    led = {
        item["ref"].partition("#")[0]
        for section in overview["sections"]
        for item in section["items"]
        if item["ref"] and not item["key"].startswith(("representative", "first-contact", "conversation"))
    }
    assert led <= shown, "whatever leads in the overview can be found here"


@pytest.mark.parametrize("slug", ["postma", "dalen", "brouwer", "hofstra"])
async def test_a_consultation_as_fhir_is_valid_as_a_whole_and_has_history_when_asked(
    visitor: Visitor, slug: str
) -> None:
    plain, whole = [
        await visitor.consultation(json=visitor.question(slug, history=history), headers=FHIR)
        for history in (False, True)
    ]
    for answer in (plain, whole):
        Bundle.model_validate(answer.json())
        assert answer.json()["total"] == len(entries(answer, "match"))
    told = [{one["meta"]["source"] for one in entries(answer, "match")} for answer in (plain, whole)]
    assert told[0] <= told[1]
    earlier = [one for one in entries(whole, "match") if "history" in {tag["code"] for tag in one["meta"]["tag"]}]
    assert {one["meta"]["source"] for one in earlier} == told[1] - told[0]


async def test_what_came_is_read_again_by_its_id(visitor: Visitor) -> None:
    client = FacadeClient(visitor)
    found = await client.search("postma")
    id = patient_id(found)
    answer = await client.query("treatment", id)
    returned = [*entries(answer, "match"), *entries(answer, "include"), *entries(found, "match")]
    assert {one["resourceType"] for one in returned} >= {"Consent", "Patient"}
    for one in returned:
        read = await client.ask(f"{one['resourceType']}/{one['id']}")
        assert (read.status_code, read.json()) == (200, one)
    other = await client.ask(f"Goal/{entries(answer, 'match')[0]['id']}")
    assert refused(other) == (404, "PZP-REQUEST-013")


async def test_each_query_is_on_record_under_the_consultation(visitor: Visitor) -> None:
    client = FacadeClient(visitor)
    found = await client.search("postma")
    codes = [one.code for one in visitor.recorded("kade", found)]
    assert codes == ["consult.intent", "consult.sources", *["consult.received"] * 4, "consult.result"]
    answer = await client.query("goal", patient_id(found))
    [record] = visitor.recorded("kade", answer)
    assert (record.code, record.record["object"]["consultation"]) == ("consult.shown", found.headers["x-meldcode"])
    assert record.record["object"]["query"].startswith("GET Goal?patient=#patient&category=")


async def test_a_source_that_hangs_is_named_with_its_number_in_every_answer(visitor: Visitor, silent: None) -> None:
    client = FacadeClient(visitor)
    began = time.monotonic()
    found = await client.search("postma", headers={"prefer": "wait=4"})
    assert time.monotonic() - began < SOURCE_SECONDS, "what was asked counts, and not what the tenant allows"
    for answer in (found, *[await client.query(name, patient_id(found)) for name in ("treatment", "goal")]):
        [missing] = [one for one in issues(answer) if one["diagnostics"] == f"source {A}"]
        assert missing["code"] == "timeout"
        assert "0570-555555" in missing["details"]["text"]
    assert tag(entries(await client.query("treatment", patient_id(found)), "match")[0]) in (W, M, L)


async def test_both_sides_of_a_conflict_are_there_and_it_is_said(visitor: Visitor) -> None:
    client = FacadeClient(visitor)
    answer = await client.query("treatment", patient_id(await client.search("dalen")))
    named = {one["diagnostics"] for one in issues(answer) if one["code"] == "conflict"}
    assert "treatment:40617009" in named
    codes = [
        one["provision"].get("code", [{}])[0].get("coding", [{}])[0].get("code") for one in entries(answer, "match")
    ]
    assert codes.count("40617009") >= 2
    goals = await client.query("goal", patient_id(await client.search("dalen")))
    assert not [one for one in issues(goals) if one["diagnostics"] == "treatment:40617009"]


async def test_an_id_opens_for_nobody_else_nowhere_else_and_not_for_long(visitor: Visitor) -> None:
    client = FacadeClient(visitor)
    id = patient_id(await client.search("postma"))
    assert refused(await FacadeClient(visitor).query("goal", id)) == (404, "PZP-REQUEST-019")
    there = FacadeClient(visitor, "wilgenhof", client.person)
    assert refused(await there.query("goal", id)) == (404, "PZP-REQUEST-019")
    assert patient_id(await there.search("postma")) != id
    assert refused(await client.query("goal", id[:-1] + ("A" if id[-1] != "A" else "B"))) == (404, "PZP-REQUEST-019")
    postma = visitor.stage.patient("postma")
    gateway = visitor.stage.region.gateways["kade"].folder
    [key] = [one for one in (gateway / "state").rglob("facade.key") if one.parent.name == "kade"]
    ids, bound = Ids(secret(key)), _bound(visitor, client)
    whose = ids.begin(postma.bsn, postma.birth_date, time.time())
    late = ids.begin(postma.bsn, postma.birth_date, time.time() - LIFETIME - 2)
    fresh, expired = ids.seal(whose, bound), ids.seal(late, bound)  # type: ignore[arg-type]
    assert (await client.query("goal", fresh)).status_code == 200, "made as the gateway makes them"
    assert refused(await client.query("goal", expired)) == (404, "PZP-REQUEST-019")


def _bound(visitor: Visitor, client: FacadeClient) -> Bound:
    certificate = visitor.stage.region.ehr_clients["kade"].sha256
    return Bound("kade", certificate, Professional(client.person, "huisarts"), Purpose.TREATMENT)


async def test_without_certificate_headers_or_birth_date_nobody_is_asked(visitor: Visitor) -> None:
    client = FacadeClient(visitor)
    postma = visitor.stage.patient("postma")
    stranger = visitor.stage.region.gateways["kade"].client
    assert refused(await client.search("postma", by=stranger))[0] in (401, 403)
    form = {"identifier": f"http://fhir.nl/fhir/NamingSystem/bsn|{postma.bsn.value}"}
    assert refused(await client.ask("Patient/_search", method="POST", data=form)) == (400, "PZP-REQUEST-021")
    bare = await visitor.consultation(url=f"{client.base}/Patient/_search", data=form | {"birthdate": "1941-04-17"})
    assert refused(bare) == (400, "PZP-REQUEST-010")


async def test_another_birth_date_finds_nothing_of_anybody(visitor: Visitor) -> None:
    client = FacadeClient(visitor)
    postma = visitor.stage.patient("postma")
    answer = await client.search_as(postma.bsn.value, "1941-04-18")
    assert answer.status_code == 502, "every source has another birth date"
    assert "Postma" not in answer.text


async def test_no_bsn_is_in_a_url_or_a_log(visitor: Visitor) -> None:
    client = FacadeClient(visitor)
    postma = visitor.stage.patient("postma")
    id = patient_id(await client.search("postma"))
    answers = [await client.query(name, id) for name in QUERIES]
    links = [one["url"] for answer in answers for one in answer.json()["link"]]
    assert postma.bsn.value not in " ".join(client.urls + links)
    region = visitor.stage.region
    logs = [visitor.stage.log_file(name) for name in region.gateways]
    assert all(postma.bsn.value not in Path(one).read_text("utf-8", "replace") for one in logs)
    assert all(id not in Path(one).read_text("utf-8", "replace") for one in logs)
    assert visitor.verified("kade").logs
