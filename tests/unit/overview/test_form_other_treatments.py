"""Treatments in own words on the form, each paired with its decision (spec 1.2, questions 1422, 1402, 1404)."""

from __future__ import annotations

from typing import Any

DATE = "2025-04-02T15:30:00+02:00"


def test_other_treatments_repeat_with_their_own_decision(pen: Any, look: Any) -> None:
    def group(text: str, code: str, why: str) -> dict[str, Any]:
        return pen.group("1421", pen.words("1422", text), pen.choice("1402", code, pen.words("1404", why)))

    seen = look(
        vvt=[pen.form(DATE, pen.group("83", group("Dialyse", "2", "Te zwaar"), group("Chemokuur", "0", "Mag")))]
    )
    assert seen["treatment:other:dialyse"]["value"]["kind"] == "deny"
    assert seen["treatment:other:dialyse"]["comment"] == "Te zwaar"
    assert seen["treatment:other:chemokuur"]["value"]["kind"] == "permit"


def test_another_treatment_that_is_not_named_is_shown_all_the_same(pen: Any, look: Any) -> None:
    coding = {"linkId": "1422", "answer": [{"valueCoding": {"system": pen.NULL, "code": "OTH", "display": "Other"}}]}
    seen = look(vvt=[pen.form(DATE, pen.group("1421", coding, pen.choice("1402", "2")))])
    found = [item for key, item in seen.items.items() if key.startswith("treatment:other:#")]
    assert [(item["label"], item["value"]["kind"]) for item in found] == [
        ("Overige behandeling (niet genoemd welke)", "deny")
    ]


def _group(pen: Any, named: list[dict[str, Any]], decisions: list[str], *more: dict[str, Any]) -> dict[str, Any]:
    decided = {"linkId": "1402", "answer": [{"valueCoding": {"code": code}} for code in decisions]}
    found: dict[str, Any] = pen.group("1421", {"linkId": "1422", "answer": named}, decided, *more)
    return found


def _shown(seen: Any) -> dict[str, tuple[str, str]]:
    """Label and display of what is no fixed item."""
    fixed = "treatment:other"
    return {
        key: (item["label"], item["display"]) for key, item in seen.items.items()
        if key.startswith("treatment:") and key != fixed and item["state"] == "current"
    }  # fmt: skip


def test_names_and_decisions_of_one_group_are_paired_in_their_order(pen: Any, look: Any) -> None:
    named = [{"valueString": " Dialyse "}, {"valueString": "Pleisters"}, {"valueString": "Zalf"}]
    assert _shown(look(vvt=[pen.form(DATE, _group(pen, named, ["2", "0"]))])) == {
        "treatment:other:dialyse": ("Overige behandeling: Dialyse", "Niet uitvoeren"),
        "treatment:other:pleisters": ("Overige behandeling: Pleisters", "Wel uitvoeren"),
        "treatment:other:zalf": ("Overige behandeling: Zalf", "Geen besluit vastgelegd"),
    }


def test_a_decision_without_a_name_is_an_item_of_its_place_on_the_form(pen: Any, look: Any) -> None:
    groups = [_group(pen, [{"valueString": "Dialyse"}], ["2", "0"]), pen.group("1421", pen.choice("1402", "2"))]
    assert _shown(look(vvt=[pen.form(DATE, *groups)])) == {
        "treatment:other:dialyse": ("Overige behandeling: Dialyse", "Niet uitvoeren"),
        "treatment:other:#vvt/f.0.1": ("Overige behandeling (niet genoemd welke)", "Wel uitvoeren"),
        "treatment:other:#vvt/f.1.0": ("Overige behandeling (niet genoemd welke)", "Niet uitvoeren"),
    }


def test_a_treatment_may_be_named_by_its_code(pen: Any, look: Any) -> None:
    named = [{"valueCoding": {"code": code}} for code in ("229912004", "89666000", "18949003")]
    assert _shown(look(vvt=[pen.form(DATE, _group(pen, named, ["2", "2"]))])) == {
        "treatment:other:toedienen van enterale voeding": (
            "Overige behandeling: toedienen van enterale voeding", "Niet uitvoeren",
        ),
        "treatment:89666000": ("Reanimatie (cardiopulmonale resuscitatie)", "Niet uitvoeren"),
        "treatment:other:18949003": ("Overige behandeling: onbekende code (18949003)", "Geen besluit vastgelegd"),
    }  # fmt: skip


def test_what_names_nothing_and_decides_nothing_is_passed_over(pen: Any, look: Any) -> None:
    named = [
        {"valueString": "Dialyse"},
        {"valueString": "  "},
        {"valueCoding": {"code": "OTH"}},
        {"valueString": "Zalf"},
    ]
    assert list(_shown(look(vvt=[pen.form(DATE, _group(pen, named, []))]))) == [
        "treatment:other:dialyse", "treatment:other:zalf",
    ]  # fmt: skip


def test_a_specification_is_that_of_the_treatment_with_a_choice_or_without(pen: Any, look: Any) -> None:
    for decisions in (["1"], []):
        group = _group(pen, [{"valueString": "Dialyse"}], decisions, pen.words("1403", "Hooguit een maand"))
        item = look(vvt=[pen.form(DATE, group)])["treatment:other:dialyse"]
        assert item["display"] == "Anders, namelijk: Hooguit een maand"


