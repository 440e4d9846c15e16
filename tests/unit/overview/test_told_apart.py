"""What is one and what is two: unnamed persons, letters with an accent, ends of other agreements, odd records."""

from __future__ import annotations

from typing import Any

import pytest

DAY = "2026-01-01"
CPR = "treatment:89666000"
WHOLE, PARTS = "Zo\u00eb Jansen", "Zoe\u0308 Jansen"


def _unnamed(pen: Any, id: str, number: str) -> dict[str, Any]:
    more = {key: value for key, value in pen.person("x", "24", id=id).items() if key != "name"}
    return {**more, "telecom": [{"system": "phone", "value": number}]}


def test_an_accent_may_be_written_in_two_ways(pen: Any, look: Any) -> None:
    seen = look(a=[pen.person(WHOLE, "24")], b=[pen.person(PARTS, "24", id="q")])
    assert (seen["representative"]["state"], seen.checks()) == ("current", [])


def test_a_treatment_in_words_is_one_whichever_way_its_accents_are_written(pen: Any, look: Any) -> None:
    def other(text: str) -> list[dict[str, Any]]:
        return [{"coding": [{"system": pen.NULL, "code": "OTH"}], "text": text}]

    old = pen.treatment(
        "permit", "2024-01-01", provision={"type": "permit", "code": other("Katheter bij co\u00fcp\u00e9")}
    )
    new = pen.treatment("deny", DAY, provision={"type": "deny", "code": other("Katheter bij cou\u0308pe\u0301")})
    seen = look(a=[old], b=[new])
    [key] = [key for key in seen.items if key.startswith("treatment:other")]
    assert (seen[key]["display"], len(seen[key]["history"])) == ("Niet uitvoeren", 1)


def test_two_unnamed_representatives_are_not_one(pen: Any, look: Any) -> None:
    seen = look(a=[_unnamed(pen, "q", "06-11111111")], b=[_unnamed(pen, "q", "06-22222222")])
    assert (seen["representative"]["state"], seen.checks()) == ("conflict", ["X7"])
    same = look(a=[_unnamed(pen, "q", "06-11111111")], b=[_unnamed(pen, "r", "06-11111111")])
    assert same["representative"]["state"] == "current"


def test_two_unnamed_representatives_of_one_source_are_two_persons(pen: Any, look: Any) -> None:
    seen = look(a=[_unnamed(pen, "q", "06-11111111"), _unnamed(pen, "r", "06-22222222")])
    assert [one["telecom"] for one in seen["representative"]["value"]["persons"]] == [["06-11111111"], ["06-22222222"]]


@pytest.mark.parametrize("decision", ["permit", "Alleen kort"])
def test_copies_that_ended_another_agreement_or_for_another_reason_say_so(pen: Any, look: Any, decision: str) -> None:
    def over(said: str) -> dict[str, Any]:
        own = {"identifier": [{"system": "https://a.example/ids", "value": "7"}], "status": "inactive"}
        consent = pen.treatment(said, "2025-01-01", **own)
        consent["provision"] = {**consent["provision"], "period": {"end": "2025-06-01"}}
        return dict(consent)

    item = look(a=[over("deny")], b=[over(decision)])[CPR]
    assert (item["state"], "DUPLICATE_ID_DIFFERS" in [one["code"] for one in item["attention"]]) == ("ended", True)
    same = look(a=[over("deny")], b=[over("deny")])[CPR]
    assert (same["state"], same["attention"]) == ("ended", [])


def test_offline_a_person_of_another_patient_asks_for_attention(pen: Any, look: Any) -> None:
    stranger = pen.person("Jo Smit", "24", patient={"reference": "Patient/other"})
    seen = look(a=[pen.patient(), stranger])
    assert seen.codes("representative") == ["SUBJECT_DIFFERS"]
    assert look(a=[pen.patient(), pen.person("Jo Smit", "24")]).codes("representative") == []


@pytest.mark.parametrize("both", ["category", "scope"])
def test_a_decision_on_a_treatment_is_not_lost_in_a_record_of_both_kinds(pen: Any, look: Any, both: str) -> None:
    document = pen.coded("acd", "http://terminology.hl7.org/CodeSystem/consentcategorycodes")
    kinds = [document, pen.coded("129125009")] if both == "category" else [document]
    seen = look(a=[pen.treatment("deny", DAY, category=kinds)])
    assert seen.said(CPR) == ("current", "deny", "a")
    assert [key for key in seen.items if key.startswith("directive")] == ["directive"]


def test_a_form_of_which_no_question_is_known_is_listed(pen: Any, look: Any) -> None:
    """A form that calls itself the one on zib2020 and has the question numbers of zib2017."""
    seen = look(a=[pen.form(DAY, pen.choice("587", "NEE"))])
    assert [(one["type"], one["reason"]) for one in seen.json["unmapped"]] == [
        ("QuestionnaireResponse", "not-recognized")
    ]
    talk = look(a=[pen.form(DAY, pen.words("970", "De Graaf"))])
    assert (talk.json["unmapped"], talk["conversation.by"]["display"]) == ([], "De Graaf")
