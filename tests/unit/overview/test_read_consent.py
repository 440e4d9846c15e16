"""Treatment directives: the kind of a decision, which item, which date (spec pzp-fhir 3.2 to 3.5)."""

from __future__ import annotations

from typing import Any

import pytest

CPR = "treatment:89666000"


@pytest.mark.parametrize(
    ("decision", "kind", "display"),
    [
        ("permit", "permit", "Wel uitvoeren"),
        ("deny", "deny", "Niet uitvoeren"),
        ("Alleen na overleg", "conditional", "Anders, namelijk: Alleen na overleg"),
        ("Niet besproken", "no-information", "Niet besproken"),
        ("  NIET  besproken ", "no-information", "Niet besproken"),
        ("onbekend", "no-information", "Nog onbekend"),
        ("Nog onbekend", "no-information", "Nog onbekend"),
        ("Nee, nog geen besluit genomen", "undecided", "Nee, nog geen besluit genomen"),
        ("nee, nog geen besluit: volgt na bloedonderzoek", "undecided", "Nee, nog geen besluit genomen"),
        ("Onbekend hoe zij dit wil", "conditional", "Anders, namelijk: Onbekend hoe zij dit wil"),
        (None, "no-information", "Geen besluit vastgelegd"),
    ],
)
def test_the_kind_of_a_decision(pen: Any, look: Any, decision: str | None, kind: str, display: str) -> None:
    item = look(huisarts=[pen.patient(), pen.treatment(decision, "2025-03-01")])[CPR]
    code = kind if kind in ("permit", "deny", "conditional") else None
    assert item["value"] == {"kind": kind, "code": code, "display": display}
    specified = decision not in ("permit", "deny", None)
    assert item["specification"] == (str(decision).strip() if specified else None)


@pytest.mark.parametrize("kind", ["permit", "deny"])
def test_specification_overrules_the_type_and_says_so(pen: Any, look: Any, kind: str) -> None:
    seen = look(huisarts=[pen.treatment("Niet langer dan een week", "2025-03-01", provision={"type": kind})])
    assert seen[CPR]["value"]["kind"] == "conditional"
    assert seen[CPR]["specification"] == "Niet langer dan een week"
    assert "TYPE_AND_SPECIFICATION" in seen.codes(CPR)


def test_no_type_and_no_specification_is_never_a_permit(pen: Any, look: Any) -> None:
    item = look(huisarts=[pen.treatment(None, "2025-03-01", comment="Volgt na de uitslag")])[CPR]
    assert item["value"] == {"kind": "no-information", "code": None, "display": "Geen besluit vastgelegd"}
    assert item["comment"] == "Volgt na de uitslag"


@pytest.mark.parametrize(
    "where",
    [
        {"modifierExtension": [{"url": "https://x.example/not-really", "valueBoolean": True}]},
        {"provision": {"modifierExtension": [{"url": "https://x.example/unless"}]}},
        {"provision": {"provision": [{"type": "deny"}]}},
        {"provision": {"actor": [{"modifierExtension": [{"url": "https://x.example/not"}]}]}},
        {"implicitRules": "https://x.example/rules"},
        {
            "modifierExtension": [
                {"url": "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.SpecificationOther"}
            ]
        },
    ],
)
def test_an_unknown_modifier_is_not_interpreted(pen: Any, look: Any, where: dict[str, Any]) -> None:
    seen = look(huisarts=[pen.treatment("permit", "2025-03-01", **where)])
    assert seen[CPR]["value"]["display"] == "Niet te interpreteren"
    assert seen[CPR]["value"]["kind"] not in ("permit", "deny")
    assert "UNKNOWN_MODIFIER" in seen.codes(CPR)


def test_an_uninterpretable_newer_record_does_not_leave_the_old_one_standing(pen: Any, look: Any) -> None:
    odd = {"modifierExtension": [{"url": "https://x.example/not"}]}
    seen = look(
        huisarts=[pen.treatment("permit", "2020-01-01")], zh=[pen.treatment("deny", "2025-01-01", id="x", **odd)]
    )
    assert seen[CPR]["value"]["display"] == "Niet te interpreteren"
    assert [entry["value"]["kind"] for entry in seen[CPR]["history"]] == ["permit"]


