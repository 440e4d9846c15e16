"""What a form says in own words, or as a boolean, where a code was asked: nothing is lost (spec pzp-fhir 3.8)."""

from __future__ import annotations

from typing import Any

import pytest

DAY = "2026-01-01"


def _form(pen: Any, link: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [pen.form(DAY, {"linkId": link, "answer": [answer]})]


@pytest.mark.parametrize(
    ("link", "key"),
    [
        ("1191", "obs:395091006"),
        ("1193", "obs:340171000146104"),
        ("999", "goal:medical-policy"),
        ("1386", "treatment:89666000"),
        ("1005", "treatment:400231000146108"),
        ("1199", "prior-differs"),
        ("1406", "capacity"),
        ("1200", "inform-relatives"),
    ],
)
def test_own_words_are_shown_as_the_source_s_words(pen: Any, look: Any, link: str, key: str) -> None:
    seen = look(vvt=_form(pen, link, {"valueString": " Bij haar dochter "}))
    assert (seen[key]["state"], seen[key]["display"]) == ("current", '"Bij haar dochter"')


def test_own_words_are_never_taken_for_a_decision(pen: Any, look: Any) -> None:
    seen = look(vvt=_form(pen, "1386", {"valueString": "Wel uitvoeren"}))
    assert seen["treatment:89666000"]["value"] == {"kind": "text", "code": None, "display": '"Wel uitvoeren"'}


@pytest.mark.parametrize("link_and_key", [("1006", "icd:present"), ("1435", "obs:570801000146104")])
@pytest.mark.parametrize(("said", "code", "display"), [(True, "373066001", "Ja"), (False, "373067005", "Nee")])
def test_a_boolean_is_yes_or_no(
    pen: Any, look: Any, link_and_key: tuple[str, str], said: bool, code: str, display: str
) -> None:
    link, key = link_and_key
    value = look(vvt=_form(pen, link, {"valueBoolean": said}))[key]["value"]
    assert (value["code"], value["display"]) == (code, display)


@pytest.mark.parametrize("link_and_key", [("1197", "directive"), ("1199", "prior-differs")])
def test_a_boolean_on_earlier_wishes(pen: Any, look: Any, link_and_key: tuple[str, str]) -> None:
    link, key = link_and_key
    assert look(vvt=_form(pen, link, {"valueBoolean": True}))[key]["display"] == "Ja"


@pytest.mark.parametrize(("link", "key"), [("1386", "treatment:89666000"), ("1005", "treatment:400231000146108")])
@pytest.mark.parametrize(("said", "display"), [(True, '"Ja"'), (False, '"Nee"')])
def test_a_boolean_on_a_treatment_is_shown_and_decides_nothing(
    pen: Any, look: Any, link: str, key: str, said: bool, display: str
) -> None:
    item = look(vvt=_form(pen, link, {"valueBoolean": said}))[key]
    assert (item["state"], item["value"]["kind"], item["display"]) == ("current", "text", display)


@pytest.mark.parametrize(
    ("answer", "display"),
    [
        ({"valueInteger": 2}, '"2"'),
        ({"valueDecimal": 2.5}, '"2.5"'),
        ({"valueDate": "2026-01-01"}, '"2026-01-01"'),
        ({"valueDateTime": "2026-01-01T10:00:00Z"}, '"2026-01-01T10:00:00Z"'),
        ({"valueTime": "10:00:00"}, '"10:00:00"'),
        ({"valueUri": "urn:a"}, '"urn:a"'),
        ({"valueQuantity": {"value": 2}}, '"antwoord in een vorm die hier niet gelezen wordt"'),
        ({"valueReference": {"display": "Nee"}}, '"antwoord in een vorm die hier niet gelezen wordt"'),
        ({"valueAttachment": {"title": "x"}}, '"antwoord in een vorm die hier niet gelezen wordt"'),
        ({"valueCodeableConcept": {"text": "x"}}, '"antwoord in een vorm die hier niet gelezen wordt"'),
    ],
)
@pytest.mark.parametrize(
    ("link", "key"), [("1386", "treatment:89666000"), ("1191", "obs:395091006"), ("1406", "capacity")]
)
def test_an_answer_of_another_kind_than_was_asked_is_shown(
    pen: Any, look: Any, link: str, key: str, answer: dict[str, Any], display: str
) -> None:
    item = look(vvt=_form(pen, link, answer))[key]
    assert (item["state"], item["display"]) == ("current", display)


def test_a_coded_answer_where_words_were_asked_is_shown(pen: Any, look: Any) -> None:
    said = {"valueCoding": {"code": "7", "display": "Muziek"}}
    assert look(vvt=_form(pen, "1190", said))["obs:153851000146100"]["display"] == '"Muziek" (7)'
    unknown = look(vvt=_form(pen, "1190", {"valueCoding": {"code": "UNK"}}))["obs:153851000146100"]
    assert unknown["value"]["kind"] == "no-information"


@pytest.mark.parametrize(("link", "key"), [("1406", "capacity"), ("1200", "inform-relatives")])
def test_two_answers_to_one_question_are_both_shown(pen: Any, look: Any, link: str, key: str) -> None:
    both = {"linkId": link, "answer": [{"valueCoding": {"code": "1"}}, {"valueBoolean": False}]}
    item = look(vvt=[pen.form(DAY, both)])[key]
    assert item["state"] == "conflict"
    assert sorted(one["value"]["display"] for one in item["conflict"]["candidates"]) == ["Ja", "Nee"]


def test_who_were_there_in_own_words(pen: Any, look: Any) -> None:
    seen = look(vvt=[pen.form(DAY, pen.words("998", "Buurvrouw"), pen.words("970", "De Graaf"))])
    assert seen["conversation.present"]["display"] == '"Buurvrouw"'


def test_a_boolean_on_sharing(pen: Any, look: Any) -> None:
    assert look(vvt=_form(pen, "1201", {"valueBoolean": True}))["share-agreement"]["display"] == "Akkoord"
    assert look(vvt=_form(pen, "1201", {"valueBoolean": False}))["share-agreement"]["display"] == '"Nee" (373067005)'


def test_a_boolean_no_on_the_icd_beside_an_agreement_to_switch_it_off(pen: Any, look: Any) -> None:
    no = {"linkId": "1006", "answer": [{"valueBoolean": False}]}
    assert look(vvt=[pen.form(DAY, no, pen.choice("1005", "0"))]).checks() == ["X5"]


def test_the_function_of_who_held_the_conversation_is_worded_by_its_code(pen: Any, look: Any) -> None:
    function = {"code": "0100", "system": "urn:oid:2.16.840.1.113883.2.4.6.7", "display": "Huisartsen, niet nader"}
    form = pen.form(DAY, pen.words("970", "De Graaf"), {"linkId": "1405", "answer": [{"valueCoding": function}]})
    assert look(vvt=[form])["conversation.by"]["display"] == "De Graaf, huisarts"


@pytest.mark.parametrize(("words", "present"), [("Patiënt", "patiënt"), ("nee", None)])
def test_words_at_the_patient_s_presence(pen: Any, look: Any, words: str, present: str | None) -> None:
    seen = look(vvt=[pen.form(DAY, pen.words("82", words), pen.words("970", "De Graaf"))])
    [conversation] = seen.json["conversations"]
    assert conversation["present"] == ([present] if present else [])
