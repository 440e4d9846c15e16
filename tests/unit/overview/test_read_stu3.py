"""Consent in STU3: a denial there may be "ja, maar" (spec pzp-fhir 5)."""

from __future__ import annotations

from typing import Any

import pytest
from stu3_pen import BASE, PERMITTED, TREATMENT, yes_but


@pytest.mark.parametrize("kind", ["deny", "permit", None])
@pytest.mark.parametrize("code", ["JA", "JA_MAAR", "NEE", "UNK", "ASKU", "NASK", "TOCH"])
def test_the_type_of_an_exception_never_counts(look: Any, code: str, kind: str | None) -> None:
    modifier = [{"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": code}]}}]
    plain = look(oud=[yes_but(modifierExtension=modifier, **{"except": []})])
    typed = look(oud=[yes_but(modifierExtension=modifier, **{"except": [{"type": kind} if kind else {}]})])
    assert typed.items == plain.items
    kinds = {"JA": "permit", "JA_MAAR": "conditional", "NEE": "deny", "ASKU": "undecided", "TOCH": "text"}
    assert typed["treatment:89666000"]["value"]["kind"] == kinds.get(code, "no-information")


def _decision(code: str, **more: Any) -> dict[str, Any]:
    coding = {"code": code, **more}
    return yes_but(modifierExtension=[{"url": PERMITTED, "valueCodeableConcept": {"coding": [coding]}}])


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
    bare, told = yes_but(), _restricted("JA_MAAR")
    assert look(a=[bare], b=[bare])["treatment:89666000"]["state"] == "current"
    assert look(a=[bare], b=[told])["treatment:89666000"]["state"] == "conflict"


def _restricted(code: str | None, *texts: str) -> dict[str, Any]:
    url = f"{BASE}zib-TreatmentDirective-Restrictions"
    excepted = [
        {"type": "deny", "extension": [{"url": url, "valueString": one}]} for one in texts or (" Alleen kort ",)
    ]
    said = [{"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": code}]}}] if code else []
    return yes_but(modifierExtension=said, **{"except": excepted})


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
    assert look(oud=[yes_but(modifierExtension=[said, said])])["treatment:89666000"]["display"] == "Niet uitvoeren"


def test_a_treatment_that_is_not_named_is_an_item_of_its_record(look: Any) -> None:
    bare = [yes_but(extension=[], id="x"), yes_but(extension=[{"url": TREATMENT}], id="y")]
    keys = [key for key in look(oud=bare).items if key.startswith("treatment:other")]
    assert keys == ["treatment:other:#oud/x", "treatment:other:#oud/y"]


def _verification(**more: Any) -> dict[str, Any]:
    parts = [{"url": "VerificationDate", "valueDateTime": "2024-06-01"}]
    parts += [{"url": "VerifiedWith", "valueCodeableConcept": one} for one in more.pop("people", [])]
    nested = {"url": f"{BASE}zib-TreatmentDirective-Verification", "extension": parts}
    treatment = {"url": TREATMENT, "valueCodeableConcept": {"coding": [{"code": "89666000"}]}}
    return yes_but(extension=[nested, treatment], **more)


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
    seen = look(a=[yes_but(identifier=identifier)], b=[yes_but(identifier=identifier)])
    assert [one["source"]["id"] for one in seen["treatment:89666000"]["corroboratedBy"]] == ["b"]
    other = look(a=[yes_but(identifier=identifier)], b=[yes_but(identifier=identifier, dateTime="2024-01-01")])
    assert "DUPLICATE_ID_DIFFERS" in other.codes("treatment:89666000")


def _document(**more: Any) -> dict[str, Any]:
    codes = [{"coding": [{"code": code}]} for code in ("11341000146107", "EU")]
    plain = {"category": codes, "extension": [], "modifierExtension": None, "except": None}
    return yes_but(id="d", **{**plain, **more})


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
    said = [{"url": TREATMENT, "valueCodeableConcept": {"coding": [{"code": "LW"}]}}]
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
    seen = look(oud=[yes_but(**UNCLEAR[change])])
    assert seen["treatment:89666000"]["display"] == "Niet te interpreteren"
    assert seen.codes("treatment:89666000") == ["UNKNOWN_MODIFIER"]


def test_a_shape_that_is_neither_version_is_listed_and_not_half_read(look: Any) -> None:
    seen = look(oud=[yes_but(), yes_but(id="odd", modifierExtension={"url": PERMITTED})])
    assert [(one["ref"], one["reason"]) for one in seen.json["unmapped"]] == [
        ("https://oud.example/fhir/Consent/odd", "malformed")
    ]


def test_another_consent_is_listed(look: Any) -> None:
    seen = look(oud=[yes_but(category=[{"coding": [{"code": "59284-0"}]}])])
    assert [(one["ref"], one["reason"]) for one in seen.json["unmapped"]] == [
        ("https://oud.example/fhir/Consent/c", "not-recognized")
    ]


def test_a_decision_that_is_not_known_and_has_no_words_is_shown_by_its_code(look: Any) -> None:
    assert look(oud=[_decision("TOCH")])["treatment:89666000"]["display"] == "onbekende code (TOCH)"


def test_a_condition_that_nobody_wrote_down_is_the_same_on_the_form(pen: Any, look: Any) -> None:
    form = pen.form("2025-01-01", pen.choice("1386", "1"))
    item = look(oud=[yes_but()], nieuw=[form])["treatment:89666000"]
    assert (item["state"], item["display"]) == ("current", "Anders (niet ingevuld wat)")


@pytest.mark.parametrize(
    "patient", [{"identifier": {"value": "900010009"}}, {"reference": "Patient/p"}, {"reference": "#p"}, None]
)
def test_verified_with_the_patient_however_the_record_points_at_the_patient(pen: Any, look: Any, patient: Any) -> None:
    told = _verification(people=[pen.coded("116154003")], patient=patient)
    assert look(oud=[told])["treatment:89666000"]["agreedWith"] == ["patiënt"]


def test_a_record_of_another_patient_says_so(pen: Any, look: Any) -> None:
    seen = look(oud=[pen.patient(), yes_but(patient={"reference": "Patient/q"})])
    assert seen.codes("treatment:89666000") == ["SUBJECT_DIFFERS"]


def test_a_decision_counts_wherever_the_source_put_it(look: Any) -> None:
    told = _decision("NEE")
    told["extension"] = [*told["extension"], *told.pop("modifierExtension")]
    assert look(a=[told])["treatment:89666000"]["value"]["kind"] == "deny"
    told["modifierExtension"] = [{"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": "JA"}]}}]
    assert look(a=[told])["treatment:89666000"]["display"] == "Niet te interpreteren"


def test_the_words_of_a_decision_without_a_code_and_its_restriction_are_not_hidden(look: Any) -> None:
    said = [{"url": PERMITTED, "valueCodeableConcept": {"text": "Ja, maar met beperkingen"}}]
    item = look(oud=[{**_restricted(None), "modifierExtension": said}])["treatment:89666000"]
    assert (item["display"], item["comment"]) == ("Niet te interpreteren", "Ja, maar met beperkingen; Alleen kort")
