"""A code with words: our name is shown by the code, and what the words add is kept beside it (spec pzp-fhir 3.8)."""

from __future__ import annotations

from typing import Any

import pytest

DAY = "2026-01-01"
CPR = "treatment:89666000"
OFF = "treatment:400231000146108"
PLACE, WISHES = "obs:395091006", "obs:153851000146100"
ZIB = "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-"


def _worded(pen: Any, code: str, text: str, display: str | None = None) -> dict[str, Any]:
    return {**pen.coded(code, display=display), "text": text}


def test_the_words_of_a_treatment_that_has_a_code_stand_with_its_decision(pen: Any, look: Any) -> None:
    named = {"type": "deny", "code": [_worded(pen, pen.CPR, "Reanimatie buiten de operatiekamer")]}
    item = look(a=[pen.treatment("deny", DAY, provision=named)])[CPR]
    assert (item["display"], item["comment"]) == ("Niet uitvoeren", "Reanimatie buiten de operatiekamer")


def test_each_treatment_keeps_its_own_words_and_the_comment_of_the_record(pen: Any, look: Any) -> None:
    codes = [_worded(pen, pen.CPR, "Buiten de operatiekamer"), pen.coded(pen.IC)]
    comment = [{"url": pen.COMMENT, "valueString": "Besproken"}]
    seen = look(a=[pen.treatment("deny", DAY, provision={"type": "deny", "code": codes}, extension=comment)])
    assert seen[CPR]["comment"] == "Besproken; Buiten de operatiekamer"
    assert seen[f"treatment:{pen.IC}"]["comment"] == "Besproken"


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ("reanimatie", None),
        ("Reanimatie (cardiopulmonale  resuscitatie)", None),
        ("Cardiopulmonary resuscitation", "Cardiopulmonary resuscitation (procedure)"),
        ("  ", None),
    ],
)
def test_words_that_only_repeat_the_name_are_not_said_twice(pen: Any, look: Any, text: str, display: str) -> None:
    named = {"type": "deny", "code": [_worded(pen, pen.CPR, text, display)]}
    assert look(a=[pen.treatment("deny", DAY, provision=named)])[CPR]["comment"] is None


@pytest.mark.parametrize(
    ("text", "comment"),
    [
        ("Uitzetten van cardioverter-defibrillator in laatste levensfase (SNOMED CT - 400231000146108)", None),
        ("400231000146108", None),
        ("Uitzetten ICD in laatste levensfase", None),
        ("Uitzetten van cardioverter-defibrillator, pas na overleg", "="),
        ("NIET uitzetten van cardioverter-defibrillator", "="),
    ],
)
def test_more_than_the_name_of_switching_off_an_icd_is_kept(
    pen: Any, look: Any, text: str, comment: str | None
) -> None:
    named = {"type": "permit", "code": [{"coding": [{"system": pen.NULL, "code": "OTH"}], "text": text}]}
    item = look(a=[pen.treatment("permit", DAY, provision=named)])[OFF]
    assert item["comment"] == (text if comment else None)


def test_in_stu3_the_words_of_a_treatment_are_kept_as_well(pen: Any, look: Any) -> None:
    consent = {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "category": [pen.coded("11291000146105")],
        "patient": {"reference": "Patient/p"},
        "dateTime": DAY,
        "extension": [{"url": ZIB + "Treatment", "valueCodeableConcept": _worded(pen, pen.CPR, "Bij verslikking")}],
        "modifierExtension": [{"url": ZIB + "TreatmentPermitted", "valueCodeableConcept": pen.coded("NEE")}],
    }
    item = look(a=[consent])[CPR]
    assert (item["display"], item["comment"]) == ("Niet uitvoeren", "Bij verslikking")


def test_the_words_of_a_place_stand_beside_its_name_and_its_note(pen: Any, look: Any) -> None:
    place = _worded(pen, "264362003", "Thuis, zolang haar zus er is")
    item = look(a=[pen.observation("395091006", place, DAY, note=[{"text": "Liefst beneden"}])])[PLACE]
    assert (item["display"], item["comment"]) == ("Thuis", "Liefst beneden; Thuis, zolang haar zus er is")


def test_the_words_of_a_goal_stand_beside_its_name(pen: Any, look: Any) -> None:
    goal = pen.goal("385987000", DAY, description=_worded(pen, "385987000", "Curatief, geen chemotherapie"))
    item = look(a=[goal])["goal:medical-policy"]
    assert (item["display"], item["comment"]) == ("Curatief / actief ziektebeleid", "Curatief, geen chemotherapie")


@pytest.mark.parametrize(("code", "key"), [("395091006", PLACE), ("153851000146100", WISHES)])
def test_unknown_in_code_keeps_what_it_says_in_words(pen: Any, look: Any, code: str, key: str) -> None:
    unknown = {"coding": [{"system": pen.NULL, "code": "UNK"}], "text": "Twijfelt nog over het hospice"}
    item = look(a=[pen.observation(code, unknown, DAY)])[key]
    assert (item["value"]["kind"], item["comment"]) == ("no-information", "Twijfelt nog over het hospice")


def test_the_words_of_why_there_is_no_answer_are_kept(pen: Any, look: Any) -> None:
    reason = {"coding": [{"code": "asked-unknown"}], "text": "Zij wilde er niet over praten"}
    item = look(a=[pen.observation("395091006", None, DAY, dataAbsentReason=reason)])[PLACE]
    assert (item["display"], item["comment"]) == ("Gevraagd, onbekend", "Zij wilde er niet over praten")


def test_the_words_of_the_kind_of_icd_are_kept(pen: Any, look: Any) -> None:
    device = {"resourceType": "Device", "id": "d", "type": _worded(pen, "72506001", "ICD, schokfunctie staat uit")}
    use = {
        "resourceType": "DeviceUseStatement",
        "id": "u",
        "status": "active",
        "subject": {"reference": "Patient/p"},
        "device": {"reference": "Device/d"},
        "recordedOn": DAY,
    }
    item = look(a=[use, device])["icd:present"]
    assert item["comment"] == "implanteerbare cardioverter-defibrillator; ICD, schokfunctie staat uit"


def test_another_relation_is_shown_in_its_words(pen: Any, look: Any) -> None:
    neighbour = pen.person("Jo Smit", "24")
    neighbour["relationship"].append({"coding": [{"system": pen.KIN, "code": "OTH"}], "text": "Buurvrouw"})
    [person] = look(a=[neighbour])["representative"]["value"]["persons"]
    assert person["relation"] == "Anders: Buurvrouw"
