"""The FHIR facade: one server to its client, every source behind it, and nobody's id but one's own."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from nuts_pzp.accounted import Shown
from nuts_pzp.fhir.request import template
from nuts_pzp.house import House
from nuts_pzp.identity import BSN_SYSTEM, Assurance, Organization, Professional, Tenant, Ura
from nuts_pzp.values import replace
from nuts_pzp.web.asking import HEADERS
from nuts_pzp.web.ehr import EhrDoor

BSN, BORN = "999900006", "1941-03-09"
SCT = "http://snomed.info/sct"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ME = {"x-professional-id": "k-17", "x-professional-name": "M. Okker", "x-professional-role": "huisarts"}
BASE = "https://gw/kade/fhir"
W, M = "90000111", "90000222"


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def directive(id: str, kind: str, when: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": id,
        "status": "active",
        "scope": coded(SCOPE, "treatment"),
        "category": [coded(SCT, "129125009")],
        "patient": {"reference": "Patient/1"},
        "dateTime": when,
        "policy": [{"uri": "https://wetten.overheid.nl/"}],
        "provision": {
            "type": kind,
            "code": [coded(SCT, "89666000")],
            "actor": [
                {
                    "role": coded("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "CONSENTER"),
                    "reference": {"reference": "RelatedPerson/r1"},
                }
            ],
        },
        **more,
    }


PATIENT = {
    "resourceType": "Patient",
    "id": "1",
    "identifier": [{"system": BSN_SYSTEM, "value": BSN}],
    "name": [{"text": "Trijntje Veld"}],
    "birthDate": BORN,
}
RELATED = {"resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/1"}}
GOAL = {
    "resourceType": "Goal",
    "id": "g1",
    "lifecycleStatus": "active",
    "description": coded(SCT, "713148004"),
    "subject": {"reference": "Patient/1"},
    "startDate": "2025-05-05",
}


def holds(*resources: dict[str, Any], patient: dict[str, Any] = PATIENT) -> Callable[[Any], Any]:
    def answering(request: Any) -> Any:
        kind = request.resource_type
        found = [patient] if kind == "Patient" else [one for one in resources if one["resourceType"] == kind]
        if kind == "Consent":
            wanted = request.values("scope")[0][0]
            found = [one for one in found if f"{SCOPE}|{one['scope']['coding'][0]['code']}" == wanted]
            found += [one for one in resources if one["resourceType"] == "RelatedPerson"]
        if request.interaction == "read":
            found = [one for one in found if one["id"] == request.id][:1]
        return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in found]}

    return answering


@pytest.fixture
def house(region: Any) -> Callable[..., Any]:
    def make(**more: Any) -> Any:
        return dataclasses.replace(region.house(deadline=2.0), facade_key=b"f" * 32, **more)

    return make


class Client:
    """Speaks the queries of the guide to one server."""

    def __init__(self, called: Any, door: EhrDoor) -> None:
        self._called, self.door = called, door

    async def __call__(self, path: str, *, slug: str = "kade", **how: Any) -> Any:
        path, _, query = path.partition("?")
        how = {"method": "GET", "body": b"", "headers": ME} | how
        how["headers"] = {"content-type": ""} | how["headers"] if how["method"] == "GET" else how["headers"]
        return await self._called(door=self.door, path=f"/{slug}/fhir/{path}", query=query.encode(), **how).run()

    async def post(self, path: str, form: dict[str, str], **how: Any) -> Any:
        headers = {"content-type": "application/x-www-form-urlencoded"} | how.pop("headers", ME)
        return await self(path, method="POST", body=urlencode(form).encode(), headers=headers, **how)

    async def patient(self, **how: Any) -> Any:
        return await self.post("Patient/_search", {"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": BORN}, **how)

    async def id(self, **how: Any) -> str:
        found = await self.patient(**how)
        assert found.status == 200, found.content
        return str(matches(found)[0]["id"])


@pytest.fixture
async def client(called: Any, make_door: Any, house: Any) -> AsyncIterator[Client]:
    door = make_door(house())
    yield Client(called, door)
    await door.stop()


def entries(answer: Any, mode: str) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.content
    Bundle.model_validate(answer.json)
    return [one for one in answer.json.get("entry", ()) if one["search"]["mode"] == mode]


def matches(answer: Any) -> list[dict[str, Any]]:
    return [one["resource"] for one in entries(answer, "match")]


def issues(answer: Any) -> list[tuple[str, str]]:
    found = [one["resource"]["issue"] for one in entries(answer, "outcome")]
    return [(one["code"], one["diagnostics"]) for one in (found[0] if found else ())]


def refusal(answer: Any) -> tuple[int, str]:
    OperationOutcome.model_validate(answer.json)
    return answer.status, answer.json["issue"][0]["details"]["coding"][0]["code"]


CONSENTS = f"Consent?patient=Patient/{{}}&scope={SCOPE}%7Ctreatment&category={SCT}%7C129125009&_include=Consent:actor"


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


async def test_pages_follow_each_other_and_hold_everything_once(region: Any, client: Client) -> None:
    region.source(W, holds(*(directive(f"c{n}", "permit", f"20{n:02d}-01-01") for n in range(5))))
    region.source(M, holds(*(directive(f"c{n}", "deny", f"20{n:02d}-01-01") for n in range(4)), RELATED))
    id = await client.id()
    url, seen = CONSENTS.format(id) + "&_count=4", []
    for size in (4, 4, 1):
        page = await client(url)
        assert (page.json["total"], len(matches(page))) == (9, size)
        seen += [one["id"] for one in matches(page)]
        url = {one["relation"]: one["url"] for one in page.json["link"]}.get("next", "").removeprefix(f"{BASE}/")
    assert (len(set(seen)), url) == (9, "")


async def test_a_page_token_opens_for_nobody_else(region: Any, client: Client) -> None:
    region.source(W, holds(*(directive(f"c{n}", "permit", f"20{n:02d}-01-01") for n in range(3))))
    page = await client(CONSENTS.format(await client.id()) + "&_count=1")
    further = next(one["url"] for one in page.json["link"] if one["relation"] == "next").removeprefix(f"{BASE}/")
    assert (await client(further)).status == 200
    assert refusal(await client(further, headers=ME | {"x-professional-id": "k-18"})) == (403, "PZP-REQUEST-009")
    assert refusal(await client(further.replace("Consent", "Goal"))) == (403, "PZP-REQUEST-009")
    assert refusal(await client(further + "&_count=2")) == (400, "PZP-REQUEST-002")


@pytest.mark.parametrize(
    ("who", "certificate"),
    [
        ({"x-professional-id": "k-18"}, b"der"),
        ({"x-professional-role": "verpleegkundige"}, b"der"),
        ({"x-purpose": "emergency", "x-purpose-reason": "no-time"}, b"der"),
    ],
)
async def test_an_id_of_another_is_no_id(region: Any, client: Client, who: dict[str, str], certificate: bytes) -> None:
    region.source(W, holds(directive("c1", "permit", "2023-05-09")))
    id = await client.id()
    refused = await client(CONSENTS.format(id), headers=ME | who, certificate=certificate)
    assert refusal(refused) == (404, "PZP-REQUEST-019")
    assert type(region.events[-1]).__name__ == "Denied"


async def test_an_id_of_another_client_or_tenant_is_no_id(region: Any, called: Any, house: Any) -> None:
    from prometheus_client import CollectorRegistry

    from nuts_pzp.web.meter import Meter

    region.source(W, holds(directive("c1", "permit", "2023-05-09")))
    here = house()
    there = dataclasses.replace(here, tenant=Tenant("meer", Organization(Ura("90000999"), "V6", "Meer")))
    houses = {one.tenant.id: House(one.tenant, None, one) for one in (here, there)}
    client = Client(called, EhrDoor(houses.get, region, "https://gw", Meter(CollectorRegistry())))
    id = await client.id()
    assert refusal(await client(CONSENTS.format(id), slug="meer")) == (404, "PZP-REQUEST-019")
    known = await region.verify(None)
    region.caller = replace(known, certificate="cd")
    assert refusal(await client(CONSENTS.format(id))) == (404, "PZP-REQUEST-019")
    await client.door.stop()


async def test_an_id_has_its_time(region: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    region.source(W, holds(directive("c1", "permit", "2023-05-09")))
    id = await client.id()
    later = time.time() + 601
    monkeypatch.setattr("nuts_pzp.web.facade.time.time", lambda: later)
    assert refusal(await client(CONSENTS.format(id))) == (404, "PZP-REQUEST-019")
    assert refusal(await client(f"Patient/{id}")) == (404, "PZP-REQUEST-019")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"identifier": f"{BSN_SYSTEM}|{BSN}"}, "PZP-REQUEST-021"),
        ({"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": "1941-02-30"}, "PZP-REQUEST-021"),
        ({"identifier": f"{BSN_SYSTEM}|999900007", "birthdate": BORN}, "PZP-REQUEST-008"),
        ({"birthdate": BORN}, "PZP-REQUEST-008"),
        ({"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": "1800-01-01"}, "PZP-REQUEST-010"),
        ({"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": BORN, "name": "x"}, "PZP-REQUEST-008"),
    ],
)
async def test_a_patient_is_searched_by_number_and_birth_date(
    region: Any, client: Client, form: Any, code: str
) -> None:
    assert refusal(await client.post("Patient/_search", form)) == (400, code)
    assert region.asked == []


async def test_who_asks_must_be_said_and_is_named_by_header(region: Any, client: Client) -> None:
    refused = await client.patient(headers={"x-professional-id": "k-17"})
    assert refusal(refused) == (400, "PZP-REQUEST-010")
    said = refused.json["issue"][0]["diagnostics"]
    assert "X-Professional-Name" in said
    assert "X-Professional-Role" in said
    assert region.asked == []
    twice = await client.patient(headers=ME | {"x-relation-kind": "%zz"})
    assert "X-Relation-Kind" in twice.json["issue"][0]["diagnostics"]
    assert set(HEADERS) >= {"X-Context", "X-Purpose"}


async def test_a_patient_is_never_searched_by_get(region: Any, client: Client) -> None:
    refused = await client(f"Patient?identifier={BSN_SYSTEM}%7C{BSN}")
    assert refusal(refused) == (405, "PZP-REQUEST-004")
    assert refused.headers["allow"] == "OPTIONS"
    assert BSN.encode() not in refused.content


async def test_all_sources_failing_is_a_502_and_no_answer(region: Any, client: Client) -> None:
    region.source(W, lambda request: None)
    failed = await client.patient()
    assert failed.status == 502
    assert orjson.loads(failed.content)["issue"][0]["diagnostics"] == f"source {W}"


async def test_the_capability_statement_is_public_and_true(region: Any, client: Client) -> None:
    found = await client("metadata", headers={})
    CapabilityStatement.model_validate(found.json)
    listed = {one["type"]: one for one in found.json["rest"][0]["resource"]}
    assert {one["name"] for one in listed["Patient"]["searchParam"]} == {"identifier", "birthdate"}
    assert region.events == []
    region.source(W, holds(GOAL))
    id = await client.id()
    for kind, offered in listed.items():
        names = {one["name"] for one in offered.get("searchParam", ())} & {"patient", "subject"}
        for name in names:
            for include in ("", *(f"&_include={one}" for one in offered.get("searchInclude", ()))):
                assert (await client(f"{kind}?{name}=Patient/{id}{include}")).status == 200
        assert refusal(await client(f"{kind}?patient=Patient/{id}&_sort=date"))[0] in (400, 403, 405)


async def test_who_hangs_up_at_the_search_ends_its_consultation(region: Any, client: Client) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def hangs(request: Any) -> Any:
        begun.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    region.source(W, hangs)
    await client.patient(stays=0.05)
    async with asyncio.timeout(2):
        await cancelled.wait()


async def test_who_does_not_say_who_asks_hears_it_at_a_query_too(region: Any, client: Client) -> None:
    region.source(W, holds(GOAL))
    id = await client.id()
    refused = await client(f"Goal?patient=Patient/{id}&category={SCT}%7C713603004", headers={})
    assert refusal(refused) == (400, "PZP-REQUEST-010")
    assert "X-Professional-Id" in refused.json["issue"][0]["diagnostics"]


async def test_a_token_names_its_professional_and_headers_cannot_change_it(region: Any, client: Client) -> None:
    region.source(W, holds(GOAL))
    known = await region.verify(None)
    person = Professional("k-17", "huisarts", "M. Okker", Assurance.EHR_TOKEN, login="smartcard")
    region.caller = replace(known, professional=person, claims={"client_id": "his"}, means="ehr-token")
    id = await client.id(headers={})
    query = f"Goal?patient=Patient/{id}&category={SCT}%7C713603004"
    assert len(matches(await client(query, headers={}))) == 1
    other = dataclasses.replace(person, id="k-18")
    region.caller = replace(region.caller, professional=other)
    assert refusal(await client(query, headers={})) == (404, "PZP-REQUEST-019")
    assert refusal(await client(query, headers=ME)) == (403, "PZP-AUTHN-014"), "the id opens, the token does not"
    assert refusal(await client.patient(headers=ME)) == (403, "PZP-AUTHN-014")


async def test_a_search_may_be_posted_and_a_head_is_recorded(region: Any, client: Client) -> None:
    region.source(W, holds(GOAL))
    id = await client.id()
    form = {"subject": f"Patient/{id}", "category": f"{SCT}|713603004"}
    assert len(matches(await client.post("Goal/_search", form))) == 1
    looks = len(region.events)
    head = await client(f"Patient/{id}", method="HEAD")
    assert (head.status, head.content, len(region.events)) == (200, b"", looks + 1)


async def test_what_cannot_be_read_or_does_not_fit_is_said(
    region: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    region.source(W, holds(GOAL, GOAL | {"id": "g2", "startDate": 7}))
    region.source(M, holds(*(GOAL | {"id": f"g{n}", "note": [{"text": "x" * 900}]} for n in range(9))))
    monkeypatch.setattr("nuts_pzp.consult.facade.shelf.BYTES", 4000)
    id = await client.id()
    found = await client(f"Goal?patient=Patient/{id}&category={SCT}%7C713603004")
    assert [one["meta"]["tag"][-1]["code"] for one in matches(found)] == [W]
    assert set(issues(found)) == {("incomplete", f"source {W}"), ("too-costly", f"source {M}")}


async def test_an_id_of_a_resource_is_no_patient(region: Any, client: Client) -> None:
    region.source(W, holds(GOAL))
    id = await client.id()
    [goal] = matches(await client(f"Goal?patient=Patient/{id}&category={SCT}%7C713603004"))
    assert refusal(await client(f"Goal?patient=Patient/{goal['id']}")) == (404, "PZP-REQUEST-019")
    assert refusal(await client(f"Consent/{goal['id']}")) == (404, "PZP-REQUEST-013")
    assert refusal(await client("Goal?patient=Patient/1")) == (404, "PZP-REQUEST-019")


async def test_an_emergency_is_asked_by_header_where_the_tenant_offers_it(
    region: Any, called: Any, make_door: Any, house: Any
) -> None:
    region.source(W, holds(GOAL))
    urgent = ME | {"x-purpose": "emergency", "x-purpose-reason": "no-time"}
    plain, offering = Client(called, make_door(house())), Client(called, make_door(house(emergency=True)))
    assert refusal(await plain.patient(headers=urgent)) == (403, "PZP-REQUEST-011")
    assert refusal(await offering.patient(headers=ME | {"x-purpose": "emergency"})) == (400, "PZP-REQUEST-010")
    id = await offering.id(headers=urgent)
    query = f"Goal?patient=Patient/{id}&category={SCT}%7C713603004"
    assert len(matches(await offering(query, headers=urgent))) == 1
    assert refusal(await offering(query)) == (404, "PZP-REQUEST-019"), "an id for one purpose is none for another"
    await plain.door.stop()
    await offering.door.stop()
