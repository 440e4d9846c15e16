"""The FHIR facade: one server to its client, every source behind it, failures in plain sight."""

from __future__ import annotations

import asyncio
from typing import Any

from facade_pen import (
    BASE,
    BORN,
    BSN,
    CONSENTS,
    GOAL,
    PATIENT,
    RELATED,
    SCT,
    Client,
    M,
    W,
    directive,
    entries,
    holds,
    issues,
    matches,
    refusal,
)

from nuts_pzp.accounted import Shown
from nuts_pzp.fhir.request import template
from nuts_pzp.identity import BSN_SYSTEM


async def test_a_patient_search_asks_all_sources_and_returns_one_patient(region: Any, client: Client) -> None:
    region.source(W, holds(directive("c1", "permit", "2023-05-09"), RELATED))
    region.source(M, holds(directive("c1", "deny", "2026-02-11")))
    found = await client.patient()
    [patient] = matches(found)
    assert (found.json["total"], len(patient["id"]), patient["birthDate"]) == (1, 64, BORN)
    assert patient["identifier"] == [{"system": BSN_SYSTEM, "value": BSN}]
    held = [one["resource"] for one in entries(found, "include")]
    assert [one["meta"]["tag"][-1]["code"] for one in held] == [W, M]
    assert [one["other"]["reference"] for one in patient["link"]] == [f"{BASE}/Patient/{one['id']}" for one in held]
    assert [type(one).__name__ for one in region.events].count("Intended") == 1
    assert BSN not in found.json["link"][0]["url"]


async def test_every_source_is_in_the_answer_and_every_reference_leads_somewhere(region: Any, client: Client) -> None:
    region.source(W, holds(directive("c1", "permit", "2023-05-09"), RELATED))
    region.source(M, holds(directive("c1", "deny", "2026-02-11")))
    id = await client.id()
    asked = len(region.asked)
    found = await client(CONSENTS.format(id))
    assert len(region.asked) == asked, "the consultation serves the queries of one screen"
    consents = matches(found)
    assert [(one["meta"]["tag"][-1]["code"], one["provision"]["type"]) for one in consents] == [
        (W, "permit"),
        (M, "deny"),
    ]
    assert [one["meta"]["source"] for one in consents] == [f"https://{ura}.example/fhir/Consent/c1" for ura in (W, M)]
    assert len({one["id"] for one in consents}) == 2, "two sources may share an id"
    assert {one["patient"]["reference"] for one in consents} == {f"{BASE}/Patient/{id}"}
    [related] = [one["resource"] for one in entries(found, "include")]
    actors = [one["provision"]["actor"][0]["reference"]["reference"] for one in consents]
    assert actors == [f"{BASE}/RelatedPerson/{related['id']}", f"https://{M}.example/fhir/RelatedPerson/r1"]
    assert all(one["fullUrl"] == f"{BASE}/{one['resource']['resourceType']}/{one['resource']['id']}"
               for one in (*entries(found, "match"), *entries(found, "include")))  # fmt: skip
    read = await client(f"RelatedPerson/{related['id']}")
    assert (read.status, read.json) == (200, related)


async def test_each_query_is_recorded_before_it_leaves_and_its_record_has_no_id(region: Any, client: Client) -> None:
    region.source(W, holds(directive("c1", "permit", "2023-05-09")))
    first = await client.patient()
    id = matches(first)[0]["id"]
    await client(CONSENTS.format(id))
    shown = region.events[-1]
    assert isinstance(shown, Shown)
    assert (shown.of, shown.bsn.value) == (first.headers["x-meldcode"], BSN)
    assert shown.attempt.request is not None
    assert template(shown.attempt.request).startswith("GET Consent?patient=#patient&scope=")
    region.fail_at = len(region.events) + 1
    refused = await client(CONSENTS.format(id))
    assert refused.status == 503
    assert refusal(refused)[1] == "PZP-AUDIT-001"


async def test_the_queries_of_one_screen_at_once_are_one_consultation(region: Any, called: Any, make_door: Any,
                                                                    house: Any) -> None:  # fmt: skip
    region.source(W, holds(directive("c1", "permit", "2023-05-09"), GOAL))
    first, second = Client(called, make_door(house())), Client(called, make_door(house()))
    id = await first.id()
    began = [type(one).__name__ for one in region.events].count("Intended")
    queries = (CONSENTS.format(id), f"Goal?subject=Patient/{id}&category={SCT}%7C713603004", f"Patient/{id}")
    found = await asyncio.gather(*(second(one) for one in queries))
    assert [one.status for one in found] == [200, 200, 200], "another process asks again, once"
    names = [type(one).__name__ for one in region.events]
    assert names.count("Intended") == began + 1
    assert names.count("Shown") == 3
    again = await first(CONSENTS.format(id))
    assert [one["id"] for one in matches(again)] == [one["id"] for one in matches(found[0])], "alike everywhere"
    await first.door.stop()
    await second.door.stop()


async def test_either_dialect_finds_what_the_other_wrote(region: Any, client: Client) -> None:
    region.source(W, holds(GOAL))
    id = await client.id()
    old = f"Goal?patient={id}&description:in=https://fhir.iknl.nl/fhir/ValueSet/ACP-MedicalPolicyGoal"
    for query in (old, f"Goal?subject=Patient/{id}&category={SCT}%7C713603004"):
        assert [one["description"] for one in matches(await client(query))] == [GOAL["description"]]
    assert matches(await client(f"Goal?patient=Patient/{id}&category={SCT}%7C1")) == []
    other = await client(f"Goal?patient=Patient/{id}&description:in=https://example.org/ValueSet/x")
    assert refusal(other) == (400, "PZP-REQUEST-003")


async def test_a_source_that_fails_is_an_issue_in_every_answer_and_a_conflict_where_it_shows(
    region: Any, client: Client
) -> None:
    region.source(W, holds(directive("c1", "permit", "2026-02-11"), GOAL))
    region.source(M, holds(directive("c2", "deny", "2026-02-11")))
    region.source("90000333", lambda request: None)
    id = await client.id()
    found = await client(CONSENTS.format(id))
    failed, conflict = issues(found)
    assert failed[1] == "source 90000333"
    assert conflict == ("conflict", "treatment:89666000")
    goals = await client(f"Goal?patient=Patient/{id}&category={SCT}%7C713603004")
    assert issues(goals) == [failed]


async def test_nothing_of_another_patient_gets_on_the_shelf(region: Any, client: Client) -> None:
    stranger = directive("c9", "deny", "2026-02-11", patient={"reference": "Patient/2"})
    wrong = PATIENT | {"birthDate": "1940-01-01"}
    region.source(W, holds(directive("c1", "permit", "2023-05-09"), stranger))
    region.source(M, holds(directive("c2", "deny", "2026-02-11"), patient=wrong))
    id = await client.id()
    found = await client(CONSENTS.format(id))
    assert [one["meta"]["source"].rpartition("/")[2] for one in matches(found)] == ["c1"]
    assert ("suppressed", f"source {W}") in issues(found)
    assert any(diagnostics == f"source {M}" for _, diagnostics in issues(found))
