"""An agreement that ended competes by its end, and revives nothing (spec pzp-fhir 3.5, 3.6)."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.overview import deciding

CPR = "treatment:89666000"


def _ended(pen: Any, since: str | None, end: str, decision: str = "permit", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = pen.treatment(decision, since, provision={"period": {"end": end}}, **more)
    return found


def test_an_end_competes_by_its_own_date(pen: Any, look: Any) -> None:
    before = look(a=[_ended(pen, "2022-01-01", "2024-01-01")], b=[pen.treatment("deny", "2025-01-01")])
    assert before.said(CPR) == ("current", "deny", "b")
    assert [one["value"]["kind"] for one in before[CPR]["history"]] == ["ended"]


def test_an_older_agreement_is_never_revived_silently(pen: Any, look: Any) -> None:
    seen = look(a=[_ended(pen, "2022-01-01", "2024-01-01")], b=[pen.treatment("deny", "2020-01-01")])
    assert seen.said(CPR) == ("ended", "ended", "a")
    assert "OLDER_AGREEMENT_AFTER_END" in seen.codes(CPR)
    assert [one["value"]["kind"] for one in seen[CPR]["history"]] == ["deny"]


def test_an_older_agreement_of_the_same_source_is_plain_history(pen: Any, look: Any) -> None:
    seen = look(a=[_ended(pen, "2022-01-01", "2024-01-01"), pen.treatment("deny", "2020-01-01", id="x")])
    assert seen[CPR]["state"] == "ended"
    assert seen.codes(CPR) == []


def test_an_agreement_made_while_the_ended_one_held_is_a_conflict(pen: Any, look: Any) -> None:
    seen = look(a=[_ended(pen, "2022-01-01", "2024-01-01")], b=[pen.treatment("deny", "2023-01-01")])
    assert seen[CPR]["conflict"]["rule"] == "WITHIN_ENDED_PERIOD"
    assert {one["value"]["kind"] for one in seen[CPR]["conflict"]["candidates"]} == {"ended", "deny"}


def test_the_form_of_the_talk_that_made_the_agreement_is_no_contradiction_of_its_end(pen: Any, look: Any) -> None:
    form = pen.form("2022-01-01T15:00:00+01:00", pen.choice("1386", "0"))
    seen = look(a=[_ended(pen, "2022-01-01", "2024-01-01"), form])
    assert seen[CPR]["state"] == "ended"
    elsewhere = look(a=[_ended(pen, "2022-01-01", "2024-01-01")], b=[form])
    assert elsewhere[CPR]["state"] == "ended"
    assert "OLDER_AGREEMENT_AFTER_END" in elsewhere.codes(CPR)


def test_two_ends_agree(pen: Any, look: Any) -> None:
    item = look(a=[_ended(pen, "2022-01-01", "2024-01-01")], b=[_ended(pen, "2022-01-01", "2024-01-01")])[CPR]
    assert item["state"] == "ended"
    assert [one["source"]["id"] for one in item["corroboratedBy"]] == ["b"]


def test_an_end_and_a_renewal_on_the_same_day_are_a_conflict(pen: Any, look: Any) -> None:
    item = look(a=[_ended(pen, "2022-01-01", "2024-01-01")], b=[pen.treatment("deny", "2024-01-01")])[CPR]
    assert item["conflict"]["rule"] == "SAME_DATE_DIFFERENT_VALUE"


def test_the_day_before_an_agreement_is_before_it(pen: Any, look: Any) -> None:
    seen = look(a=[_ended(pen, "2022-01-01", "2024-01-01")], b=[pen.treatment("deny", "2021-12-31")])
    assert seen[CPR]["state"] == "ended"
    same_day = look(a=[_ended(pen, "2022-01-01", "2024-01-01")], b=[pen.treatment("deny", "2022-01-01")])
    assert same_day[CPR]["conflict"]["rule"] == "WITHIN_ENDED_PERIOD"


def test_an_older_form_of_an_agreement_that_ended_later_stays_in_history(pen: Any, look: Any) -> None:
    form = pen.form("2020-01-01T15:00:00+01:00", pen.choice("1386", "0"))
    item = look(a=[_ended(pen, "2022-01-01", "2024-01-01"), form])[CPR]
    assert [one["date"] for one in item["history"]] == ["2020-01-01T15:00:00+01:00"]


def test_another_end_within_an_ended_agreement_contradicts_nothing(pen: Any, look: Any) -> None:
    seen = look(a=[_ended(pen, "2024-01-01", "2025-06-01")], b=[_ended(pen, "2023-01-01", "2025-01-01")])
    assert seen.said(CPR) == ("ended", "ended", "a")
    assert len(seen[CPR]["history"]) == 1
    assert seen.codes(CPR) == [], "what ended as well is no agreement that still stands"


def test_an_undated_statement_beside_an_end_is_a_conflict_of_the_undated(pen: Any, look: Any) -> None:
    seen = look(a=[_ended(pen, "2024-01-01", "2025-06-01")], b=[pen.treatment("deny", None)])
    assert seen[CPR]["conflict"]["rule"] == "UNDATED_DIFFERENT_VALUE"


def test_an_end_without_a_beginning_holds_no_period(pen: Any, look: Any) -> None:
    seen = look(a=[_ended(pen, None, "2025-06-01")], b=[pen.treatment("deny", "2025-01-01")])
    assert seen.said(CPR) == ("ended", "ended", "a")
    assert "OLDER_AGREEMENT_AFTER_END" in seen.codes(CPR)


MANY: dict[str, tuple[int, set[str]]] = {
    "few enough: each end against each agreement": (16, {"a/c", "b/c", "d/c", "d/undated"}),
    "too many: whatever lies between the first and the last": (15, {"a/c", "b/c", "c/first", "d/c", "d/undated"}),
}


@pytest.mark.parametrize("how", MANY)
def test_with_too_many_to_compare_all_within_the_longest_period_are_shown(
    pen: Any, look: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Two ends that tie and eight statements that inform: c/first is the agreement itself, on the day it was made."""
    bound, expected = MANY[how]
    monkeypatch.setattr(deciding, "_COMPARED", bound)
    told = {
        "a": [_ended(pen, "2024-03-01", "2025-06-01")],
        "b": [_ended(pen, "2024-05-01", "2025-06-01")],
        "c": [pen.treatment("deny", "2024-02-29"), pen.treatment("permit", "2024-03-01", id="first")],
        "d": [pen.treatment("deny", "2025-05-31"), pen.treatment("deny", None, id="undated")],
        "e": [
            _ended(pen, "2023-01-01", "2024-08-01"),
            _ended(pen, "2022-01-01", "2023-08-01", id="older"),
            pen.treatment("niet besproken", "2024-09-01", id="no"),
        ],
    }
    conflict = look(**told)[CPR]["conflict"]
    rivals = {f"{one['source']['id']}/{one['ref'].rpartition('/')[2]}" for one in conflict["candidates"]}
    assert conflict["rule"] == "WITHIN_ENDED_PERIOD"
    assert rivals == expected


