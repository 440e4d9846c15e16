"""STU3 is recognized, and read by its own rules (spec pzp-fhir 5)."""

from __future__ import annotations

from typing import Any

import pytest
from stu3_pen import BASE, yes_but


def _goal() -> dict[str, Any]:
    return {"resourceType": "Goal", "id": "g", "status": "in-progress", "description": {"text": "x"}}


def _form(questionnaire: Any) -> dict[str, Any]:
    return {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed", "questionnaire": questionnaire}


SIGNS: dict[str, dict[str, Any]] = {
    "consent": yes_but(),
    "consent with one identifier": yes_but(identifier={"system": "urn:x", "value": "1"}),
    "advance directive": yes_but(category=[{"coding": [{"code": "11341000146107"}]}], extension=[]),
    "goal": _goal(),
    "observation": {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "context": {"reference": "Encounter/e"},
    },
    "observation with a comment": {"resourceType": "Observation", "id": "o", "status": "final", "comment": "Kort"},
    "role in an extension": {
        "resourceType": "RelatedPerson",
        "id": "q",
        "extension": [{"url": "http://fhir.nl/fhir/StructureDefinition/nl-core-relatedperson-role"}],
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
def test_a_source_that_speaks_stu3_is_known_by_any_of_its_resources(pen: Any, look: Any, sign: str) -> None:
    seen = look(oud=[SIGNS[sign], pen.treatment("permit", "2025-01-01", code=pen.IC, id="also")])
    assert (seen.source("oud")["dialect"], seen.source("oud")["status"]) == ("stu3", "ok")
    assert seen.said("treatment:305351004") == ("current", "permit", "oud")


def test_a_goal_that_was_achieved_is_over(pen: Any, look: Any) -> None:
    goal = {
        "resourceType": "Goal",
        "id": "g",
        "status": "achieved",
        "description": pen.coded("385987000"),
        "statusDate": "2025-02-01",
    }
    assert look(oud=[goal])["goal:medical-policy"]["display"] == "Beëindigd op 01-02-2025"


@pytest.mark.parametrize(("status", "state"), [("cancelled", "ended"), ("suspended", "not-recorded")])
def test_statuses_of_a_request_are_those_of_stu3(pen: Any, look: Any, status: str, state: str) -> None:
    request = {
        "resourceType": "CommunicationRequest",
        "id": "r",
        "status": status,
        "category": [pen.coded("223449006")],
        "authoredOn": "2025-02-01",
        "requester": {"agent": {"display": "dr. Oud"}},
    }
    item = look(oud=[request])["inform-relatives"]
    assert item["state"] == state
    assert state == "not-recorded" or item["author"] == "dr. Oud"


def test_a_communication_and_a_procedure_that_were_not_done_say_so(pen: Any, look: Any) -> None:
    told = {
        "resourceType": "Communication",
        "id": "m",
        "status": "completed",
        "notDone": True,
        "category": [pen.coded("223449006")],
        "sent": "2025-02-01",
    }
    procedure = {**pen.procedure(), "notDone": True, "context": {"reference": "Encounter/e"}}
    seen = look(oud=[told, procedure, pen.encounter("2025-02-01")])
    assert seen["inform-relatives"]["state"] == "not-recorded"
    assert [one["value"]["display"] for one in seen["inform-relatives"]["history"]] == ["Nee"]
    assert [one["held"] for one in seen.json["conversations"]] == [False]


def test_a_person_is_named_by_the_role_or_else_by_the_person(look: Any) -> None:
    role = {"url": f"{BASE}practitionerrole-reference", "valueReference": {"reference": "PractitionerRole/dr"}}
    party = [{"reference": "Practitioner/d", "display": "getoond", "extension": [role]}]
    person = {"resourceType": "Practitioner", "id": "d", "name": [{"text": "Hilde Terpstra"}]}
    full = {
        "resourceType": "PractitionerRole",
        "id": "dr",
        "practitioner": {"reference": "Practitioner/d"},
        "specialty": [{"coding": [{"code": "0100"}]}],
    }
    consent = yes_but(consentingParty=party)
    authors = [
        look(oud=told)["treatment:89666000"]["author"]
        for told in ([consent, person, full], [consent, person], [consent])
    ]
    assert authors == ["Hilde Terpstra, huisarts", "Hilde Terpstra", "getoond"]


def test_r4_is_not_taken_for_stu3(pen: Any, look: Any) -> None:
    profile = {"meta": {"profile": ["http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective2"]}}
    words = 'Zij zei: "except", "context" en "consentingParty", zie /stu3/ 11291000146105'
    seen = look(a=[pen.treatment("deny", "2025-01-01", comment=words, **profile)])
    assert seen.source("a")["status"] == "ok"
    assert seen["treatment:89666000"]["comment"] == words
