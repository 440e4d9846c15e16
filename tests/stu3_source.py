"""A patient at a source that speaks STU3 and one that speaks R4, and a tenant that asks both over real sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from nuts_pzp.accounted import Receipt
from nuts_pzp.consult.flow import Complete, consult
from nuts_pzp.exchange import Asked, Caller, Holder, Inquiry, Presented, Source
from nuts_pzp.house import Consulting
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Organization, Professional, Purpose, Tenant, Ura
from nuts_pzp.outcome import Gathered
from nuts_pzp.overview.shape import Overview

MARK = "stu3-"
"""Before every id at a real server: a client cannot write ids of digits only."""
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


def asking(connector: Any, bases: dict[Ura, str]) -> Consulting:
    """A tenant that finds the patient at these sources, by URA, and reaches them with this connector."""
    sources = tuple(Source(Organization(ura, "V6", "bron", "0570-1"), base, "as") for ura, base in bases.items())
    fake: Any = Rooms(sources)
    return Consulting(Tenant("kade", KADE), fake, fake, fake, fake, connector, fake, 10.0)


async def overview_of(house: Consulting) -> tuple[Overview, list[Any]]:
    """What the tenant learns of the patient, and each source's answer."""
    person = Professional("k-17", "huisarts", "M. Okker")
    asked = Asked(Bsn(BSN), date.fromisoformat(BORN), person, Purpose.TREATMENT, None, None, (), 10.0)
    presented = Presented("CODE12345678", "", None, b"der", "POST", "https://gw.example/x")
    flow = consult(house, presented, asked, datetime(2026, 11, 22, 3, 0, tzinfo=UTC))
    *arrived, last = [step async for step in flow]
    assert isinstance(last, Complete)
    assert isinstance(last.content, Overview)
    return last.content, [step.answer for step in arrived]


def shown(overview: Overview, ura: Ura) -> dict[str, str]:
    """Item by key of what this source leads in."""
    return {item.key: item.display for item in overview.items() if item.source and item.source.id == ura.value}


SHOWN = {
    "treatment:305351004": "Niet uitvoeren",
    "treatment:116762002": "Niet uitvoeren",
    "goal:medical-policy": "Palliatief met als doel symptoomverlichting, waarbij levensverlenging niet gewenst is",
    "obs:395091006": "Thuis",
    "icd:present": "Ja",
    "directive:LW": "Levenswensverklaring",
    "inform-relatives": "Ja",
    "conversation.present": "patiënt",
}
"""What the source that speaks STU3 leads in, beside one that knows a denial of resuscitation of the same day."""
