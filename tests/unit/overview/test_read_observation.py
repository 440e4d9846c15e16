"""Wishes and goal: coded answers in the form's wording, free text, and what is no information (spec 3.2, 7)."""

from __future__ import annotations

from typing import Any

import pytest

PLACE, EUTHANASIA, DONOR = "obs:395091006", "obs:340171000146104", "obs:570801000146104"
WISHES, IMPORTANT = "obs:153851000146100", "obs:247751003"
GOAL = "goal:medical-policy"


@pytest.mark.parametrize(
    ("key", "code", "display"),
    [
        (PLACE, "264362003", "Thuis"),
        (PLACE, "22232009", "Ziekenhuis"),
        (PLACE, "108344006", "Verpleeghuis"),
        (PLACE, "284546000", "Hospice"),
        (EUTHANASIA, "340181000146102", "Heeft euthanasieverklaring"),
        (EUTHANASIA, "340201000146103", "Wenst geen euthanasie"),
        (
            EUTHANASIA,
            "340191000146100",
            "Geen euthanasieverklaring, zou wel verzoek kunnen doen in bepaalde situaties",
        ),
        (DONOR, "373066001", "Ja"),
        (DONOR, "373067005", "Nee"),
    ],
)
def test_coded_answers_read_in_our_words(pen: Any, look: Any, key: str, code: str, display: str) -> None:
    concept = pen.coded(code, display="een korte SNOMED-omschrijving")
    value = look(a=[pen.observation(key[4:], concept, "2025-01-01")])[key]["value"]
    assert value == {"kind": "decision", "code": code, "display": display}


def test_the_donor_item_never_says_what_was_chosen(pen: Any, look: Any) -> None:
    item = look(a=[pen.observation(DONOR[4:], pen.coded("373066001"), "2025-01-01")])[DONOR]
    assert item["label"] == "Keuze vastgelegd in donorregister"


@pytest.mark.parametrize(
    ("code", "system", "kind", "display"),
    [
        ("UNK", "null", "no-information", "Nog onbekend"),
        ("NASK", "null", "no-information", "Niet besproken"),
        ("ASKU", "null", "undecided", "Nee, nog geen besluit genomen"),
        ("NI", "null", "no-information", "Geen informatie"),
    ],
)
def test_null_flavors_are_no_answer(pen: Any, look: Any, code: str, system: str, kind: str, display: str) -> None:
    value = look(a=[pen.observation(PLACE[4:], pen.coded(code, pen.NULL), "2025-01-01")])[PLACE]["value"]
    assert (value["kind"], value["display"]) == (kind, display)


@pytest.mark.parametrize(
    ("code", "display"),
    [("asked-unknown", "Gevraagd, onbekend"), ("not-asked", "Niet gevraagd"), ("unknown", "Nog onbekend")],
)
def test_data_absent_is_no_information(pen: Any, look: Any, code: str, display: str) -> None:
    absent = {"dataAbsentReason": pen.coded(code, "http://terminology.hl7.org/CodeSystem/data-absent-reason")}
    item = look(a=[pen.observation(EUTHANASIA[4:], None, "2025-01-01", note=[{"text": "Komt later"}], **absent)])[
        EUTHANASIA
    ]
    assert (item["value"]["kind"], item["value"]["display"]) == ("no-information", display)
    assert item["comment"] == "Komt later"


def test_an_unknown_code_shows_the_source_words_with_the_code(pen: Any, look: Any) -> None:
    seen = look(a=[pen.observation(PLACE[4:], pen.coded("1234", display="Woonboot"), "2025-01-01")])
    assert seen[PLACE]["value"]["display"] == '"Woonboot" (1234)'
    bare = look(a=[pen.observation(PLACE[4:], pen.coded("1234"), "2025-01-01")])
    assert bare[PLACE]["value"]["display"] == "onbekende code (1234)"
    words = look(a=[pen.observation(PLACE[4:], {"text": "Woonboot"}, "2025-01-01")])
    assert words[PLACE]["value"]["display"] == '"Woonboot"'


def test_elsewhere_with_different_words_is_a_different_answer(pen: Any, look: Any) -> None:
    def other(words: str) -> dict[str, Any]:
        return pen.observation(PLACE[4:], pen.coded("OTH", pen.NULL), "2025-01-01", note=[{"text": words}])

    assert look(a=[other("Bij haar zus")], b=[other("In de caravan")])[PLACE]["state"] == "conflict"
    agreed = look(a=[other("Bij haar zus")], b=[other("bij  haar zus")])[PLACE]
    assert (agreed["state"], agreed["value"]["display"]) == ("current", "Anders: Bij haar zus")


@pytest.mark.parametrize("key", [WISHES, IMPORTANT])
def test_free_text_is_shown_as_it_is(pen: Any, look: Any, key: str) -> None:
    value = look(a=[pen.observation(key[4:], " Ze wil de tuin nog zien bloeien. ", "2025-01-01")])[key]["value"]
    assert value == {"kind": "text", "code": None, "display": "Ze wil de tuin nog zien bloeien."}


