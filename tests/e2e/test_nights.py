"""Two nights, end to end: gateways as processes, real sockets, the region's services; a night as it is and a liar.

A region of its own: a nursing home joins it as a tenant, and one source is no gateway of ours and says what it likes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
import pytest_asyncio
import yaml
from staging import Visitor, give_time, items_of

from nuts_pzp.cli.stage import Stage
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Ura
from nuts_pzp.sandbox.fhir_server import FhirServerTwin
from nuts_pzp.sandbox.lrza import ListedOrganization
from nuts_pzp.sandbox.mitz import Choice
from nuts_pzp.sandbox.people.person import GP_AND_OUT_OF_HOURS
from nuts_pzp.sandbox.resources import Chart
from nuts_pzp.web.server import Server, ServerTls

pytestmark = pytest.mark.asyncio(loop_scope="session")

GP, HOSPITAL, CARE, HOSPICE, HOME, LIAR = (f"90000{three}" for three in ("111", "222", "333", "555", "666", "777"))
HOME_NAME, HOME_PHONE = "Verpleeghuis De Elzenhof", "0570-555666"
LIAR_NAME, LIAR_PHONE = "Kliniek De Spiegel", "0570-555777"
CPR = "treatment:89666000"
PATIENT, BORN = Bsn("999931805"), date(1936, 6, 14)
TO_COME = date.today().year + 2
"""A year. The next one begins while tests run, once a year."""
PATIENCE = 8.0
"""Seconds over the deadline that a busy machine may take to say so."""


@dataclass
class Liar:
    """A source of its own making. `says` answers by resource type; every request line is kept."""

    base: str = ""
    says: Callable[[str], Any] = lambda kind: bundle()
    asked: list[str] = field(default_factory=list)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        path = scope["path"]
        self.asked.append(f"{scope['method']} {path}")
        body = json.dumps(self.says(path.split("/")[2])).encode()
        headers = [(b"content-type", b"application/fhir+json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@dataclass
class Night:
    """The region with the nursing home and the liar in it."""

    visitor: Visitor
    liar: Liar
    elsewhere: Liar
    """Where a lying link leads: nobody may ever come here."""


def bundle(*resources: dict[str, Any], links: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "next", "url": url} for url in links],
        "entry": [{"resource": one} for one in resources],
    }


async def _listening(stage: Stage, name: str, app: Any, servers: list[Server]) -> str:
    issued = stage.region.authority.server(name)
    server = Server(app, host="127.0.0.1", port=0, tls=ServerTls(issued.certificate_file, issued.key_file))
    servers.append(server)
    return f"https://127.0.0.1:{await server.start()}/fhir"


async def _nursing_home(stage: Stage, servers: list[Server]) -> None:
    """One more holder: a FHIR server, a tenant of the hosted gateway, an entry in the directory."""
    region = stage.region
    chart = Chart("r4-rc2", "bewoner", "Sientje Dam")
    chart.person(PATIENT.value, BORN.isoformat(), "female")
    chart.treatment("89666000", "deny", "2026-02-11")
    twin = FhirServerTwin("/fhir", chart.resources, "r4-rc2")
    region.fhir["elzenhof"] = twin

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await twin.app(scope, receive, send)

    server = Server(app, host="127.0.0.1", port=0)
    servers.append(server)
    port = await server.start()
    tenants = region.gateways["providers"].folder / "tenants"
    settings = yaml.safe_load((tenants / "lindezicht.yaml").read_text("utf-8"))
    settings["id"] = "elzenhof"
    settings["organization"] = {"ura": HOME, "type": "X3", "name": HOME_NAME, "phone": HOME_PHONE}
    settings["disclose"]["records"] = {"kind": "fhir_server", "base": f"http://127.0.0.1:{port}/fhir"}
    (tenants / "elzenhof.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    node = region.nodes["lindezicht"].twin.issuer  # both homes share one node
    base = region.gateways["providers"].fhir_base("elzenhof")
    region.national.lrza.add(ListedOrganization(HOME, "X3", HOME_NAME, HOME_PHONE, base, node))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def night(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Night]:
    servers: list[Server] = []
    async with Stage(tmp_path_factory.mktemp("night"), hospice="answers", gateways=()) as stage:
        liar, elsewhere = Liar(), Liar()
        liar.base = await _listening(stage, "liar", liar.app, servers)
        elsewhere.base = await _listening(stage, "elsewhere", elsewhere.app, servers)
        issuer = stage.region.nodes["meerwijck"].twin.issuer
        stage.region.national.lrza.add(ListedOrganization(LIAR, "V4", LIAR_NAME, LIAR_PHONE, liar.base, issuer))
        await _nursing_home(stage, servers)
        give_time(stage)
        await stage.start_gateways(*stage.region.gateways)
        visitor = Visitor(stage)
        yield Night(visitor, liar, elsewhere)
        await visitor.close()
        await stage.stop_gateways()
        for server in servers:
            await server.stop(grace=0.2)


# Night


def by_explicit_consent(stage: Stage) -> str:
    """The patient permitted the nursing home to share with general practices, in Mitz; returns the basis on record."""
    stage.region.mitz.choices.append(Choice(PATIENT.value, HOME, "GGC002", GP_AND_OUT_OF_HOURS, "permit"))
    return "explicit-consent:mitz"


RELEASED = {"explicit consent": by_explicit_consent}
"""On what basis the nursing home releases: makes it so before the question, and returns what its log must say."""


@pytest.mark.parametrize("basis", RELEASED)
async def test_at_night_the_newest_answer_stands_and_whoever_is_missing_has_a_number(night: Night, basis: str) -> None:
    stage = night.visitor.stage
    region = stage.region
    on_record = RELEASED[basis](stage)
    practice = Chart("r4-beta3", "dam", "Sientje Dam")
    practice.person(PATIENT.value, BORN.isoformat(), "female")
    practice.treatment("89666000", "permit", "2023-05-02")
    practice.observation("153851000146100", "Zolang de kachel brandt wil ik alles.", "2023-05-02")
    for resource in practice.resources:
        region.fhir["wilgenhof"].put(resource)
    for ura in (GP, HOME, HOSPICE):
        await region.national.nvi.seed(PATIENT, Ura(ura), f"gateway-{ura}")
    region.fault("avondrood", "hang", True)
    before = len(region.fhir["wilgenhof"].asked)
    body = {
        "patient": {"bsn": PATIENT.value, "birthDate": BORN.isoformat()},
        "professional": {"id": "n-1", "name": "P. Vos", "role": "huisarts"},
        "purpose": "treatment",
        "deadline_ms": 4000,
    }
    began = time.monotonic()
    try:
        answer = await night.visitor.consultation(json=body)
    finally:
        region.fault("avondrood", "hang", False)
    assert time.monotonic() - began < 4.0 + PATIENCE, "within the deadline"
    assert answer.status_code == 200
    overview = answer.json()

    item = items_of(overview)[CPR]
    assert (item["label"].split(" ")[0], item["display"]) == ("Reanimatie", "Niet uitvoeren")
    assert (item["date"], item["source"]["name"], item["state"]) == ("2026-02-11", HOME_NAME, "current")
    assert (item["history"], item["conflict"], item["changed"]) == ([], None, False)

    rows = {row["id"]: row for row in overview["sources"]}
    assert {ura: row["status"] for ura, row in rows.items()} == {GP: "not-authorised", HOME: "ok", HOSPICE: "failed"}
    assert rows[GP]["notice"] == "Niet vrijgegeven"
    assert rows[HOSPICE]["notice"] == "Niet volledig: Hospice Avondrood antwoordde niet, bel 0570-555555"
    assert {ura: rows[ura]["phone"] for ura in rows} == {GP: "0570-555111", HOME: HOME_PHONE, HOSPICE: "0570-555555"}
    assert overview["complete"] is False
    assert overview["banner"] == [
        "Huisartsenpraktijk De Wilgenhof: Niet vrijgegeven, bel 0570-555111",
        "Niet volledig: Hospice Avondrood antwoordde niet, bel 0570-555555",
    ]
    unknown = items_of(overview)["obs:153851000146100"]
    assert unknown["display"] == "Onbekend (niet alle bronnen bereikbaar)"

    for leak in ("kachel", "2023-05", "Wel uitvoeren", "dam-"):
        assert leak not in answer.text, "not one value of the practice"
    assert {one.path for one in list(region.fhir["wilgenhof"].asked)[before:]} == {"/fhir/Patient/_search"}
    own = night.visitor.records("kade", "kade", overview["meldcode"])
    assert [one.code for one in own].count("consult.received") == 3
    assert sorted(own[-1].record["object"]["missing"]) == [GP, HOSPICE]
    assert own[-1].record["object"]["complete"] is False
    [refused] = night.visitor.joined(own, "wilgenhof")
    assert (refused.code, refused.word, refused.reason) == ("disclosure.decision", "Geweigerd", "PZP-CONSENT-010")
    decided = [one for one in _of_tenant(night, own, "elzenhof") if one.code == "disclosure.decision"]
    assert {one.word for one in decided} == {"Toegestaan"}
    assert {one.record["consent"]["basis"][0] for one in decided} == {on_record}


def _of_tenant(night: Night, own: list[Any], tenant: str) -> list[Any]:
    traces = {one.record["trace"]["traceparent"].split("-")[1] for one in own if "trace" in one.record}
    found = night.visitor.records("providers", tenant)
    return [one for one in found if one.record.get("trace", {}).get("traceparent", "-").split("-")[1] in traces]


# The lying source


def patient_of_liar(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": BSN_SYSTEM, "value": "999930412"}],
        "birthDate": "1941-04-17",
        **more,
    }


def directive(day: str, local_id: str = "c", **more: Any) -> dict[str, Any]:
    scope, category = "http://terminology.hl7.org/CodeSystem/consentscope", "http://snomed.info/sct"
    code = {"coding": [{"system": category, "code": "89666000"}]}
    return {
        "resourceType": "Consent",
        "id": local_id,
        "status": "active",
        "scope": {"coding": [{"system": scope, "code": "treatment"}]},
        "category": [{"coding": [{"system": category, "code": "129125009"}]}],
        "patient": {"reference": "Patient/p"},
        "dateTime": day,
        "provision": {"type": "permit", "code": [code]},
        **more,
    }


def observation(subject: str, text: str, day: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o-{subject}",
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "153851000146100"}]},
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": day,
        "valueString": text,
    }


def saying(patient: dict[str, Any], **found: Any) -> Callable[[str], Any]:
    return lambda kind: bundle(patient) if kind == "Patient" else found.get(kind, bundle())


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
METADATA = "http://169.254.169.254/latest/meta-data/"
SECRET = "Vreemde wens van een ander mens."
TODAY = date.today().isoformat()

LIES: dict[str, tuple[Callable[[Night], Callable[[str], Any]], str, set[str], int]] = {
    # what is said; status of the liar, codes of what is missing, statements
    "another patient's Observation": (
        lambda night: saying(patient_of_liar(), Observation=bundle(observation("q", SECRET, TODAY))),
        "ok", set(), 0,
    ),
    "a next link to the cloud's metadata": (
        lambda night: saying(patient_of_liar(), Consent=bundle(links=(METADATA,))), "failed", {"PZP-SOURCE-009"}, 0,
    ),
    "a next link to somebody who listens": (
        lambda night: saying(patient_of_liar(), Consent=bundle(links=(f"{night.elsewhere.base}/Consent?p=2",))),
        "failed", {"PZP-SOURCE-009"}, 0,
    ),
    "a statement dated in a year to come": (
        lambda night: saying(patient_of_liar(), Consent=bundle(directive(f"{TO_COME}-01-01"))), "ok", set(), 1,
    ),
    "the right BSN with another birth date": (
        lambda night: saying(patient_of_liar(birthDate="1941-04-18"), Consent=bundle(directive(TODAY))),
        "rejected", {"PZP-PATIENT-005"}, 0,
    ),
    "the right birth date with another BSN": (
        lambda night: saying(
            patient_of_liar(identifier=[{"system": BSN_SYSTEM, "value": PATIENT.value}]),
            Consent=bundle(directive(TODAY)),
        ),
        "rejected", {"PZP-SOURCE-010"}, 0,
    ),
    "200 with an OperationOutcome": (lambda night: lambda kind: OUTCOME, "failed", {"PZP-SOURCE-007"}, 0),
    "an OperationOutcome once the patient is known": (
        lambda night: lambda kind: bundle(patient_of_liar()) if kind == "Patient" else OUTCOME,
        "failed", {"PZP-SOURCE-007"}, 0,
    ),
    "a statement under the hospital's address": (
        lambda night: saying(
            patient_of_liar(),
            Consent={
                "resourceType": "Bundle",
                "entry": [{"fullUrl": f"{_base(night)}/Consent/1-1", "resource": directive("2020-01-01", "1-1")}],
            },
        ),
        "ok", set(), 1,
    ),
}  # fmt: skip


def _base(night: Night) -> str:
    return night.visitor.stage.region.gateway_of("meerwijck").fhir_base("meerwijck")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def honest(night: Night) -> dict[str, Any]:
    """The same question while nobody lies."""
    status, overview = await night.visitor.consult("postma")
    assert (status, overview["complete"]) == (200, True)
    postma = night.visitor.stage.patient("postma")
    await night.visitor.stage.region.national.nvi.seed(postma.bsn, Ura(LIAR), f"gateway-{LIAR}")
    return overview


@pytest.mark.parametrize("lie", LIES)
async def test_a_lying_source_is_handled_and_the_others_are_as_they_were(
    night: Night, honest: dict[str, Any], lie: str
) -> None:
    says, status, missing, statements = LIES[lie]
    night.liar.says, night.liar.asked = says(night), []
    code, overview = await night.visitor.consult("postma", deadline_ms=5000)
    assert code == 200
    assert "POST /fhir/Patient/_search" in night.liar.asked, "it was asked"
    assert night.elsewhere.asked == [], "nobody follows a link elsewhere"
    rows = {row["id"]: row for row in overview["sources"]}
    liar = rows.pop(LIAR)
    assert (liar["status"], liar["statements"]) == (status, statements)
    assert {gap["code"] for gap in liar["gaps"]} == missing
    assert (liar["name"], liar["phone"]) == (LIAR_NAME, LIAR_PHONE)
    assert overview["complete"] is (status == "ok")
    assert rows == {row["id"]: row for row in honest["sources"]}, "the other sources are unchanged"
    said, was = items_of(overview), items_of(honest)
    for key in was:
        for what in ("state", "display", "date", "value", "source", "conflict"):
            if was[key]["state"] != "not-recorded":
                assert said[key][what] == was[key][what], (key, what)
    assert SECRET not in json.dumps(overview)
    received = [
        one.record
        for one in night.visitor.records("kade", "kade", overview["meldcode"])
        if one.code == "consult.received" and one.record["org"]["responder"]["ura"] == LIAR
    ]
    assert len(received) == 1
    assert {gap["reason"] for gap in received[0].get("gaps", ())} == missing


async def test_a_lie_is_shown_for_what_it_is(night: Night, honest: dict[str, Any]) -> None:
    """Put aside and counted, not hidden; dated in the future, shown and not leading; rejected, said aloud."""
    night.liar.says = saying(
        patient_of_liar(),
        Observation=bundle(observation("q", SECRET, TODAY)),
        Consent=bundle(directive(f"{TO_COME}-01-01")),
    )
    _, overview = await night.visitor.consult("postma")
    assert [(one["source"]["id"], one["type"]) for one in overview["excluded"]] == [(LIAR, "Observation")]
    item = items_of(overview)[CPR]
    future = [one for one in item["history"] if one["source"]["id"] == LIAR]
    assert [one["date"] for one in future] == [f"{TO_COME}-01-01"]
    assert re.search("FUTURE_DATE", json.dumps(item))
    night.liar.says = saying(patient_of_liar(birthDate="1941-04-18"))
    _, overview = await night.visitor.consult("postma")
    assert f"{LIAR_NAME}: Persoonsgegevens komen niet overeen, bel {LIAR_PHONE}" in overview["banner"]
    assert [check["code"] for check in overview["crossChecks"]] == [
        *(check["code"] for check in honest["crossChecks"]),
        "X8",
    ]
