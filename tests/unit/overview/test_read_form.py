"""The form gives the same items as resources; sub-questions hang under the answer (spec pzp-fhir 1.2, 1.3)."""

from __future__ import annotations

from typing import Any

import pytest

CPR = "treatment:89666000"
DATE = "2025-04-02T15:30:00+02:00"


@pytest.mark.parametrize(
    ("question", "specification", "explanation", "key"),
    [
        ("1386", "1001", "1002", "treatment:89666000"),
        ("1387", "1388", "1389", "treatment:40617009"),
        ("1390", "1391", "1392", "treatment:305351004"),
        ("1393", "1394", "1395", "treatment:32485007"),
        ("1396", "1397", "1398", "treatment:281789004"),
        ("1399", "1400", "1401", "treatment:116762002"),
    ],
)
def test_each_treatment_with_specification_under_the_answer(
    pen: Any, look: Any, question: str, specification: str, explanation: str, key: str
) -> None:
    nested = (pen.words(specification, "Hooguit drie dagen"), pen.words(explanation, "Besproken met dochter"))
    form = pen.form(DATE, pen.group("83", pen.group("1409", pen.choice(question, "1", *nested))))
    item = look(vvt=[form])[key]
    assert (item["value"]["kind"], item["value"]["display"]) == ("conditional", "Anders, namelijk: Hooguit drie dagen")
    assert (item["specification"], item["comment"]) == ("Hooguit drie dagen", "Besproken met dochter")
    assert (item["date"], item["dateFrom"]) == (DATE, "QuestionnaireResponse.item[963]")
    assert item["ref"] == "https://vvt.example/fhir/QuestionnaireResponse/f"


@pytest.mark.parametrize(
    ("code", "kind", "display"),
    [
        ("0", "permit", "Wel uitvoeren"),
        ("2", "deny", "Niet uitvoeren"),
        ("UNK", "no-information", "Nog onbekend"),
        ("ASKU", "undecided", "Nee, nog geen besluit genomen"),
        ("1", "conditional", "Anders (niet ingevuld wat)"),
    ],
)
def test_each_decision_code(pen: Any, look: Any, code: str, kind: str, display: str) -> None:
    value = look(vvt=[pen.form(DATE, pen.choice("1386", code))])[CPR]["value"]
    shown = kind if kind in ("permit", "deny", "conditional") else code
    assert value == {"kind": kind, "code": shown, "display": display}


def test_a_specification_beside_item_item_is_read_too(pen: Any, look: Any) -> None:
    question = {**pen.choice("1386", "1"), "item": [pen.words("1001", "Alleen thuis")]}
    assert look(vvt=[pen.form(DATE, question)])[CPR]["specification"] == "Alleen thuis"


def test_a_specification_overrules_the_choice_in_a_form_too(pen: Any, look: Any) -> None:
    seen = look(vvt=[pen.form(DATE, pen.choice("1386", "0", pen.words("1001", "Mits zij het zelf vraagt")))])
    assert seen[CPR]["value"]["kind"] == "conditional"
    [mark] = seen[CPR]["attention"]
    assert (mark["code"], mark["refs"]) == (
        "TYPE_AND_SPECIFICATION", ["https://vvt.example/fhir/QuestionnaireResponse/f"],
    )  # fmt: skip


def test_a_specification_without_a_choice_is_a_decision_as_well(pen: Any, look: Any) -> None:
    seen = look(vvt=[pen.form(DATE, {"linkId": "1386", "item": [pen.words("1001", "Alleen thuis")]})])
    assert (seen[CPR]["display"], seen.codes(CPR)) == ("Anders, namelijk: Alleen thuis", [])


@pytest.mark.parametrize(
    ("coding", "value"),
    [
        ({"code": "7", "display": "Misschien"}, {"kind": "text", "code": "7", "display": '"Misschien" (7)'}),
        ({"code": "7"}, {"kind": "text", "code": "7", "display": "onbekende code (7)"}),
        ({"display": "Misschien"}, {"kind": "text", "code": None, "display": '"Misschien"'}),
    ],
)
def test_a_decision_that_is_not_known_is_shown_in_the_source_s_words(
    pen: Any, look: Any, coding: dict[str, str], value: dict[str, Any]
) -> None:
    form = pen.form(DATE, {"linkId": "1386", "answer": [{"valueCoding": coding}]})
    assert look(vvt=[form])[CPR]["value"] == value


