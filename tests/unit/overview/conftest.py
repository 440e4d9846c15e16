"""A pen that writes FHIR the way sources do, and a reading of the overview. Authored people and sentences only."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from nuts_pzp.fhir.bundle import Bundle, read_bundle
from nuts_pzp.outcome import Gap, Unavailable
from nuts_pzp.overview.dates import AMSTERDAM
from nuts_pzp.overview.merge import PatientsDisagree, Told, as_json, merge
from nuts_pzp.reasons import Reason

NOW = datetime(2026, 11, 22, 0, 40, tzinfo=AMSTERDAM)
BSN = "900010009"
SCT = "http://snomed.info/sct"
NULL = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
ROLE = "urn:oid:2.16.840.1.113883.2.4.3.11.22.472"
KIN = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
SPECIFICATION = "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.SpecificationOther"
COMMENT = "http://nictiz.nl/fhir/StructureDefinition/ext-Comment"
ENCOUNTER = "https://fhir.iknl.nl/fhir/StructureDefinition/ext-EncounterReference"
CAPABLE = "https://api.iknl.nl/docs/pzp/r4/StructureDefinition/ext-LegallyCapable-MedicalTreatmentDecisions"
CPR, IC = "89666000", "305351004"


def coded(code: str, system: str = SCT, display: str | None = None) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


class Pen:
    """Writes resources. Every method takes more fields by name and lets them win."""

    NOW, BSN, SCT, NULL, ROLE, KIN = NOW, BSN, SCT, NULL, ROLE, KIN
    SPECIFICATION, COMMENT, CPR, IC = SPECIFICATION, COMMENT, CPR, IC
    coded = staticmethod(coded)

    def patient(self, id: str = "p", capable: bool | None = None, comment: str = "", **more: Any) -> dict[str, Any]:
        said: list[dict[str, Any]] = []
        if capable is not None:
            said = [{"url": "legallyCapable", "valueBoolean": capable}]
            said += [{"url": "legallyCapableComment", "valueString": comment}] if comment else []
        return {
            "resourceType": "Patient",
            "id": id,
            "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": BSN}],
            "name": [{"text": "Toos van den Akker"}],
            "birthDate": "1941-05-09",
            **({"extension": [{"url": CAPABLE, "extension": said}]} if said else {}),
            **more,
        }

    def treatment(
        self, decision: str | None, date: str | None, code: str = CPR, id: str = "c", **more: Any
    ) -> dict[str, Any]:
        """`decision`: permit, deny, None, or any other text for SpecificationOther."""
        specified = decision not in (None, "permit", "deny")
        provision: dict[str, Any] = {"code": [coded(code)]}
        if decision in ("permit", "deny"):
            provision["type"] = decision
        provision |= more.pop("provision", {})
        extensions = more.pop("extension", [])
        if comment := more.pop("comment", ""):
            extensions = [*extensions, {"url": COMMENT, "valueString": comment}]
        if encounter := more.pop("encounter", ""):
            extensions = [*extensions, {"url": ENCOUNTER, "valueReference": {"reference": encounter}}]
        return {
            "resourceType": "Consent",
            "id": id,
            "status": "active",
            "scope": coded("treatment", "http://terminology.hl7.org/CodeSystem/consentscope"),
            "category": [coded("129125009")],
            "patient": {"reference": "Patient/p"},
            **({"dateTime": date} if date else {}),
            **({"modifierExtension": [{"url": SPECIFICATION, "valueString": decision}]} if specified else {}),
            **({"extension": extensions} if extensions else {}),
            "provision": provision,
            **more,
        }

    def directive(self, code: str | None, date: str | None, id: str = "d", **more: Any) -> dict[str, Any]:
        system = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.14.1"
        return {
            "resourceType": "Consent",
            "id": id,
            "status": "active",
            "scope": coded("adr", "http://terminology.hl7.org/CodeSystem/consentscope"),
            "category": [coded("acd", "http://terminology.hl7.org/CodeSystem/consentcategorycodes")],
            "patient": {"reference": "Patient/p"},
            **({"dateTime": date} if date else {}),
            "provision": {"code": [coded(code, system)]} if code else {},
            **more,
        }

    def observation(self, code: str, value: Any, date: str | None, id: str = "o", **more: Any) -> dict[str, Any]:
        """`value`: text, a concept, or None."""
        said = {} if value is None else {"valueString" if isinstance(value, str) else "valueCodeableConcept": value}
        return {
            "resourceType": "Observation",
            "id": id,
            "status": "final",
            "code": coded(code),
            "subject": {"reference": "Patient/p"},
            **({"effectiveDateTime": date} if date else {}),
            **said,
            **more,
        }

    def goal(self, code: str, date: str | None, id: str = "g", **more: Any) -> dict[str, Any]:
        return {
            "resourceType": "Goal",
            "id": id,
            "lifecycleStatus": "active",
            "description": coded(code),
            "subject": {"reference": "Patient/p"},
            **({"startDate": date} if date else {}),
            **more,
        }

    def person(self, name: str, *roles: str, id: str = "", **more: Any) -> dict[str, Any]:
        def relationship(code: str) -> dict[str, Any]:
            return coded(code, ROLE if code.isdigit() and len(code) == 2 else SCT if code.isdigit() else KIN)

        return {
            "resourceType": "RelatedPerson",
            "id": id or name.lower().replace(" ", "-"),
            "patient": {"reference": "Patient/p"},
            "relationship": [relationship(code) for code in roles],
            "name": [{"text": name}],
            **more,
        }

    def encounter(self, date: str | None, id: str = "e", **more: Any) -> dict[str, Any]:
        return {
            "resourceType": "Encounter",
            "id": id,
            "status": "finished",
            "subject": {"reference": "Patient/p"},
            **({"period": {"start": date}} if date else {}),
            **more,
        }

    def procedure(self, id: str = "pr", code: str = "713603004", **more: Any) -> dict[str, Any]:
        return {
            "resourceType": "Procedure",
            "id": id,
            "status": "completed",
            "subject": {"reference": "Patient/p"},
            "code": coded(code),
            **more,
        }

    def form(self, date: str | None, *items: dict[str, Any], id: str = "f", **more: Any) -> dict[str, Any]:
        dated = [{"linkId": "963", "answer": [{"valueDateTime": date}]}] if date else []
        return {
            "resourceType": "QuestionnaireResponse",
            "id": id,
            "status": "completed",
            "questionnaire": "https://api.iknl.nl/docs/pzp/r4/Questionnaire/ACP-zib2020|1.0.0",
            "item": [*dated, *items],
            **more,
        }

    def choice(self, link: str, code: str, *nested: dict[str, Any], display: str = "") -> dict[str, Any]:
        """A coded answer whose sub-questions hang under the answer."""
        answer: dict[str, Any] = {"valueCoding": {"code": code, **({"display": display} if display else {})}}
        return {"linkId": link, "answer": [{**answer, **({"item": list(nested)} if nested else {})}]}

    def words(self, link: str, text: str) -> dict[str, Any]:
        return {"linkId": link, "answer": [{"valueString": text}]}

    def group(self, link: str, *items: dict[str, Any]) -> dict[str, Any]:
        return {"linkId": link, "item": list(items)}


class Look:
    """One overview, easy to ask."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.json = content
        self.items = {item["key"]: item for section in content["sections"] for item in section["items"]}

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self.items[key]

    def said(self, key: str) -> tuple[str, str | None, str | None]:
        """(state, kind, source) of an item."""
        item = self.items[key]
        kind = item["value"]["kind"] if item["value"] else None
        return item["state"], kind, item["source"]["id"] if item["source"] else None

    def codes(self, key: str) -> list[str]:
        return [mark["code"] for mark in self.items[key]["attention"]]

    def checks(self) -> list[str]:
        return [check["code"] for check in self.json["crossChecks"]]

    def source(self, name: str) -> dict[str, Any]:
        return next(row for row in self.json["sources"] if row["id"] == name)


def told(name: str, resources: list[Any], gaps: tuple[Gap, ...] = ()) -> Told:
    raw = json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]})
    bundle = read_bundle(raw.encode(), f"https://{name}.example/fhir")
    assert isinstance(bundle, Bundle)
    return Told(name, name.capitalize(), bundle.resources, gaps)


@pytest.fixture
def pen() -> Pen:
    """Writes resources."""
    return Pen()


@pytest.fixture
def tell() -> Any:
    """(name, resources, gaps) -> what a source told."""
    return told


@pytest.fixture
def look() -> Any:
    """Merge the resources of named sources; `failed` names sources that did not answer."""

    def _look(failed: tuple[str, ...] = (), asked: Any = None, checks: bool = True, **sources: list[Any]) -> Look:
        answers = [told(name, resources) for name, resources in sources.items()]
        down = Gap("source", Unavailable(Reason.SOURCE_TIMEOUT))
        answers += [Told(name, name.capitalize(), (), (down,), phone="0570-555000") for name in failed]
        overview = merge(answers, (), now=NOW, asked=asked, checks=checks)
        assert not isinstance(overview, PatientsDisagree), overview.text
        return Look(as_json(overview))

    return _look
