"""What a form says otherwise than it was asked may limit an answer: it is never dropped (spec pzp-fhir 3.8)."""

from __future__ import annotations

from typing import Any

import pytest

DAY = "2026-01-01"
CPR = "treatment:89666000"
WITNESSED = "Alleen als er iemand bij was"
DECIDED = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.25.1"
DIRECTIVE = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.14.1"


def _asked(link: str, *answers: dict[str, Any]) -> dict[str, Any]:
    return {"linkId": link, "answer": list(answers)}


def _coding(code: str, system: str = "", display: str = "") -> dict[str, Any]:
    more = {name: value for name, value in (("system", system), ("display", display)) if value}
    return {"valueCoding": {"code": code, **more}}


@pytest.mark.parametrize("choice", ["0", "1", "2"])
def test_a_specification_that_came_as_a_code_counts(pen: Any, look: Any, choice: str) -> None:
    below = [_asked("1001", _coding("w", "https://a.example/codes", WITNESSED))]
    item = look(vvt=[pen.form(DAY, _asked("1386", {**_coding(choice, DECIDED), "item": below}))])[CPR]
    assert (item["value"]["kind"], item["display"]) == ("conditional", f"Anders, namelijk: {WITNESSED}")


def test_a_specification_in_a_shape_that_is_not_read_leaves_no_plain_yes(pen: Any, look: Any) -> None:
    below = [_asked("1001", {"valueAttachment": {"title": "x"}})]
    item = look(vvt=[pen.form(DAY, _asked("1386", {**_coding("0", DECIDED), "item": below}))])[CPR]
    assert item["display"] == "Anders, namelijk: antwoord in een vorm die hier niet gelezen wordt"


@pytest.mark.parametrize("code", ["UNK", "NASK"])
def test_a_specification_that_is_coded_as_unknown_specifies_nothing(pen: Any, look: Any, code: str) -> None:
    below = [_asked("1001", _coding(code, pen.NULL)), _asked("1002", {"valueString": "Eigen wens"})]
    item = look(vvt=[pen.form(DAY, _asked("1386", {**_coding("2", DECIDED), "item": below}))])[CPR]
    assert (item["value"]["kind"], item["comment"]) == ("deny", "Eigen wens")


@pytest.mark.parametrize(("code", "words"), [("NR", "Niet-reanimerenverklaring"), ("XX", "onbekende code (XX)")])
def test_which_document_there_was_before_may_be_coded(pen: Any, look: Any, code: str, words: str) -> None:
    below = [_asked("1198", _coding(code, DIRECTIVE))]
    item = look(vvt=[pen.form(DAY, _asked("1197", {**_coding("373066001", pen.SCT), "item": below}))])["directive"]
    assert (item["display"], item["comment"]) == ("Ja", words)


@pytest.mark.parametrize(
    ("link", "key", "answer", "display"),
    [
        ("1386", CPR, _coding("0", DECIDED), "Wel uitvoeren"),
        ("1005", "treatment:400231000146108", _coding("0"), "Wel uitvoeren"),
        ("1191", "obs:395091006", _coding("264362003"), "Thuis"),
        ("1193", "obs:340171000146104", _coding("340201000146103"), "Wenst geen euthanasie"),
        ("1406", "capacity", _coding("1"), "Ja"),
        ("1006", "icd:present", _coding("373066001"), "Ja"),
        ("1201", "share-agreement", _coding("441898007"), "Akkoord"),
    ],
)
@pytest.mark.parametrize("apart", [True, False])
def test_own_words_beside_a_coded_answer_stand_with_it(
    pen: Any, look: Any, link: str, key: str, answer: dict[str, Any], display: str, apart: bool
) -> None:
    words = {"valueString": " Zolang het kan "}
    answers = [answer, words] if apart else [{**answer, **words}]
    item = look(vvt=[pen.form(DAY, _asked(link, *answers))])[key]
    assert (item["state"], item["display"], item["comment"]) == ("current", display, "Zolang het kan")


def test_words_beside_the_decision_and_its_explanation_are_both_there(pen: Any, look: Any) -> None:
    decision = {**_coding("2", DECIDED), "item": [_asked("1002", {"valueString": "Eigen wens"})]}
    item = look(vvt=[pen.form(DAY, _asked("1386", decision, {"valueString": "Ook niet kort"}))])[CPR]
    assert (item["value"]["kind"], item["comment"]) == ("deny", "Eigen wens; Ook niet kort")


def test_a_free_question_answered_in_words_and_in_code_shows_both(pen: Any, look: Any) -> None:
    answers = (_coding("7", "https://a.example/codes", "Muziek"), {"valueString": "Rust"})
    item = look(vvt=[pen.form(DAY, _asked("1190", *answers))])["obs:153851000146100"]
    assert item["display"] == '"Muziek" (7); Rust'


def test_words_win_from_a_code_for_unknown_at_a_free_question(pen: Any, look: Any) -> None:
    item = look(vvt=[pen.form(DAY, _asked("1190", _coding("UNK", pen.NULL), {"valueString": "Rust"}))])
    assert (item["obs:153851000146100"]["value"]["kind"], item["obs:153851000146100"]["display"]) == ("text", "Rust")


