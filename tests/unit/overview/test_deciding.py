"""Which statement leads, and when none does (spec pzp-fhir 3.6)."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.overview import deciding

CPR, IC = "treatment:89666000", "treatment:305351004"
PLACE, WISHES = "obs:395091006", "obs:153851000146100"


def test_the_newest_leads_whoever_wrote_it(pen: Any, look: Any) -> None:
    seen = look(
        huisarts=[pen.treatment("permit", "2020-10-01")],
        ziekenhuis=[pen.treatment("deny", "2022-11-08")],
        vvt=[pen.treatment("Alleen kort", "2021-05-01")],
    )
    assert seen.said(CPR) == ("current", "deny", "ziekenhuis")
    assert seen[CPR]["changed"] is True
    assert [(one["date"], one["value"]["kind"], one["source"]["id"]) for one in seen[CPR]["history"]] == [
        ("2021-05-01", "conditional", "vvt"),
        ("2020-10-01", "permit", "huisarts"),
    ]
    assert seen[CPR]["conflict"] is None


def test_an_older_equal_answer_is_history_and_no_change(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("deny", "2020-01-01")], b=[pen.treatment("deny", "2024-01-01")])[CPR]
    assert item["changed"] is False
    assert len(item["history"]) == 1


@pytest.mark.parametrize("newer", ["UNK-text", "no-type"])
def test_a_newer_no_information_does_not_erase_an_answer(pen: Any, look: Any, newer: str) -> None:
    decision = "nog onbekend" if newer == "UNK-text" else None
    seen = look(a=[pen.treatment("deny", "2022-01-01")], b=[pen.treatment(decision, "2025-01-01")])
    assert seen.said(CPR) == ("current", "deny", "a")
    assert "NEWER_NO_INFORMATION" in seen.codes(CPR)
    assert [one["source"]["id"] for one in seen[CPR]["history"]] == ["b"]


def test_an_older_no_information_asks_no_attention(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("deny", "2022-01-01")], b=[pen.treatment(None, "2021-01-01")])
    assert seen.codes(CPR) == []


def test_only_no_information_is_shown_as_such(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment(None, "2022-01-01")], b=[pen.treatment("niet besproken", "2025-01-01")])
    assert seen.said(CPR) == ("current", "no-information", "b")


def test_undecided_after_a_decision_keeps_the_decision_in_sight(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("deny", "2022-01-01")], b=[pen.treatment("Nee, nog geen besluit", "2025-01-01")])
    item = seen[CPR]
    assert seen.said(CPR) == ("current", "undecided", "b")
    assert (item["lastKnown"]["value"]["kind"], item["lastKnown"]["date"]) == ("deny", "2022-01-01")
    assert item["lastKnown"]["source"]["id"] == "a"
    assert "UNDECIDED_AFTER_DECISION" in seen.codes(CPR)


def test_undecided_after_contradicting_decisions_says_that_they_did(pen: Any, look: Any) -> None:
    seen = look(
        a=[pen.treatment("deny", "2022-01-01")],
        b=[pen.treatment("permit", "2022-01-01")],
        c=[pen.treatment("Nee, nog geen besluit", "2025-01-01")],
    )
    assert "LAST_KNOWN_DIFFERS" in seen.codes(CPR)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("permit", "deny"),
        ("Alleen kort", "permit"),
        ("Alleen kort", "deny"),
        ("Alleen kort", "Alleen thuis"),
        ("Nee, nog geen besluit", "deny"),
    ],
)
def test_a_tie_with_different_values_has_no_winner(pen: Any, look: Any, one: str, other: str) -> None:
    item = look(a=[pen.treatment(one, "2022-11-08")], b=[pen.treatment(other, "2022-11-08")])[CPR]
    assert (item["state"], item["value"], item["source"], item["date"]) == ("conflict", None, None, None)
    assert item["display"] == "Tegenstrijdig, geen keuze gemaakt: zie beide"
    assert (item["conflict"]["rule"], item["conflict"]["severity"]) == ("SAME_DATE_DIFFERENT_VALUE", "high")
    assert sorted(entry["source"]["id"] for entry in item["conflict"]["candidates"]) == ["a", "b"]
    assert item["history"] == []


def test_the_same_source_can_contradict_itself(pen: Any, look: Any) -> None:
    form = pen.form("2022-11-08T17:27:36Z", pen.choice("1390", "2"))
    item = look(a=[pen.treatment("permit", "2022-11-08", code=pen.IC), form])[IC]
    assert item["state"] == "conflict"
    late = {"meta": {"lastUpdated": "2026-01-01T00:00:00Z"}}
    twice = look(a=[pen.treatment("permit", "2022-11-08", **late), pen.treatment("deny", "2022-11-08", id="x")])
    assert twice[CPR]["state"] == "conflict"


def test_a_tie_with_equal_values_is_one_row(pen: Any, look: Any) -> None:
    item = look(
        b=[pen.treatment("Alleen  KORT", "2022-11-08")], a=[pen.treatment("alleen kort", "2022-11-08T09:00:00+01:00")]
    )[CPR]
    assert item["state"] == "current"
    assert item["history"] == []
    assert {item["source"]["id"], *(one["source"]["id"] for one in item["corroboratedBy"])} == {"a", "b"}


def test_a_year_ties_with_every_day_in_it(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("deny", "2022")], b=[pen.treatment("permit", "2022-11-08")])[CPR]
    assert item["state"] == "conflict"
    beyond = look(a=[pen.treatment("deny", "2022")], b=[pen.treatment("permit", "2023-01-01")])
    assert beyond.said(CPR) == ("current", "permit", "b")


def test_a_vague_date_does_not_bring_back_what_a_precise_one_replaced(pen: Any, look: Any) -> None:
    item = look(
        a=[pen.treatment("permit", "2022")],
        b=[pen.treatment("deny", "2022-03-01", id="x"), pen.treatment("permit", "2022-11-08", id="y")],
    )[CPR]
    assert (item["state"], item["value"]["kind"]) == ("current", "permit")
    assert [one["date"] for one in item["history"]] == ["2022-03-01"]


def test_place_of_death_and_goal_contradict_at_medium(pen: Any, look: Any) -> None:
    seen = look(
        a=[pen.observation(PLACE[4:], pen.coded("264362003"), "2025-01-01"), pen.goal("385987000", "2025-01-01")],
        b=[pen.observation(PLACE[4:], pen.coded("284546000"), "2025-01-01"), pen.goal("713148004", "2025-01-01")],
    )
    assert [seen[key]["conflict"]["severity"] for key in (PLACE, "goal:medical-policy")] == ["medium", "medium"]


def test_euthanasia_contradicts_at_high(pen: Any, look: Any) -> None:
    key = "obs:340171000146104"
    seen = look(
        a=[pen.observation(key[4:], pen.coded("340181000146102"), "2025-01-01")],
        b=[pen.observation(key[4:], pen.coded("340201000146103"), "2025-01-01")],
    )
    assert seen[key]["conflict"]["severity"] == "high"


def test_free_texts_of_the_same_date_stand_side_by_side(pen: Any, look: Any) -> None:
    item = look(
        a=[pen.observation(WISHES[4:], "Nog één keer naar zee.", "2025-01-01")],
        b=[pen.observation(WISHES[4:], "Geen bezoek meer na zessen.", "2025-01-01")],
        c=[pen.observation(WISHES[4:], "Oud nieuws.", "2020-01-01")],
    )[WISHES]
    assert (item["state"], item["conflict"]) == ("current", None)
    assert item["value"]["texts"] == ["Nog één keer naar zee.", "Geen bezoek meer na zessen."]
    assert [one["source"]["id"] for one in item["parallel"]] == ["a", "b"]
    assert [one["value"]["display"] for one in item["history"]] == ["Oud nieuws."]


def test_a_newer_free_text_replaces_an_older_one(pen: Any, look: Any) -> None:
    item = look(
        a=[
            pen.observation(WISHES[4:], "Eerst.", "2024-01-01"),
            pen.observation(WISHES[4:], "Nu.", "2025-01-01", id="n"),
        ]
    )
    assert item[WISHES]["value"]["display"] == "Nu."
    assert "texts" not in item[WISHES]["value"]


def test_undated_leads_only_when_nothing_dated_exists(pen: Any, look: Any) -> None:
    alone = look(a=[pen.treatment("deny", None)])
    assert alone.said(CPR) == ("current", "deny", "a")
    equal = look(a=[pen.treatment("deny", None)], b=[pen.treatment("deny", "2020-01-01")])
    assert equal.said(CPR) == ("current", "deny", "b")
    assert [one["source"]["id"] for one in equal[CPR]["corroboratedBy"]] == ["a"]


def test_an_undated_other_value_is_a_conflict(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("deny", None)], b=[pen.treatment("permit", "2020-01-01")])
    item = seen[CPR]
    assert (item["state"], item["value"]) == ("conflict", None)
    assert (item["conflict"]["rule"], item["conflict"]["severity"]) == ("UNDATED_DIFFERENT_VALUE", "high")
    assert len(item["conflict"]["candidates"]) == 2
    assert "UNDATED_DIFFERENT_VALUE" in seen.codes(CPR)


def test_two_undated_that_differ_are_a_conflict(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("deny", None)], b=[pen.treatment("permit", None)])[CPR]
    assert item["conflict"]["rule"] == "UNDATED_DIFFERENT_VALUE"


@pytest.mark.parametrize("key", ["capacity", "representative", "directive:NR", CPR])
def test_of_nothing_nothing_is_recorded(key: str) -> None:
    assert deciding.decide(key, []) == deciding.Verdict("not-recorded")


def test_a_form_that_names_the_same_person_stands_behind_the_contact_itself(pen: Any, look: Any) -> None:
    form = pen.form("2025-01-01", pen.words("973", "Jo"), pen.words("975", "Smit"))
    item = look(a=[pen.person("Jo Smit", "24", id="jo"), form])["representative"]
    assert item["ref"] == "https://a.example/fhir/RelatedPerson/jo"
    assert [one["ref"] for one in item["corroboratedBy"]] == ["https://a.example/fhir/QuestionnaireResponse/f"]


def test_a_form_that_echoes_its_own_source_is_no_rival_and_stays_in_sight(pen: Any, look: Any) -> None:
    form = pen.form("2025-01-01", pen.words("973", "Jo"), pen.words("975", "Smit"))
    item = look(a=[pen.person("Jo Smit", "24", id="jo"), form], b=[pen.person("Wim Bos", "24", id="wim")])
    conflict = item["representative"]["conflict"]
    assert [one["ref"].rpartition("/")[2] for one in conflict["candidates"]] == ["jo", "wim"]
    echoes = item["representative"]["corroboratedBy"]
    assert [one["ref"] for one in echoes] == ["https://a.example/fhir/QuestionnaireResponse/f"]


def _refs(seen: Any, code: str) -> list[str]:
    """Whom an attention is about, as `source/id`."""
    [mark] = [mark for mark in seen[CPR]["attention"] if mark["code"] == code]
    return [f"{ref.partition('//')[2].partition('.')[0]}/{ref.rpartition('/')[2]}" for ref in mark["refs"]]


def test_the_last_decision_is_looked_for_behind_whatever_is_undecided(pen: Any, look: Any) -> None:
    told = [pen.treatment("Nee, nog geen besluit", "2024-01-01"), pen.treatment("deny", "2023-01-01", id="d")]
    seen = look(a=[pen.treatment("Nee, nog geen besluit", "2025-01-01")], b=told)
    assert seen[CPR]["lastKnown"]["value"]["kind"] == "deny"
    assert _refs(seen, "UNDECIDED_AFTER_DECISION") == ["b/d"]
    assert seen.codes(CPR) == ["UNDECIDED_AFTER_DECISION"]


def test_last_decisions_that_contradict_each_other_are_all_named(pen: Any, look: Any) -> None:
    told = {"b": [pen.treatment("deny", "2023-01-01")], "c": [pen.treatment("permit", "2023-01-01")]}
    seen = look(a=[pen.treatment("Nee, nog geen besluit", "2025-01-01")], **told)
    assert seen.codes(CPR) == ["LAST_KNOWN_DIFFERS", "UNDECIDED_AFTER_DECISION"]
    assert _refs(seen, "LAST_KNOWN_DIFFERS") == ["b/c", "c/c"]


def test_texts_that_stand_beside_each_other_are_not_said_to_corroborate_as_well(pen: Any, look: Any) -> None:
    told = {
        name: [pen.observation("153851000146100", text, "2025-01-01")]
        for name, text in zip("abc", ("Rust", "Rust", "Zee"), strict=True)
    }
    item = look(**told)[WISHES]
    assert item["value"]["texts"] == ["Rust", "Zee"]
    assert [one["source"]["id"] for one in item["parallel"]] == ["a", "b", "c"]
    assert item["corroboratedBy"] == []


def test_a_text_of_no_date_that_says_the_same_corroborates(pen: Any, look: Any) -> None:
    told = {
        "a": [pen.observation("153851000146100", "Rust", "2025-01-01")],
        "b": [pen.observation("153851000146100", "Zee", "2025-01-01")],
        "c": [pen.observation("153851000146100", "rust", None)],
    }
    item = look(**told)[WISHES]
    assert [one["source"]["id"] for one in item["parallel"]] == ["a", "b"]
    assert [one["source"]["id"] for one in item["corroboratedBy"]] == ["c"]


def _mark(seen: Any, key: str, code: str) -> tuple[str, str, list[str]]:
    """How grave an attention is, its words, and whom it is about as `source/id`."""
    [mark] = [mark for mark in seen[key]["attention"] if mark["code"] == code]
    refs = [f"{ref.partition('//')[2].partition('.')[0]}/{ref.rpartition('/')[2]}" for ref in mark["refs"]]
    return mark["severity"], mark["text"], refs


NEWER = "In een nieuwere vastlegging staat dit onderwerp als onbekend of niet besproken"
UNDATED = "Een vastlegging zonder datum zegt iets anders"


@pytest.mark.parametrize("undated", [False, True])
def test_a_newer_no_information_is_told_of_a_contradiction_too(pen: Any, look: Any, undated: bool) -> None:
    other = pen.treatment("permit", None if undated else "2024-01-01", id="x")
    unknown = [pen.treatment("nog onbekend", "2025-01-01", id=id) for id in ("u", "v")]
    seen = look(a=[pen.treatment("deny", "2024-01-01")], b=[other], c=unknown)
    assert seen[CPR]["state"] == "conflict"
    assert _mark(seen, CPR, "NEWER_NO_INFORMATION") == ("medium", NEWER, ["c/u", "c/v"])
    assert seen.codes(CPR) == ["NEWER_NO_INFORMATION", *["UNDATED_DIFFERENT_VALUE"] * undated]


@pytest.mark.parametrize(
    ("key", "severity"), [(CPR, "high"), (PLACE, "medium"), ("obs:340171000146104", "high"), (WISHES, "medium")]
)
def test_what_has_no_date_and_says_otherwise_is_named_as_gravely_as_the_item(
    pen: Any, look: Any, key: str, severity: str
) -> None:
    answers: dict[str, tuple[Any, Any]] = {
        PLACE: (pen.coded("264362003"), pen.coded("284546000")),
        "obs:340171000146104": (pen.coded("340181000146102"), pen.coded("340201000146103")),
        WISHES: ("Rust.", "Muziek."),
    }

    def told(answer: int, date: str | None) -> dict[str, Any]:
        if key == CPR:
            found: dict[str, Any] = pen.treatment(("deny", "permit")[answer], date, id="o")
        else:
            found = pen.observation(key[4:], answers[key][answer], date)
        return found

    seen = look(a=[told(0, "2024-01-01")], b=[told(1, None)])
    if key == WISHES:
        assert (seen[key]["value"]["texts"], seen.codes(key)) == (["Rust.", "Muziek."], [])
    else:
        assert _mark(seen, key, "UNDATED_DIFFERENT_VALUE") == (severity, UNDATED, ["b/o"])


def test_what_was_decided_before_and_a_newer_no_information_are_both_told(pen: Any, look: Any) -> None:
    undecided = pen.treatment("Nee, nog geen besluit", "2024-01-01", id="u")
    seen = look(a=[pen.treatment("deny", "2023-01-01"), undecided], b=[pen.treatment("nog onbekend", "2025-01-01")])
    assert seen.codes(CPR) == ["NEWER_NO_INFORMATION", "UNDECIDED_AFTER_DECISION"]


def test_one_attention_of_several_records_keeps_its_words(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("deny", "2027-01-01"), pen.treatment("deny", "2028-01-01", id="x")])
    words = "Er is een vastlegging met een datum in de toekomst; die telt niet mee"
    assert _mark(seen, CPR, "FUTURE_DATE") == ("medium", words, ["a/c", "a/x"])