@pytest.mark.parametrize(
    ("code", "display", "state"),
    [("7", "misschien ", "current"), ("8", "Misschien", "conflict"), ("7", "Liever niet", "conflict")],
)
def test_decisions_that_are_not_known_are_compared(pen: Any, look: Any, code: str, display: str, state: str) -> None:
    one, other = pen.choice("1386", "7", display="Misschien"), pen.choice("1386", code, display=display)
    assert look(a=[pen.form(DATE, one)], b=[pen.form(DATE, other)])[CPR]["state"] == state


@pytest.mark.parametrize("text", ["Niet besproken", "onbekend"])
def test_the_word_lists_hold_for_the_form(pen: Any, look: Any, text: str) -> None:
    seen = look(vvt=[pen.form(DATE, pen.choice("1386", "1", pen.words("1001", text)))])
    assert seen[CPR]["value"]["kind"] == "no-information"


def test_a_question_answered_twice_is_a_contradiction(pen: Any, look: Any) -> None:
    seen = look(vvt=[pen.form(DATE, pen.choice("1386", "0"), pen.choice("1386", "2"))])
    assert seen[CPR]["state"] == "conflict"


@pytest.mark.parametrize(("code", "display"), [("373066001", "Ja"), ("373067005", "Nee"), ("UNK", "Nog onbekend")])
def test_the_icd_question(pen: Any, look: Any, code: str, display: str) -> None:
    nested = (pen.choice("1008", "ICD", display="ICD"), pen.words("1009", "Uit 2018"))
    item = look(vvt=[pen.form(DATE, pen.choice("1006", code, *nested))])["icd:present"]
    assert item["value"] == {"kind": item["value"]["kind"], "code": code, "display": display}
    assert item["comment"] == "ICD; Uit 2018"


@pytest.mark.parametrize(
    ("kind", "comment"),
    [({"code": "72506001"}, "72506001"), ({"display": "Tweekamer"}, "Tweekamer"), (None, None)],
)
def test_the_kind_of_the_icd_in_whatever_words_there_are(
    pen: Any, look: Any, kind: dict[str, str] | None, comment: str | None
) -> None:
    nested = [{"linkId": "1008", "answer": [{"valueCoding": kind}]}] if kind else []
    assert look(vvt=[pen.form(DATE, pen.choice("1006", "373066001", *nested))])["icd:present"]["comment"] == comment


def test_an_icd_that_may_be_there_does_not_contradict_switching_it_off(pen: Any, look: Any) -> None:
    switched = pen.treatment("permit", "2025-01-01", code="400231000146108")
    for code, checks in (("UNK", []), ("373067005", ["X5"])):
        assert look(vvt=[pen.form(DATE, pen.choice("1006", code))], zh=[switched]).checks() == checks


@pytest.mark.parametrize(
    ("code", "kind", "display"),
    [
        ("0", "permit", "Wel uitvoeren"),
        ("ASKU", "undecided", "Nee, nog geen besluit genomen"),
        ("NASK", "no-information", "Niet besproken"),
    ],
)
def test_switching_off_the_icd(pen: Any, look: Any, code: str, kind: str, display: str) -> None:
    answer = {"linkId": "1005", "answer": [{"valueCoding": {"system": pen.NULL, "code": code}}]}
    if code != "0":
        answer["answer"][0]["item"] = [pen.words("1010", "Cardioloog gevraagd")]  # type: ignore[index]
    item = look(vvt=[pen.form(DATE, pen.group("1425", answer))])["treatment:400231000146108"]
    assert (item["value"]["kind"], item["value"]["display"]) == (kind, display)


def test_the_beta3_goal_code_is_the_rc2_goal(pen: Any, look: Any) -> None:
    seen = look(a=[pen.form("2025-04-02", pen.choice("999", "225353007"))], b=[pen.goal("713148004", "2025-04-02")])
    assert seen["goal:medical-policy"]["state"] == "current"
    assert seen["goal:medical-policy"]["value"]["code"] == "713148004"


