"""The EHR door: three ways to tell one consultation, and nothing told without its record."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from nuts_pzp.house import House
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.web.ehr import PATH, EhrDoor
from nuts_pzp.web.meter import Meter

BODY = orjson.dumps(
    {
        "patient": {"bsn": "999900006", "birthDate": "1941-03-09"},
        "professional": {"id": "k-17", "name": "M. Okker", "role": "huisarts"},
        "purpose": "treatment",
    }
)


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def knows(request: Any) -> Any:
    if request.resource_type == "Patient":
        identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"}]
        return bundle({"resourceType": "Patient", "id": "1", "identifier": identifier, "birthDate": "1941-03-09"})
    return bundle()


class Called:
    """One request through the door: what it sent, and a client that may hang up."""

    def __init__(self, region: Any, **how: Any) -> None:
        house = region.house()
        self._door = EhrDoor(
            {"kade": House(house.tenant, None, house)}.get, region, "https://gw", Meter(CollectorRegistry())
        )
        headers = {"host": "gw", "content-type": "application/json"} | how.get("headers", {})
        self.scope = {
            "type": "http",
            "method": how.get("method", "POST"),
            "raw_path": how.get("path", "/kade" + PATH).encode(),
            "query_string": how.get("query", b""),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "client_certificate": b"der",
        }
        self._body = how.get("body", BODY)
        self._stays = how.get("stays", 30.0)
        self.sent: list[dict[str, Any]] = []

    async def run(self) -> Called:
        asked = iter(({"type": "http.request", "body": self._body, "more_body": False},))

        async def receive() -> dict[str, Any]:
            for message in asked:
                return message
            await asyncio.sleep(self._stays)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            self.sent.append(message)

        await self._door(self.scope, receive, send)
        return self

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def media_type(self) -> str:
        return dict(self.sent[0]["headers"])[b"content-type"].decode()

    @property
    def content(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def events(self) -> list[str]:
        return [line[7:] for line in self.content.decode().splitlines() if line.startswith("event: ")]


async def test_json_is_what_no_preference_gets(region: Any) -> None:
    region.source("90000222", knows)
    called = await Called(region).run()
    answer = orjson.loads(called.content)
    assert (called.status, called.media_type) == (200, "application/json")
    assert (answer["schema"], answer["complete"]) == ("nuts-pzp-overview/1", True)
    assert [row["ura"] for row in answer["timings"]] == ["90000222"]
    assert answer["meldcode"] == region.events[-1].attempt.correlation


async def test_fhir_is_a_searchset_and_a_502_when_every_source_failed(region: Any) -> None:
    wants = {"accept": "application/fhir+json"}
    region.source("90000222", knows)
    called = await Called(region, headers=wants).run()
    assert (called.status, orjson.loads(called.content)["type"]) == (200, "searchset")
    region.answering["90000222"] = lambda request: Unavailable(Reason.SOURCE_DOWN)
    called = await Called(region, headers=wants).run()
    assert (called.status, orjson.loads(called.content)["resourceType"]) == (502, "OperationOutcome")


@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json", "text/event-stream"])
async def test_every_answer_has_the_meldcode_of_its_records(region: Any, accept: str) -> None:
    region.source("90000222", knows)
    for how in ({}, {"method": "PUT"}):
        called = await Called(region, headers={"accept": accept}, **how).run()
        code = dict(called.sent[0]["headers"])[b"x-meldcode"].decode()
        assert code == region.events[-1].attempt.correlation


async def test_a_stream_tells_each_source_then_the_whole(region: Any) -> None:
    region.source("90000222", knows)
    region.source("90000111", knows)
    called = await Called(region, headers={"accept": "text/event-stream"}).run()
    assert (called.status, called.media_type) == (200, "text/event-stream")
    assert called.events == ["source", "source", "overview"]


async def test_what_one_source_tells_is_not_checked_against_what_others_might_say(region: Any) -> None:
    def not_capable(request: Any) -> Any:
        found = knows(request)
        for entry in found.get("entry", ()):
            url = "https://api.iknl.nl/docs/pzp/r4/StructureDefinition/ext-LegallyCapable-MedicalTreatmentDecisions"
            said = [{"url": "legallyCapable", "valueBoolean": False}]
            entry["resource"]["extension"] = [{"url": url, "extension": said}]
        return found

    region.source("90000222", not_capable)
    called = await Called(region, headers={"accept": "text/event-stream"}).run()
    told = [orjson.loads(line[6:]) for line in called.content.decode().splitlines() if line.startswith("data: ")]
    assert [[check["code"] for check in one["crossChecks"]] for one in told] == [[], ["X4"]]


@pytest.mark.parametrize(("fail_at", "left"), [(1, 0), (2, 0), (3, 0), (4, 1), (5, 2)])
async def test_a_stream_ends_where_the_records_end(region: Any, fail_at: int, left: int) -> None:
    region.source("90000222", knows)
    region.source("90000111", knows)
    region.fail_at = fail_at
    called = await Called(region, headers={"accept": "text/event-stream"}).run()
    assert called.events.count("source") == left
    assert "overview" not in called.events
    assert b"PZP-AUDIT-001" in called.content
    assert called.status == (200 if left else 503)


@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json", "text/event-stream"])
async def test_a_refusal_is_a_problem_whatever_was_asked_for(region: Any, accept: str) -> None:
    region.caller = Deny(Reason.CERTIFICATE_UNLISTED)
    called = await Called(region, headers={"accept": accept}).run()
    assert (called.status, called.media_type) == (401, "application/problem+json")
    assert orjson.loads(called.content)["code"] == "PZP-AUTHN-013"
    assert len(region.events) == 1


async def test_an_ehr_that_hangs_up_ends_its_consultation(region: Any) -> None:
    cancelled = asyncio.Event()

    async def hang() -> Any:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    region.source("90000222", lambda request: hang())
    called = await Called(region, stays=0.05).run()
    assert called.sent == []
    assert cancelled.is_set()


async def test_an_ehr_that_hangs_up_in_the_middle_of_a_stream_ends_it(region: Any) -> None:
    cancelled = asyncio.Event()

    async def hang() -> Any:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    region.source("90000111", knows)
    region.source("90000222", lambda request: hang())
    called = await Called(region, headers={"accept": "text/event-stream"}, stays=0.1).run()
    assert called.events == ["source"]
    assert cancelled.is_set()


WRONG = {
    "another path": ({"path": "/kade/pzp/v1/other"}, 404),
    "another tenant": ({"path": "/meerwijck" + PATH}, 404),
    "a slash more": ({"path": "/kade" + PATH + "/"}, 404),
    "GET": ({"method": "GET"}, 405),
    "a query": ({"query": b"x=1"}, 400),
    "a form": ({"headers": {"content-type": "application/x-www-form-urlencoded"}}, 415),
    "too big": ({"body": b" " * 70_000}, 413),
    "not JSON": ({"body": b"{"}, 400),
    "an answer we do not give": ({"headers": {"accept": "text/html"}}, 415),
}


@pytest.mark.parametrize(("how", "status"), WRONG.values(), ids=WRONG.keys())
async def test_a_wrong_request_is_refused_and_recorded_once(region: Any, how: dict[str, Any], status: int) -> None:
    region.source("90000222", knows)
    called = await Called(region, **how).run()
    assert called.status == status
    assert len(region.events) == 1
    assert region.asked == []
    assert b"999900006" not in called.content
