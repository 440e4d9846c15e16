"""The same statement met twice collapses and keeps every reference (spec pzp-fhir 3.3)."""

from __future__ import annotations

from typing import Any

import pytest

CPR = "treatment:89666000"
SAME = {"identifier": [{"system": "urn:oid:1.2.3", "value": "besluit-1"}]}


def test_an_equal_copy_at_another_source_collapses(pen: Any, look: Any) -> None:
    item = look(
        a=[pen.treatment("deny", "2024-01-01", **SAME)], b=[pen.treatment("deny", "2024-01-01", id="x", **SAME)]
    )
    assert item.codes(CPR) == []
    assert item[CPR]["ref"] == "https://a.example/fhir/Consent/c"
    assert [one["ref"] for one in item[CPR]["corroboratedBy"]] == ["https://b.example/fhir/Consent/x"]
    assert item[CPR]["history"] == []


def test_an_equal_copy_of_an_older_statement_is_one_line_of_history(pen: Any, look: Any) -> None:
    old = [pen.treatment("permit", "2020-01-01", **SAME)]
    item = look(a=old, b=old, c=[pen.treatment("deny", "2024-01-01")])[CPR]
    assert len(item["history"]) == 1


def test_a_copy_with_other_content_is_judged_by_date_and_says_so(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("deny", "2024-01-01", **SAME)], b=[pen.treatment("permit", "2025-01-01", **SAME)])
    assert seen.said(CPR) == ("current", "permit", "b")
    assert "DUPLICATE_ID_DIFFERS" in seen.codes(CPR)
    mark = next(mark for mark in seen[CPR]["attention"] if mark["code"] == "DUPLICATE_ID_DIFFERS")
    assert mark["refs"] == ["https://a.example/fhir/Consent/c", "https://b.example/fhir/Consent/c"]


def test_the_same_identifier_on_two_items_is_said_on_both(pen: Any, look: Any) -> None:
    seen = look(
        a=[pen.treatment("deny", "2024-01-01", **SAME)], b=[pen.treatment("deny", "2024-01-01", code=pen.IC, **SAME)]
    )
    assert "DUPLICATE_ID_DIFFERS" in seen.codes(CPR)
    assert "DUPLICATE_ID_DIFFERS" in seen.codes("treatment:305351004")


def test_an_identifier_without_system_joins_nothing(pen: Any, look: Any) -> None:
    bare = {"identifier": [{"value": "1"}]}
    seen = look(a=[pen.treatment("deny", "2024-01-01", **bare)], b=[pen.treatment("permit", "2025-01-01", **bare)])
    assert seen.codes(CPR) == []


def test_one_form_with_many_answers_is_no_duplicate_of_itself(pen: Any, look: Any) -> None:
    form = pen.form("2024-01-01", pen.choice("1386", "0"), pen.choice("1390", "2"))
    form["identifier"] = {"system": "urn:x", "value": "f-1"}
    seen = look(a=[form])
    assert seen.codes(CPR) == seen.codes("treatment:305351004") == []


def test_a_form_sent_twice_beside_its_resource_keeps_both_references_in_history(pen: Any, look: Any) -> None:
    form = {**pen.form("2024-01-01", pen.choice("1386", "2")), "identifier": SAME["identifier"][0]}
    sent = [{**form, "id": "x"}, {**form, "id": "y"}]
    seen = look(a=[pen.treatment("deny", "2024-01-01"), *sent], b=[pen.treatment("permit", "2025-01-01")])
    (past,) = seen[CPR]["history"]
    both = ["https://a.example/fhir/QuestionnaireResponse/x", "https://a.example/fhir/QuestionnaireResponse/y"]
    assert past["also"] == both
    led = look(a=[pen.treatment("deny", "2024-01-01"), *sent])[CPR]
    assert [one["ref"] for one in led["corroboratedBy"]] == both


def test_the_form_beside_its_resources_corroborates(pen: Any, look: Any) -> None:
    form = pen.form("2024-01-01T15:00:00+01:00", pen.choice("1386", "2"))
    item = look(a=[pen.treatment("deny", "2024-01-01"), form])[CPR]
    assert item["ref"] == "https://a.example/fhir/Consent/c"
    assert [one["ref"] for one in item["corroboratedBy"]] == ["https://a.example/fhir/QuestionnaireResponse/f"]


