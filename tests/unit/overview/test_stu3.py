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


def _decision(code: str, **more: Any) -> dict[str, Any]:
    coding = {"code": code, **more}
    return _yes_but(modifierExtension=[{"url": PERMITTED, "valueCodeableConcept": {"coding": [coding]}}])


VALUES: dict[str, dict[str, Any]] = {
    "JA": {"kind": "permit", "code": "permit", "display": "Wel uitvoeren"},
    "JA_MAAR": {"kind": "conditional", "code": "conditional", "display": "Anders (niet ingevuld wat)"},
    "NEE": {"kind": "deny", "code": "deny", "display": "Niet uitvoeren"},
    "UNK": {"kind": "no-information", "code": "UNK", "display": "Nog onbekend"},
    "NASK": {"kind": "no-information", "code": "NASK", "display": "Niet besproken"},
    "ASKU": {"kind": "undecided", "code": "ASKU", "display": "Nee, nog geen besluit genomen"},
    "TOCH": {"kind": "text", "code": "TOCH", "display": '"Toch wel" (TOCH)'},
}


@pytest.mark.parametrize("code", VALUES)
def test_a_decision_is_worded_as_in_r4(look: Any, code: str) -> None:
    item = look(oud=[_decision(code, display="Toch wel")])["treatment:89666000"]
    assert item["value"] == VALUES[code]
    assert (item["specification"], item["label"]) == (None, "Reanimatie (cardiopulmonale resuscitatie)")


@pytest.mark.parametrize(("other", "state"), [("Toch wel", "current"), ("toch  WEL", "current"), ("Niet", "conflict")])
def test_decisions_that_are_not_known_are_compared_by_their_words(look: Any, other: str, state: str) -> None:
    seen = look(a=[_decision("TOCH", display="Toch wel")], b=[_decision("TOCH", display=other)])
    assert seen["treatment:89666000"]["state"] == state


def test_two_conditions_that_nobody_wrote_down_agree_and_one_that_was_written_does_not(look: Any) -> None:
    bare, told = _yes_but(), _restricted("JA_MAAR")
    assert look(a=[bare], b=[bare])["treatment:89666000"]["state"] == "current"
    assert look(a=[bare], b=[told])["treatment:89666000"]["state"] == "conflict"


def _restricted(code: str | None, *texts: str) -> dict[str, Any]:
    url = f"{BASE}zib-TreatmentDirective-Restrictions"
    excepted = [
        {"type": "deny", "extension": [{"url": url, "valueString": one}]} for one in texts or (" Alleen kort ",)
    ]
    said = [{"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": code}]}}] if code else []
    return _yes_but(modifierExtension=said, **{"except": excepted})


def test_every_restriction_is_shown(look: Any) -> None:
    item = look(oud=[_restricted("JA_MAAR", "Kort", "", "Thuis")])["treatment:89666000"]
    assert item["specification"] == "Kort; Thuis"


def test_a_restriction_without_a_decision_is_shown_and_is_no_decision(look: Any) -> None:
    item = look(oud=[_restricted(None)])["treatment:89666000"]
    assert (item["display"], item["specification"]) == ("Geen besluit vastgelegd", "Alleen kort")


RESTRICTED: dict[str, tuple[str, str, list[str]]] = {
    "JA": ("conditional", "Anders, namelijk: Alleen kort", ["TYPE_AND_SPECIFICATION"]),
    "JA_MAAR": ("conditional", "Anders, namelijk: Alleen kort", []),
    "NEE": ("deny", "Niet uitvoeren", []),
    "UNK": ("no-information", "Nog onbekend", []),
    "ASKU": ("undecided", "Nee, nog geen besluit genomen", []),
}


@pytest.mark.parametrize("code", RESTRICTED)
def test_a_restriction_is_always_shown_and_weakens_no_denial(look: Any, code: str) -> None:
    seen = look(oud=[_restricted(code)])
    item = seen["treatment:89666000"]
    kind, display, codes = RESTRICTED[code]
    assert item["value"]["code"] == VALUES[code]["code"] if code != "JA" else "conditional"
    assert (item["value"]["kind"], item["display"], item["specification"]) == (kind, display, "Alleen kort")
    assert seen.codes("treatment:89666000") == codes


def test_an_uninterpretable_ja_with_a_restriction_asks_for_one_attention(look: Any) -> None:
    odd = _restricted("JA") | {"implicitRules": "https://oud.example/rules"}
    assert look(oud=[odd]).codes("treatment:89666000") == ["UNKNOWN_MODIFIER"]


