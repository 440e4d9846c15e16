"""Searching: every page or none, one patient or none, and no BSN on the way (spec consent 7.1; 8: 96)."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from pydantic import ValidationError

from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny, Permit, Unavailable, Unknown
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.fhir_consent import build
from nuts_pzp.web.server import Server

POST = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")


def consent(number: int = 1, kind: str = "permit", user: str = "90000444", patient: str = "p1") -> dict[str, Any]:
    ura = "http://fhir.nl/fhir/NamingSystem/ura"
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    return {
        "resourceType": "Consent",
        "id": f"c{number}",
        "status": "active",
        "scope": {"coding": [scope]},
        "patient": {"reference": f"Patient/{patient}"},
        "organization": [{"identifier": {"system": ura, "value": "90000222"}}],
        "provision": {
            "type": kind,
            "actor": [{"role": {"coding": [role]}, "reference": {"identifier": {"system": ura, "value": user}}}],
        },
    }


def page(*resources: dict[str, Any], next: str | None = None) -> dict[str, Any]:
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if resources:
        bundle["entry"] = [{"resource": one} for one in resources]
    if next is not None:
        bundle["link"] = [{"relation": "self", "url": "x"}, {"relation": "next", "url": next}]
    return bundle


def issue(severity: str, code: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}


class Own:
    """The holder's own server: answers in turn, remembers what was asked."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[tuple[str, str, str, bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.media_type = "application/fhir+json; charset=utf-8"

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        self.asked.append((scope["method"], scope["path"], scope["query_string"].decode(), body))
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        answer = self.answers.pop(0) if self.answers else page()
        status, content = answer if isinstance(answer, tuple) else (200, answer)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = [(b"content-type", self.media_type.encode()), (b"content-length", str(len(raw)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": raw})


class Wired:
    """The source with its server."""

    def __init__(self, own: Own, base: str, source: Any) -> None:
        self.own, self.base, self.source = own, base, source

    async def ask(self, *answers: Any) -> Any:
        self.own.answers = list(answers)
        caller = Caller(
            POST, Professional("k-17", "huisarts"), frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-bearer"
        )
        patient = Patient(Bsn("999912008"), "p1", Standing.KNOWN, date(1990, 4, 3))
        return await self.source.ask(Access(caller, FhirRequest("search-type", "Consent"), patient))

    async def fails(self, *answers: Any) -> Reason:
        verdict = await self.ask(*answers)
        assert isinstance(verdict.outcome, Unavailable), verdict
        assert not verdict.explicit
        assert "999912008" not in repr(verdict)
        return verdict.outcome.reason


def around(folder: Path) -> Surroundings:
    tenant = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
    return Surroundings(tenant, Outbound((ipaddress.ip_network("127.0.0.0/8"),)), folder, folder)


@pytest.fixture
async def wired(tmp_path: Path) -> AsyncIterator[Wired]:
    own = Own()
    server = Server(own.app, host="127.0.0.1", port=0)
    base = f"http://127.0.0.1:{await server.start()}/fhir"
    (tmp_path / "secret").write_text("Basic ZXhhbXBsZQ==\n")
    source = build({"base": f"{base}/", "authorization_file": "secret", "total_seconds": 30.0}, around(tmp_path))
    yield Wired(own, base, source)
    await source.stop()
    await server.stop(grace=0.1)


async def test_the_patient_s_consents_are_searched_by_post_without_a_bsn(wired: Wired) -> None:
    assert isinstance((await wired.ask(page(consent()))).outcome, Permit)
    [(method, path, query, body)] = wired.own.asked
    assert (method, path, query) == ("POST", "/fhir/Consent/_search", "")
    assert parse_qs(body.decode()) == {
        "patient": ["Patient/p1"],
        "scope": ["http://terminology.hl7.org/CodeSystem/consentscope|patient-privacy"],
        "_count": ["100"],
    }
    assert wired.own.headers[0]["authorization"] == "Basic ZXhhbXBsZQ=="


async def test_the_word_of_parents_is_held_against_the_birth_date_of_the_own_record(wired: Wired) -> None:
    parents = {**consent(), "performer": [{"reference": "RelatedPerson/r1"}], "dateTime": "2000-05-01"}
    assert (await wired.ask(page(parents))).outcome == Unknown(Reason.CONSENT_NONE)
    assert isinstance((await wired.ask(page({**parents, "dateTime": "2020-05-01"}))).outcome, Permit)


async def test_nothing_found_is_no_opinion(wired: Wired) -> None:
    assert (await wired.ask(page())).outcome == Unknown(Reason.CONSENT_NONE)


async def test_every_page_counts(wired: Wired) -> None:
    verdict = await wired.ask(
        page(consent(1), next=f"{wired.base}?_getpages=a1&_getpagesoffset=1"),
        page(consent(2, user="90000999"), next="Consent?page=3"),
        page(consent(3, "deny")),
    )
    assert isinstance(verdict.outcome, Deny)
    assert verdict.outcome.evidence[0].reference == "Consent/c3"
    assert [(method, path, query) for method, path, query, _ in wired.own.asked[1:]] == [
        ("GET", "/fhir", "_getpages=a1&_getpagesoffset=1"),
        ("GET", "/fhir/Consent", "page=3"),
    ]


@pytest.mark.parametrize("second", [(500, b""), (404, b"{}"), b"not json", page(next="Consent?page=2")])
async def test_second_page_fails_error(wired: Wired, second: Any) -> None:
    assert await wired.fails(page(consent(), next="Consent?page=2"), second, second) is Reason.CONSENT_FHIR_BROKEN


async def test_pages_without_end_are_an_error(wired: Wired) -> None:
    pages = [page(consent(), next=f"Consent?page={number}") for number in range(40)]
    assert await wired.fails(*pages) is Reason.CONSENT_FHIR_BROKEN
    assert len(wired.own.asked) == 20


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/fhir/Consent?page=2",
        "//elsewhere.example/x",
        "/admin",
        "../admin",
        "Consent/../../admin",
        "http://127.0.0.1:1/fhir/Consent",
        "Consent?page=2#x",
        "",
    ],
)
async def test_a_next_page_elsewhere_is_not_followed(wired: Wired, link: str) -> None:
    assert await wired.fails(page(consent(), next=link)) is Reason.CONSENT_FHIR_BROKEN
    assert len(wired.own.asked) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((503, b""), Reason.CONSENT_FHIR_UNAVAILABLE),
        ((429, b""), Reason.CONSENT_FHIR_UNAVAILABLE),
        ((504, b""), Reason.CONSENT_FHIR_TIMEOUT),
        ((401, b""), Reason.CONSENT_FHIR_BROKEN),
        ((403, b""), Reason.CONSENT_FHIR_BROKEN),
        ((302, b""), Reason.CONSENT_FHIR_BROKEN),
        ((204, b""), Reason.CONSENT_FHIR_BROKEN),
        (b"", Reason.CONSENT_FHIR_BROKEN),
        (b"[" * 100_000, Reason.CONSENT_FHIR_BROKEN),
        ([], Reason.CONSENT_FHIR_BROKEN),
        ({"resourceType": "OperationOutcome"}, Reason.CONSENT_FHIR_BROKEN),
        ({"resourceType": "Bundle", "type": "collection"}, Reason.CONSENT_FHIR_BROKEN),
        ({**page(), "entry": {}}, Reason.CONSENT_FHIR_BROKEN),
        ({**page(), "entry": [{}]}, Reason.CONSENT_FHIR_BROKEN),
        (page({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}), Reason.CONSENT_FHIR_BROKEN),
        (page(consent(), {"resourceType": "Goal"}), Reason.CONSENT_FHIR_BROKEN),
        (page(consent(), consent(2, patient="p2")), Reason.CONSENT_FHIR_BROKEN),
        (page({**consent(), "provision": []}), Reason.CONSENT_FHIR_BROKEN),
        (page(consent(), {**consent(), "status": "inactive"}), Reason.CONSENT_FHIR_BROKEN),
        ({**page(consent()), "total": 2}, Reason.CONSENT_FHIR_BROKEN),
        ({**page(consent()), "total": "1"}, Reason.CONSENT_FHIR_BROKEN),
        (page(consent(), issue("warning", "suppressed")), Reason.CONSENT_FHIR_BROKEN),
        (page(consent(), issue("information", "incomplete")), Reason.CONSENT_FHIR_BROKEN),
        (page(consent(), issue("warning", "too-costly")), Reason.CONSENT_FHIR_BROKEN),
    ],
)
async def test_what_is_no_whole_answer_is_not_read_as_no_choice(wired: Wired, answer: Any, reason: Reason) -> None:
    assert await wired.fails(answer) is reason


