"""A coded answer in whatever shape: never blank, never taken for another, compared by what it says (spec 3.2, 7)."""

from __future__ import annotations

from typing import Any

import pytest

PLACE, EUTHANASIA, GOAL = "obs:395091006", "obs:340171000146104", "goal:medical-policy"
WISHES, IMPORTANT = "obs:153851000146100", "obs:247751003"
DAY, ELSEWHERE = "2025-01-01", "urn:oid:2.999.5"
OTHER = {"coding": [{"code": "OTH"}]}


def _place(pen: Any, concept: Any, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = pen.observation(PLACE[4:], concept, DAY, **more)
    return found


SHOWN: dict[str, tuple[dict[str, Any], tuple[str, str | None, str, str | None]]] = {
    "elsewhere, in words": (
        {**OTHER, "text": " In de caravan "},
        ("decision", "OTH", "Anders: In de caravan", "In de caravan"),
    ),
    "elsewhere, no words": ({**OTHER, "text": "  "}, ("decision", "OTH", "Anders", None)),
    "a known code keeps our words": (
        {"coding": [{"code": "284546000"}], "text": "hospice De Linde"},
        ("decision", "284546000", "Hospice", "hospice De Linde"),
    ),
    "a known code among others": (
        {"coding": [{"code": "H-3", "display": "huis 3"}, {"code": "264362003"}]},
        ("decision", "264362003", "Thuis", None),
    ),
    "two known codes that contradict each other, in either order": (
        {"coding": [{"code": "264362003"}, {"code": "22232009"}]},
        ("text", "uninterpretable", "Niet te interpreteren: Ziekenhuis / Thuis", None),
    ),
    "the same in the other order": (
        {"coding": [{"code": "22232009"}, {"code": "264362003"}, {"code": "OTH"}]},
        ("text", "uninterpretable", "Niet te interpreteren: Ziekenhuis / Thuis", None),
    ),
    "a known code beside Anders": (
        {"coding": [{"code": "OTH"}, {"code": "264362003"}]},
        ("decision", "264362003", "Thuis", None),
    ),
    "a null flavor among others": (
        {"coding": [{"code": "H-3"}, {"code": "UNK"}], "text": "x"},
        ("no-information", "UNK", "Nog onbekend", "x"),
    ),
    "words only": ({"text": "Woonboot"}, ("decision", None, '"Woonboot"', None)),
    "a display only": ({"coding": [{"display": "Woonboot"}]}, ("decision", None, '"Woonboot"', None)),
    "nothing": ({"coding": [{}], "text": " "}, ("no-information", None, "Nog onbekend", None)),
    "a code of another system that looks like a null flavor": (
        {"coding": [{"code": "NA", "system": ELSEWHERE, "display": "Naast de kerk"}]},
        ("decision", "NA", '"Naast de kerk" (NA)', None),
    ),
    "a null flavor that is not in our table": (
        {"coding": [{"code": "TRC", "system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"}]},
        ("decision", "TRC", "onbekende code (TRC)", None),
    ),
}


@pytest.mark.parametrize("how", SHOWN)
def test_an_answer_is_shown_as_well_as_can_be(pen: Any, look: Any, how: str) -> None:
    concept, (kind, code, display, specification) = SHOWN[how]
    item = look(a=[_place(pen, concept)])[PLACE]
    assert item["value"] == {"kind": kind, "code": code, "display": display}
    assert item["specification"] == specification


COMPARED: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "elsewhere, the same words": (PLACE, {**OTHER, "text": "Bij Koos"}, {**OTHER, "text": "bij  koos"}, "current"),
    "elsewhere, other words": (PLACE, {**OTHER, "text": "Bij Koos"}, {**OTHER, "text": "Bij Miep"}, "conflict"),
    "elsewhere, and words only": (PLACE, {**OTHER, "text": "Bij Koos"}, {"text": "Bij Koos"}, "conflict"),
    "one unknown code in other words": (
        PLACE,
        {"coding": [{"code": "H-3", "display": "huis 3"}]},
        {"coding": [{"code": "H-3", "display": "Huize Drie"}]},
        "current",
    ),
    "two unknown codes": (PLACE, {"coding": [{"code": "H-3"}]}, {"coding": [{"code": "H-4"}]}, "conflict"),
    "words that are the same": (PLACE, {"text": "Woonboot"}, {"text": "woonboot"}, "current"),
    "words that are not": (PLACE, {"text": "Woonboot"}, {"text": "Woonwagen"}, "conflict"),
    "otherwise where there is no such answer, the same words": (
        EUTHANASIA, {**OTHER, "text": "Later"}, {**OTHER, "text": "later"}, "current",
    ),
    "otherwise where there is no such answer, other words": (
        EUTHANASIA, {**OTHER, "text": "Later"}, {**OTHER, "text": "Nooit"}, "conflict",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", COMPARED)
def test_answers_are_compared_by_what_they_say(pen: Any, look: Any, how: str) -> None:
    key, one, other, state = COMPARED[how]
    told = {name: [pen.observation(key[4:], concept, DAY)] for name, concept in (("a", one), ("b", other))}
    assert look(**told)[key]["state"] == state


def test_words_in_the_note_and_in_the_answer_are_the_same_words(pen: Any, look: Any) -> None:
    noted = _place(pen, OTHER, note=[{"text": "Bij Koos"}])
    seen = look(a=[noted], b=[_place(pen, {**OTHER, "text": "Bij Koos"})])[PLACE]
    assert (seen["state"], seen["display"], seen["specification"]) == ("current", "Anders: Bij Koos", "Bij Koos")


def test_a_note_beside_words_is_a_note(pen: Any, look: Any) -> None:
    item = look(a=[_place(pen, {**OTHER, "text": "Bij Koos"}, note=[{"text": "Als dat kan"}])])[PLACE]
    assert (item["display"], item["specification"], item["comment"]) == ("Anders: Bij Koos", "Bij Koos", "Als dat kan")


def test_a_note_beside_an_answer_or_an_unknown_otherwise_is_a_note(pen: Any, look: Any) -> None:
    note = [{"text": "Als dat kan"}]
    home = look(a=[_place(pen, pen.coded("264362003"), note=note)])[PLACE]
    assert (home["display"], home["comment"]) == ("Thuis", "Als dat kan")
    unknown = look(a=[_place(pen, pen.coded("UNK"), note=note)])[PLACE]
    assert (unknown["display"], unknown["comment"]) == ("Nog onbekend", "Als dat kan")


@pytest.mark.parametrize("key", [WISHES, IMPORTANT])
@pytest.mark.parametrize(
    ("concept", "kind", "display"),
    [
        ({"text": " Geen bezoek. "}, "text", "Geen bezoek."),
        ({"coding": [{"code": "x", "display": "Geen bezoek."}]}, "text", "Geen bezoek."),
        ({"coding": [{"code": "x"}, {"code": "UNK"}], "text": "y"}, "no-information", "Nog onbekend"),
        ({"coding": [{"code": "NASK"}, {"code": "UNK"}]}, "no-information", "Niet besproken"),
        ({}, "no-information", "Nog onbekend"),
    ],
)
def test_a_wish_may_be_written_as_a_concept(
    pen: Any, look: Any, key: str, concept: dict[str, Any], kind: str, display: str
) -> None:
    value = look(a=[pen.observation(key[4:], concept, DAY)])[key]["value"]
    assert (value["kind"], value["display"]) == (kind, display)


ABSENT: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "a code that we know": ({"coding": [{"code": "not-asked"}]}, "not-asked", "Niet gevraagd"),
    "a code that we know, among others": (
        {"coding": [{"code": "aaa"}, {"code": "masked"}]}, "aaa", "Afgeschermd",
    ),
    "a code that we do not know": ({"coding": [{"code": "zzz"}]}, "zzz", "onbekende code (zzz)"),
    "a code that we do not know, in words": (
        {"coding": [{"code": "zzz", "display": "Te moe"}]}, "zzz", '"Te moe" (zzz)',
    ),
    "several of them": ({"coding": [{"code": "zzz"}, {"code": "yyy"}]}, "yyy", "onbekende code (yyy)"),
    "words only": ({"text": "Te moe"}, None, '"Te moe"'),
    "nothing": ({}, None, "Nog onbekend"),
}  # fmt: skip


@pytest.mark.parametrize("how", ABSENT)
def test_why_there_is_no_answer_is_shown(pen: Any, look: Any, how: str) -> None:
    reason, code, display = ABSENT[how]
    value = look(a=[pen.observation(PLACE[4:], None, DAY, dataAbsentReason=reason)])[PLACE]["value"]
    assert value == {"kind": "no-information", "code": code, "display": display}


@pytest.mark.parametrize("how", ABSENT)
def test_no_answer_is_no_answer_whatever_the_reason(pen: Any, look: Any, how: str) -> None:
    absent = pen.observation(PLACE[4:], None, DAY, dataAbsentReason=ABSENT[how][0])
    item = look(a=[absent], b=[_place(pen, pen.coded("UNK"))])[PLACE]
    assert (item["state"], len(item["corroboratedBy"])) == ("current", 1)


@pytest.mark.parametrize(
    ("codes", "read"),
    [
        (("395091006",), True),
        (("8867-4", "395091006"), True),
        (("8867-4", "8302-2"), False),
        (("8867-4",), False),
        ((), False),
    ],
)
def test_a_question_is_ours_by_any_of_its_codes(pen: Any, look: Any, codes: tuple[str, ...], read: bool) -> None:
    question = {"coding": [{"code": code} for code in codes]}
    seen = look(a=[{**_place(pen, pen.coded("264362003")), "code": question}])
    assert (seen[PLACE]["state"] == "current") is read
    assert len(seen.json["unmapped"]) == (0 if read else 1)


ACP = {"coding": [{"code": "713603004"}]}


def test_a_goal_of_ours_without_a_description_has_no_information(pen: Any, look: Any) -> None:
    item = look(a=[pen.goal("385987000", DAY, description=None, category=[ACP])])[GOAL]
    assert (item["value"]["kind"], item["display"]) == ("no-information", "Nog onbekend")


@pytest.mark.parametrize(
    ("status", "display"),
    [("completed", "Beëindigd op 01-06-2025 (Nieuw gesprek)"), ("active", "Curatief / actief ziektebeleid")],
)
def test_the_reason_of_a_goals_status_is_told_when_it_is_over(pen: Any, look: Any, status: str, display: str) -> None:
    told = pen.goal("385987000", DAY, lifecycleStatus=status, statusDate="2025-06-01", statusReason="Nieuw gesprek")
    item = look(a=[told])[GOAL]
    assert item["display"] == display
    assert item["dateFrom"] == ("Goal.statusDate" if status == "completed" else "Goal.startDate")


def test_a_goal_that_is_over_for_no_reason_says_no_more(pen: Any, look: Any) -> None:
    told = pen.goal("385987000", DAY, lifecycleStatus="cancelled", statusDate="2025-06-01")
    assert look(a=[told])[GOAL]["display"] == "Beëindigd op 01-06-2025"


def test_a_goal_without_status_may_not_lead(pen: Any, look: Any) -> None:
    told = pen.goal("385987000", DAY, lifecycleStatus=None, category=[ACP])
    assert look(a=[told])[GOAL]["state"] == "not-recorded"


def test_a_goal_and_its_older_code_are_one_goal(pen: Any, look: Any) -> None:
    both = {"coding": [{"code": "225353007"}, {"code": "713148004"}]}
    item = look(a=[pen.goal("713148004", DAY, description=both)])[GOAL]
    assert (item["value"]["kind"], item["value"]["code"]) == ("decision", "713148004")