def test_the_form_beside_its_resources_is_one_line_of_history(pen: Any, look: Any) -> None:
    form = pen.form("2020-01-01T15:00:00+01:00", pen.choice("1386", "2"))
    item = look(a=[pen.treatment("deny", "2020-01-01"), form], b=[pen.treatment("permit", "2024-01-01")])[CPR]
    assert len(item["history"]) == 1


def test_one_resource_twice_in_the_answers_counts_once_in_its_newest_version(pen: Any, look: Any) -> None:
    old, new = {"meta": {"versionId": "9"}}, {"meta": {"versionId": "10"}}
    versions = [pen.treatment("permit", "2024-01-01", **old), pen.treatment("deny", "2024-01-01", **new)]
    for order in (versions, versions[::-1]):
        item = look(a=order)[CPR]
        assert (item["state"], item["value"]["kind"], item["history"]) == ("current", "deny", [])


def test_a_changed_copy_of_a_form_is_said_only_where_it_differs(pen: Any, look: Any) -> None:
    def form(decision: str) -> dict[str, Any]:
        content: dict[str, Any] = pen.form("2024-01-01", pen.choice("1386", decision), pen.choice("1390", "2"))
        return {**content, "identifier": {"system": "urn:x", "value": "f-1"}}

    seen = look(a=[form("0")], b=[form("2")])
    assert "DUPLICATE_ID_DIFFERS" in seen.codes(CPR)
    assert seen.codes("treatment:305351004") == []
    assert len(seen["treatment:305351004"]["corroboratedBy"]) == 1


def test_one_record_that_contradicts_itself_is_no_duplicate(pen: Any, look: Any) -> None:
    form = pen.form("2024-01-01", pen.choice("1386", "0"), pen.choice("1386", "2"))
    seen = look(a=[{**form, "identifier": {"system": "urn:x", "value": "f-1"}}])
    assert (seen[CPR]["state"], seen.codes(CPR)) == ("conflict", [])


def test_an_equal_copy_without_a_date_collapses_too(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("deny", None, **SAME)], b=[pen.treatment("deny", None, id="x", **SAME)])[CPR]
    assert (item["state"], len(item["corroboratedBy"])) == ("current", 1)
    assert item["attention"] == []


def test_a_form_goes_with_its_resource_whichever_of_the_two_is_dated_more_coarsely(pen: Any, look: Any) -> None:
    for resource, form in (("2024-01", "2024-01-15"), ("2024-01-15", "2024-01"), ("2024", "2024-01-15T10:00:00Z")):
        told = [pen.treatment("deny", resource), pen.form(form, pen.choice("1386", "2"))]
        item = look(a=told)[CPR]
        assert item["ref"] == "https://a.example/fhir/Consent/c"
        assert [one["ref"] for one in item["corroboratedBy"]] == ["https://a.example/fhir/QuestionnaireResponse/f"]


def test_a_form_of_another_month_is_a_statement_of_its_own(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("deny", "2024-01"), pen.form("2024-03-15", pen.choice("1386", "2"))])[CPR]
    assert item["ref"] == "https://a.example/fhir/QuestionnaireResponse/f"
    assert [one["ref"] for one in item["history"]] == ["https://a.example/fhir/Consent/c"]


def test_a_form_goes_with_the_resource_that_has_since_ended_what_it_records(pen: Any, look: Any) -> None:
    ended = pen.treatment("deny", "2024-01-15", provision={"period": {"end": "2025-06-01"}})
    item = look(a=[ended, pen.form("2024-01-15", pen.choice("1386", "2"))])[CPR]
    assert (item["state"], item["ref"], item["history"]) == ("ended", "https://a.example/fhir/Consent/c", [])
    assert [one["ref"] for one in item["corroboratedBy"]] == ["https://a.example/fhir/QuestionnaireResponse/f"]
    other = look(a=[ended, pen.form("2024-01-15", pen.choice("1386", "0"))])[CPR]
    assert other["state"] == "conflict", "what it records is not what was ended"