@pytest.mark.parametrize(
    ("code", "key", "label"),
    [
        ("89666000", "treatment:89666000", "Reanimatie (cardiopulmonale resuscitatie)"),
        ("40617009", "treatment:40617009", "Kunstmatige (invasieve) beademing"),
        ("305351004", "treatment:305351004", "Opname op intensive care"),
        ("32485007", "treatment:32485007", "Opname in ziekenhuis"),
        ("281789004", "treatment:281789004", "Behandeling met antibiotica"),
        ("116762002", "treatment:116762002", "Toediening van een bloedproduct"),
        ("400231000146108", "treatment:400231000146108", "Uitzetten ICD in laatste levensfase"),
    ],
)
def test_each_coded_treatment_is_its_own_item(pen: Any, look: Any, code: str, key: str, label: str) -> None:
    item = look(huisarts=[pen.treatment("deny", "2025-03-01", code=code)])[key]
    assert (item["label"], item["value"]["kind"]) == (label, "deny")


@pytest.mark.parametrize(
    "text",
    [
        "Uitzetten van Cardioverter-Defibrillator in laatste levensfase",
        "afspraak ICD (SNOMED CT - 400231000146108)",
    ],
)
def test_icd_deactivation_is_recognized_by_its_text(pen: Any, look: Any, text: str) -> None:
    concept = {"coding": [{"system": pen.NULL, "code": "OTH"}], "text": text}
    seen = look(huisarts=[pen.treatment("permit", "2025-03-01", provision={"code": [concept]})])
    assert seen["treatment:400231000146108"]["value"]["display"] == "Wel uitvoeren"


def test_other_treatments_are_keyed_by_folded_text_and_never_by_likeness(pen: Any, look: Any) -> None:
    def other(text: str, id: str) -> dict[str, Any]:
        concept = {"coding": [{"system": pen.NULL, "code": "OTH"}], "text": text}
        return pen.treatment("deny", "2025-03-01", id=id, provision={"code": [concept]})

    seen = look(huisarts=[other(" Sonde  Voeding", "a")], zh=[other("sonde voeding", "b"), other("sondevoeding", "c")])
    assert [key for key in seen.items if key.startswith("treatment:other")] == [
        "treatment:other:sonde voeding",
        "treatment:other:sondevoeding",
    ]
    assert seen["treatment:other:sonde voeding"]["label"].startswith("Overige behandeling: ")


def test_other_treatments_without_text_stay_apart(pen: Any, look: Any) -> None:
    bare = {"coding": [{"system": pen.NULL, "code": "OTH", "display": "Other"}]}
    seen = look(
        huisarts=[pen.treatment("deny", "2025-03-01", id=id, provision={"code": [bare]}) for id in ("a", "b")],
    )
    keys = [key for key in seen.items if key.startswith("treatment:other:")]
    assert keys == ["treatment:other:#huisarts/a", "treatment:other:#huisarts/b"]


def test_an_unknown_treatment_code_shows_the_source_words_with_the_code(pen: Any, look: Any) -> None:
    concept = pen.coded("18949003", display="wondverzorging")
    seen = look(huisarts=[pen.treatment("deny", "2025-03-01", provision={"code": [concept]})])
    item = next(item for key, item in seen.items.items() if key.startswith("treatment:other:"))
    assert item["label"] == 'Overige behandeling: "wondverzorging" (18949003)'


def test_the_date_is_the_discussion_date_else_the_encounter_else_none(pen: Any, look: Any) -> None:
    encounter = pen.encounter("2024-06-01")
    own = look(a=[encounter, pen.treatment("deny", "2024-06-01", encounter="Encounter/e")])[CPR]
    linked = look(a=[encounter, pen.treatment("deny", None, encounter="Encounter/e")])[CPR]
    bare = look(a=[pen.treatment("deny", None, meta={"lastUpdated": "2026-01-01T00:00:00Z"})])[CPR]
    assert (own["date"], own["dateFrom"]) == ("2024-06-01", "Consent.dateTime")
    assert (linked["date"], linked["dateFrom"]) == ("2024-06-01", "encounter")
    assert (bare["date"], bare["dateFrom"]) == (None, None)


