"""STU3 is read by its own rules: a denial there may be "ja, maar" (spec pzp-fhir 5)."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.overview.form_zib2017 import LINKS

BASE = "http://nictiz.nl/fhir/StructureDefinition/"
OLD, PERMITTED = f"{BASE}zib-TreatmentDirective-Treatment", f"{BASE}zib-TreatmentDirective-TreatmentPermitted"


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


@pytest.mark.parametrize("kind", ["deny", "permit", None])
@pytest.mark.parametrize("code", ["JA", "JA_MAAR", "NEE", "UNK", "ASKU", "NASK", "TOCH"])
def test_the_type_of_an_exception_never_counts(look: Any, code: str, kind: str | None) -> None:
    modifier = [{"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": code}]}}]
    plain = look(oud=[_yes_but(modifierExtension=modifier, **{"except": []})])
    typed = look(oud=[_yes_but(modifierExtension=modifier, **{"except": [{"type": kind} if kind else {}]})])
    assert typed.items == plain.items
    kinds = {"JA": "permit", "JA_MAAR": "conditional", "NEE": "deny", "ASKU": "undecided", "TOCH": "text"}
    assert typed["treatment:89666000"]["value"]["kind"] == kinds.get(code, "no-information")


RESTRICTED: dict[str, tuple[str, str, list[str]]] = {
    "JA": ("conditional", "Anders, namelijk: Alleen kort", ["TYPE_AND_SPECIFICATION"]),
    "JA_MAAR": ("conditional", "Anders, namelijk: Alleen kort", []),
    "NEE": ("deny", "Niet uitvoeren", []),
    "UNK": ("no-information", "Nog onbekend", []),
    "ASKU": ("undecided", "Nee, nog geen besluit genomen", []),
}


@pytest.mark.parametrize("code", RESTRICTED)
def test_a_restriction_is_always_shown_and_weakens_no_denial(look: Any, code: str) -> None:
    restriction = {"url": f"{BASE}zib-TreatmentDirective-Restrictions", "valueString": " Alleen kort "}
    modifier = [{"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": code}]}}]
    excepted = {"except": [{"type": "deny", "extension": [restriction]}]}
    seen = look(oud=[_yes_but(modifierExtension=modifier, **excepted)])
    item = seen["treatment:89666000"]
    kind, display, codes = RESTRICTED[code]
    assert (item["value"]["kind"], item["display"], item["specification"]) == (kind, display, "Alleen kort")
    assert seen.codes("treatment:89666000") == codes


UNCLEAR: dict[str, dict[str, Any]] = {
    "no coding": {"modifierExtension": [{"url": PERMITTED}]},
    "a text only": {"modifierExtension": [{"url": PERMITTED, "valueCodeableConcept": {"text": "ja"}}]},
    "two codes": {
        "modifierExtension": [
            {"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": "JA"}, {"code": "NEE"}]}},
        ]
    },
    "implicit rules": {"implicitRules": "https://oud.example/rules"},
    "a modifier in the exception": {"except": [{"type": "permit", "modifierExtension": [{"url": "urn:x"}]}]},
}


@pytest.mark.parametrize("change", UNCLEAR)
def test_what_cannot_be_understood_is_not_interpreted(look: Any, change: str) -> None:
    seen = look(oud=[_yes_but(**UNCLEAR[change])])
    assert seen["treatment:89666000"]["display"] == "Niet te interpreteren"
    assert seen.codes("treatment:89666000") == ["UNKNOWN_MODIFIER"]


def test_a_shape_that_is_neither_version_is_listed_and_not_half_read(look: Any) -> None:
    seen = look(oud=[_yes_but(), _yes_but(id="odd", modifierExtension={"url": PERMITTED})])
    assert [(one["ref"], one["reason"]) for one in seen.json["unmapped"]] == [
        ("https://oud.example/fhir/Consent/odd", "malformed")
    ]


def test_another_consent_is_listed(look: Any) -> None:
    seen = look(oud=[_yes_but(category=[{"coding": [{"code": "59284-0"}]}])])
    assert [(one["ref"], one["reason"]) for one in seen.json["unmapped"]] == [
        ("https://oud.example/fhir/Consent/c", "not-recognized")
    ]


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
    consent = _yes_but(consentingParty=party)
    authors = [
        look(oud=told)["treatment:89666000"]["author"]
        for told in ([consent, person, full], [consent, person], [consent])
    ]
    assert authors == ["Hilde Terpstra, huisarts", "Hilde Terpstra", "getoond"]


def test_the_form_on_zib2017_is_known_without_its_canonical(pen: Any, look: Any) -> None:
    dated = {"linkId": "385", "answer": [{"valueDateTime": "2026-01-01"}]}
    form = {
        "resourceType": "QuestionnaireResponse",
        "id": "f",
        "status": "completed",
        "item": [dated, pen.choice("587", "JA_MAAR", pen.words("122", "Kort"))],
    }
    seen = look(oud=[form, _goal()])
    assert seen["treatment:89666000"]["display"] == "Anders, namelijk: Kort"
    assert seen["treatment:89666000"]["dateFrom"] == "QuestionnaireResponse.item[385]"


def test_no_question_of_zib2017_is_mistaken_for_one_of_zib2020() -> None:
    assert len(set(LINKS.values())) == len(LINKS)
    assert not LINKS.keys() & set(LINKS.values()) - {"819"}


def test_r4_is_not_taken_for_stu3(pen: Any, look: Any) -> None:
    profile = {"meta": {"profile": ["http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective2"]}}
    words = 'Zij zei: "except", "context" en "consentingParty", zie /stu3/ 11291000146105'
    seen = look(a=[pen.treatment("deny", "2025-01-01", comment=words, **profile)])
    assert seen.source("a")["status"] == "ok"
    assert seen["treatment:89666000"]["comment"] == words
