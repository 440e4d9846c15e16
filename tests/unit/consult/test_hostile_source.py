"""A source may send anything: no exception escapes, the others lose nothing, nothing of another patient is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from nuts_pzp.consult import visit
from nuts_pzp.consult.flow import Complete, consult
from nuts_pzp.exchange import Asked
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.overview.merge import Overview, as_json
from nuts_pzp.reasons import Reason

SYSTEM = "http://fhir.nl/fhir/NamingSystem/bsn"
PATIENT = {
    "resourceType": "Patient",
    "id": "1",
    "identifier": [{"system": SYSTEM, "value": "999900006"}],
    "birthDate": "1941-03-09",
}
CPR = "treatment:89666000"
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def directive(decision: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "category": [{"coding": [{"code": "129125009"}]}],
        "patient": {"reference": "Patient/1"},
        "dateTime": "2025-01-01",
        "provision": {"type": decision, "code": [{"coding": [{"code": "89666000"}]}]},
        **more,
    }


def bundle(*resources: Any) -> bytes:
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]}).encode()


def entry(raw: bytes) -> bytes:
    return b'{"resourceType":"Bundle","entry":[{"resource":' + raw + b"}]}"


def nested(depth: int) -> bytes:
    whole: Any = directive("permit")
    for _ in range(depth):
        whole = {"resourceType": "Bundle", "entry": [{"resource": whole}]}
    return json.dumps(whole).encode()


def answering(content: bytes, patient: bytes | None = None) -> Callable[[FhirRequest], Any]:
    def answer(request: FhirRequest) -> FhirAnswer:
        if request.resource_type == "Patient":
            return FhirAnswer(200, patient or bundle(PATIENT))
        return FhirAnswer(200, content)

    return answer


def honest(request: FhirRequest) -> FhirAnswer:
    found = {"Patient": bundle(PATIENT), "Consent": bundle(directive("deny", dateTime="2020-01-01"))}
    return FhirAnswer(200, found.get(request.resource_type, bundle()))


HOSTILE = {
    "no bytes": b"",
    "no JSON": b"<html>niet gevonden</html>",
    "no UTF-8": b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Consent","id":"\xff"}}]}',
    "lone surrogate": entry(b'{"resourceType":"Consent","id":"\\ud800","status":"active"}'),
    "lone surrogate deep inside": entry(
        b'{"resourceType":"Consent","id":"c","note":{"reference":"\\ud800\\\\"},"status":"active"}'
    ),
    "deep": entry(b'{"resourceType":"Consent","x":' + b"[" * 900 + b"]" * 900 + b"}"),
    "deeper": entry(b'{"resourceType":"Consent","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "huge number": entry(b'{"resourceType":"Consent","id":"c","x":1e99999,"y":' + b"9" * 5000 + b"}"),
    "a list": b"[1,2,3]",
    "a Bundle of nothing": b'{"resourceType":"Bundle","entry":[null,1,"x",[],{},{"resource":null},{"resource":7}]}',
    "entries of objects": b'{"resourceType":"Bundle","entry":{"resource":{}}}',
    "resourceType of another type": entry(b'{"resourceType":["Consent"],"id":{}}'),
    "twice the same name": entry(b'{"resourceType":"Consent","status":"draft","resourceType":"Goal","status":7}'),
    "Bundles in Bundles": nested(3),
    "too many Bundles in Bundles": nested(50),
    "links of odd shapes": b'{"resourceType":"Bundle","link":[1,{"relation":7,"url":[]}],"entry":[]}',
    "odd search modes": b'{"resourceType":"Bundle","entry":[{"search":{"mode":[]},"fullUrl":7,"resource":{}}]}',
    "an operation outcome": b'{"resourceType":"OperationOutcome","issue":"x"}',
    "odd dates": bundle(
        *(
            directive("permit", id=str(number), dateTime=text)
            for number, text in enumerate(
                ("0000", "0000-00-00", "9999-12-31T23:59:59-14:00", "2026-02-30", "x" * 99_999)
            )
        )
    ),
    "odd contained": bundle(directive("permit", contained=[1, None, {"resourceType": "Patient", "id": "1"}, [[]]])),
    "a circle": bundle(
        {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "PractitionerRole/r"}},
        {"resourceType": "Encounter", "id": "e", "reasonReference": [{"reference": "Encounter/e"}]},
        directive(
            "permit", extension=[{"url": "x/ext-EncounterReference", "valueReference": {"reference": "Consent/c"}}]
        ),
    ),
}


async def _overview(region: Any, question: Asked, presented: Any, hostile: Callable[[FhirRequest], Any]) -> Overview:
    region.source("90000111", honest)
    region.source("90000222", hostile)
    last: Any = None
    async for step in consult(region.house(), presented, question, NOW):
        last = step
    assert isinstance(last, Complete)
    assert isinstance(last.content, Overview)
    return last.content


def _honest_is_whole(overview: Overview) -> None:
    rows = {row.id: row for row in overview.sources}
    assert rows["90000111"].status == "ok"
    assert [gap.code for row in overview.sources for gap in row.gaps if gap.code == Reason.INTERNAL.code] == []
    item = overview.item(CPR)
    assert item is not None
    assert "deny" in str(as_json(overview))
    assert item.state != "not-recorded"


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
async def test_no_answer_to_a_query_costs_another_source_its_own(
    region: Any, question: Asked, presented: Any, content: bytes
) -> None:
    _honest_is_whole(await _overview(region, question, presented, answering(content)))


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
async def test_no_answer_to_the_patient_search_costs_another_source_its_own(
    region: Any, question: Asked, presented: Any, content: bytes
) -> None:
    overview = await _overview(region, question, presented, answering(bundle(), patient=content))
    _honest_is_whole(overview)


@pytest.mark.parametrize(
    "patient",
    [
        {"identifier": [{"system": SYSTEM, "value": "999900006"}, {"system": SYSTEM, "value": "999900018"}]},
        {"identifier": [{"system": SYSTEM, "value": 999900018}]},
        {"identifier": []},
        {"identifier": "999900006"},
        {"birthDate": 1941},
        {"birthDate": ["1941-03-09"]},
        {"birthDate": "1941-03-090"},
    ],
)
async def test_a_patient_in_doubt_is_nobody(
    region: Any, question: Asked, presented: Any, patient: dict[str, Any]
) -> None:
    doubtful = answering(bundle(directive("permit", dateTime="2026-01-01")), bundle({**PATIENT, **patient}))
    overview = await _overview(region, question, presented, doubtful)
    _honest_is_whole(overview)
    assert {row.id: row.status for row in overview.sources}["90000222"] == "rejected"
    item = overview.item(CPR)
    assert item is not None
    assert item.display == "Niet uitvoeren"


async def test_records_of_another_patient_among_ones_own_are_put_aside(
    region: Any, question: Asked, presented: Any
) -> None:
    foreign = directive("permit", id="x", dateTime="2026-01-01", patient={"reference": "Patient/2"})
    other = {**PATIENT, "id": "2", "identifier": [], "name": [{"text": "Vreemde"}]}
    content = bundle(other, foreign, directive("deny", dateTime="2024-01-01"))
    overview = await _overview(region, question, presented, answering(content))
    item = overview.item(CPR)
    assert item is not None
    assert (item.display, item.date) == ("Niet uitvoeren", "2024-01-01")
    assert {one.ref.rpartition("/fhir/")[2] for one in overview.excluded} == {"Consent/x", "Patient/2"}
    assert "Vreemde" not in str(as_json(overview))


async def test_resources_without_an_id_are_not_taken_for_one(region: Any, question: Asked, presented: Any) -> None:
    nameless = [{key: value for key, value in directive(one).items() if key != "id"} for one in ("permit", "deny")]
    overview = await _overview(region, question, presented, answering(bundle(*nameless)))
    item = overview.item(CPR)
    assert item is not None
    assert item.state == "conflict"


def outcome(severity: str, code: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}


@pytest.mark.parametrize(
    ("said", "status", "codes"),
    [
        (outcome("error", "exception"), "partial", {Reason.SOURCE_QUERY.code}),
        (outcome("fatal", "forbidden"), "partial", {Reason.SOURCE_REFUSED.code}),
        ({"resourceType": "OperationOutcome", "issue": "x"}, "partial", {Reason.SOURCE_BROKEN.code}),
        (outcome("warning", "incomplete"), "partial", {Reason.SOURCE_QUERY.code}),
        (outcome("information", "suppressed"), "partial", {Reason.SOURCE_REFUSED.code}),
        (outcome("warning", "not-supported"), "ok", set()),
        (outcome("information", "informational"), "ok", set()),
    ],
)
async def test_an_error_within_an_answer_makes_it_incomplete_and_advice_does_not(
    region: Any, question: Asked, presented: Any, said: dict[str, Any], status: str, codes: set[str]
) -> None:
    content = bundle(directive("permit", dateTime="2019-01-01"), said)
    overview = await _overview(region, question, presented, answering(content))
    [row] = [row for row in overview.sources if row.id == "90000222"]
    assert (row.status, {gap.code for gap in row.gaps}) == (status, codes)
    assert overview.complete is (status == "ok")


@pytest.mark.parametrize(("total", "status"), [(1, "ok"), (2, "partial")])
async def test_an_answer_that_counts_more_than_it_gives_is_incomplete(
    region: Any, question: Asked, presented: Any, total: int, status: str
) -> None:
    content = json.loads(bundle(directive("permit", dateTime="2019-01-01")))
    overview = await _overview(region, question, presented, answering(json.dumps({**content, "total": total}).encode()))
    [row] = [row for row in overview.sources if row.id == "90000222"]
    assert (row.status, {gap.reason for gap in row.gaps}) == (status, {"truncated"} if status == "partial" else set())


@pytest.mark.parametrize(
    ("totals", "status"), [((2, 2), "ok"), ((3, 3), "partial"), ((None, 3), "ok"), ((3, None), "ok")]
)
async def test_of_several_pages_each_must_say_how_many_there_are(
    region: Any, question: Asked, presented: Any, totals: tuple[int | None, ...], status: str
) -> None:
    def paged(request: FhirRequest) -> FhirAnswer:
        if request.resource_type != "Consent":
            return FhirAnswer(200, bundle(PATIENT) if request.resource_type == "Patient" else bundle())
        page = 1 if request.continuation else 0
        content = json.loads(bundle(directive("permit", dateTime="2019-01-01", id=f"c{page}")))
        counted = {} if totals[page] is None else {"total": totals[page]}
        return FhirAnswer(200, json.dumps(content | counted).encode(), next=None if page else "?page=2")

    overview = await _overview(region, question, presented, paged)
    [row] = [row for row in overview.sources if row.id == "90000222"]
    assert row.status == status


async def test_an_error_in_the_place_of_the_patient_is_a_failed_source(
    region: Any, question: Asked, presented: Any
) -> None:
    overview = await _overview(
        region, question, presented, answering(bundle(), patient=bundle(outcome("error", "exception")))
    )
    assert {row.id: row.status for row in overview.sources} == {"90000111": "ok", "90000222": "failed"}


@pytest.mark.parametrize("url", ["https://90000111.example/fhir/Consent/c", "https://elders.example/Consent/c"])
async def test_a_source_cannot_speak_under_the_address_of_another(
    region: Any, question: Asked, presented: Any, url: str
) -> None:
    forged = {"fullUrl": url, "resource": directive("permit", dateTime="2026-01-01")}
    content = json.dumps({"resourceType": "Bundle", "entry": [forged]}).encode()
    overview = await _overview(region, question, presented, answering(content))
    item = overview.item(CPR)
    assert item is not None
    assert item.ref == "https://90000222.example/fhir/Consent/c"
    assert item.source is not None
    assert item.source.id == "90000222"


async def test_a_source_that_never_stops_sending_is_cut_off(
    region: Any, question: Asked, presented: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visit, "BYTES", 50_000)
    asked: list[str] = []

    def endless(request: FhirRequest) -> FhirAnswer:
        if request.resource_type == "Patient":
            return FhirAnswer(200, bundle(PATIENT))
        asked.append(request.resource_type)
        more = {"resourceType": "Basic", "id": str(len(asked)), "text": "x" * 10_000}
        return FhirAnswer(200, bundle(more), next="?page=2")

    overview = await _overview(region, question, presented, endless)
    _honest_is_whole(overview)
    [row] = [row for row in overview.sources if row.id == "90000222"]
    assert {gap.code for gap in row.gaps} == {Reason.SOURCE_TOO_BIG.code}
    assert len(asked) < 20


async def test_a_source_that_sends_very_many_small_things_is_cut_off(
    region: Any, question: Asked, presented: Any
) -> None:
    """Reading them takes time from everybody else in the process, however few bytes they are."""
    many = bundle(*({"resourceType": "Goal", "id": str(number)} for number in range(visit.RESOURCES)))

    def swarming(request: FhirRequest) -> FhirAnswer:
        return FhirAnswer(200, bundle(PATIENT) if request.resource_type == "Patient" else many)

    overview = await _overview(region, question, presented, swarming)
    _honest_is_whole(overview)
    [row] = [row for row in overview.sources if row.id == "90000222"]
    assert {gap.code for gap in row.gaps} == {Reason.SOURCE_TOO_BIG.code}
    received = [event for event in region.events if type(event).__name__ == "Received"]
    assert max(len(event.references) for event in received) <= visit.RESOURCES


async def test_a_source_with_a_thousand_records_of_one_person_is_asked_about_five(
    region: Any, question: Asked, presented: Any
) -> None:
    asked: set[str] = set()
    many = bundle(*({**PATIENT, "id": str(number)} for number in range(1000)))

    def crowd(request: FhirRequest) -> FhirAnswer:
        if request.resource_type == "Patient":
            return FhirAnswer(200, many)
        asked.update(values[0] for name, values in request.params if name in ("patient", "subject"))
        return FhirAnswer(200, bundle())

    overview = await _overview(region, question, presented, crowd)
    _honest_is_whole(overview)
    [row] = [row for row in overview.sources if row.id == "90000222"]
    assert [(gap.where, gap.code) for gap in row.gaps] == [("patient", Reason.SOURCE_TRUNCATED.code)]
    assert asked == {f"Patient/{number}" for number in range(5)}
