"""STU3 is refused and never misread: a denial there may be "ja, maar" (spec pzp-fhir 5)."""

from __future__ import annotations

from typing import Any

import pytest

OLD = "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-Treatment"
PERMITTED = "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-TreatmentPermitted"


def _yes_but(**more: Any) -> dict[str, Any]:
    """STU3's "ja, maar": `except.type` says deny, only the modifier tells the truth."""
    return {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "11291000146105"}]}],
        "patient": {"reference": "Patient/p"},
        "dateTime": "2025-01-01",
        "extension": [{"url": OLD, "valueCodeableConcept": {"coding": [{"code": "89666000"}]}}],
        "modifierExtension": [{"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": "JA_MAAR"}]}}],
        "except": [{"type": "deny"}],
        **more,
    }


def _goal() -> dict[str, Any]:
    return {"resourceType": "Goal", "id": "g", "status": "in-progress", "description": {"text": "x"}}


def _form(questionnaire: Any) -> dict[str, Any]:
    return {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed", "questionnaire": questionnaire}


SIGNS: dict[str, dict[str, Any]] = {
    "consent": _yes_but(),
    "consent with one identifier": _yes_but(identifier={"system": "urn:x", "value": "1"}),
    "advance directive": _yes_but(category=[{"coding": [{"code": "11341000146107"}]}], extension=[]),
    "goal": _goal(),
    "observation": {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "context": {"reference": "Encounter/e"},
    },
    "procedure": {
        "resourceType": "Procedure",
        "id": "p",
        "status": "completed",
        "context": {"reference": "Encounter/e"},
    },
    "request": {
        "resourceType": "CommunicationRequest",
        "id": "r",
        "requester": {"agent": {"reference": "Practitioner/a"}},
    },
    "communication": {"resourceType": "Communication", "id": "m", "notDone": True},
    "related person": {"resourceType": "RelatedPerson", "id": "q", "relationship": {"coding": [{"code": "WIFE"}]}},
    "form by canonical": _form("https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"),
    "form by reference": _form({"reference": "https://fhir.iknl.nl/fhir/Questionnaire/ACP-zib2017"}),
    "patient": {
        "resourceType": "Patient",
        "id": "p",
        "extension": [
            {
                "url": "https://api.iknl.nl/docs/pzp/stu3/StructureDefinition/ext-Patient.LegallyCapableMedicalTreatmentDecisions"
            }
        ],
    },
    "profile": {
        "resourceType": "Encounter",
        "id": "e",
        "meta": {"profile": ["https://api.iknl.nl/docs/pzp/stu3/StructureDefinition/ACP-Encounter"]},
    },
    "national profile": {
        "resourceType": "Practitioner",
        "id": "a",
        "meta": {"profile": ["http://fhir.nl/fhir/StructureDefinition/nl-core-practitioner"]},
    },
}


@pytest.mark.parametrize("sign", SIGNS)
def test_a_source_that_speaks_stu3_is_refused_whole(pen: Any, look: Any, sign: str) -> None:
    seen = look(oud=[SIGNS[sign], pen.treatment("permit", "2025-01-01", code=pen.IC, id="also")])
    assert seen.source("oud")["status"] == "unsupported-version"
    assert seen.json["complete"] is False
    assert seen["treatment:89666000"]["value"]["display"] == "Onbekend (niet alle bronnen bereikbaar)"
    assert seen["treatment:305351004"]["state"] == "not-recorded"


def test_the_other_sources_are_read_all_the_same(pen: Any, look: Any) -> None:
    seen = look(oud=[_yes_but()], nieuw=[pen.treatment("permit", "2020-01-01")])
    assert seen.said("treatment:89666000") == ("current", "permit", "nieuw")


def test_r4_is_not_taken_for_stu3(pen: Any, look: Any) -> None:
    profile = {"meta": {"profile": ["http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective2"]}}
    words = 'Zij zei: "except", "context" en "consentingParty", zie /stu3/ 11291000146105'
    seen = look(a=[pen.treatment("deny", "2025-01-01", comment=words, **profile)])
    assert seen.source("a")["status"] == "ok"
    assert seen["treatment:89666000"]["comment"] == words