def test_an_unreadable_date_makes_the_record_undated_and_says_so(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("deny", "8 november")])
    assert seen[CPR]["date"] is None
    assert "DATE_UNREADABLE" in seen.codes(CPR)


def test_a_future_date_never_leads(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("permit", "2020-01-01"), pen.treatment("deny", "2027-01-01", id="x")])
    assert seen.said(CPR) == ("current", "permit", "a")
    assert "FUTURE_DATE" in seen.codes(CPR)
    assert [entry["date"] for entry in seen[CPR]["history"]] == ["2027-01-01"]


@pytest.mark.parametrize("status", ["draft", "proposed", "rejected", "made-up", None])
def test_a_status_that_may_not_lead_is_shown_and_never_leads(pen: Any, look: Any, status: str | None) -> None:
    seen = look(a=[pen.treatment("deny", "2025-01-01", status=status)])
    assert seen[CPR]["state"] == "not-recorded"
    assert [entry["value"]["kind"] for entry in seen[CPR]["history"]] == ["deny"]
    assert "STATUS_NOT_LEADING" in seen.codes(CPR)


def test_entered_in_error_is_excluded_without_its_value(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("deny", "2025-01-01", status="entered-in-error", comment="Verkeerde patiënt")])
    assert seen[CPR]["state"] == "not-recorded"
    assert seen[CPR]["history"] == []
    assert [(one["ref"], one["reason"]) for one in seen.json["excluded"]] == [
        ("https://a.example/fhir/Consent/c", "entered-in-error")
    ]


def test_entered_in_error_is_excluded_whatever_it_was_about(pen: Any, look: Any) -> None:
    other = {"coding": [{"system": "http://snomed.info/sct", "code": "75367002"}]}
    wrong = {"status": "entered-in-error", "subject": {"reference": "Patient/p"}}
    seen = look(
        a=[
            {"resourceType": "Observation", "id": "o", "code": other, **wrong},
            {"resourceType": "Goal", "id": "g", "description": other, **wrong, "lifecycleStatus": "entered-in-error"},
            pen.treatment("deny", "2025-01-01", status="entered-in-error", category=[other]),
        ]
    )
    assert sorted((one["type"], one["reason"]) for one in seen.json["excluded"]) == [
        ("Consent", "entered-in-error"),
        ("Goal", "entered-in-error"),
        ("Observation", "entered-in-error"),
    ]
    assert seen.json["unmapped"] == []


@pytest.mark.parametrize(
    ("status", "end"), [("inactive", "2025-06-30"), ("active", "2025-06-30"), ("inactive", "2025-06")]
)
def test_an_ended_agreement_reads_as_ended_with_its_reason(pen: Any, look: Any, status: str, end: str) -> None:
    reason = {
        "url": "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.ReasonForEnding",
        "valueString": "Hersteld",
    }
    provision = {"period": {"end": end}, "extension": [reason]}
    item = look(a=[pen.treatment("deny", "2024-01-01", status=status, provision=provision)])[CPR]
    assert item["state"] == "ended"
    assert item["value"]["kind"] == "ended"
    assert item["value"]["display"] in ("Beëindigd op 30-06-2025 (Hersteld)", "Beëindigd op 06-2025 (Hersteld)")
    assert item["value"]["was"]["display"] == "Niet uitvoeren"
    assert item["date"] == end
    assert item["dateFrom"] == "Consent.provision.period.end"


def test_an_agreement_whose_end_is_still_to_come_holds(pen: Any, look: Any) -> None:
    for end in ("2026-11-22", "2026", "2027-01-01", "9999-12-31"):
        seen = look(a=[pen.treatment("deny", "2024-01-01", provision={"period": {"end": end}})])
        assert seen.said(CPR) == ("current", "deny", "a")


