"""The test people are what the tests of other rooms count on: test BSNs, colliding ids, every trap really there."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Any

import pytest

from nuts_pzp.sandbox.organizations import HOLDERS, MEMBERS, member
from nuts_pzp.sandbox.people import PEOPLE, Person, by_slug
from nuts_pzp.sandbox.resources import NICTIZ, TREATMENTS

OTHER = f"{NICTIZ}ext-TreatmentDirective2.SpecificationOther"


def resources(slug: str, organization: str, kind: str) -> list[dict[str, Any]]:
    return [one for one in by_slug(slug).records[organization] if one["resourceType"] == kind]


def directives(slug: str, organization: str, what: str) -> list[dict[str, Any]]:
    """Treatment directives by SNOMED code or by a word of their text."""
    found = []
    for one in resources(slug, organization, "Consent"):
        for code in one["provision"].get("code", []):
            if what == code["coding"][0]["code"] or what in code.get("text", ""):
                found.append(one)
    return found


def answers(form: dict[str, Any]) -> dict[str, Any]:
    """Walk a form with both kinds of nesting: linkId -> (value, path)."""
    found: dict[str, Any] = {}

    def walk(items: list[dict[str, Any]]) -> None:
        for item in items:
            for answer in item.get("answer", []):
                value = next(answer[key] for key in answer if key.startswith("value"))
                found[item["linkId"]] = value["code"] if isinstance(value, dict) else value
                walk(answer.get("item", []))
            walk(item.get("item", []))

    walk(form["item"])
    return found


def test_every_bsn_is_one_of_the_test_ranges_and_nobodys_twice() -> None:
    assert all(person.bsn.is_test for person in PEOPLE)
    assert len({person.bsn.value for person in PEOPLE}) == len(PEOPLE) == 13


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.slug)
def test_a_dossier_has_one_patient_unique_ids_and_a_bsn_nowhere_else(person: Person) -> None:
    for organization, records in person.records.items():
        ids = Counter((one["resourceType"], one["id"]) for one in records)
        assert max(ids.values()) == 1, organization
        assert [kind for kind, _ in ids].count("Patient") == 1
        for one in records:
            assert (person.bsn.value in str(one)) == (one["resourceType"] == "Patient")


def test_only_the_one_with_another_birth_date_has_another_birth_date() -> None:
    wrong = {
        (person.slug, organization)
        for person in PEOPLE
        for organization, records in person.records.items()
        if date.fromisoformat(records[0]["birthDate"]) != person.birth_date
    }
    assert wrong == {("kok", "wilgenhof")}


def test_ids_collide_between_organizations_for_different_people() -> None:
    owners: dict[str, set[str]] = {}
    for person in PEOPLE:
        for patient_id in person.patient_ids.values():
            owners.setdefault(patient_id, set()).add(person.slug)
    assert owners["2"] == {"hofstra", "brouwer", "wit"}
    per_source = Counter((slug, id_) for person in PEOPLE for slug, id_ in person.patient_ids.items())
    assert max(per_source.values()) == 1


def test_each_source_speaks_one_dialect() -> None:
    for person in PEOPLE:
        for organization, records in person.records.items():
            kinds = {one["resourceType"] for one in records}
            dialect = member(organization).dialect
            if dialect == "form":
                assert kinds <= {"Patient", "QuestionnaireResponse"}
            assert "Communication" not in kinds or dialect == "r4-beta3"
            assert "CommunicationRequest" not in kinds or dialect == "r4-rc2"
            if dialect == "r4-rc2":
                assert "ext-EncounterReference" not in str(records)
                assert all("category" in one for one in records if one["resourceType"] == "Goal")


def test_the_region_has_five_organizations_and_one_that_holds_nothing() -> None:
    assert [one.slug for one in MEMBERS] == ["wilgenhof", "meerwijck", "lindezicht", "kade", "avondrood"]
    assert {one.slug for one in MEMBERS} - {one.slug for one in HOLDERS} == {"kade"}


def test_everybody_permits_the_gp_category_but_one_practice_is_refused() -> None:
    refused = {(person.slug, one.holder) for person in PEOPLE for one in person.choices if not one.permits}
    assert refused == {("vermeer", "wilgenhof")}
    assert {one.category for person in PEOPLE for one in person.choices} == {"RPZAC001"}
    assert by_slug("postma").registered == ("wilgenhof", "meerwijck", "lindezicht", "avondrood")


def test_the_demo_patient_has_an_older_yes_a_newer_no_and_one_contradiction() -> None:
    (older,) = directives("postma", "wilgenhof", "89666000")
    (newer,) = directives("postma", "meerwijck", "89666000")
    assert (older["provision"]["type"], older["dateTime"]) == ("permit", "2023-05-09")
    assert (newer["provision"]["type"], newer["dateTime"]) == ("deny", "2026-10-21")
    (form,) = resources("postma", "lindezicht", "QuestionnaireResponse")
    said = answers(form)
    assert said["963"] == "2026-10-21"
    assert [said[link] for link in ("1386", "1387", "1390", "1393", "1396")] == ["2", "2", "2", "1", "2"]
    (antibiotics,) = directives("postma", "meerwijck", "281789004")
    assert antibiotics["provision"]["type"] == "permit"
    (hospital,) = directives("postma", "meerwijck", "32485007")
    assert "type" not in hospital["provision"]
    assert hospital["modifierExtension"] == [{"url": OTHER, "valueString": said["1394"]}]
    assert all(len(directives("postma", "wilgenhof", code)) == 1 for code in TREATMENTS)


def test_sub_questions_of_the_form_hang_under_their_answer() -> None:
    (form,) = resources("postma", "lindezicht", "QuestionnaireResponse")
    groups = {item["linkId"]: item for item in form["item"]}
    hospital = next(item for item in groups["83"]["item"] if item["linkId"] == "1415")
    assert [item["linkId"] for item in hospital["item"]] == ["1416", "1393"]
    assert [item["linkId"] for item in hospital["item"][1]["answer"][0]["item"]] == ["1394"]


def test_two_other_treatments_in_a_form_are_two_groups() -> None:
    form = resources("wit", "lindezicht", "QuestionnaireResponse")[0]
    limits = next(item for item in form["item"] if item["linkId"] == "83")
    others = [item for item in limits["item"] if item["linkId"] == "1421"]
    assert [item["item"][0]["answer"][0]["valueString"] for item in others] == ["Antistolling", "Bestraling"]


def test_one_practice_contradicts_itself_on_one_day() -> None:
    (directive,) = directives("hofstra", "wilgenhof", "305351004")
    form = resources("hofstra", "wilgenhof", "QuestionnaireResponse")[0]
    assert (directive["dateTime"], directive["provision"]["type"]) == ("2024-11-08", "permit")
    assert (answers(form)["963"][:10], answers(form)["1390"]) == ("2024-11-08", "2")


def test_its_forms_are_authored_years_off_mistyped_and_without_subject() -> None:
    off, mistyped, loose = resources("hofstra", "wilgenhof", "QuestionnaireResponse")
    assert (answers(off)["963"][:4], off["authored"][:4]) == ("2024", "2020")
    assert (answers(mistyped)["963"][:4], mistyped["authored"][:4]) == ("2022", "2024")
    assert "subject" not in loose
    assert by_slug("hofstra").charts["wilgenhof"].unlinked == [f"QuestionnaireResponse/{loose['id']}"]


def test_a_directive_points_at_a_conversation_two_years_before_it() -> None:
    (directive,) = directives("hofstra", "wilgenhof", "305351004")
    (link,) = directive["extension"]
    encounter = next(
        one
        for one in resources("hofstra", "wilgenhof", "Encounter")
        if link["valueReference"]["reference"] == f"Encounter/{one['id']}"
    )
    assert encounter["period"]["start"] == "2022-11-08"


def test_a_procedure_without_encounter_is_joined_from_the_other_side_only() -> None:
    first, second = resources("hofstra", "wilgenhof", "Procedure")
    before, after = resources("hofstra", "wilgenhof", "Encounter")
    assert ("encounter" in first, "reasonReference" in before) == (False, True)
    assert ("encounter" in second, "reasonReference" in after) == (True, False)


def test_a_directive_with_neither_type_nor_specification() -> None:
    (off,) = directives("hofstra", "wilgenhof", "uitzetten van cardioverter")
    assert "type" not in off["provision"]
    assert "modifierExtension" not in off
    assert off["extension"][0]["url"] == f"{NICTIZ}ext-Comment"


def test_ended_undated_future_and_year_only_dates() -> None:
    (ended,) = directives("brouwer", "meerwijck", "89666000")
    assert (ended["dateTime"], ended["provision"]["period"]["end"]) == ("2024-02-10", "2025-01-15")
    (between,) = directives("brouwer", "wilgenhof", "305351004")
    assert "2024-02-10" < between["dateTime"] < "2025-01-15"
    assert directives("brouwer", "meerwijck", "40617009")[0]["status"] == "inactive"
    assert "dateTime" not in directives("brouwer", "wilgenhof", "32485007")[0]
    assert directives("brouwer", "meerwijck", "116762002")[0]["dateTime"] == "2062-05-01"
    assert directives("brouwer", "wilgenhof", "Dialyse")[0]["dateTime"] == "2024"
    assert directives("brouwer", "meerwijck", "dialyse")[0]["dateTime"] == "2024-06-01"


def test_kinds_and_statuses_of_directives() -> None:
    statuses = [one["status"] for one in directives("dalen", "meerwijck", "89666000")]
    assert statuses == ["entered-in-error", "draft", "proposed"]
    (both,) = directives("dalen", "meerwijck", "305351004")
    assert (both["provision"]["type"], both["modifierExtension"][0]["url"]) == ("permit", OTHER)
    (unknown,) = directives("dalen", "meerwijck", "281789004")
    assert not re.match("http://(nictiz|hl7)", unknown["modifierExtension"][0]["url"])
    (undecided,) = directives("dalen", "meerwijck", "32485007")
    assert undecided["modifierExtension"][0]["valueString"] == "Nee, nog geen besluit genomen"
    (nothing,) = directives("dalen", "meerwijck", "116762002")
    assert nothing["modifierExtension"][0]["valueString"] == "Niet besproken"
    copied = {
        directives("dalen", one, "Sondevoeding")[0]["identifier"][0]["value"] for one in ("wilgenhof", "meerwijck")
    }
    assert copied == {"dalen-sonde"}
    codeless = [one for one in resources("dalen", "meerwijck", "Consent") if "code" not in one["provision"]]
    assert len(codeless) == 1


def test_papers_and_relatives() -> None:
    roles = {
        (slug, one["name"][0]["text"]): [relation["coding"][0]["code"] for relation in one["relationship"]]
        for slug in ("wilgenhof", "meerwijck")
        for one in resources("kuiper", slug, "RelatedPerson")
    }
    assert roles == {
        ("wilgenhof", "Jelle Kuiper"): ["24", "SONC"],
        ("wilgenhof", "Trijntje Bos"): ["01", "SIS"],
        ("meerwijck", "Marloes Kuiper"): ["24", "DAUC"],
        ("meerwijck", "Trijntje  BOS"): ["01", "SIS"],
    }
    assert [directives("kuiper", "wilgenhof", code)[0]["status"] for code in ("NR", "EU", "LW")] == [
        "active",
        "active",
        "inactive",
    ]
    assert directives("kuiper", "meerwijck", "VOL")[0]["status"] == "active"


def test_nobody_speaks_for_the_one_who_cannot_decide() -> None:
    assert resources("zandstra", "meerwijck", "RelatedPerson") == []
    said = answers(resources("zandstra", "lindezicht", "QuestionnaireResponse")[0])
    assert (said["1406"], said["1006"]) == ("0", "373067005")
    assert "982" not in said
    (wish,) = resources("zandstra", "meerwijck", "Observation")
    assert wish["performer"] == [{"reference": "PractitionerRole/vertrokken"}]


def test_one_dossier_does_not_fit_on_two_pages() -> None:
    assert len(directives("hendriks", "wilgenhof", "32485007")) == 44