def test_a_decision_given_twice_alike_is_a_decision(look: Any) -> None:
    said = {"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": "NEE"}, {"code": "NEE"}, {"display": "x"}]}}
    assert look(oud=[_yes_but(modifierExtension=[said, said])])["treatment:89666000"]["display"] == "Niet uitvoeren"


def test_a_treatment_that_is_not_named_is_an_item_of_its_record(look: Any) -> None:
    bare = [_yes_but(extension=[], id="x"), _yes_but(extension=[{"url": OLD}], id="y")]
    keys = [key for key in look(oud=bare).items if key.startswith("treatment:other")]
    assert keys == ["treatment:other:#oud/x", "treatment:other:#oud/y"]


def _verification(**more: Any) -> dict[str, Any]:
    parts = [{"url": "VerificationDate", "valueDateTime": "2024-06-01"}]
    parts += [{"url": "VerifiedWith", "valueCodeableConcept": one} for one in more.pop("people", [])]
    nested = {"url": f"{BASE}zib-TreatmentDirective-Verification", "extension": parts}
    treatment = {"url": OLD, "valueCodeableConcept": {"coding": [{"code": "89666000"}]}}
    return _yes_but(extension=[nested, treatment], **more)


def test_the_date_of_verification_counts_only_where_there_is_no_other(look: Any) -> None:
    both = look(oud=[_verification()])["treatment:89666000"]
    alone = look(oud=[_verification(dateTime=None)])["treatment:89666000"]
    assert (both["date"], both["dateFrom"]) == ("2025-01-01", "Consent.dateTime")
    assert (alone["date"], alone["dateFrom"]) == ("2024-06-01", "Consent.extension.VerificationDate")


def test_with_whom_it_was_verified_stands_among_who_agreed(pen: Any, look: Any) -> None:
    people = [pen.coded("116154003"), {"text": "zus Griet"}, {"coding": [{"code": "OTH", "display": "buurvrouw"}]}, {}]
    party = [{"reference": "RelatedPerson/r", "display": "broer"}]
    told = _verification(people=people, consentingParty=party)
    item = look(oud=[told])["treatment:89666000"]
    assert item["agreedWith"] == ["patiënt", "zus Griet", "buurvrouw", "broer"]
    assert item["author"] == "onbekend", "a relative is not who wrote it down"
    unnamed = look(oud=[{**told, "patient": None}])["treatment:89666000"]
    assert unnamed["agreedWith"][0] == "patiënt"


@pytest.mark.parametrize("identifier", [{"system": "urn:x", "value": "1"}, [{"system": "urn:x", "value": "1"}]])
def test_one_identifier_or_a_list_of_them_names_the_statement(look: Any, identifier: Any) -> None:
    seen = look(a=[_yes_but(identifier=identifier)], b=[_yes_but(identifier=identifier)])
    assert [one["source"]["id"] for one in seen["treatment:89666000"]["corroboratedBy"]] == ["b"]
    other = look(a=[_yes_but(identifier=identifier)], b=[_yes_but(identifier=identifier, dateTime="2024-01-01")])
    assert "DUPLICATE_ID_DIFFERS" in other.codes("treatment:89666000")


def _document(**more: Any) -> dict[str, Any]:
    codes = [{"coding": [{"code": code}]} for code in ("11341000146107", "EU")]
    plain = {"category": codes, "extension": [], "modifierExtension": None, "except": None}
    return _yes_but(id="d", **{**plain, **more})


DOCUMENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({}, {"title": "", "contentType": "", "reference": ""}),
    "attached": (
        {"sourceAttachment": {"title": "Verzoek", "contentType": "application/pdf", "url": "https://oud.example/b"}},
        {"title": "Verzoek", "contentType": "application/pdf", "reference": "https://oud.example/b"},
    ),
    "pointed at": (
        {"sourceReference": {"reference": "DocumentReference/7", "display": "Brief"}},
        {"title": "Brief", "contentType": "", "reference": "DocumentReference/7"},
    ),
    "both": (
        {
            "sourceAttachment": {"title": "Verzoek", "url": "https://oud.example/b"},
            "sourceReference": {"reference": "DocumentReference/7", "display": "Brief"},
        },
        {"title": "Verzoek", "contentType": "", "reference": "https://oud.example/b"},
    ),
}


