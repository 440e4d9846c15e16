"""Capacity, representative and first contact: undated by nature, one voice per source (spec 3.3, 3.6 rule 5)."""

from __future__ import annotations

from typing import Any

import pytest

CAPACITY, REPRESENTATIVE, FIRST = "capacity", "representative", "first-contact"


@pytest.mark.parametrize(("capable", "display"), [(True, "Ja"), (False, "Nee")])
def test_capacity_comes_from_the_patient(pen: Any, look: Any, capable: bool, display: str) -> None:
    item = look(a=[pen.patient(capable=capable, comment="Wisselend per dag")])[CAPACITY]
    assert (item["state"], item["value"]["display"], item["date"]) == ("current", display, None)
    assert item["comment"] == "Wisselend per dag"


def test_no_statement_on_capacity_is_not_a_yes(pen: Any, look: Any) -> None:
    assert look(a=[pen.patient()])[CAPACITY]["state"] == "not-recorded"


def test_equal_capacity_at_two_sources_is_current(pen: Any, look: Any) -> None:
    item = look(a=[pen.patient(capable=True)], b=[pen.patient(capable=True)])[CAPACITY]
    assert item["state"] == "current"
    assert [entry["source"]["id"] for entry in item["corroboratedBy"]] == ["b"]


def test_different_capacity_is_a_grave_conflict_with_each_source_s_latest_conversation(pen: Any, look: Any) -> None:
    item = look(
        a=[pen.patient(capable=True), pen.treatment("deny", "2024-05-01")],
        b=[
            pen.patient(capable=False),
            pen.treatment("deny", "2025-05-01"),
            pen.treatment("deny", "2023-01-01", id="x"),
        ],
    )[CAPACITY]
    assert (item["state"], item["value"]) == ("conflict", None)
    assert (item["conflict"]["rule"], item["conflict"]["severity"]) == ("DIFFERENT_WITHOUT_DATE", "high")
    assert [
        (one["source"]["id"], one["value"]["display"], one["latestConversation"])
        for one in item["conflict"]["candidates"]
    ] == [("a", "Ja", "2024-05-01"), ("b", "Nee", "2025-05-01")]


@pytest.mark.parametrize("role", ["24", "03", "15", "310141000146103"])
def test_each_representing_role(pen: Any, look: Any, role: str) -> None:
    telecom = {"telecom": [{"system": "phone", "value": "0570-555001"}]}
    item = look(a=[pen.patient(), pen.person("Wim van den Akker", role, "HUSB", **telecom)])[REPRESENTATIVE]
    assert item["value"]["display"] == "Wim van den Akker (echtgenoot), 0570-555001"
    assert [one["name"] for one in item["value"]["persons"]] == ["Wim van den Akker"]


def test_a_plain_contact_is_neither_representative_nor_first_contact(pen: Any, look: Any) -> None:
    seen = look(a=[pen.person("Jo Smit", "23", "SIS")])
    assert seen[REPRESENTATIVE]["state"] == "not-recorded"
    assert seen[FIRST]["state"] == "not-recorded"


def test_one_person_can_be_both(pen: Any, look: Any) -> None:
    seen = look(a=[pen.person("Jo Smit", "24", "01")])
    assert [seen[key]["value"]["persons"][0]["name"] for key in (REPRESENTATIVE, FIRST)] == ["Jo Smit", "Jo Smit"]


def test_the_value_is_the_set_of_persons_of_one_source(pen: Any, look: Any) -> None:
    item = look(a=[pen.person("Wim Bos", "24"), pen.person("Anna Bos", "15")])[REPRESENTATIVE]
    assert item["state"] == "current"
    assert [one["name"] for one in item["value"]["persons"]] == ["Anna Bos", "Wim Bos"]


def test_the_same_set_in_other_spelling_is_no_conflict(pen: Any, look: Any) -> None:
    item = look(
        a=[pen.person("Wim Bos", "24"), pen.person("Anna Bos", "24")],
        b=[pen.person("anna  bos", "24"), pen.person("WIM BOS", "15")],
    )[REPRESENTATIVE]
    assert item["state"] == "current"


@pytest.mark.parametrize(("key", "role", "severity"), [(REPRESENTATIVE, "24", "high"), (FIRST, "01", "medium")])
def test_different_sets_are_a_conflict(pen: Any, look: Any, key: str, role: str, severity: str) -> None:
    item = look(a=[pen.person("Wim Bos", role)], b=[pen.person("Wim Bos", role), pen.person("Anna Bos", role)])[key]
    assert (item["state"], item["value"]) == ("conflict", None)
    assert item["conflict"]["severity"] == severity