@pytest.mark.parametrize(
    ("answer", "key", "display"),
    [
        (("1191", "264362003"), "obs:395091006", "Thuis"),
        (("1193", "340201000146103"), "obs:340171000146104", "Wenst geen euthanasie"),
        (("1435", "373066001"), "obs:570801000146104", "Ja"),
        (("1197", "373066001"), "directive", "Ja"),
        (("1199", "373067005"), "prior-differs", "Nee"),
        (("1200", "1"), "inform-relatives", "Ja"),
        (("1200", "0"), "inform-relatives", "Nee"),
        (("1201", "441898007"), "share-agreement", "Akkoord"),
        (("1201", "UNK"), "share-agreement", "Nog onbekend"),
        (("1406", "1"), "capacity", "Ja"),
        (("1406", "0"), "capacity", "Nee"),
    ],
)
def test_coded_questions(pen: Any, look: Any, answer: tuple[str, str], key: str, display: str) -> None:
    item = look(vvt=[pen.form(DATE, pen.choice(*answer))])[key]
    assert (item["value"]["display"], item["comment"]) == (display, None)


def test_elsewhere_is_explained_by_what_is_written_with_it(pen: Any, look: Any) -> None:
    form = pen.form(DATE, pen.choice("1191", "OTH", pen.words("1192", "In de caravan")))
    item = look(vvt=[form])["obs:395091006"]
    assert (item["display"], item["specification"]) == ("Anders: In de caravan", "In de caravan")


@pytest.mark.parametrize(("question", "key"), [("1190", "obs:153851000146100"), ("1196", "obs:247751003")])
def test_free_texts(pen: Any, look: Any, question: str, key: str) -> None:
    item = look(vvt=[pen.form(DATE, pen.words(question, "Muziek tot het laatst."))])[key]
    assert (item["value"]["kind"], item["value"]["display"]) == ("text", "Muziek tot het laatst.")
    assert item["comment"] is None


@pytest.mark.parametrize(
    ("question", "nested", "key"),
    [
        ("1191", "1192", "obs:395091006"),
        ("1193", "1194", "obs:340171000146104"),
        ("1406", "1407", "capacity"),
        ("1197", "1198", "directive"),
    ],
)
def test_explanations_are_kept(pen: Any, look: Any, question: str, nested: str, key: str) -> None:
    code = {"1191": "264362003", "1193": "340201000146103", "1406": "1", "1197": "373066001"}[question]
    form = pen.form(DATE, pen.choice(question, code, pen.words(nested, "Zoals eerder")))
    assert look(vvt=[form])[key]["comment"] == "Zoals eerder"


def test_representative_and_first_contact(pen: Any, look: Any) -> None:
    form = pen.form(
        DATE,
        pen.group("30", pen.words("973", "Wim"), pen.words("974", "van den"), pen.words("975", "Akker")),
        pen.group("40", pen.words("976", "0570-555010")),
        pen.choice("982", "24"),
        pen.choice("983", "HUSB"),
        pen.choice("984", "0"),
        pen.group("53", pen.words("985", "Rita"), pen.words("987", "Bos")),
        pen.group("66", pen.words("992", "rita@thuis.example")),
        pen.choice("995", "DAUC"),
    )
    seen = look(vvt=[form])
    assert seen["representative"]["value"]["display"] == "Wim van den Akker (echtgenoot), 0570-555010"
    assert seen["first-contact"]["value"]["display"] == "Rita Bos (dochter), rita@thuis.example"


def test_the_representative_can_be_the_first_contact(pen: Any, look: Any) -> None:
    for same in (pen.choice("984", "1"), pen.choice("982", "01")):
        form = pen.form(DATE, pen.words("973", "Wim"), pen.words("975", "Bos"), same)
        assert look(vvt=[form])["first-contact"]["value"]["persons"][0]["name"] == "Wim Bos"


def test_the_date_of_saving_is_never_the_date_of_the_talk(pen: Any, look: Any) -> None:
    seen = look(vvt=[pen.form("2020-10-01", pen.choice("1386", "0"), authored="2025-08-25T19:14:50Z")])
    assert seen[CPR]["date"] == "2020-10-01"
    assert "FORM_DATE_FAR_FROM_AUTHORED" in seen.codes(CPR)
    near = look(vvt=[pen.form("2025-01-01", pen.choice("1386", "0"), authored="2025-08-25T19:14:50Z")])
    assert near.codes(CPR) == []
    undated = look(vvt=[pen.form(None, pen.choice("1386", "0"), authored="2025-08-25T19:14:50Z")])
    assert undated[CPR]["date"] is None