async def test_an_answer_is_whole_when_all_of_its_total_came(wired: Wired) -> None:
    first, second = {**page(consent(1), next="Consent?page=2"), "total": 2}, {**page(consent(2)), "total": 2}
    assert isinstance((await wired.ask(first, second)).outcome, Permit)
    assert isinstance((await wired.ask({**page(consent(), consent()), "total": 1})).outcome, Permit), "the same twice"
    empty = {**page(), "total": 0}
    assert (await wired.ask(empty)).outcome == Unknown(Reason.CONSENT_NONE)
    assert await wired.fails(first, {**page(), "total": 2}) is Reason.CONSENT_FHIR_BROKEN


async def test_another_media_type_is_not_read(wired: Wired) -> None:
    wired.own.media_type = "text/html"
    assert await wired.fails(page(consent())) is Reason.CONSENT_FHIR_BROKEN


async def test_a_warning_beside_the_consents_is_no_trouble(wired: Wired) -> None:
    warning = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}
    assert isinstance((await wired.ask(page(consent(), warning))).outcome, Permit)


async def test_a_patient_that_the_server_does_not_know_is_not_asked_about(wired: Wired) -> None:
    caller = Caller(POST, Professional("k", "huisarts"), frozenset(), Purpose.TREATMENT, None, {}, "nuts-bearer")
    patient = Patient(Bsn("999912008"), None, Standing.UNKNOWN)
    verdict = await wired.source.ask(Access(caller, FhirRequest("search-type", "Consent"), patient))
    assert isinstance(verdict.outcome, Unavailable)
    assert wired.own.asked == []


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    source = build({"base": "http://127.0.0.1:9/fhir"}, around(tmp_path))
    wired = Wired(Own(), "", source)
    assert await wired.fails() is Reason.CONSENT_FHIR_UNAVAILABLE
    assert isinstance(await source.health(), Unavailable)
    await source.stop()