def _texts(seen: Any) -> dict[str, tuple[str, str | None]]:
    return {key: (seen[key]["display"], seen[key]["comment"]) for key in _shown(seen)}


def test_words_under_one_decision_say_nothing_of_another(pen: Any, look: Any) -> None:
    """However the repeats are written: as groups, as repeated questions, or as answers to one question."""
    dialysis = (pen.words("1403", "Hooguit een maand"), pen.words("1404", "Te zwaar"))
    expected = {
        "treatment:other:dialyse": ("Anders, namelijk: Hooguit een maand", "Te zwaar"),
        "treatment:other:zalf": ("Wel uitvoeren", None),
    }
    beside = pen.group(
        "1421",
        pen.words("1422", "Dialyse"),
        pen.choice("1402", "1", *dialysis),
        pen.words("1422", "Zalf"),
        pen.choice("1402", "0"),
    )
    apart = pen.group(
        "1421",
        {"linkId": "1422", "answer": [{"valueString": "Dialyse"}, {"valueString": "Zalf"}]},
        pen.choice("1402", "1", *dialysis),
        pen.choice("1402", "0"),
    )
    below = {
        "linkId": "1422",
        "answer": [
            {"valueString": "Dialyse", "item": [pen.choice("1402", "1"), *dialysis]},
            {"valueString": "Zalf", "item": [pen.choice("1402", "0")]},
        ],
    }
    flat = pen.group(
        "1421",
        pen.words("1422", "Dialyse"),
        pen.choice("1402", "1"),
        *dialysis,
        pen.words("1422", "Zalf"),
        pen.choice("1402", "0"),
    )
    for form in (beside, apart, below, flat):
        assert _texts(look(vvt=[pen.form(DATE, form)])) == expected


def test_a_decision_in_own_words_is_shown(pen: Any, look: Any) -> None:
    group = pen.group("1421", pen.words("1422", "Dialyse"), pen.words("1402", "Liever niet"))
    assert _texts(look(vvt=[pen.form(DATE, group)])) == {"treatment:other:dialyse": ('"Liever niet"', None)}


def test_explanations_beside_as_many_treatments_go_by_their_order(pen: Any, look: Any) -> None:
    named = [{"valueString": "Dialyse"}, {"valueString": "Zalf"}]
    told = {"linkId": "1404", "answer": [{"valueString": "Te zwaar"}, {"valueString": "Helpt"}]}
    assert _texts(look(vvt=[pen.form(DATE, _group(pen, named, ["2", "0"], told))])) == {
        "treatment:other:dialyse": ("Niet uitvoeren", "Te zwaar"),
        "treatment:other:zalf": ("Wel uitvoeren", "Helpt"),
    }


def test_a_long_explanation_beside_many_treatments_is_not_repeated_without_end(pen: Any, look: Any) -> None:
    named = [{"valueString": f"Zalf {number}"} for number in range(1000)]
    long = pen.words("1404", "Zie dossier. " * 100)
    seen = look(vvt=[pen.form(DATE, _group(pen, named, ["2"] * 1000, long))])
    comments = [comment for _, comment in _texts(seen).values()]
    assert len([comment for comment in comments if comment]) == 1


def test_a_treatment_by_code_and_in_words_keeps_its_words(pen: Any, look: Any) -> None:
    named = {"valueCoding": {"system": pen.SCT, "code": pen.CPR}, "valueString": "Alleen buiten het ziekenhuis"}
    group = pen.group("1421", {"linkId": "1422", "answer": [named]}, pen.choice("1402", "2"))
    item = look(vvt=[pen.form("2026-01-01", group)])["treatment:89666000"]
    assert (item["display"], item["comment"]) == ("Niet uitvoeren", "Alleen buiten het ziekenhuis")


NONE = "Geen besluit vastgelegd"


def test_a_decision_below_one_of_several_names_is_of_that_one(pen: Any, look: Any) -> None:
    """Not of the first: that one has no decision."""
    named = [{"valueString": "Dialyse"}, {"valueString": "Sondevoeding", "item": [pen.choice("1402", "2")]}]
    assert _shown(look(vvt=[pen.form(DATE, pen.group("1421", {"linkId": "1422", "answer": named}))])) == {
        "treatment:other:dialyse": ("Overige behandeling: Dialyse", NONE),
        "treatment:other:sondevoeding": ("Overige behandeling: Sondevoeding", "Niet uitvoeren"),
    }


def test_after_a_pair_names_and_decisions_may_come_together(pen: Any, look: Any) -> None:
    names = [pen.words("1422", name) for name in ("Dialyse", "Pleisters", "Zalf")]
    no, yes, last = pen.choice("1402", "2"), pen.choice("1402", "0"), pen.choice("1402", "2")
    group = pen.group("1421", names[0], no, names[1], names[2], yes, last)
    assert _shown(look(vvt=[pen.form(DATE, group)])) == {
        "treatment:other:dialyse": ("Overige behandeling: Dialyse", "Niet uitvoeren"),
        "treatment:other:pleisters": ("Overige behandeling: Pleisters", "Wel uitvoeren"),
        "treatment:other:zalf": ("Overige behandeling: Zalf", "Niet uitvoeren"),
    }
