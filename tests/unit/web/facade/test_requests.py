"""What may be asked of the facade, how, and by whom."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import orjson
import pytest
from facade_pen import (
    BORN,
    BSN,
    GOAL,
    ME,
    SCT,
    Client,
    M,
    W,
    holds,
    issues,
    matches,
    refusal,
)
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from nuts_pzp.accounted import Intended
from nuts_pzp.identity import BSN_SYSTEM, Assurance, Professional
from nuts_pzp.outcome import Gap, Gathered, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace
from nuts_pzp.web.asking import HEADERS


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"identifier": f"{BSN_SYSTEM}|{BSN}"}, "PZP-REQUEST-021"),
        ({"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": "1941-02-30"}, "PZP-REQUEST-021"),
        ({"identifier": f"{BSN_SYSTEM}|999900007", "birthdate": BORN}, "PZP-REQUEST-008"),
        ({"birthdate": BORN}, "PZP-REQUEST-008"),
        ({"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": "1800-01-01"}, "PZP-REQUEST-010"),
        ({"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": "2199-01-01"}, "PZP-REQUEST-010"),
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


@pytest.mark.parametrize("base", ["", "/"])
async def test_the_base_itself_speaks_fhir_and_takes_no_batch(
    region: Any, called: Any, client: Client, base: str
) -> None:
    batch = orjson.dumps({"resourceType": "Bundle", "type": "batch", "entry": []})
    for how in ({"method": "POST", "body": batch}, {"method": "GET"}, {"method": "PUT"}):
        headers = ME | {"content-type": "application/fhir+json"}
        seen = await called(door=client.door, path=f"/kade/fhir{base}", headers=headers, **how).run()
        assert (seen.status, seen.media_type) == (400 if how["method"] == "GET" else 405, "application/fhir+json")
        assert seen.json["issue"][0]["details"]["coding"][0]["system"] == "urn:nuts-pzp:reason"
    assert region.asked == []


async def test_all_sources_failing_is_a_502_and_no_answer(region: Any, client: Client) -> None:
    region.source(W, lambda request: None)
    failed = await client.patient()
    assert failed.status == 502
    said = [(one["severity"], one["diagnostics"]) for one in orjson.loads(failed.content)["issue"]]
    assert said == [("error", "all sources"), ("warning", f"source {W}")]


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
    await client.patient(stays=begun)
    async with asyncio.timeout(20):
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
    unsaid = await offering.patient(headers=ME | {"x-purpose": "emergency"})
    assert refusal(unsaid) == (400, "PZP-REQUEST-010")
    assert "X-Purpose-Reason: een van: unresponsive, incapable" in unsaid.json["issue"][0]["diagnostics"]
    id = await offering.id(headers=urgent)
    query = f"Goal?patient=Patient/{id}&category={SCT}%7C713603004"
    assert len(matches(await offering(query, headers=urgent))) == 1
    assert refusal(await offering(query)) == (404, "PZP-REQUEST-019"), "an id for one purpose is none for another"
    await plain.door.stop()
    await offering.door.stop()


@pytest.mark.parametrize("wait", ["0", "61", "100", "-1", "999999999", "12345678901", "8.5", "soon", "", '"61"', "²"])
async def test_a_wait_that_is_not_offered_is_refused_and_never_another(client: Any, wait: str) -> None:
    refused = await client.patient(headers=ME | {"prefer": f"wait={wait}"})
    assert refusal(refused) == (400, "PZP-REQUEST-010")
    assert "Prefer" in refused.json["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "prefer", ["wait=2", "WAIT=2", "wait = 2", 'wait="2"', "return=minimal, wait=2", "wait=2; x=y", "wait=2, wait=99"]
)
async def test_a_wait_is_read_as_rfc_7240_writes_it(region: Any, client: Client, prefer: str) -> None:
    region.source(W, holds(GOAL))
    assert (await client.patient(headers=ME | {"prefer": prefer})).status == 200
    [intended] = [event for event in region.events if isinstance(event, Intended)]
    assert intended.inquiry.deadline == 2.0


async def test_a_header_that_names_another_than_the_token_is_refused_whatever_the_id(
    region: Any, client: Client
) -> None:
    region.source(W, holds(GOAL))
    known = await region.verify(None)
    person = Professional("k-17", "huisarts", "M. Okker", Assurance.EHR_TOKEN, login="smartcard")
    region.caller = replace(known, professional=person, claims={"client_id": "his"}, means="ehr-token")
    query = f"Goal?patient=Patient/{await client.id(headers={})}&category={SCT}%7C713603004"
    for other in ({"x-professional-id": "k-18"}, {"x-professional-role": "verpleegkundige"}):
        assert refusal(await client(query, headers=other)) == (403, "PZP-AUTHN-014")


@pytest.mark.parametrize("path", ["Patient", "Patient/_search", "Patient/x", "metadata"])
async def test_options_tells_what_a_refused_method_tells(client: Client, path: str) -> None:
    told = await client(path, method="OPTIONS")
    refused = await client(path, method="PUT")
    assert (told.status, told.headers["allow"]) == (204, refused.headers["allow"])


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("_format=json", 200),
        ("_format=application/fhir%2Bjson", 200),
        ("_format=application/fhir+json", 200),
        ("_format=xml", 406),
        ("_format=html", 406),
        ("_format=json&_count=1", 400),
        ("_count=1", 400),
    ],
)
async def test_a_posted_search_may_say_its_form_in_the_url_and_nothing_else(
    region: Any, client: Client, query: str, status: int
) -> None:
    region.source(W, holds(GOAL))
    form = {"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": BORN}
    assert (await client.post(f"Patient/_search?{query}", form)).status == status


@pytest.mark.parametrize(("language", "text"), [("nl", "Bron: bel 0570-1"), ("en", "Bron: phone 0570-1")])
async def test_whom_to_phone_is_said_in_the_language_of_the_reader(
    region: Any, client: Client, language: str, text: str
) -> None:
    down = Unavailable(Reason.LOCALIZATION_DOWN)
    region.holders = Gathered((), (Gap("localization", down), Gap(W, down, "Bron", "0570-1")))
    refused = await client.patient(headers=ME | {"accept-language": language})
    assert refused.status == 503
    assert refused.json["issue"][1]["details"]["text"] == text
