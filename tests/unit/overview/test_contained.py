"""What a record holds within itself counts like what came beside it: people and encounters (spec pzp-fhir 3.4, 3.8)."""

from __future__ import annotations

from typing import Any

CPR, PLACE = "treatment:89666000", "obs:395091006"
DOCTOR = {"resourceType": "Practitioner", "id": "dr", "name": [{"text": "A. Bakker"}]}
ROLE = {
    "resourceType": "PractitionerRole",
    "id": "ro",
    "practitioner": {"reference": "#dr"},
    "specialty": [{"coding": [{"system": "urn:oid:2.16.840.1.113883.2.4.6.7", "code": "0100"}]}],
}


def _actor(pen: Any, reference: str) -> dict[str, Any]:
    return {"role": pen.coded("CONSENTER", pen.KIN), "reference": {"reference": reference}}


def test_a_contained_author_and_party_have_names(pen: Any, look: Any) -> None:
    person = {"resourceType": "RelatedPerson", "id": "son", "name": [{"text": "Karel Kok"}]}
    provision = {"type": "permit", "actor": [_actor(pen, "#son"), _actor(pen, "#ro")]}
    consent = pen.treatment("permit", "2026-01-01", provision=provision, contained=[DOCTOR, ROLE, person])
    seen = look(vvt=[consent])
    assert (seen[CPR]["author"], seen[CPR]["agreedWith"]) == ("A. Bakker, huisarts", ["Karel Kok", "A. Bakker"])


def test_a_local_id_means_something_in_its_own_record_only(pen: Any, look: Any) -> None:
    other = {**DOCTOR, "name": [{"text": "B. Smit"}]}
    wish = pen.observation("395091006", pen.coded("264362003"), "2026-01-01", performer=[{"reference": "#dr"}])
    goal = pen.goal("385987000", "2026-01-01", expressedBy={"reference": "#dr"}, contained=[other])
    bare = pen.observation("570801000146104", pen.coded("373066001"), None, id="o2", performer=[{"reference": "#dr"}])
    seen = look(vvt=[{**wish, "contained": [DOCTOR]}, goal, bare])
    authors = [seen[key]["author"] for key in (PLACE, "goal:medical-policy", "obs:570801000146104")]
    assert authors == ["A. Bakker", "B. Smit", "onbekend"]


def test_a_contained_encounter_dates_a_record_without_date(pen: Any, look: Any) -> None:
    talk = pen.encounter("2025-05-05", id="talk")
    wish = pen.observation("395091006", pen.coded("264362003"), None, encounter={"reference": "#talk"})
    item = look(vvt=[{**wish, "contained": [talk]}])[PLACE]
    assert (item["date"], item["dateFrom"]) == ("2025-05-05", "encounter")


def test_who_took_part_may_be_contained_in_the_encounter(pen: Any, look: Any) -> None:
    people = [{"individual": {"reference": "#ro"}}, {"individual": {"reference": "#son"}}]
    son = {"resourceType": "RelatedPerson", "id": "son", "name": [{"text": "Karel Kok"}]}
    talk = pen.encounter("2025-05-05", participant=people, contained=[ROLE, DOCTOR, son])
    seen = look(vvt=[talk, pen.procedure(encounter={"reference": "Encounter/e"})])
    [conversation] = seen.json["conversations"]
    assert (conversation["by"], conversation["present"]) == ("A. Bakker, huisarts", ["patiënt", "Karel Kok"])


def test_what_is_contained_and_cannot_be_read_leaves_the_record_readable(pen: Any, look: Any) -> None:
    broken = [{"resourceType": "Practitioner", "id": "dr", "name": 7}, {"resourceType": "X", "id": "x"}, {"id": "y"}]
    provision = {"type": "permit", "actor": [_actor(pen, "#dr"), _actor(pen, "#x")]}
    seen = look(vvt=[pen.treatment("permit", "2026-01-01", provision=provision, contained=broken)])
    assert (seen.said(CPR), seen[CPR]["agreedWith"]) == (("current", "permit", "vvt"), ["onbekend"])


def test_what_stands_behind_something_that_cannot_be_read_still_has_a_name(pen: Any, look: Any) -> None:
    broken = {"resourceType": "Practitioner", "id": "other", "name": 7}
    provision = {"type": "permit", "actor": [_actor(pen, "#dr")]}
    consent = pen.treatment("permit", "2026-01-01", provision=provision, contained=[broken, DOCTOR])
    assert look(vvt=[consent])[CPR]["author"] == "A. Bakker"
