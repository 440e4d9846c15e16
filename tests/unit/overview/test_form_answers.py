"""How answers of a form are found: by number, wherever they hang, in whatever shape (spec pzp-fhir 1.2, 1.3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nuts_pzp.overview.form_answers import Answers
from nuts_pzp.overview.structures import Question

DAY, CPR = "2025-04-02", "treatment:89666000"


def _within(question: dict[str, Any], depth: int, link: str) -> dict[str, Any]:
    """The question below so many others: under `item`, or under the answers to them."""
    for number in range(depth):
        inner = {"answer": [{"item": [question]}]} if link == "answer" else {"item": [question]}
        question = {"linkId": f"group-{number}", **inner}
    return question


@pytest.mark.parametrize("link", ["item", "answer"])
@pytest.mark.parametrize(("depth", "read"), [(0, True), (1, True), (40, True), (41, False)])
def test_a_question_is_read_as_deep_as_questions_are_read(
    pen: Any, look: Any, link: str, depth: int, read: bool
) -> None:
    seen = look(vvt=[pen.form(DAY, _within(pen.choice("1386", "2"), depth, link))])
    assert seen[CPR]["state"] == ("current" if read else "not-recorded")
    assert [one["type"] for one in seen.json["unmapped"]] == ([] if read else ["QuestionnaireResponse"])


@pytest.mark.parametrize("link", ["item", "answer"])
@pytest.mark.parametrize(("depth", "read"), [(0, True), (1, True), (40, True), (41, False)])
def test_a_treatment_in_own_words_is_read_as_deep(pen: Any, look: Any, link: str, depth: int, read: bool) -> None:
    """The words and the decision stand side by side, so many levels down."""
    innermost = {"item": [pen.words("1422", "Dialyse"), pen.choice("1402", "2")]}
    group = {"linkId": "1421", **({"answer": [innermost]} if link == "answer" else innermost)}
    seen = look(
        vvt=[pen.form(DAY, _within(group, depth - 1, link) if depth else pen.group("1421", *innermost["item"]))]
    )
    assert ("treatment:other:dialyse" in seen.items) is read


@pytest.mark.parametrize(("said", "display"), [(True, "Ja"), (False, "Nee")])
@pytest.mark.parametrize(("question", "key"), [("1406", "capacity"), ("1200", "inform-relatives")])
def test_yes_and_no_may_be_a_boolean(pen: Any, look: Any, question: str, key: str, said: bool, display: str) -> None:
    answer = {"linkId": question, "answer": [{"valueBoolean": said}]}
    assert look(vvt=[pen.form(DAY, answer)])[key]["display"] == display


@pytest.mark.parametrize("answer", [[], [{}], [{"valueString": " "}], [{"valueCoding": {}}]])
@pytest.mark.parametrize(("question", "key"), [("1406", "capacity"), ("1200", "inform-relatives")])
def test_a_question_that_is_asked_and_not_answered_says_nothing(
    pen: Any, look: Any, question: str, key: str, answer: list[dict[str, Any]]
) -> None:
    assert look(vvt=[pen.form(DAY, {"linkId": question, "answer": answer})])[key]["state"] == "not-recorded"


@pytest.mark.parametrize(
    ("coding", "display"),
    [
        ({"display": "Wisselend"}, '"Wisselend"'),
        ({"code": "7"}, "onbekende code (7)"),
        ({"code": "UNK"}, "Nog onbekend"),
        ({"code": "373066001"}, "Ja"),
    ],
)
@pytest.mark.parametrize(("question", "key"), [("1406", "capacity"), ("1200", "inform-relatives")])
def test_an_answer_that_is_neither_yes_nor_no_is_shown(
    pen: Any, look: Any, question: str, key: str, coding: dict[str, str], display: str
) -> None:
    answers = [{"valueCoding": coding}, {"valueCoding": {}}]
    assert look(vvt=[pen.form(DAY, {"linkId": question, "answer": answers})])[key]["display"] == display


def test_words_where_a_choice_is_asked_are_no_choice_and_hide_none(pen: Any, look: Any) -> None:
    answers = [{"valueString": "niet doen"}, {"valueCoding": {}}, {"valueCoding": {"code": "2"}}]
    item = look(vvt=[pen.form(DAY, {"linkId": "1386", "answer": answers})])[CPR]
    assert (item["state"], item["display"]) == ("current", "Niet uitvoeren")


def test_a_code_stands_after_what_is_none(pen: Any, look: Any) -> None:
    answers = [{"valueString": "nee"}, {"valueCoding": {"display": "Nee"}}, {"valueCoding": {"code": "0"}}]
    assert look(vvt=[pen.form(DAY, {"linkId": "1406", "answer": answers})])["capacity"]["display"] == "Nee"


def test_several_texts_are_one_and_blank_ones_none(pen: Any, look: Any) -> None:
    texts = [{"valueString": text} for text in ("Kort ", "  ", "Thuis")]
    nested = {"linkId": "1001", "answer": [*texts, {"valueCoding": {"code": "UNK"}}]}
    assert look(vvt=[pen.form(DAY, pen.choice("1386", "1", nested))])[CPR]["specification"] == "Kort; Thuis"


def test_a_form_without_a_date_has_none_that_cannot_be_read(pen: Any, look: Any) -> None:
    seen = look(vvt=[pen.form(None, pen.choice("1386", "2"))])
    assert (seen[CPR]["date"], seen.codes(CPR)) == (None, [])


@pytest.mark.parametrize("answer", [{"valueDate": DAY}, {"valueDateTime": DAY}])
def test_a_date_is_read_in_either_shape(pen: Any, look: Any, answer: dict[str, str]) -> None:
    form = pen.form(None, {"linkId": "963", "answer": [{"valueString": "gisteren"}, answer]}, pen.choice("1386", "2"))
    assert look(vvt=[form])[CPR]["date"] == DAY


def test_a_specification_belongs_to_the_answer_that_it_hangs_under(pen: Any, look: Any) -> None:
    once, otherwise = pen.choice("1386", "0"), pen.choice("1386", "1", pen.words("1001", "Alleen thuis"))
    for order in ((once, otherwise), (otherwise, once)):
        item = look(vvt=[pen.form(DAY, *order)])[CPR]
        assert item["state"] == "conflict"
        assert sorted(one["value"]["display"] for one in item["conflict"]["candidates"]) == [
            "Anders, namelijk: Alleen thuis",
            "Wel uitvoeren",
        ]


def test_an_explanation_beside_several_answers_is_that_of_each(pen: Any, look: Any) -> None:
    both = {"linkId": "1386", "answer": [{"valueCoding": {"code": "0"}}, {"valueCoding": {"code": "2"}}]}
    item = look(vvt=[pen.form(DAY, both, pen.words("1002", "Zie dossier"))])[CPR]
    assert [one["comment"] for one in item["conflict"]["candidates"]] == ["Zie dossier", "Zie dossier"]


@pytest.mark.parametrize("odd", [[{"url": "urn:x"}], [{}], "x"])
def test_a_modifier_of_a_question_is_seen_whatever_its_shape(pen: Any, look: Any, odd: Any) -> None:
    question = pen.choice("1386", "2") | {"modifierExtension": odd}
    seen = look(vvt=[pen.form(DAY, pen.group("g", question))])
    assert "UNKNOWN_MODIFIER" in seen.codes(CPR)
    assert seen[CPR]["value"]["kind"] != "deny"


def _text(*texts: str) -> dict[str, Any]:
    return {"linkId": "t", "answer": [{"valueString": one} for one in texts]}


@pytest.mark.parametrize(
    ("own", "beside", "told"),
    [
        (("eigen", ""), ("los",), ["eigen", "los"]),
        (("eigen", ""), ("eerst", "daarna"), ["eigen; eerst", "daarna"]),
        (("een", "twee"), ("los",), ["een; los", "twee"]),
        (("", ""), ("los", "vast", "nog"), ["los; vast; nog", "los; vast; nog"]),
        (("", ""), (), ["", ""]),
        (("een", "twee"), (), ["een", "twee"]),
    ],
)
def test_a_text_goes_with_its_own_answer_or_by_its_order(own: Any, beside: Any, told: list[str]) -> None:
    given = [{"valueString": "x", **({"item": [_text(one)]} if one else {})} for one in own]
    questions = msgspec.convert([{"linkId": "a", "answer": given}, _text(*beside)], list[Question])
    answers = Answers(questions)
    assert answers.texts_of([[one] for one in answers.given["a"]], "t") == told