@pytest.mark.parametrize("where", DOCUMENTS)
def test_a_wilsverklaring_says_where_its_document_is(look: Any, where: str) -> None:
    given, expected = DOCUMENTS[where]
    item = look(oud=[_document(**given)])["directive:EU"]
    assert item["value"]["document"] == expected
    assert (item["label"], item["display"]) == ("Euthanasieverzoek", "Euthanasieverzoek")


def test_the_kind_of_a_wilsverklaring_is_its_extension_and_else_its_category(look: Any) -> None:
    said = [{"url": OLD, "valueCodeableConcept": {"coding": [{"code": "LW"}]}}]
    plain = [{"coding": [{"code": "11341000146107"}]}, {"text": "soort"}]
    seen = look(oud=[_document(extension=said)], niets=[_document(category=plain)])
    assert [key for key in seen.items if key.startswith("directive")] == ["directive:#niets/d", "directive:LW"]


def test_a_wilsverklaring_with_any_modifier_is_not_interpreted(look: Any) -> None:
    odd = _document(modifierExtension=[{"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": "NEE"}]}}])
    assert look(oud=[odd])["directive:EU"]["display"] == "Niet te interpreteren"


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


def test_only_decisions_and_roles_of_the_form_are_put_in_other_codes(pen: Any, look: Any) -> None:
    named = {"reference": "https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017|1.0.0"}
    form = {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed", "questionnaire": named}
    form["item"] = [
        {"linkId": "385", "answer": [{"valueDateTime": "2026-01-01"}]},
        pen.choice("787", "1"),
        pen.words("394", "Smit"),
        pen.choice("410", "1"),
        pen.choice("415", "9", display="Anders"),
        pen.choice("604", "JA", display="Ja"),
        {"answer": [{"valueString": "zonder nummer"}]},
    ]
    seen = look(oud=[form])
    assert seen["capacity"]["display"] == "Ja"
    assert seen["representative"]["display"] == seen["first-contact"]["display"] == "Smit"
    assert seen.json["conversations"][0]["present"] == ["Anders"]
    assert seen["obs:395091006"]["display"] == '"Ja" (JA)'


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({"questionnaire": {"reference": "https://x.example/Questionnaire/ACP-zib2017"}}, True),
        ({"questionnaire": {"reference": "https://x.example/Questionnaire/Ander"}}, False),
        ({"questionnaire": {"display": "ACP-zib2017"}}, True),
        ({}, True),
    ],
)
def test_which_form_it_is_says_its_canonical_and_else_its_questions(
    pen: Any, look: Any, change: dict[str, Any], known: bool
) -> None:
    dated = {"linkId": "385", "answer": [{"valueDateTime": "2026-01-01"}]}
    form = {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed", **change}
    form["item"] = [dated, pen.choice("587", "NEE"), pen.choice("604", "264362003")]
    seen = look(oud=[form, _goal()])
    assert seen["obs:395091006"]["state"] == ("current" if known else "not-recorded")
    assert [one["reason"] for one in seen.json["unmapped"]] == ["not-recognized"] * (1 if known else 2)


@pytest.mark.parametrize("missing", ["385", "587"])
def test_a_nameless_form_without_its_date_or_a_decision_is_another_form(pen: Any, look: Any, missing: str) -> None:
    asked = [{"linkId": "385", "answer": [{"valueDateTime": "2026-01-01"}]}, pen.choice("587", "NEE")]
    form = {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed"}
    form["item"] = [*(one for one in asked if one["linkId"] != missing), pen.choice("604", "264362003")]
    seen = look(oud=[form, _yes_but()])
    assert [one["ref"].rpartition("/")[2] for one in seen.json["unmapped"]] == ["f"]


def test_no_question_of_zib2017_is_mistaken_for_one_of_zib2020() -> None:
    assert len(set(LINKS.values())) == len(LINKS)
    assert not LINKS.keys() & set(LINKS.values()) - {"819"}


def test_r4_is_not_taken_for_stu3(pen: Any, look: Any) -> None:
    profile = {"meta": {"profile": ["http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective2"]}}
    words = 'Zij zei: "except", "context" en "consentingParty", zie /stu3/ 11291000146105'
    seen = look(a=[pen.treatment("deny", "2025-01-01", comment=words, **profile)])
    assert seen.source("a")["status"] == "ok"
    assert seen["treatment:89666000"]["comment"] == words