@pytest.mark.parametrize(
    ("canonical", "known"),
    [
        ("https://fhir.iknl.nl/fhir/Questionnaire/ACP-zib2020|0.1.3-beta3", True),
        ("https://api.iknl.nl/docs/pzp/r4/Questionnaire/ACP-zib2020", True),
        (None, True),
        ("https://elders.example/Questionnaire/vragenlijst", False),
    ],
)
def test_the_form_is_known_by_its_canonical(pen: Any, look: Any, canonical: str | None, known: bool) -> None:
    seen = look(vvt=[pen.form(DATE, pen.choice("1386", "2"), questionnaire=canonical)])
    assert (seen[CPR]["state"] == "current") is known
    assert (seen.json["unmapped"] == []) is known


@pytest.mark.parametrize(
    ("status", "state"), [("amended", "current"), ("in-progress", "not-recorded"), ("stopped", "not-recorded")]
)
def test_the_status_of_a_form(pen: Any, look: Any, status: str, state: str) -> None:
    assert look(vvt=[pen.form(DATE, pen.choice("1386", "2"), status=status)])[CPR]["state"] == state


def test_a_form_in_error_gives_nothing_and_is_counted(pen: Any, look: Any) -> None:
    seen = look(vvt=[pen.form(DATE, pen.choice("1386", "2"), status="entered-in-error")])
    assert seen[CPR]["state"] == "not-recorded"
    assert [one["reason"] for one in seen.json["excluded"]] == ["entered-in-error"]
    assert seen.json["conversations"] == []


def test_a_modifier_inside_a_form_is_not_interpreted(pen: Any, look: Any) -> None:
    odd = {**pen.choice("1386", "2"), "modifierExtension": [{"url": "https://x.example/not"}]}
    seen = look(vvt=[pen.form(DATE, odd)])
    assert seen[CPR]["value"]["display"] == "Niet te interpreteren"


def test_a_birth_date_on_the_form_that_differs_is_said(pen: Any, look: Any) -> None:
    def form(born: str) -> dict[str, Any]:
        birth = {"linkId": "967", "answer": [{"valueDateTime": born}]}
        return pen.form(DATE, birth, pen.choice("1386", "2"))

    assert "FORM_BIRTH_DATE_DIFFERS" in look(vvt=[pen.patient(), form("1951-05-09")]).codes(CPR)
    assert look(vvt=[pen.patient(), form("1941-05-08T23:00:00Z")]).codes(CPR) == []


@pytest.mark.parametrize(
    ("asked", "known"), [(("963", "1386"), True), (("963",), False), (("1386",), False), ((), False)]
)
def test_a_nameless_form_is_known_by_its_date_and_a_decision(
    pen: Any, look: Any, asked: tuple[str, ...], known: bool
) -> None:
    questions = {"963": {"linkId": "963", "answer": [{"valueDateTime": DATE}]}, "1386": pen.choice("1386", "2")}
    form = pen.form(None, *[questions[link] for link in asked], pen.words("1196", "Rust."), questionnaire=None)
    seen = look(vvt=[form])
    assert (seen["obs:247751003"]["state"] == "current") is known
    assert (seen.json["unmapped"] == []) is known


def test_a_function_without_words_is_left_out(pen: Any, look: Any) -> None:
    form = pen.form(DATE, pen.words("968", "Ilse"), pen.choice("1405", "99.999"), pen.choice("1386", "2"))
    assert look(vvt=[form])[CPR]["author"] == "Ilse"


def test_the_form_names_who_held_the_talk(pen: Any, look: Any) -> None:
    form = pen.form(
        DATE,
        pen.words("968", "Ilse"),
        pen.words("969", "van"),
        pen.words("970", "Dam"),
        pen.choice("1405", "01.015", display="Huisarts"),
        pen.choice("82", "Patiënt"),
        pen.choice("998", "DAUC"),
        pen.choice("1386", "2"),
    )
    seen = look(vvt=[form])
    assert seen[CPR]["author"] == "Ilse van Dam, huisarts"
    assert seen["conversation.by"]["value"]["display"] == "Ilse van Dam, huisarts"
    assert seen["conversation.present"]["value"]["display"] == "patiënt; Dochter"


def test_a_form_nested_deep_does_not_raise(pen: Any, look: Any) -> None:
    item = pen.choice("1386", "2")
    for _ in range(60):
        item = pen.group("83", item)
    assert look(vvt=[pen.form(DATE, item)])[CPR]["state"] in ("current", "not-recorded")
