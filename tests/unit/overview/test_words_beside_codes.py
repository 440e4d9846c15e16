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


def test_the_words_of_the_kind_of_wilsverklaring_are_kept_with_that_kind_alone(pen: Any, look: Any) -> None:
    codes = [_worded(pen, "NR", "Penning, ondertekend in 2019"), pen.coded("VERB")]
    document = pen.directive("NR", DAY)
    seen = look(a=[{**document, "provision": {**document["provision"], "code": codes}}])
    assert (seen["directive:NR"]["display"], seen["directive:NR"]["comment"]) == (
        "Niet-reanimerenverklaring",
        "Penning, ondertekend in 2019",
    )
    assert seen["directive:VERB"]["comment"] is None


OLD_COMMENT = "http://nictiz.nl/fhir/StructureDefinition/Comment"


@pytest.mark.parametrize("url", ["http://nictiz.nl/fhir/StructureDefinition/ext-Comment", OLD_COMMENT])
def test_a_comment_is_read_by_either_name_wherever_it_is_written(pen: Any, look: Any, url: str) -> None:
    written = [{"url": url, "valueString": "Herzien in het najaar"}]
    seen = look(
        a=[
            pen.treatment("deny", DAY, extension=written),
            pen.treatment(
                "deny",
                DAY,
                id="i",
                provision={"type": "deny", "code": [pen.coded(pen.IC)], "extension": written},
            ),
            pen.observation("395091006", pen.coded("264362003"), DAY, extension=written),
            pen.goal("385987000", DAY, extension=written),
        ]
    )
    for key in (CPR, f"treatment:{pen.IC}", PLACE, "goal:medical-policy"):
        assert seen[key]["comment"] == "Herzien in het najaar", key


@pytest.mark.parametrize("kind", ["permit", "deny"])
def test_a_restriction_of_zib2017_within_an_r4_provision_overrules_its_type(pen: Any, look: Any, kind: str) -> None:
    """In zib2017 a "ja, maar" travels with the type deny: a record put into R4 may have kept both."""
    limits = [{"url": ZIB + "Restrictions", "valueString": "Hooguit een schok"}]
    provision = {"type": kind, "code": [pen.coded(pen.CPR)], "extension": limits}
    item = look(a=[pen.treatment(kind, DAY, provision=provision)])[CPR]
    assert (item["value"]["kind"], item["display"]) == ("conditional", "Anders, namelijk: Hooguit een schok")
    assert [one["code"] for one in item["attention"]] == ["TYPE_AND_SPECIFICATION"]


def test_the_note_of_the_device_stands_with_the_icd(pen: Any, look: Any) -> None:
    device = {"resourceType": "Device", "id": "d", "type": pen.coded("72506001"), "note": [{"text": "Staat uit"}]}
    use = {"resourceType": "DeviceUseStatement", "id": "u", "status": "active", "recordedOn": DAY}
    item = look(a=[{**use, "device": {"reference": "Device/d"}}, device])["icd:present"]
    assert item["comment"] == "implanteerbare cardioverter-defibrillator; Staat uit"


def test_a_text_beside_a_coded_value_is_kept(pen: Any, look: Any) -> None:
    place = pen.observation("395091006", pen.coded("264362003"), DAY, valueString="Zolang het kan")
    item = look(a=[place])[PLACE]
    assert (item["display"], item["comment"]) == ("Thuis", "Zolang het kan")