def test_blank_text_is_no_information(pen: Any, look: Any) -> None:
    assert look(a=[pen.observation(WISHES[4:], "  ", "2025-01-01")])[WISHES]["value"]["kind"] == "no-information"


def test_effective_period_and_instant_date_an_observation(pen: Any, look: Any) -> None:
    period = pen.observation(PLACE[4:], pen.coded("264362003"), None, effectivePeriod={"start": "2024-05"})
    instant = pen.observation(PLACE[4:], pen.coded("264362003"), None, effectiveInstant="2024-05-01T10:00:00Z")
    issued = pen.observation(PLACE[4:], pen.coded("264362003"), None, issued="2024-05-01T10:00:00Z")
    assert look(a=[period])[PLACE]["date"] == "2024-05"
    assert look(a=[instant])[PLACE]["dateFrom"] == "Observation.effectiveInstant"
    assert look(a=[issued])[PLACE]["date"] is None


@pytest.mark.parametrize("status", ["preliminary", "unknown", "registered", "cancelled"])
def test_an_observation_that_is_not_final_never_leads(pen: Any, look: Any, status: str) -> None:
    seen = look(a=[pen.observation(PLACE[4:], pen.coded("264362003"), "2025-01-01", status=status)])
    assert seen[PLACE]["state"] == "not-recorded"
    assert len(seen[PLACE]["history"]) == 1


@pytest.mark.parametrize(
    "value",
    [
        {"valueBoolean": True},
        {"valueQuantity": {"value": 1}},
        {"valueInteger": 0},
        {"valueRange": {}},
        {"valueRatio": {}},
        {"valueSampledData": {}},
        {"valueTime": "10:00:00"},
        {"valueDateTime": "2025"},
        {"valuePeriod": {"start": "2025"}},
        {"valueCoding": {"code": "373066001"}},
        {"component": [{"valueString": "Ja"}]},
    ],
)
def test_a_value_type_that_the_item_does_not_have_is_unmapped(pen: Any, look: Any, value: dict[str, Any]) -> None:
    seen = look(a=[pen.observation(DONOR[4:], None, "2025-01-01", **value)])
    assert seen[DONOR]["state"] == "not-recorded"
    assert seen.json["unmapped"][0]["reason"] == "not-recognized"


def test_another_observation_is_unmapped(pen: Any, look: Any) -> None:
    seen = look(a=[pen.observation("8867-4", "72", "2025-01-01")])
    assert [one["type"] for one in seen.json["unmapped"]] == ["Observation"]


@pytest.mark.parametrize(
    ("code", "value", "display"),
    [
        ("385987000", "385987000", "Curatief / actief ziektebeleid"),
        ("1351964001", "1351964001", "Palliatief met als doel levensverlenging én symptoomverlichting"),
        (
            "713148004",
            "713148004",
            "Palliatief met als doel symptoomverlichting, waarbij levensverlenging niet gewenst is",
        ),
        (
            "225353007",
            "713148004",
            "Palliatief met als doel symptoomverlichting, waarbij levensverlenging niet gewenst is",
        ),
    ],
)
def test_the_goal_in_the_form_s_wording(pen: Any, look: Any, code: str, value: str, display: str) -> None:
    found = look(a=[pen.goal(code, "2025-01-01", note=[{"text": "Besproken met zoon"}])])[GOAL]
    assert found["value"] == {"kind": "decision", "code": value, "display": display}
    assert found["comment"] == "Besproken met zoon"


def test_a_goal_is_dated_by_its_start_else_its_status(pen: Any, look: Any) -> None:
    both = look(a=[pen.goal("385987000", "2025-01-01", statusDate="2025-06-01")])[GOAL]
    status = look(a=[pen.goal("385987000", None, statusDate="2025-06-01")])[GOAL]
    assert (both["date"], both["dateFrom"]) == ("2025-01-01", "Goal.startDate")
    assert (status["date"], status["dateFrom"]) == ("2025-06-01", "Goal.statusDate")


def test_an_unknown_goal_of_policy_has_no_information(pen: Any, look: Any) -> None:
    acp = {"category": [pen.coded("713603004")]}
    goal = pen.goal("UNK", "2025-01-01", **acp)
    assert look(a=[goal])[GOAL]["value"]["kind"] == "no-information"


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_a_goal_that_is_over_leads_as_ended(pen: Any, look: Any, status: str) -> None:
    item = look(a=[pen.goal("385987000", "2024-01-01", lifecycleStatus=status, statusDate="2025-01-01")])[GOAL]
    assert (item["state"], item["date"]) == ("ended", "2025-01-01")


def test_another_goal_of_the_patient_is_no_pzp_goal(pen: Any, look: Any) -> None:
    seen = look(a=[pen.goal("289169006", "2025-01-01")])
    assert seen[GOAL]["state"] == "not-recorded"
    assert [one["type"] for one in seen.json["unmapped"]] == ["Goal"]
