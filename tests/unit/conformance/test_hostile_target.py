"""A target that lies, floods, hangs or writes at the reader is judged within bounds, and none of it is repeated."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from nuts_pzp.conformance import wire as wires
from nuts_pzp.conformance.bench import Bench, Subject
from nuts_pzp.conformance.report import as_json, as_junit
from nuts_pzp.conformance.rules import Verdict, catalogue
from nuts_pzp.conformance.run import Unreachable, chosen, hold
from nuts_pzp.conformance.use_requests import Watched
from nuts_pzp.conformance.use_run import judge
from nuts_pzp.conformance.use_sources import Arrived
from nuts_pzp.conformance.wire import Limits, Wire
from nuts_pzp.identity import BSN_SYSTEM, Bsn

BSN = Bsn("999930412")
ESCAPE = "\x1b[2J999930412"
Answer = Callable[[httpx.Request], httpx.Response]


def bench(answer: Answer, **limits: Any) -> Bench:
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    limits = {"rate": 100_000} | limits
    return Bench(Wire("https://holder.example/fhir", client, None, Limits(**limits)), Subject(BSN, "1941-04-17"))


def fhir(content: Any) -> httpx.Response:
    return httpx.Response(200, content=json.dumps(content).encode(), headers={"content-type": "application/fhir+json"})


def patient(id_: str) -> dict[str, Any]:
    found = {"resourceType": "Patient", "id": id_, "identifier": [{"system": BSN_SYSTEM, "value": BSN.value}]}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": found}]}


SHAPES: dict[str, Any] = {
    "a list": [],
    "a number": 7,
    "types that are none": {"resourceType": ESCAPE, "type": 3, "entry": 5, "link": "x", "rest": [4], "issue": {}},
    "entries that are none": {"resourceType": "Bundle", "type": "searchset", "entry": [1, None, {"resource": 4}]},
    "a capability of odd parts": {
        "resourceType": "CapabilityStatement",
        "rest": [{"resource": [{"type": [], "x": 1}]}],
    },
    "deep": {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": {"resourceType": ESCAPE, "id": {}}}],
    },
}


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES.keys())
async def test_whatever_comes_each_rule_gets_a_verdict_and_nothing_is_repeated(content: Any) -> None:
    findings = await hold(bench(lambda request: fhir(content)), chosen("holder"))
    assert len(findings) == len(chosen("holder"))
    assert any(one.verdict is Verdict.FAILED for one in findings)
    said = json.dumps(as_json(findings, "holder")) + as_junit(findings, "holder").decode()
    assert "999930412" not in said
    assert "\\u001b" not in said


def _coded(kind: str, **elements: tuple[str, str]) -> dict[str, Any]:
    said = {name: {"coding": [{"system": system, "code": code}]} for name, (system, code) in elements.items()}
    if kind == "Consent":
        said["category"] = [said["category"]]  # type: ignore[assignment]
    return {"resourceType": kind, "id": "1", "patient": {"reference": "Patient/1"}, **said}


SNOMED, SCOPE = "http://snomed.info/sct", "http://terminology.hl7.org/CodeSystem/consentscope"
TREATMENT = _coded("Consent", scope=(SCOPE, "treatment"), category=(SNOMED, "129125009"))


@pytest.mark.parametrize(
    ("rule", "found", "verdict"),
    [
        ("HOLD-103", TREATMENT, Verdict.PASSED),
        ("HOLD-104", TREATMENT, Verdict.FAILED),
        ("HOLD-107", TREATMENT, Verdict.FAILED),
        ("HOLD-107", _coded("Observation", code=(SNOMED, "395091006")), Verdict.PASSED),
        ("HOLD-107", _coded("Observation", code=(SNOMED, "8867004")), Verdict.FAILED),
        ("HOLD-107", {"resourceType": "Observation", "id": "1", "code": [7, {"coding": 4}]}, Verdict.FAILED),
    ],
)
async def test_a_target_that_ignores_what_was_asked_did_not_answer_it(
    rule: str, found: dict[str, Any], verdict: Verdict
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "Patient/_search" in request.url.path:
            return fhir(patient("1"))
        entry = {"fullUrl": f"https://holder.example/fhir/{found['resourceType']}/1", "resource": found}
        return fhir({"resourceType": "Bundle", "type": "searchset", "entry": [entry | {"search": {"mode": "match"}}]})

    [finding] = await hold(bench(answer), chosen("holder", [rule]))
    assert (finding.verdict, finding.seen) == (verdict, finding.seen)


@pytest.mark.parametrize("id_", ["1&patient=Patient/2", "../admin", "a" * 65, "1,Patient/2", ".."])
async def test_an_id_that_would_change_our_request_is_not_used(id_: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return fhir(patient(id_))

    [found] = await hold(bench(answer), chosen("holder", ["HOLD-103"]))
    assert found.verdict is Verdict.NOT_RUN
    assert [url for url in asked if "Consent" in url] == []


async def test_a_reference_that_leads_out_of_the_base_is_not_read() -> None:
    asked: list[str] = []
    consent = {
        "resourceType": "Consent",
        "id": "c",
        "performer": [{"reference": "Device/.."}, {"reference": "x/Device/a?b"}],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if "Patient" in request.url.path:
            return fhir(patient("1"))
        return fhir({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": consent}]})

    await hold(bench(answer), chosen("holder", ["HOLD-131"]))
    assert {path for path in asked if not path.startswith("/fhir/")} == set()
    assert not any("Device/" in path for path in asked)


async def test_links_that_never_end_and_redirects_are_not_followed() -> None:
    count = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        if "Patient" in request.url.path:
            return fhir(patient("1"))
        if "xml" in request.headers["accept"]:
            return httpx.Response(302, headers={"location": "http://169.254.169.254/"})
        link = [{"relation": "next", "url": f"https://holder.example/fhir?page={count}"}]
        return fhir({"resourceType": "Bundle", "type": "searchset", "link": link})

    [found] = await hold(bench(answer), chosen("holder", ["HOLD-142"]))
    assert found.verdict is Verdict.FAILED
    assert count < 14 * 51


async def test_a_flood_is_cut_off_per_answer_and_for_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "MOST_BYTES", 4_000)
    big = bench(lambda request: httpx.Response(200, content=b"x" * 5_000))
    assert (await big.wire.ask("/Goal")).why == "an answer above 8 MiB"
    monkeypatch.setattr(wires, "MOST_IN_ALL", 5_000)
    many = bench(lambda request: httpx.Response(200, content=b"x" * 3_000))
    assert [(await many.wire.ask("/Goal")).status for _ in range(2)] == [200, 0]


async def test_a_target_that_hangs_is_unreachable_in_the_time_of_one_answer() -> None:
    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    for limit in ("answer_seconds", "run_seconds"):
        with pytest.raises(Unreachable, match="no answer in time"):
            await hold(bench(hang, **{limit: 0.2}), chosen("holder"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (18, "its certificate is self-signed"),
        (10, "its certificate has expired"),
        (999, "its certificate does not verify"),
    ],
)
async def test_a_certificate_that_does_not_verify_fails_its_rule_and_nothing_else_is_asked(
    code: int, words: str
) -> None:
    asked: list[str] = []
    bench = distrusted(code, asked)
    first, *rest = await hold(bench, chosen("holder"))
    assert (first.rule.id, first.verdict, words in first.seen) == ("HOLD-001", Verdict.FAILED, True)
    assert {one.verdict for one in rest} == {Verdict.NOT_RUN}
    assert len(asked) == 1
    with pytest.raises(Unreachable, match=words):
        await hold(distrusted(code, []), chosen("holder", ["HOLD-103"]))


def distrusted(code: int, asked: list[str]) -> Bench:
    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        error = ssl.SSLCertVerificationError(1, "certificate is not valid for 'holder.example'")
        error.verify_code = code
        raise httpx.ConnectError("all attempts failed", request=request) from error

    return bench(answer)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "x"), "the connection was refused"),
        (socket.gaierror(-2, "Name holder.example is not known"), "its name is not known"),
        (ssl.SSLError(1, "[SSL] tlsv13 alert certificate required"), "TLS: "),
        (OSError("x"), "ConnectError"),
    ],
)
async def test_why_nothing_came_is_told_in_words_without_the_address(error: OSError, words: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("all attempts failed", request=request) from error

    with pytest.raises(Unreachable) as caught:
        await hold(bench(answer), chosen("holder"))
    assert words in str(caught.value)
    assert "holder.example" not in str(caught.value)


async def test_requests_are_no_more_than_the_rate_allows() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: fhir({})))
    wire = Wire("https://holder.example/fhir", client, None, Limits(rate=2.0), clock=lambda: 5.0, pause=pause)
    for _ in range(3):
        await wire.ask("/Goal")
    assert pauses == [0.5, 0.5]


def test_what_a_data_user_writes_is_not_repeated_either() -> None:
    rows = (
        Arrived("rc2", ESCAPE, "/999930412", "", {}, b""),
        Arrived("rc2", "GET", "/Goal", f"{ESCAPE}=1&patient=Patient/1", {}, b""),
        Arrived("rc2", "GET", f"/{ESCAPE}/1", "", {}, b""),
    )
    overview = {"sources": [{"id": "90000609", "status": ESCAPE}], "sections": []}
    findings = judge(Watched(rows, overview=overview), [rule for rule in catalogue().values() if rule.role == "user"])
    said = json.dumps(as_json(findings, "user"))
    assert "999930412" not in said
    assert "\\u001b" not in said


@pytest.mark.parametrize(
    "body",
    [b"", b"<Bundle/>", b"{}", b'<!DOCTYPE a [<!ENTITY b "c">]><Bundle xmlns="http://hl7.org/fhir">&b;</Bundle>',
     b'<Bundle xmlns="http://hl7.org/fhir">', b'<Patient xmlns="http://hl7.org/fhir"/>', b"\xff\xfe"],
)  # fmt: skip
async def test_what_is_only_labelled_as_xml_is_not_xml(body: bytes) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if "xml" in request.headers["accept"]:
            return httpx.Response(200, content=body, headers={"content-type": "application/fhir+xml"})
        return fhir(patient("1"))

    (found,) = await hold(bench(answer), chosen("holder", ("HOLD-151",)))
    assert found.verdict is Verdict.FAILED
    assert "labelled as XML" in found.seen