def test_with_too_many_to_compare_an_end_without_beginning_has_always_held(
    pen: Any, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "_COMPARED", 0)
    seen = look(a=[_ended(pen, None, "2025-06-01")], b=[pen.treatment("deny", "1971-01-01")])
    assert seen[CPR]["conflict"]["rule"] == "WITHIN_ENDED_PERIOD"


@pytest.mark.parametrize("decisions", [("permit", "deny"), ("deny", "permit")])
def test_ends_that_differ_in_what_ended_are_each_held_against_the_rest(
    pen: Any, look: Any, decisions: tuple[str, str]
) -> None:
    """The same first day: the agreement itself, written down twice, for the one end and not for the other."""
    ends = {name: [_ended(pen, "2024-03-01", "2025-06-01", said)] for name, said in zip("ab", decisions, strict=True)}
    seen = look(**ends, c=[pen.treatment("permit", "2024-03-01")])
    assert seen[CPR]["conflict"]["rule"] == "WITHIN_ENDED_PERIOD"


def _refs(seen: Any, code: str) -> list[str]:
    """Whom an attention is about, as `source/id`."""
    [mark] = [mark for mark in seen[CPR]["attention"] if mark["code"] == code]
    return [f"{ref.partition('//')[2].partition('.')[0]}/{ref.rpartition('/')[2]}" for ref in mark["refs"]]


def test_the_agreements_that_were_never_ended_are_named(pen: Any, look: Any) -> None:
    older = [pen.treatment("deny", "2023-01-01"), pen.treatment("permit", "2022-01-01", id="x")]
    seen = look(a=[_ended(pen, "2024-01-01", "2025-06-01")], b=older)
    assert _refs(seen, "OLDER_AGREEMENT_AFTER_END") == ["b/c", "b/x"]


@pytest.mark.parametrize("decision", [None, "Nog onbekend"])
@pytest.mark.parametrize("source", ["a", "b"])
def test_the_end_of_a_record_that_decided_nothing_is_no_end_of_an_older_agreement(
    pen: Any, look: Any, decision: str | None, source: str
) -> None:
    """Also of the same source: what ended was another record, in which nothing had been agreed."""
    told: dict[str, list[Any]] = {"a": [_ended(pen, "2022-01-01", "2024-01-01", decision)], "b": []}
    told[source].append(pen.treatment("deny", "2020-01-01", id="older"))
    seen = look(**told)
    assert (seen[CPR]["state"], seen.codes(CPR)) == ("ended", ["OLDER_AGREEMENT_AFTER_END"])
    [mark] = seen[CPR]["attention"]
    assert mark["refs"] == [f"https://{source}.example/fhir/Consent/older"]
    also = _ended(pen, "2022-01-01", "2024-01-01", "permit", id="also")
    same = look(a=[*told["a"], also], b=told["b"])
    assert same.codes(CPR) == ([] if source == "a" else ["OLDER_AGREEMENT_AFTER_END"])


@pytest.mark.parametrize("place", ["provision", "record"])
def test_the_reason_of_an_end_is_read_on_the_provision_and_on_the_record(pen: Any, look: Any, place: str) -> None:
    url = "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.ReasonForEnding"
    consent = _ended(pen, "2022-01-01", "2024-01-01")
    where = consent["provision"] if place == "provision" else consent
    where["extension"] = [{"url": url, "valueString": "Zij is hersteld"}]
    assert look(a=[consent])[CPR]["display"] == "Beëindigd op 01-01-2024 (Zij is hersteld)"
