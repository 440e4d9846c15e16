"""A source that speaks STU3, asked over sockets as STU3 asks, beside one that speaks R4: one overview of both."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.accounted import Receipt
from nuts_pzp.consult.flow import Complete, consult
from nuts_pzp.exchange import Asked, Caller, Holder, Inquiry, Presented, Source
from nuts_pzp.house import Consulting
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Organization, Professional, Purpose, Tenant, Ura
from nuts_pzp.outcome import Gathered
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.overview.fhir_answer import searchset
from nuts_pzp.overview.shape import Overview
from nuts_pzp.sandbox.fhir_server import FhirServerTwin
from nuts_pzp.systems.fhir_server import build_connector
from nuts_pzp.web.server import Server

BSN, BORN = "900010009", "1939-08-14"
KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
OLD, NEW = Ura("90000333"), Ura("90000222")
SCT, ZIB = "http://snomed.info/sct", "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-"
DECISION = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4"
TYPES = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.14.1"


def coded(code: str, system: str = SCT) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def of_patient(kind: str, local_id: str, **more: Any) -> dict[str, Any]:
    whose = "patient" if kind in ("Consent", "RelatedPerson") else "subject"
    return {"resourceType": kind, "id": local_id, whose: {"reference": "Patient/7"}, **more}


PATIENT = {
    "resourceType": "Patient",
    "id": "7",
    "identifier": [{"system": BSN_SYSTEM, "value": BSN}],
    "name": [{"text": "Sietske Veenstra"}],
    "birthDate": BORN,
}


def directive(local_id: str, treatment: str, decision: str, restriction: str = "") -> dict[str, Any]:
    said: dict[str, Any] = {"type": "deny"}
    if restriction:
        said["extension"] = [{"url": f"{ZIB}Restrictions", "valueString": restriction}]
    return of_patient(
        "Consent",
        local_id,
        status="active",
        category=[coded("11291000146105")],
        dateTime="2026-02-01",
        extension=[{"url": f"{ZIB}Treatment", "valueCodeableConcept": coded(treatment)}],
        modifierExtension=[{"url": f"{ZIB}TreatmentPermitted", "valueCodeableConcept": coded(decision, DECISION)}],
        consentingParty=[{"reference": "RelatedPerson/z", "display": "dochter"}],
        **{"except": [said]},
    )


RECORDS = [
    PATIENT,
    directive("cpr", "89666000", "JA_MAAR", "Alleen als zij kan herstellen"),
    directive("ic", "305351004", "NEE"),
    of_patient(
        "Consent",
        "nr",
        status="active",
        category=[coded("11341000146107"), coded("LW", TYPES)],
        dateTime="2024-05-05",
    ),
    of_patient(
        "Encounter",
        "e",
        status="finished",
        period={"start": "2026-02-01"},
        diagnosis=[{"condition": {"reference": "Procedure/p"}}],
    ),
    of_patient("Procedure", "p", status="completed", code=coded("713603004"), context={"reference": "Encounter/e"}),
    of_patient(
        "Goal",
        "g",
        status="in-progress",
        category=[coded("713603004")],
        description=coded("713148004"),
        statusDate="2026-02-01",
    ),
    of_patient(
        "Observation",
        "o",
        status="final",
        code=coded("395091006"),
        effectiveDateTime="2026-02-01",
        valueCodeableConcept=coded("264362003"),
        context={"reference": "Encounter/e"},
        comment="In de voorkamer",
    ),
    of_patient("DeviceUseStatement", "du", status="active", device={"reference": "Device/d"}),
    {"resourceType": "Device", "id": "d", "type": coded("72506001")},
    of_patient(
        "CommunicationRequest",
        "cr",
        status="completed",
        category=[coded("223449006")],
        authoredOn="2026-02-01",
        requester={"agent": {"display": "dr. Elzinga"}},
    ),
    of_patient(
        "QuestionnaireResponse",
        "f",
        status="completed",
        questionnaire={"reference": "https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017|1.0.0-rc2"},
        item=[
            {"linkId": "385", "answer": [{"valueDateTime": "2025-01-01"}]},
            {"linkId": "592", "answer": [{"valueCoding": {"code": "NEE", "system": DECISION}}]},
        ],
    ),
    of_patient("RelatedPerson", "z", name=[{"text": "Wytske Veenstra"}]),
]
NEWER = of_patient(
    "Consent",
    "r4",
    status="active",
    scope=coded("treatment", "http://terminology.hl7.org/CodeSystem/consentscope"),
    category=[coded("129125009")],
    dateTime="2026-02-01",
    provision={"type": "deny", "code": [coded("89666000")]},
)


@dataclass
class Rooms:
    """The rooms of a consulting tenant but the connector, which is real."""

    sources_: tuple[Source, ...]
    events: list[Any] = field(default_factory=list)

    async def append(self, event: Any) -> Receipt[Any]:
        self.events.append(event)
        return Receipt(event, len(self.events) - 1, "r")

    async def verify(self, presented: Presented) -> Any:
        return Caller(KADE, None, frozenset(), Purpose.TREATMENT, None, {}, "mtls", certificate="ab")

    async def locate(self, intended: Any) -> Gathered[Holder]:
        return Gathered(tuple(Holder(one.holder.ura, "test") for one in self.sources_))

    async def sources(self, holders: Any) -> Gathered[Source]:
        return Gathered(self.sources_)

    async def grant(self, source: Source, inquiry: Inquiry) -> Any:
        async def sign(method: str, url: str, *, fresh: bool = False) -> Any:
            return {"authorization": "Bearer t"}

        return sign


@dataclass
class Scene:
    old: FhirServerTwin
    new: FhirServerTwin
    house: Consulting

    async def overview(self) -> tuple[Overview, list[Any]]:
        person = Professional("k-17", "huisarts", "M. Okker")
        asked = Asked(Bsn(BSN), date.fromisoformat(BORN), person, Purpose.TREATMENT, None, None, (), 10.0)
        presented = Presented("CODE12345678", "", None, b"der", "POST", "https://gw.example/x")
        flow = consult(self.house, presented, asked, datetime(2026, 11, 22, 3, 0, tzinfo=UTC))
        *arrived, last = [step async for step in flow]
        assert isinstance(last, Complete)
        assert isinstance(last.content, Overview)
        return last.content, [step.answer for step in arrived]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    twins = (FhirServerTwin("/fhir", RECORDS, "stu3"), FhirServerTwin("/fhir", [PATIENT, NEWER], "r4-rc2"))
    tenant = Tenant("kade", KADE)
    around = Surroundings(tenant, Outbound((ipaddress.ip_network("127.0.0.0/8"),)), tmp_path, tmp_path)
    async with AsyncExitStack() as stack:
        bases = []
        for twin in twins:
            server = Server(twin.app, host="127.0.0.1", port=0)
            bases.append(f"http://127.0.0.1:{await server.start()}/fhir")
            stack.push_async_callback(server.stop, grace=0.1)
        connector: Any = build_connector({}, around)
        stack.push_async_callback(connector.stop)
        named = zip((OLD, NEW), bases, strict=True)
        fake: Any = Rooms(tuple(Source(Organization(ura, "V6", "bron", "0570-1"), base, "as") for ura, base in named))
        yield Scene(*twins, Consulting(tenant, fake, fake, fake, fake, connector, fake, 10.0))


async def test_everything_of_an_stu3_source_is_found_and_read(scene: Scene) -> None:
    overview, _ = await scene.overview()
    assert [(one.ura, one.dialect, one.status) for one in overview.sources] == [
        ("90000222", "r4", "ok"),
        ("90000333", "stu3", "ok"),
    ]
    shown = {item.key: item.display for item in overview.items() if item.source and item.source.id == OLD.value}
    assert shown == {
        "treatment:305351004": "Niet uitvoeren",
        "treatment:116762002": "Niet uitvoeren",
        "goal:medical-policy": "Palliatief met als doel symptoomverlichting, waarbij levensverlenging niet gewenst is",
        "obs:395091006": "Thuis",
        "icd:present": "Ja",
        "directive:LW": "Levenswensverklaring",
        "inform-relatives": "Ja",
        "conversation.present": "patiënt",
    }
    ic = overview.item("treatment:305351004")
    assert ic is not None
    assert ic.agreed_with == ("Wytske Veenstra",), "who consented was read one by one"
    [talk, *_] = [one for one in overview.conversations if one.source.id == OLD.value]
    assert talk.encounter is not None


async def test_a_condition_in_stu3_contradicts_a_denial_in_r4_of_that_day(scene: Scene) -> None:
    overview, answers = await scene.overview()
    cpr = overview.item("treatment:89666000")
    assert cpr is not None
    assert cpr.conflict is not None
    assert [(one.source.id, one.value.display) for one in cpr.conflict.candidates] == [
        ("90000222", "Niet uitvoeren"),
        ("90000333", "Anders, namelijk: Alleen als zij kan herstellen"),
    ]
    assert b"JA_MAAR" not in searchset(answers, overview), "an R4 Bundle holds no STU3"


async def test_each_source_is_asked_in_its_own_version_and_which_that_is_only_once(scene: Scene) -> None:
    await scene.overview()
    await scene.overview()
    for twin, mark in ((scene.old, "11291000146105"), (scene.new, "129125009")):
        paths = [one.path for one in twin.asked]
        assert paths.count("/fhir/metadata") == 1
        categories = {dict(one.parameters).get("category", "") for one in twin.asked if one.path == "/fhir/Consent"}
        assert f"{SCT}|{mark}" in categories
    assert not any("scope" in dict(one.parameters) for one in scene.old.asked)