async def test_health_asks_about_no_patient(wired: Wired) -> None:
    assert await wired.source.health() == "answers"
    assert wired.own.asked[0][:2] == ("GET", "/fhir/metadata")


@pytest.mark.parametrize(
    "wrong",
    [
        {"base": "http://192.0.2.1/fhir"},
        {"base": "ftp://127.0.0.1/fhir"},
        {"base": "http://127.0.0.1/fhir", "own_organization": ["https://x/Organization/1"]},
        {"base": "http://127.0.0.1/fhir", "key_file": "k.pem"},
        {"base": "http://127.0.0.1/fhir", "colour": "blue"},
        {},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises((ValueError, ValidationError)):
        build(wrong, around(tmp_path))


def test_a_secret_of_two_lines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("Basic x\r\nX-Evil: 1")
    with pytest.raises(ValueError, match="authorization_file"):
        build({"base": "http://127.0.0.1/fhir", "authorization_file": "secret"}, around(tmp_path))


async def test_a_server_that_keeps_failing_is_left_alone_before_a_patient_is_looked_up(wired: Wired) -> None:
    """Else its failure would tell who is a patient here: of nobody else is it asked (design D4)."""
    for _ in range(5):
        assert wired.source.resting() is None
        assert await wired.fails((503, b"")) is Reason.CONSENT_FHIR_UNAVAILABLE
    asked = len(wired.own.asked)
    assert wired.source.resting().reason is Reason.CONSENT_FHIR_UNAVAILABLE
    assert await wired.fails(page(consent())) is Reason.CONSENT_FHIR_UNAVAILABLE
    assert len(wired.own.asked) == asked
    wired.own.answers = [{"resourceType": "CapabilityStatement"}]
    assert await wired.source.health() == "answers"
    assert wired.source.resting() is None
    assert isinstance((await wired.ask(page(consent()))).outcome, Permit)


async def test_what_is_wrong_with_one_patient_s_consents_keeps_nobody_else_out(wired: Wired) -> None:
    for _ in range(9):
        assert await wired.fails(page(consent(patient="p2"))) is Reason.CONSENT_FHIR_BROKEN
        assert await wired.fails((500, b"")) is Reason.CONSENT_FHIR_BROKEN
    assert wired.source.resting() is None
