"""Capacity, representative and first contact, word for word: written twice, ended, or odd (spec pzp-fhir 1.1, 3.3)."""

from __future__ import annotations

from typing import Any

LEGAL = "Wettelijke vertegenwoordiger (ook: wordt dit bij wilsonbekwaamheid)"
ODD = [{"url": "https://x.example/not"}]
ASIDE = {"url": "https://x.example/other", "valueString": "x"}


def _reach(*values: str) -> dict[str, Any]:
    return {"telecom": [{"value": value} for value in values]}


def test_capacity_is_a_yes_or_no_with_its_comment(pen: Any, look: Any) -> None:
    yes = look(a=[pen.patient(capable=True)])["capacity"]
    no = look(a=[pen.patient(capable=False, comment=" Wisselend ")])["capacity"]
    assert (yes["value"], yes["comment"]) == ({"kind": "decision", "code": "1", "display": "Ja"}, None)
    assert (no["value"], no["comment"]) == ({"kind": "decision", "code": "0", "display": "Nee"}, "Wisselend")
    assert (yes["recordStatus"], yes["date"]) == (None, None)


def test_capacity_is_found_behind_other_extensions(pen: Any, look: Any) -> None:
    patient = pen.patient(capable=True)
    patient["extension"].insert(0, ASIDE)
    assert look(a=[patient])["capacity"]["value"]["code"] == "1"


def test_a_comment_on_capacity_without_an_answer_is_shown(pen: Any, look: Any) -> None:
    patient = pen.patient(capable=True, comment="Nog te bepalen")
    patient["extension"][0]["extension"].pop(0)
    item = look(a=[patient])["capacity"]
    assert (item["value"]["kind"], item["comment"]) == ("no-information", "Nog te bepalen")
    patient["extension"][0]["extension"] = [{"url": "legallyCapableComment"}]
    assert look(a=[patient])["capacity"]["state"] == "not-recorded"


def test_a_person_who_was_written_down_twice_is_one_with_all_that_is_known(pen: Any, look: Any) -> None:
    seen = look(
        a=[
            pen.person("Jo Smit", "24", id="1", birthDate="1950-01-01", **_reach("06-1")),
            pen.person("jo smit", "01", "24", "BRO", id="2", birthDate="1950-01-01", **_reach("06-2")),
        ]
    )
    item = seen["representative"]
    assert item["value"] == {
        "kind": "decision",
        "code": None,
        "display": "Jo Smit (broer), 06-1, 06-2",
        "persons": [
            {
                "name": "Jo Smit",
                "relation": "Broer",
                "roles": ["Eerste contactpersoon", LEGAL],
                "telecom": ["06-1", "06-2"],
                "birthDate": "1950-01-01",
                "refs": ["https://a.example/fhir/RelatedPerson/1", "https://a.example/fhir/RelatedPerson/2"],
            }
        ],
    }
    assert (item["recordStatus"], item["attention"]) == (None, [])


def test_two_persons_stand_in_one_line(pen: Any, look: Any) -> None:
    item = look(a=[pen.person("Wim Bos", "24"), pen.person("Jo Smit", "24", "BRO")])["representative"]
    assert item["display"] == "Jo Smit (broer); Wim Bos"


def test_a_representation_that_is_over_is_history_and_says_why(pen: Any, look: Any) -> None:
    seen = look(
        a=[pen.person("Jo Smit", "24", id="old", period={"end": "2020-01-01"}), pen.person("Wim Bos", "24", id="new")]
    )
    item = seen["representative"]
    assert (item["state"], item["display"]) == ("current", "Wim Bos")
    [former] = item["history"]
    assert (former["value"]["display"], former["recordStatus"]) == ("Jo Smit", "inactive")
    [mark] = former["attention"]
    assert (mark["code"], mark["refs"]) == ("STATUS_NOT_LEADING", ["https://a.example/fhir/RelatedPerson/old"])


def test_a_person_that_is_no_contact_has_no_part_in_it(pen: Any, look: Any) -> None:
    seen = look(a=[pen.person("Jo Smit", "23", active=False), pen.person("Wim Bos", "24")])
    assert seen["representative"]["history"] == []
    assert seen["first-contact"]["history"] == []


def test_a_person_with_an_unknown_modifier_asks_for_attention(pen: Any, look: Any) -> None:
    item = look(a=[pen.person("Jo Smit", "24", id="odd", modifierExtension=ODD)])["representative"]
    [mark] = item["attention"]
    assert (mark["code"], mark["refs"]) == ("UNKNOWN_MODIFIER", ["https://a.example/fhir/RelatedPerson/odd"])


def test_a_related_person_comes_before_a_contact_of_the_patient(pen: Any, look: Any) -> None:
    contact = {"name": {"text": "Adam Bos"}, "relationship": [pen.coded("24", pen.ROLE)]}
    seen = look(a=[pen.patient(contact=[contact]), pen.person("Wim Bos", "24")])
    item = seen["representative"]
    assert (item["display"], item["ref"]) == ("Adam Bos; Wim Bos", "https://a.example/fhir/RelatedPerson/wim-bos")


def test_a_contact_of_the_patient_that_is_a_related_person_counts_once_and_the_next_counts_too(
    pen: Any, look: Any
) -> None:
    linked = {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-relatedPerson",
                "valueReference": {"reference": "RelatedPerson/wim-bos"},
            }
        ],
        "name": {"text": "W. Bos"},
        "relationship": [pen.coded("24", pen.ROLE)],
    }
    other = {"name": {"text": "Jo Smit"}, "relationship": [pen.coded("24", pen.ROLE)], "period": {"end": "2030"}}
    over = {"name": {"text": "An Smit"}, "relationship": [pen.coded("24", pen.ROLE)], "period": {"end": "2020"}}
    seen = look(a=[pen.patient(contact=[linked, other, over]), pen.person("Wim Bos", "24")])
    persons = seen["representative"]["value"]["persons"]
    assert [one["name"] for one in persons] == ["Jo Smit", "Wim Bos"]
    assert (persons[0]["birthDate"], persons[0]["refs"]) == ("", ["https://a.example/fhir/Patient/p"])
    assert [one["value"]["display"] for one in seen["representative"]["history"]] == ["An Smit"]


