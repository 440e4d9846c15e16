"""Earlier data stays consultable per conversation (spec pzp-fhir 3.9)."""

from __future__ import annotations

from typing import Any

import pytest

PLACE = "395091006"


def _talks(seen: Any) -> list[dict[str, Any]]:
    return seen.json["conversations"]  # type: ignore[no-any-return]


def _role(name: str = "Ilse van Dam") -> list[dict[str, Any]]:
    specialty = [{"coding": [{"system": "urn:oid:2.16.840.1.113883.2.4.6.7", "code": "0100"}]}]
    return [
        {"resourceType": "Practitioner", "id": "doc", "name": [{"text": name}]},
        {
            "resourceType": "PractitionerRole",
            "id": "role",
            "practitioner": {"reference": "Practitioner/doc"},
            "specialty": specialty,
        },
    ]


def _with(*references: str) -> dict[str, Any]:
    return {"participant": [{"individual": {"reference": one}} for one in references]}


@pytest.mark.parametrize("joined", ["by procedure", "by encounter"])
def test_encounter_and_procedure_join_both_ways(pen: Any, look: Any, joined: str) -> None:
    there = {"encounter": {"reference": "Encounter/e"}} if joined == "by procedure" else {}
    back = {"reasonReference": [{"reference": "Procedure/pr"}]} if joined == "by encounter" else {}
    encounter = pen.encounter("2024-05-01", **back, **_with("PractitionerRole/role", "RelatedPerson/jo-smit"))
    seen = look(a=[pen.patient(), pen.procedure(**there), encounter, *_role(), pen.person("Jo Smit", "23")])
    (talk,) = _talks(seen)
    assert (talk["id"], talk["date"], talk["by"]) == ("a|2024-05-01", "2024-05-01", "Ilse van Dam, huisarts")
    assert talk["present"] == ["patiënt", "Jo Smit"]
    assert (talk["held"], talk["note"], talk["synthetic"]) == (True, None, False)


def test_a_procedure_without_encounter_is_a_conversation(pen: Any, look: Any) -> None:
    procedure = pen.procedure(
        performedDateTime="2024-05-01", performer=[{"actor": {"reference": "PractitionerRole/role"}}]
    )
    (talk,) = _talks(look(a=[procedure, *_role()]))
    assert (talk["date"], talk["by"]) == ("2024-05-01", "Ilse van Dam, huisarts")


@pytest.mark.parametrize("code", ["411600B", "190099"])
def test_the_other_procedure_codes_count(pen: Any, look: Any, code: str) -> None:
    assert len(_talks(look(a=[pen.procedure(code=code, performedDateTime="2024-05-01")]))) == 1


def test_another_encounter_is_no_pzp_conversation(pen: Any, look: Any) -> None:
    assert _talks(look(a=[pen.encounter("2024-05-01"), pen.procedure(code="80146002")])) == []


def test_a_linked_statement_belongs_to_its_conversation(pen: Any, look: Any) -> None:
    linked = pen.observation(PLACE, pen.coded("264362003"), "2024-05-01", encounter={"reference": "Encounter/e"})
    seen = look(a=[pen.encounter("2024-05-01"), linked])
    (talk,) = _talks(seen)
    assert talk["statements"] == ["https://a.example/fhir/Observation/o"]
    assert talk["inferred"] == 0
    assert seen[f"obs:{PLACE}"]["conversation"] == "a|2024-05-01"


def test_a_statement_without_link_is_placed_by_its_date_and_counted_as_inferred(pen: Any, look: Any) -> None:
    encounter = pen.encounter("2024-05-01T10:00:00+02:00", reasonReference=[{"reference": "Procedure/pr"}])
    (talk,) = _talks(look(a=[encounter, pen.procedure(), pen.treatment("deny", "2024-05-01")]))
    assert (talk["inferred"], talk["synthetic"]) == (1, False)


def test_a_statement_on_a_day_without_conversation_gets_one_that_says_so(pen: Any, look: Any) -> None:
    (talk,) = _talks(
        look(a=[pen.treatment("deny", "2024-05-01"), pen.treatment("deny", "2024-05-01", code=pen.IC, id="x")])
    )
    assert (talk["synthetic"], talk["inferred"], talk["by"]) == (True, 2, "onbekend")


def test_a_statement_of_another_date_than_its_encounter_is_listed_under_its_own(pen: Any, look: Any) -> None:
    seen = look(a=[pen.encounter("2022-05-01"), pen.treatment("deny", "2024-05-01", encounter="Encounter/e")])
    assert "ENCOUNTER_DATE_DIFFERS" in seen.codes("treatment:89666000")
    assert [(talk["date"], len(talk["statements"]), talk["synthetic"]) for talk in _talks(seen)] == [
        ("2024-05-01", 1, True),
        ("2022-05-01", 0, False),
    ]


