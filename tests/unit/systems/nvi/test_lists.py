"""Reading the NVI's answer: holders, and a gap for whatever may have been one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.exchange import Holder
from nuts_pzp.outcome import Gathered
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nvi.lists import issue_code, read_searchset

URA = "http://fhir.nl/fhir/NamingSystem/ura"
CODES = frozenset({"AdvanceDirective"})


def listing(ura: object, **more: Any) -> dict[str, Any]:
    reference = {"identifier": {"system": URA, "value": ura}}
    extension = {"url": "http://example.org/custodian", "valueReference": reference}
    return {"resource": {"resourceType": "List", "extension": [extension], "status": "current", **more}}


def read(*entries: Any, **more: Any) -> Gathered[Holder]:
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": list(entries), **more}
    return read_searchset(json.dumps(bundle).encode(), CODES)


def holders(found: Gathered[Holder]) -> list[str]:
    return [holder.ura.value for holder in found.items]


def is_broken(found: Gathered[Holder]) -> bool:
    return {(gap.where, gap.stop.reason) for gap in found.gaps} == {("localization", Reason.LOCALIZATION_BROKEN)}


def test_each_custodian_is_returned_once_our_own_too() -> None:
    found = read(listing("90000111"), listing("90000444"), listing("90000111"), listing("90000222"))
    assert holders(found) == ["90000111", "90000444", "90000222"]
    assert found.complete


def test_a_short_ura_is_padded_before_it_is_compared() -> None:
    assert holders(read(listing("1234"))) == ["00001234"]


def test_an_empty_searchset_is_a_complete_answer() -> None:
    assert read() == Gathered()
    assert read_searchset(b'{"resourceType":"Bundle"}', CODES) == Gathered()


@pytest.mark.parametrize("status", ["retired", "entered-in-error"])
def test_a_list_that_no_longer_counts_is_skipped_without_a_gap(status: str) -> None:
    assert read(listing("90000111", status=status)) == Gathered()


def test_unknown_fields_and_another_source_system_do_not_matter() -> None:
    found = read(listing("90000111", source={"identifier": {"system": "https://x.example", "value": "1"}}, new=[1]))
    assert holders(found) == ["90000111"]


@pytest.mark.parametrize(
    "entry",
    [
        listing("123456789"),
        listing("abc"),
        listing(None),
        listing(90000111),
        {"resource": {"resourceType": "List", "status": "current"}},
        {"resource": {"resourceType": "List", "extension": "none"}},
        {"resource": {"resourceType": "Patient"}},
        {"resource": 7},
        "text",
        None,
    ],
)
def test_an_entry_that_cannot_be_read_is_a_gap_and_the_others_stay(entry: Any) -> None:
    found = read(entry, listing("90000111"))
    assert holders(found) == ["90000111"]
    assert is_broken(found)


def test_a_list_that_names_two_custodians_names_none() -> None:
    both = listing("90000111")
    both["resource"]["extension"] += listing("90000222")["resource"]["extension"]
    found = read(both)
    assert found.items == ()
    assert is_broken(found)


def test_a_list_about_something_else_is_skipped_once_lists_say_what_they_are_about() -> None:
    system = "http://minvws.github.io/generiekefuncties-docs/CodeSystem/nl-gf-data-categories-cs"
    medication = {"coding": [{"system": system, "code": "Medication"}]}
    directive = {"coding": [{"system": system, "code": "AdvanceDirective"}]}
    found = read(listing("90000111", code=medication), listing("90000222", code=directive))
    assert holders(found) == ["90000222"]
    assert found.complete


def test_an_error_outcome_among_the_entries_is_a_gap_and_an_informational_one_is_not() -> None:
    error = {"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}}
    note = {"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "x"}]}}
    assert is_broken(read(error))
    assert read(note) == Gathered()


def test_more_than_200_holders_is_200_and_a_gap() -> None:
    found = read(*(listing(str(10_000_000 + number)) for number in range(201)))
    assert len(found.items) == 200
    assert is_broken(found)


@pytest.mark.parametrize("more", [{"total": 5}, {"link": [{"relation": "next", "url": "https://x.example"}]}])
def test_an_answer_that_says_there_is_more_is_not_complete(more: dict[str, Any]) -> None:
    assert is_broken(read(listing("90000111"), **more))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b'{"resourceType":"List"}', b'{"resourceType":"Bundle","entry":{}}']
)
def test_what_is_not_a_searchset_is_a_gap_and_never_an_empty_list(body: bytes) -> None:
    found = read_searchset(body, CODES)
    assert found.items == ()
    assert is_broken(found)


def test_nesting_without_end_is_a_gap() -> None:
    assert is_broken(read_searchset(b"[" * 200_000, CODES))


@pytest.mark.parametrize("spelled", ["resourceType", "resource_type"])
def test_the_issue_code_is_read_in_both_spellings_and_its_text_never(spelled: str) -> None:
    issue = {"severity": "error", "code": "not-found", "details": {"text": "999990019"}}
    assert issue_code(json.dumps({spelled: "OperationOutcome", "issue": [issue]}).encode()) == "not-found"


@pytest.mark.parametrize("code", [7, "999990019", "two words", None])
def test_an_issue_code_that_is_no_code_is_left_out(code: object) -> None:
    assert issue_code(json.dumps({"resourceType": "OperationOutcome", "issue": [{"code": code}]}).encode()) == ""