def test_the_roles_of_a_person_are_joined_whatever_the_question(pen: Any, look: Any) -> None:
    seen = look(
        a=[
            pen.person("Jo Smit", "24", id="1"),
            pen.person("jo smit", "01", "BRO", id="2", **_reach("06-2")),
            pen.person("Jo Smit", "15", id="3", active=False),
        ]
    )
    for key in ("representative", "first-contact"):
        [person] = seen[key]["value"]["persons"]
        assert (person["roles"], person["telecom"]) == (["Eerste contactpersoon", LEGAL], ["06-2"])


def test_persons_without_a_name_are_not_taken_for_one_another(pen: Any, look: Any) -> None:
    seen = look(a=[pen.person("", "24", id="1"), pen.person("", "01", id="2", **_reach("06-2"))])
    assert seen["representative"]["display"] == "onbekend"
    assert seen["first-contact"]["display"] == "onbekend, 06-2"


def test_what_only_the_contact_of_the_patient_knows_is_added_to_the_related_person(pen: Any, look: Any) -> None:
    link = "http://hl7.org/fhir/StructureDefinition/patient-relatedPerson"
    contact = {
        "extension": [{"url": link, "valueReference": {"reference": "RelatedPerson/1"}}],
        "name": {"text": "J. Smit"},
        "relationship": [pen.coded("24", pen.ROLE), pen.coded("BRO", pen.KIN)],
        **_reach("06-9"),
    }
    item = look(a=[pen.patient(contact=[contact]), pen.person("Jo Smit", "23", id="1")])["representative"]
    [person] = item["value"]["persons"]
    assert (item["display"], person["roles"]) == ("Jo Smit (broer), 06-9", ["Contactpersoon", LEGAL])
    known = pen.person("Jo Smit", "24", "FTH", id="1", **_reach("06-1"))
    assert look(a=[pen.patient(contact=[contact]), known])["representative"]["display"] == "Jo Smit (vader), 06-1"
    over = {**contact, "period": {"end": "2020-01-01"}}
    past = look(a=[pen.patient(contact=[over]), pen.person("Jo Smit", "23", id="1")])["representative"]
    assert past["state"] == "not-recorded"


def test_a_representation_that_is_still_to_come_does_not_lead(pen: Any, look: Any) -> None:
    later = {"period": {"start": "2027-01-01"}}
    seen = look(a=[pen.person("Jo Smit", "24", id="later", **later), pen.person("Wim Bos", "24", id="now")])
    item = seen["representative"]
    assert (item["display"], [one["value"]["display"] for one in item["history"]]) == ("Wim Bos", ["Jo Smit"])
    assert [(mark["code"], mark["refs"]) for mark in item["attention"]] == [
        ("FUTURE_DATE", ["https://a.example/fhir/RelatedPerson/later"])
    ]
    contact = {"name": {"text": "Jo Smit"}, "relationship": [pen.coded("24", pen.ROLE)], **later}
    assert look(a=[pen.patient(contact=[contact])])["representative"]["state"] == "not-recorded"
    began = pen.person("Jo Smit", "24", period={"start": "2026-11-22"})
    assert look(a=[began])["representative"]["state"] == "current"


def _capable(pen: Any, *said: dict[str, Any]) -> dict[str, Any]:
    patient: dict[str, Any] = pen.patient(capable=True)
    patient["extension"][0]["extension"] = [{"url": "legallyCapable", **one} for one in said]
    return patient


def test_capacity_that_was_said_twice_is_a_contradiction_in_either_order(pen: Any, look: Any) -> None:
    yes, no = {"valueBoolean": True}, {"valueBoolean": False}
    for order in ((yes, no), (no, yes)):
        assert look(a=[_capable(pen, *order)])["capacity"]["state"] == "conflict"
    assert look(a=[_capable(pen, no, no)])["capacity"]["display"] == "Nee"


def test_capacity_of_another_kind_than_a_boolean_is_shown(pen: Any, look: Any) -> None:
    for said, display in (
        ({"valueCodeableConcept": pen.coded("373067005")}, "Nee"),
        ({"valueCodeableConcept": {"text": "wisselend"}}, '"wisselend"'),
        ({"valueCodeableConcept": pen.coded("UNK", pen.NULL)}, "Nog onbekend"),
        ({"valueString": " nee "}, '"nee"'),
    ):
        item = look(a=[_capable(pen, said)])["capacity"]
        assert (item["state"], item["display"]) == ("current", display)


def test_capacity_as_a_modifier_is_not_interpreted(pen: Any, look: Any) -> None:
    patient = pen.patient(capable=False)
    patient["modifierExtension"] = patient.pop("extension")
    assert look(a=[patient])["capacity"]["display"] == "Niet te interpreteren"


def test_namesakes_of_another_relation_keep_both_relations(pen: Any, look: Any) -> None:
    """Husband and son may have one name: by the standard they are one person, and no word of either is lost."""
    both = [pen.person("Jan Bos", "24", "HUSB", id="h"), pen.person("Jan Bos", "24", "SONC", id="s")]
    [person] = look(a=both)["representative"]["value"]["persons"]
    assert person["relation"] == "Echtgenoot / Zoon"
    assert look(a=both[:1])["representative"]["value"]["persons"][0]["relation"] == "Echtgenoot"
