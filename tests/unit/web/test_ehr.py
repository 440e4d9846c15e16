"""The EHR door: three ways to tell one consultation, and nothing told without its record."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.web.ehr import PATH

BODY = orjson.dumps(
    {
        "patient": {"bsn": "999900006", "birthDate": "1941-03-09"},
        "professional": {"id": "k-17", "name": "M. Okker", "role": "huisarts"},
        "purpose": "treatment",
    }
)


def knows(request: Any) -> Any:
    if request.resource_type == "Patient":
        identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"}]
        return bundle({"resourceType": "Patient", "id": "1", "identifier": identifier, "birthDate": "1941-03-09"})
    return bundle()


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


async def test_json_is_what_no_preference_gets(region: Any, called: Any) -> None:
    region.source("90000222", knows)
    seen = await called().run()
    answer = orjson.loads(seen.content)
    assert (seen.status, seen.media_type) == (200, "application/json")
    assert (answer["schema"], answer["complete"]) == ("nuts-pzp-overview/1", True)
    assert [row["ura"] for row in answer["timings"]] == ["90000222"]
    assert answer["meldcode"] == region.events[-1].attempt.correlation


async def test_fhir_is_a_searchset_and_a_502_when_every_source_failed(region: Any, called: Any) -> None:
    wants = {"accept": "application/fhir+json"}
    region.source("90000222", knows)
    seen = await called(headers=wants).run()
    assert (seen.status, orjson.loads(seen.content)["type"]) == (200, "searchset")
    region.answering["90000222"] = lambda request: Unavailable(Reason.SOURCE_DOWN)
    seen = await called(headers=wants).run()
    assert (seen.status, orjson.loads(seen.content)["resourceType"]) == (502, "OperationOutcome")


@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json", "text/event-stream"])
async def test_every_answer_has_the_meldcode_of_its_records(region: Any, called: Any, accept: str) -> None:
    region.source("90000222", knows)
    for how in ({}, {"method": "PUT"}):
        seen = await called(headers={"accept": accept}, **how).run()
        code = dict(seen.sent[0]["headers"])[b"x-meldcode"].decode()
        assert code == region.events[-1].attempt.correlation


async def test_a_stream_tells_each_source_then_the_whole(region: Any, called: Any) -> None:
    region.source("90000222", knows)
    region.source("90000111", knows)
    seen = await called(headers={"accept": "text/event-stream"}).run()
    assert (seen.status, seen.media_type) == (200, "text/event-stream")
    assert seen.events == ["source", "source", "overview"]


async def test_what_one_source_tells_is_not_checked_against_what_others_might_say(region: Any, called: Any) -> None:
    def not_capable(request: Any) -> Any:
        found = knows(request)
        for entry in found.get("entry", ()):
            url = "https://api.iknl.nl/docs/pzp/r4/StructureDefinition/ext-LegallyCapable-MedicalTreatmentDecisions"
            said = [{"url": "legallyCapable", "valueBoolean": False}]
            entry["resource"]["extension"] = [{"url": url, "extension": said}]
        return found

    region.source("90000222", not_capable)
    seen = await called(headers={"accept": "text/event-stream"}).run()
    told = [orjson.loads(line[6:]) for line in seen.content.decode().splitlines() if line.startswith("data: ")]
    assert [[check["code"] for check in one["crossChecks"]] for one in told] == [[], ["X4"]]


@pytest.mark.parametrize(("fail_at", "left"), [(1, 0), (2, 0), (3, 0), (4, 1), (5, 2)])
async def test_a_stream_ends_where_the_records_end(region: Any, called: Any, fail_at: int, left: int) -> None:
    region.source("90000222", knows)
    region.source("90000111", knows)
    region.fail_at = fail_at
    seen = await called(headers={"accept": "text/event-stream"}).run()
    assert seen.events.count("source") == left
    assert "overview" not in seen.events
    assert b"PZP-AUDIT-001" in seen.content
    assert seen.status == (200 if left else 503)


@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json", "text/event-stream"])
async def test_a_refusal_is_a_problem_whatever_was_asked_for(region: Any, called: Any, accept: str) -> None:
    region.caller = Deny(Reason.CERTIFICATE_UNLISTED)
    seen = await called(headers={"accept": accept}).run()
    assert (seen.status, seen.media_type) == (401, "application/problem+json")
    assert orjson.loads(seen.content)["code"] == "PZP-AUTHN-013"
    assert len(region.events) == 1


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("language", ["nl", "en"])
async def test_what_does_not_do_in_a_question_that_can_be_read_is_named_key_by_key(
    region: Any, called: Any, accept: str, language: str
) -> None:
    body = orjson.loads(BODY)
    body |= {"purpose": "emergency", "explanation": "zoon van 999900006"}
    house = replace(region.house(), emergency=True)
    wants = {"accept": accept, "accept-language": language}
    seen = await called(house=house, headers=wants, body=orjson.dumps(body)).run()
    assert (seen.status, seen.json["code"]) == (400, "PZP-REQUEST-010")
    codes = "unresponsive, incapable, no-time"
    assert (
        seen.json["errors"]
        == {
            "nl": [
                {"key": "reason", "detail": f"een van: {codes}"},
                {"key": "explanation", "detail": "geen BSN: dit gaat naar elke bron"},
            ],
            "en": [
                {"key": "reason", "detail": f"one of: {codes}"},
                {"key": "explanation", "detail": "no BSN: this goes to every source"},
            ],
        }[language]
    )
    body["professional"]["name"] = "M. Okker 999900006"
    seen = await called(house=house, headers=wants, body=orjson.dumps(body | {"purpose": "treatment"})).run()
    assert [one["key"] for one in seen.json["errors"]] == ["professional.name"]
    assert "999900006" not in seen.content.decode()


@pytest.mark.parametrize("born", ["2199-01-01", "1849-12-31"])
async def test_a_birth_date_that_nobody_has_is_named_and_nobody_is_asked(region: Any, called: Any, born: str) -> None:
    body = orjson.loads(BODY)
    body["patient"]["birthDate"] = born
    seen = await called(body=orjson.dumps(body), headers={"accept-language": "en"}).run()
    said = {"key": "patient.birthDate", "detail": "a day from 1850-01-01 to today"}
    assert (seen.status, seen.json["code"], seen.json["errors"]) == (400, "PZP-REQUEST-010", [said])
    assert region.asked == []


@pytest.mark.usefixtures("leaping")
async def test_an_ehr_that_hangs_up_ends_its_consultation(region: Any, called: Any) -> None:
    cancelled = asyncio.Event()

    async def hang() -> Any:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    region.source("90000222", lambda request: hang())
    seen = await called(stays=0.05).run()
    assert seen.sent == []
    assert cancelled.is_set()


@pytest.mark.usefixtures("leaping")
async def test_an_ehr_that_hangs_up_in_the_middle_of_a_stream_ends_it(region: Any, called: Any) -> None:
    cancelled = asyncio.Event()

    async def hang() -> Any:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    region.source("90000111", knows)
    region.source("90000222", lambda request: hang())
    seen = await called(headers={"accept": "text/event-stream"}, stays=0.1).run()
    assert seen.events == ["source"]
    assert cancelled.is_set()


WRONG = {
    "another path": ({"path": "/kade/pzp/v1/other"}, 404),
    "another tenant": ({"path": "/meerwijck" + PATH}, 404),
    "a slash more": ({"path": "/kade" + PATH + "/"}, 404),
    "GET": ({"method": "GET"}, 405),
    "a query": ({"query": b"x=1"}, 400),
    "a form": ({"headers": {"content-type": "application/x-www-form-urlencoded"}}, 415),
    "an encoded body": ({"headers": {"content-encoding": "gzip"}}, 415),
    "too big": ({"body": b" " * 70_000}, 413),
    "not JSON": ({"body": b"{"}, 400),
    "an answer we do not give": ({"headers": {"accept": "text/html"}}, 406),
}


@pytest.mark.parametrize(("how", "status"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_request_is_refused_and_recorded_once(
    region: Any, called: Any, how: dict[str, Any], status: int
) -> None:
    region.source("90000222", knows)
    seen = await called(**how).run()
    assert seen.status == status
    assert len(region.events) == 1
    assert region.asked == []
    assert b"999900006" not in seen.content


async def test_bytes_that_are_no_request_are_a_problem_on_record(region: Any, make_door: Any) -> None:
    door = make_door(region.house())
    said = await door.unreadable("127.0.0.1", "Trailer fields are not taken.")
    told, headers = orjson.loads(said.body), dict(said.headers)
    assert (said.status, told["code"], told["detail"]) == (400, "PZP-REQUEST-002", "Trailer fields are not taken.")
    assert headers[b"content-type"] == b"application/problem+json"
    [denied] = region.events
    assert (denied.stop.reason, denied.attempt.correlation) == (Reason.REQUEST_MALFORMED, told["meldcode"])
    assert headers[b"x-meldcode"].decode() == told["meldcode"]
    region.fail_at = 1
    assert (await door.unreadable("127.0.0.1", "")).status == 503
