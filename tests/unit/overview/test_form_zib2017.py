"""The form on zib2017 is read as the one on zib2020 (spec pzp-fhir 1.2, 5)."""

from __future__ import annotations

from typing import Any

import pytest
from stu3_pen import yes_but

from nuts_pzp.overview.form_zib2017 import LINKS


def _goal() -> dict[str, Any]:
    return {"resourceType": "Goal", "id": "g", "status": "in-progress", "description": {"text": "x"}}


def test_the_form_on_zib2017_is_known_without_its_canonical(pen: Any, look: Any) -> None:
    dated = {"linkId": "385", "answer": [{"valueDateTime": "2026-01-01"}]}
    form = {
        "resourceType": "QuestionnaireResponse",
        "id": "f",
        "status": "completed",
        "item": [dated, pen.choice("587", "JA_MAAR", pen.words("122", "Kort"))],
    }
    seen = look(oud=[form, _goal()])
    assert seen["treatment:89666000"]["display"] == "Anders, namelijk: Kort"
    assert seen["treatment:89666000"]["dateFrom"] == "QuestionnaireResponse.item[385]"


def test_only_decisions_and_roles_of_the_form_are_put_in_other_codes(pen: Any, look: Any) -> None:
    named = {"reference": "https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017|1.0.0"}
    form = {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed", "questionnaire": named}
    form["item"] = [
        {"linkId": "385", "answer": [{"valueDateTime": "2026-01-01"}]},
        pen.choice("787", "1"),
        pen.words("394", "Smit"),
        pen.choice("410", "1"),
        pen.choice("415", "9", display="Anders"),
        pen.choice("604", "JA", display="Ja"),
        {"answer": [{"valueString": "zonder nummer"}]},
    ]
    seen = look(oud=[form])
    assert seen["capacity"]["display"] == "Ja"
    assert seen["representative"]["display"] == seen["first-contact"]["display"] == "Smit"
    assert seen.json["conversations"][0]["present"] == ["Anders"]
    assert seen["obs:395091006"]["display"] == '"Ja" (JA)'


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({"questionnaire": {"reference": "https://x.example/Questionnaire/ACP-zib2017"}}, True),
        ({"questionnaire": {"reference": "https://x.example/Questionnaire/Ander"}}, False),
        ({"questionnaire": {"display": "ACP-zib2017"}}, True),
        ({}, True),
    ],
)
def test_which_form_it_is_says_its_canonical_and_else_its_questions(
    pen: Any, look: Any, change: dict[str, Any], known: bool
) -> None:
    dated = {"linkId": "385", "answer": [{"valueDateTime": "2026-01-01"}]}
    form = {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed", **change}
    form["item"] = [dated, pen.choice("587", "NEE"), pen.choice("604", "264362003")]
    seen = look(oud=[form, _goal()])
    assert seen["obs:395091006"]["state"] == ("current" if known else "not-recorded")
    assert [one["reason"] for one in seen.json["unmapped"]] == ["not-recognized"] * (1 if known else 2)


@pytest.mark.parametrize("missing", ["385", "587"])
def test_a_nameless_form_without_its_date_or_a_decision_is_another_form(pen: Any, look: Any, missing: str) -> None:
    asked = [{"linkId": "385", "answer": [{"valueDateTime": "2026-01-01"}]}, pen.choice("587", "NEE")]
    form = {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed"}
    form["item"] = [*(one for one in asked if one["linkId"] != missing), pen.choice("604", "264362003")]
    seen = look(oud=[form, yes_but()])
    assert [one["ref"].rpartition("/")[2] for one in seen.json["unmapped"]] == ["f"]


def test_no_question_of_zib2017_is_mistaken_for_one_of_zib2020() -> None:
    assert len(set(LINKS.values())) == len(LINKS)
    assert not LINKS.keys() & set(LINKS.values()) - {"819"}


@pytest.mark.parametrize(
    ("canonical", "known"),
    [
        ("https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017", True),
        ("https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017|1.0.0", True),
        ("https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017|2026/03", True),
        ("https://api.iknl.nl/docs/pzp/stu3/Questionnaire/Ander|x/ACP-zib2017", False),
    ],
)
def test_a_form_is_known_by_its_canonical_without_the_version(pen: Any, look: Any, canonical: str, known: bool) -> None:
    form = {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed", "questionnaire": canonical}
    form["item"] = [pen.choice("604", "264362003")]
    place = look(oud=[form, _goal()])["obs:395091006"]
    assert place["state"] == ("current" if known else "not-recorded")


def _within(question: dict[str, Any], depth: int, link: str) -> dict[str, Any]:
    """The question below so many others: under `item`, or under the answers to them."""
    for number in range(depth):
        inner = {"answer": [{"item": [question]}]} if link == "answer" else {"item": [question]}
        question = {"linkId": f"group-{number}", **inner}
    return question


@pytest.mark.parametrize("link", ["item", "answer"])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("depth", "state"), [(0, "current"), (1, "current"), (40, "current"), (41, "not-recorded")])
def test_a_question_is_read_as_deep_as_questions_are_read(
    pen: Any, look: Any, link: str, named: bool, depth: int, state: str
) -> None:
    form = {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed"}
    form |= {"questionnaire": "https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"} if named else {}
    dated = {"linkId": "385", "answer": [{"valueDateTime": "2026-01-01"}]}
    form["item"] = [dated, _within(pen.choice("587", "NEE"), depth, link)]
    seen = look(oud=[form, _goal()])
    assert seen["treatment:89666000"]["state"] == state