@pytest.mark.parametrize("code", ["0", "1", "2"])
def test_the_code_of_another_list_is_no_decision(pen: Any, look: Any, code: str) -> None:
    """0 means no in many a list of yes and no; here it is "wel uitvoeren"."""
    item = look(vvt=[pen.form(DAY, _asked("1386", _coding(code, "https://a.example/yesno", "Nee")))])[CPR]
    assert (item["state"], item["value"]["kind"], item["display"]) == ("current", "text", f'"Nee" ({code})')


def test_a_representative_s_role_and_relation_in_own_words(pen: Any, look: Any) -> None:
    told = (pen.words("975", "De Graaf"), pen.words("982", "Mentor van de stichting"), pen.words("983", "Nicht"))
    [person] = look(vvt=[pen.form(DAY, *told)])["representative"]["value"]["persons"]
    assert (person["name"], person["roles"], person["relation"]) == (
        "De Graaf",
        ['"Mentor van de stichting"'],
        '"Nicht"',
    )


def test_the_function_of_the_professional_and_the_kind_of_icd_in_own_words(pen: Any, look: Any) -> None:
    icd = {**_coding("373066001", pen.SCT), "item": [pen.words("1008", "Subcutaan")]}
    seen = look(
        vvt=[
            pen.form(DAY, pen.words("970", "De Graaf"), pen.words("1405", "Praktijkondersteuner"), _asked("1006", icd))
        ]
    )
    assert seen["conversation.by"]["display"] == "De Graaf, praktijkondersteuner"
    assert (seen["icd:present"]["display"], seen["icd:present"]["comment"]) == ("Ja", "Subcutaan")


@pytest.mark.parametrize(
    ("link", "key", "display"),
    [
        ("1002", CPR, "Geen besluit vastgelegd"),
        ("1392", "treatment:305351004", "Geen besluit vastgelegd"),
        ("1010", "treatment:400231000146108", "Geen besluit vastgelegd"),
        ("1192", "obs:395091006", "Nog onbekend"),
        ("1194", "obs:340171000146104", "Nog onbekend"),
        ("1198", "directive", "Nog onbekend"),
        ("1407", "capacity", "Nog onbekend"),
        ("1009", "icd:present", "Nog onbekend"),
    ],
)
def test_an_explanation_without_an_answer_is_kept(pen: Any, look: Any, link: str, key: str, display: str) -> None:
    item = look(vvt=[pen.form(DAY, pen.words(link, "Eerst overleg met haar zus"))])[key]
    assert (item["value"]["kind"], item["display"]) == ("no-information", display)
    assert item["comment"] == "Eerst overleg met haar zus"


def test_an_explanation_of_a_treatment_that_was_not_filled_in_is_kept(pen: Any, look: Any) -> None:
    group = pen.group("1421", {"linkId": "1422"}, pen.words("1404", "Eerst overleg met haar zus"))
    seen = look(vvt=[pen.form(DAY, group)])
    [item] = [item for key, item in seen.items.items() if key.startswith("treatment:other")]
    assert (item["display"], item["comment"]) == ("Geen besluit vastgelegd", "Eerst overleg met haar zus")
    empty = look(vvt=[pen.form(DAY, pen.group("1421", {"linkId": "1422"}, {"linkId": "1402"}))])
    assert empty["treatment:other"]["state"] == "not-recorded"


@pytest.mark.parametrize("link", ["1001-anders", "", None])
@pytest.mark.parametrize("deeper", [True, False])
def test_what_hangs_under_a_decision_without_a_number_of_the_form_stands_with_it(
    pen: Any, look: Any, link: str | None, deeper: bool
) -> None:
    below = {**_asked("x", {"valueString": WITNESSED}), "linkId": link}
    below = below if link is not None else {"answer": below["answer"]}
    hung = pen.group("g", below) if deeper else below
    item = look(vvt=[pen.form(DAY, _asked("1386", {**_coding("0", DECIDED), "item": [hung]}))])[CPR]
    assert (item["display"], item["comment"]) == ("Wel uitvoeren", WITNESSED)


def test_a_question_of_the_form_that_hangs_under_another_is_no_comment_on_it(pen: Any, look: Any) -> None:
    below = [_asked("1390", _coding("2", DECIDED, "Niet uitvoeren")), pen.words("1392", "Te zwaar")]
    seen = look(vvt=[pen.form(DAY, _asked("1386", {**_coding("0", DECIDED), "item": below}))])
    assert (seen[CPR]["display"], seen[CPR]["comment"]) == ("Wel uitvoeren", None)
    assert (seen["treatment:305351004"]["display"], seen["treatment:305351004"]["comment"]) == (
        "Niet uitvoeren",
        "Te zwaar",
    )


@pytest.mark.parametrize(
    ("dates", "date", "marks"), [([DAY, DAY], DAY, []), ([DAY, "2020-01-01"], None, ["DATE_UNREADABLE"])]
)
def test_a_form_with_two_dates_that_differ_has_none(
    pen: Any, look: Any, dates: list[str], date: str | None, marks: list[str]
) -> None:
    dated = _asked("963", *({"valueDate": one} for one in dates))
    seen = look(vvt=[pen.form(None, dated, _asked("1386", _coding("2", DECIDED)))])
    assert (seen[CPR]["date"], seen.codes(CPR)) == (date, marks)