def test_a_document_older_than_the_conversation_is_nothing_odd(pen: Any, look: Any) -> None:
    link = {
        "extension": [
            {
                "url": "https://fhir.iknl.nl/fhir/StructureDefinition/ext-EncounterReference",
                "valueReference": {"reference": "Encounter/e"},
            }
        ]
    }
    seen = look(a=[pen.encounter("2024-05-01"), pen.directive("NR", "2010-01-01", **link)])
    assert seen.codes("directive:NR") == ["X1"]
    assert [talk["statements"] for talk in _talks(seen)] == [["https://a.example/fhir/Consent/d"]]


def test_each_form_is_a_conversation_unless_there_is_an_encounter_that_day(pen: Any, look: Any) -> None:
    form = pen.form("2024-05-01T10:00:00+02:00", pen.words("970", "Bos"), pen.choice("1386", "2"))
    (alone,) = _talks(look(a=[form]))
    assert (alone["by"], alone["forms"]) == ("Bos", ["https://a.example/fhir/QuestionnaireResponse/f"])
    encounter = pen.encounter("2024-05-01", reasonReference=[{"reference": "Procedure/pr"}])
    (joined,) = _talks(look(a=[form, encounter, pen.procedure()]))
    assert joined["encounter"] == "https://a.example/fhir/Encounter/e"
    assert (joined["by"], len(joined["forms"])) == ("Bos", 1)


def test_two_forms_on_one_day_stay_two_conversations(pen: Any, look: Any) -> None:
    seen = look(a=[pen.form("2024-05-01", pen.choice("1386", "2"), id=id) for id in ("f1", "f2")])
    assert [talk["id"] for talk in _talks(seen)] == ["a|2024-05-01", "a|2024-05-01#2"]


@pytest.mark.parametrize("status", ["planned", "cancelled"])
def test_a_conversation_that_was_not_held_says_so_and_its_statements_stay(pen: Any, look: Any, status: str) -> None:
    seen = look(
        a=[pen.encounter("2024-05-01", status=status), pen.treatment("deny", "2024-05-01", encounter="Encounter/e")]
    )
    (talk,) = _talks(seen)
    assert (talk["held"], talk["note"]) == (False, "niet doorgegaan")
    assert seen.said("treatment:89666000") == ("current", "deny", "a")


def test_a_procedure_not_done_means_not_held(pen: Any, look: Any) -> None:
    procedure = pen.procedure(status="not-done", encounter={"reference": "Encounter/e"})
    assert _talks(look(a=[pen.encounter("2024-05-01"), procedure]))[0]["held"] is False


def test_an_encounter_in_error_is_excluded_and_dates_nothing(pen: Any, look: Any) -> None:
    seen = look(
        a=[pen.encounter("2024-05-01", status="entered-in-error"), pen.treatment("deny", None, encounter="Encounter/e")]
    )
    assert _talks(seen) == []
    assert seen["treatment:89666000"]["date"] is None
    assert [one["type"] for one in seen.json["excluded"]] == ["Encounter"]


def test_the_same_encounter_at_two_sources_is_one_conversation(pen: Any, look: Any) -> None:
    same = {"identifier": [{"system": "urn:x", "value": "talk-1"}], "reasonReference": [{"reference": "Procedure/pr"}]}
    one = [pen.encounter("2024-05-01", **same), pen.procedure()]
    seen = look(
        a=[*one, pen.treatment("deny", "2024-05-01")], b=[*one, pen.treatment("deny", "2024-05-01", code=pen.IC)]
    )
    (talk,) = _talks(seen)
    assert talk["sources"] == ["a", "b"]
    assert len(talk["statements"]) == 2
    assert seen["treatment:305351004"]["conversation"] == "a|2024-05-01"


def test_conversations_are_newest_first(pen: Any, look: Any) -> None:
    seen = look(
        a=[pen.form("2020-01-01", pen.choice("1386", "2"))], b=[pen.form("2024-01-01", pen.choice("1386", "2"))]
    )
    assert [talk["date"] for talk in _talks(seen)] == ["2024-01-01", "2020-01-01"]


def test_by_and_present_are_those_of_the_latest_conversation(pen: Any, look: Any) -> None:
    def form(date: str, name: str, id: str) -> dict[str, Any]:
        return pen.form(date, pen.words("970", name), pen.choice("82", "Patiënt"), id=id)

    seen = look(a=[form("2020-01-01", "Bos", "f1")], b=[form("2024-01-01", "Dam", "f2")])
    item = seen["conversation.by"]
    assert (item["state"], item["value"]["display"], item["date"]) == ("current", "Dam", "2024-01-01")
    assert [entry["value"]["display"] for entry in item["history"]] == ["Bos"]
    assert seen["conversation.present"]["value"]["display"] == "patiënt"


def test_an_ended_agreement_stands_in_the_conversation_that_made_it(pen: Any, look: Any) -> None:
    ended = pen.treatment("deny", "2022-01-01", status="inactive", provision={"period": {"end": "2024-01-01"}})
    assert [talk["date"] for talk in _talks(look(a=[ended]))] == ["2022-01-01"]