def test_inactive_without_end_is_ended_by_its_last_discussion(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("deny", "2024-01-01", status="inactive")])[CPR]
    assert (item["state"], item["date"]) == ("ended", "2024-01-01")
    assert item["value"]["display"].startswith("Beëindigd op 01-01-2024")


def test_who_agreed_is_named_and_never_blank(pen: Any, look: Any) -> None:
    def actor(reference: dict[str, str]) -> dict[str, Any]:
        return {"role": pen.coded("CONSENTER", pen.KIN), "reference": reference}

    role = {
        "resourceType": "PractitionerRole",
        "id": "r",
        "practitioner": {"reference": "Practitioner/a"},
        "specialty": [{"coding": [{"system": "urn:oid:2.16.840.1.113883.2.4.6.7", "code": "0100"}]}],
    }
    doctor = {"resourceType": "Practitioner", "id": "a", "name": [{"given": ["Ilse"], "family": "van Dam"}]}
    actors = [
        actor({"reference": "Patient/p"}),
        actor({"reference": "PractitionerRole/r"}),
        actor({"reference": "PractitionerRole/gone", "display": "Wijkverpleegkundige Bos"}),
        actor({"reference": "RelatedPerson/gone"}),
    ]
    item = look(a=[pen.patient(), role, doctor, pen.treatment("deny", "2025-01-01", provision={"actor": actors})])[CPR]
    assert item["agreedWith"] == ["patiënt", "Ilse van Dam", "Wijkverpleegkundige Bos", "onbekend"]
    assert item["author"] == "Ilse van Dam, huisarts"


def test_an_author_nobody_can_name_is_unknown(pen: Any, look: Any) -> None:
    assert look(a=[pen.treatment("deny", "2025-01-01")])[CPR]["author"] == "onbekend"


def test_a_consent_of_another_kind_is_listed_as_unmapped(pen: Any, look: Any) -> None:
    privacy = pen.treatment(
        "deny",
        "2025-01-01",
        code="1",
        scope=pen.coded("patient-privacy", "http://terminology.hl7.org/CodeSystem/consentscope"),
        category=[pen.coded("IDSCL")],
    )
    seen = look(a=[privacy])
    assert [(one["ref"], one["reason"]) for one in seen.json["unmapped"]] == [
        ("https://a.example/fhir/Consent/c", "not-recognized")
    ]


def test_an_ended_agreement_competes_with_the_later_of_discussion_and_end(pen: Any, look: Any) -> None:
    def ended(date: str, end: str) -> dict[str, Any]:
        return pen.treatment("deny", date, status="inactive", provision={"period": {"end": end}})

    assert look(a=[ended("2025-01-01", "2024-01-01")])[CPR]["date"] == "2025-01-01"
    assert look(a=[ended("2024-01-01", "2025-01-01")])[CPR]["date"] == "2025-01-01"
    still_to_come = look(a=[ended("2024-01-01", "2030-01-01")])[CPR]
    assert (still_to_come["state"], still_to_come["date"]) == ("ended", "2024-01-01")


@pytest.mark.parametrize(
    ("concept", "label"),
    [
        ({"coding": [{"code": "229912004"}]}, "Overige behandeling: toedienen van enterale voeding"),
        ({"coding": [{"code": "229912004", "display": "sonde"}]}, "Overige behandeling: sonde"),
        ({"coding": [{"code": "229912004"}], "text": "Sondevoeding thuis"}, "Overige behandeling: Sondevoeding thuis"),
    ],
)
def test_feeding_by_tube_has_a_name_of_its_own_when_the_source_gives_none(
    pen: Any, look: Any, concept: dict[str, Any], label: str
) -> None:
    seen = look(a=[pen.treatment("deny", "2025-01-01", provision={"code": [concept]})])
    [found] = [item for key, item in seen.items.items() if key.startswith("treatment:other:")]
    assert found["label"] == label