def test_namesakes_with_different_birth_dates_are_two_persons(pen: Any, look: Any) -> None:
    seen = look(
        a=[pen.person("Wim Bos", "24", birthDate="1940-01-01")], b=[pen.person("Wim Bos", "24", birthDate="1970-01-01")]
    )
    assert seen[REPRESENTATIVE]["state"] == "conflict"
    unknown = look(a=[pen.person("Wim Bos", "24", birthDate="1940-01-01")], b=[pen.person("Wim Bos", "24")])
    assert unknown[REPRESENTATIVE]["state"] == "current"


@pytest.mark.parametrize("former", [{"active": False}, {"period": {"end": "2024-01-01"}}])
def test_a_former_representative_is_history(pen: Any, look: Any, former: dict[str, Any]) -> None:
    item = look(a=[pen.person("Wim Bos", "24", **former), pen.person("Anna Bos", "24")])[REPRESENTATIVE]
    assert [one["name"] for one in item["value"]["persons"]] == ["Anna Bos"]
    assert [entry["value"]["persons"][0]["name"] for entry in item["history"]] == ["Wim Bos"]


def test_patient_contact_counts_only_for_persons_that_are_not_there(pen: Any, look: Any) -> None:
    contact = {"relationship": [pen.coded("24", pen.ROLE), pen.coded("SONC", pen.KIN)], "name": {"text": "Wim Bos"}}
    other = {"relationship": [pen.coded("24", pen.ROLE)], "name": {"given": ["Anna"], "family": "Bos"}}
    linked = {
        **contact,
        "name": {"text": "Willem Bos"},
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-relatedPerson",
                "valueReference": {"reference": "RelatedPerson/wim-bos"},
            }
        ],
    }
    patient = pen.patient(contact=[contact, other, linked])
    item = look(a=[patient, pen.person("Wim Bos", "24")])[REPRESENTATIVE]
    assert [one["name"] for one in item["value"]["persons"]] == ["Anna Bos", "Wim Bos"]
    alone = look(a=[pen.patient(contact=[contact])])[REPRESENTATIVE]
    assert alone["value"]["display"] == "Wim Bos (zoon)"


def test_a_representative_without_name_is_unknown_and_not_blank(pen: Any, look: Any) -> None:
    item = look(a=[pen.person("", "24", "BRO", id="x")])[REPRESENTATIVE]
    assert item["value"]["display"] == "onbekend (broer)"


def test_an_unknown_relation_keeps_the_source_words(pen: Any, look: Any) -> None:
    relations = [pen.coded("24", pen.ROLE), pen.coded("NEPH", pen.KIN, "neef")]
    item = look(a=[pen.person("Wim Bos", relationship=relations)])[REPRESENTATIVE]
    assert item["value"]["persons"][0]["relation"] == '"neef" (NEPH)'


def test_a_patient_with_an_unknown_modifier_says_nothing_of_capacity(pen: Any, look: Any) -> None:
    seen = look(a=[pen.patient(capable=True, modifierExtension=[{"url": "https://x.example/not"}])])
    assert seen[CAPACITY]["value"]["display"] == "Niet te interpreteren"


def test_one_source_s_newest_form_replaces_its_older_ones(pen: Any, look: Any) -> None:
    def form(date: str, code: str, id: str) -> dict[str, Any]:
        return pen.form(date, pen.choice("1406", code), id=id)

    item = look(a=[form("2020-01-01", "1", "old"), form("2025-01-01", "0", "new")])[CAPACITY]
    assert (item["state"], item["value"]["display"]) == ("current", "Nee")
    assert [entry["value"]["display"] for entry in item["history"]] == ["Ja"]


def test_a_form_that_names_one_of_the_source_s_persons_agrees_with_them(pen: Any, look: Any) -> None:
    form = pen.form("2025-01-01", pen.words("973", "Wim"), pen.words("975", "Bos"))
    item = look(a=[pen.person("Wim Bos", "24"), pen.person("Anna Bos", "24"), form])[REPRESENTATIVE]
    assert item["state"] == "current"
    stranger = look(a=[pen.person("Anna Bos", "24"), form])[REPRESENTATIVE]
    assert stranger["state"] == "conflict"
