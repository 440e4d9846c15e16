"""Conversations that are odd: by mistake, promised, not to be interpreted, told by two (spec pzp-fhir 3.2, 3.9)."""

from __future__ import annotations

from typing import Any

import pytest

ODD = [{"url": "https://x.example/not"}]
JOINED = {"encounter": {"reference": "Encounter/e"}}


def test_mistakes_are_excluded_by_reference_and_what_follows_them_counts(pen: Any, look: Any) -> None:
    seen = look(
        a=[
            pen.encounter("2024-01-01", id="a", status="entered-in-error"),
            pen.encounter("2025-01-01"),
            pen.procedure(id="a", status="entered-in-error"),
            pen.procedure(**JOINED),
        ]
    )
    assert [(one["type"], one["ref"], one["reason"]) for one in seen.json["excluded"]] == [
        ("Encounter", "https://a.example/fhir/Encounter/a", "entered-in-error"),
        ("Procedure", "https://a.example/fhir/Procedure/a", "entered-in-error"),
    ]
    assert [one["date"] for one in seen.json["conversations"]] == ["2025-01-01"]


@pytest.mark.parametrize(
    ("reason", "counts"),
    [
        ({"reference": "Procedure/gone"}, True),
        ({"reference": "https://a.example/fhir/Procedure/gone"}, True),
        ({"reference": "Procedure/knee"}, False),
        ({"reference": "Condition/gone"}, False),
        ({"display": "Gesprek"}, False),
    ],
)
def test_an_encounter_counts_by_a_procedure_that_did_not_come_along(
    pen: Any, look: Any, reason: dict[str, str], counts: bool
) -> None:
    knee = pen.procedure(id="knee", code="75367002")
    seen = look(a=[pen.encounter("2025-01-01", reasonReference=[reason]), knee])
    assert [one["date"] for one in seen.json["conversations"]] == (["2025-01-01"] if counts else [])


@pytest.mark.parametrize("of", ["encounter", "procedure", "none"])
def test_an_unknown_modifier_of_encounter_or_procedure_is_said(pen: Any, look: Any, of: str) -> None:
    strange = {"modifierExtension": ODD}
    talk = pen.encounter("2025-01-01", **(strange if of == "encounter" else {}))
    [seen] = look(a=[talk, pen.procedure(**JOINED, **(strange if of == "procedure" else {}))]).json["conversations"]
    marks = [(one["code"], one["refs"]) for one in seen["attention"]]
    assert marks == ([] if of == "none" else [("UNKNOWN_MODIFIER", ["https://a.example/fhir/Encounter/e"])])


@pytest.mark.parametrize(
    ("reference", "present"),
    [
        ({"reference": "https://elsewhere.example/fhir/RelatedPerson/9", "display": "Jo Smit"}, True),
        ({"reference": "RelatedPerson/9", "display": "Jo Smit"}, True),
        ({"reference": "https://elsewhere.example/fhir/Practitioner/9", "display": "Jo Smit"}, False),
        ({"display": "Jo Smit"}, False),
    ],
)
def test_whoever_did_not_come_along_is_placed_by_the_reference(
    pen: Any, look: Any, reference: dict[str, str], present: bool
) -> None:
    talk = pen.encounter("2025-01-01", subject=None, participant=[{"individual": reference}])
    [seen] = look(a=[talk, pen.procedure(**JOINED)]).json["conversations"]
    assert (seen["present"], seen["by"]) == ((["Jo Smit"], "onbekend") if present else ([], "Jo Smit"))


def test_somebody_found_under_another_name_is_placed_by_what_it_is(pen: Any, look: Any) -> None:
    talk = pen.encounter("2025-01-01", subject=None, participant=[{"individual": {"reference": "urn:uuid:1"}}])
    person = pen.person("Jo Smit", "23")
    [seen] = look(a=[talk, pen.procedure(**JOINED), person]).json["conversations"]
    assert (seen["present"], seen["by"]) == ([], "onbekend")


def test_a_procedure_alone_is_dated_by_when_it_was_done(pen: Any, look: Any) -> None:
    whole = look(a=[pen.procedure(performedPeriod={"start": "2025-01-02"})]).json["conversations"]
    moment = look(a=[pen.procedure(performedDateTime="2025-01-03")]).json["conversations"]
    assert [one["date"] for one in (*whole, *moment)] == ["2025-01-02", "2025-01-03"]


def test_what_two_sources_tell_of_one_conversation_stands_there_together(pen: Any, look: Any) -> None:
    shared = {"identifier": [{"system": "urn:x", "value": "1"}]}
    named = [{"individual": {"display": "Ilse van Dam"}}]
    other = [{"individual": {"display": "Jan Kok"}}, {"individual": {"reference": "RelatedPerson/jo-smit"}}]
    seen = look(
        a=[pen.encounter(None, participant=named, subject=None, **shared), pen.procedure(**JOINED)],
        b=[
            pen.encounter("2025-01-01", participant=other, subject=None, **shared),
            pen.procedure(**JOINED),
            pen.person("Jo Smit", "23"),
            pen.treatment("deny", "2025-01-01"),
            pen.form("2025-01-01", pen.choice("1387", "2")),
        ],
    )
    [talk] = seen.json["conversations"]
    assert (talk["date"], talk["by"], talk["present"]) == ("2025-01-01", "Ilse van Dam; Jan Kok", ["Jo Smit"])
    assert (talk["sources"], talk["forms"]) == (["a", "b"], ["https://b.example/fhir/QuestionnaireResponse/f"])
    assert talk["inferred"] == 1
    assert talk["statements"][0] == "https://b.example/fhir/Consent/c"


def test_conversations_without_date_stand_last_also_behind_very_old_ones(pen: Any, look: Any) -> None:
    old = pen.procedure(id="old", performedDateTime="1960-01-01")
    seen = look(a=[pen.procedure(id="bare"), old, pen.procedure(id="new", performedDateTime="2025-01-01")])
    assert [one["date"] for one in seen.json["conversations"]] == ["2025-01-01", "1960-01-01", None]
    assert [one["id"] for one in seen.json["conversations"]] == ["a|2025-01-01", "a|1960-01-01", "a|zonder datum"]


def test_a_statement_dated_by_month_stands_under_its_month(pen: Any, look: Any) -> None:
    [talk] = look(a=[pen.treatment("deny", "2025-03")]).json["conversations"]
    assert (talk["date"], talk["id"], talk["synthetic"]) == ("2025-03", "a|2025-03", True)


def test_one_id_with_two_contents_gives_two_conversations_with_names_of_their_own(pen: Any, look: Any) -> None:
    """Without a version neither is the newer one: both count, each on its own date."""
    seen = look(a=[pen.treatment("deny", "2023-02-01"), pen.treatment("permit", "2024-03-01")])
    names = [one["id"] for one in seen.json["conversations"]]
    assert names == ["a|2024-03-01", "a|2023-02-01"]
    assert seen["treatment:89666000"]["conversation"] in names