def test_a_form_in_progress_goes_with_no_ended_resource(pen: Any, look: Any) -> None:
    ended = pen.treatment("deny", "2024-01-15", provision={"period": {"end": "2025-06-01"}})
    item = look(a=[ended, pen.form("2024-01-15", pen.choice("1386", "2"), status="in-progress")])[CPR]
    assert [one["recordStatus"] for one in item["history"]] == ["in-progress"]


def _named(*values: str) -> dict[str, Any]:
    return {"identifier": [{"system": "urn:oid:1.2.3", "value": value} for value in values]}


def test_an_identifier_that_is_used_once_ends_no_search_for_the_others(pen: Any, look: Any) -> None:
    alone = pen.treatment("deny", "2026-01-01", **_named("besluit-0"))
    seen = look(
        a=[alone], b=[pen.treatment("deny", "2024-01-01", **SAME)], c=[pen.treatment("permit", "2023-01-01", **SAME)]
    )
    assert "DUPLICATE_ID_DIFFERS" in seen.codes(CPR)


def test_a_copy_of_a_copy_is_one_line_with_the_first(pen: Any, look: Any) -> None:
    """The second bears both names; so the third, that knows only the other name, goes with the first."""
    names = {"a": ("een",), "b": ("een", "twee"), "c": ("twee",)}
    old = {source: [pen.treatment("permit", "2020-01-01", **_named(*given))] for source, given in names.items()}
    [line] = look(**old, d=[pen.treatment("deny", "2024-01-01")])[CPR]["history"]
    assert line["ref"] == "https://a.example/fhir/Consent/c"
    assert line["also"] == ["https://b.example/fhir/Consent/c", "https://c.example/fhir/Consent/c"]


@pytest.mark.parametrize(
    ("resource", "form"),
    [
        ("2020", "2020"),
        ("2020", "2020-01-15"),
        ("2020-01", "2020-01-15T10:00:00Z"),
        ("2020-01-15", "2020"),
        ("2020-01-15", "2020-01"),
        ("2020-01-15T10:00:20Z", "2020-01-15"),
        ("2020-01-15T10:00:20Z", "2020-01-15T10:00Z"),
        ("2020-01-15T10:00:20Z", "2020-01-15T11:00:20+01:00"),
    ],
)
def test_a_form_and_its_resource_are_one_line_of_history_however_they_are_dated(
    pen: Any, look: Any, resource: str, form: str
) -> None:
    told = [pen.treatment("deny", resource), pen.form(form, pen.choice("1386", "2"))]
    [line] = look(a=told, b=[pen.treatment("permit", "2024-01-01")])[CPR]["history"]
    assert line["ref"] == "https://a.example/fhir/Consent/c"
    assert line["also"] == ["https://a.example/fhir/QuestionnaireResponse/f"]


def test_what_asks_for_attention_in_a_copy_asks_for_it_on_the_item(pen: Any, look: Any) -> None:
    """Whether it is folded into the statement that leads, or into one that is history."""
    born = {"linkId": "967", "answer": [{"valueDate": "1950-01-01"}]}
    seen = look(
        a=[pen.patient(), pen.treatment("deny", "2024-01-01"), pen.form("2024-01-01", born, pen.choice("1386", "2"))]
    )
    assert seen.codes(CPR) == ["FORM_BIRTH_DATE_DIFFERS"]
    [mark] = seen[CPR]["attention"]
    assert mark["refs"] == ["https://a.example/fhir/QuestionnaireResponse/f"]
    elsewhere = pen.treatment("deny", "2024-01-01", patient={"reference": "Patient/other"}, **SAME)
    told = {"a": [pen.patient(), pen.treatment("deny", "2024-01-01", **SAME)], "b": [pen.patient(), elsewhere]}
    assert look(**told).codes(CPR) == ["SUBJECT_DIFFERS"]
    assert look(**told, c=[pen.treatment("permit", "2025-01-01")]).codes(CPR) == ["SUBJECT_DIFFERS"]
