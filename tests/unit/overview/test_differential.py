"""The merge against a second one, written apart (`naive.py`): whatever the sources hold, both read the same."""

from __future__ import annotations

import importlib.util
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

_spec = importlib.util.spec_from_file_location("overview_naive", Path(__file__).with_name("naive.py"))
assert _spec is not None
assert _spec.loader is not None
naive = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = naive
_spec.loader.exec_module(naive)

CPR, PLACE, WISH = "treatment:89666000", "obs:395091006", "obs:153851000146100"
NULL = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
NOW = datetime.fromisoformat("2026-11-22T00:40:00+01:00")
OBSERVED = ("final", "amended", "corrected")

days = st.sampled_from(
    ("2024-03-31", "2024-10-27", "2025-05-01", "2025-05-02", "2025-12-31", "2026-11-22", "2027-02-01")
)
coarse = st.sampled_from(("2024", "2025", "2025-05", "2026-11", "2024-10", "2028"))
hours = st.sampled_from(("T00:00:00+02:00", "T22:30:00Z", "T23:30:00Z", "T12:00:00+01:00", "T00:39:59+01:00"))
dates = st.one_of(st.none(), days, days, coarse, st.builds(str.__add__, days, hours))
decisions = st.sampled_from(
    (
        "permit",
        "deny",
        "deny",
        None,
        "Nog onbekend",
        "Nee, nog geen besluit",
        "Alleen kort",
        " alleen  KORT",
        "Alleen thuis",
    )
)
consent_status = st.sampled_from(("active",) * 6 + ("inactive", "draft", "rejected", "entered-in-error"))
observation_status = st.sampled_from((*OBSERVED, "final", "final", "preliminary", "cancelled", "entered-in-error"))
sources = st.sampled_from("abc")


def _facts(says: Any, status: Any, end: Any) -> Any:
    rows = st.lists(st.tuples(sources, says, dates, status, end), max_size=6)
    return rows.map(lambda given: [naive.Fact(row[0], f"r{n}", *row[1:]) for n, row in enumerate(given)])


def _overview(look: Any, facts: list[Any], write: Any) -> Any:
    told: dict[str, list[Any]] = {name: [] for name in "abc"}
    for fact in facts:
        told[fact.source].append(write(fact))
    return look(**told)


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['source']['id']}/{entry['ref'].rpartition('/')[2]}"


def _seen(item: dict[str, Any]) -> Any:
    leading = {_name(item)} if item["ref"] else set()
    agreeing = leading | {_name(one) for one in (*item["corroboratedBy"], *item["parallel"])}
    rivals = {_name(one) for one in item["conflict"]["candidates"]} if item["conflict"] else set()
    return naive.Judged(
        item["state"],
        leading,
        item["value"]["kind"] if item["ref"] else None,
        rivals,
        agreeing,
        {_name(one) for one in item["history"]},
        {mark["code"] for mark in item["attention"]},
        item["changed"],
        item["lastKnown"] and item["lastKnown"]["value"]["kind"],
    )


def _compare(seen: Any, expected: Any) -> None:
    last, known = expected.last_known, seen.last_known
    assert known is None if "UNDECIDED_AFTER_DECISION" not in expected.codes else known is not None
    if last is not None:
        assert known == last.partition(" ")[0]
    seen.last_known = expected.last_known
    assert seen == expected


slow = settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
Fact = naive.Fact


@slow
@example(
    [Fact("a", "r0", "deny", "2024-03-31", "inactive", "2025-05-02"), Fact("b", "r1", "permit", "2025-05-01", "active")]
)
@example([Fact("a", "r0", "deny", "2025", "active"), Fact("b", "r1", "permit", "2025-12-31T23:30:00Z", "active")])
@given(
    _facts(decisions, consent_status, st.sampled_from((None, None, None, "2025-05-02", "2026-11-22", "2027", "2024")))
)
def test_treatment_directives_read_the_same(pen: Any, look: Any, facts: list[Any]) -> None:
    def write(fact: Any) -> Any:
        period = {"provision": {"period": {"end": fact.end}}} if fact.end else {}
        return pen.treatment(fact.says, fact.date, id=fact.id, status=fact.status, **period)

    expected = naive.judge(facts, NOW, ("active",))
    _compare(_seen(_overview(look, facts, write)[CPR]), expected)


@slow
@given(
    _facts(decisions, consent_status, st.sampled_from((None, None, "2025-05-02", "2027"))),
    st.sets(sources),
)
def test_stu3_sources_read_the_same_as_r4(pen: Any, look: Any, facts: list[Any], old: set[str]) -> None:
    """Whatever part of the sources speaks STU3, each in its own words for the same fact."""
    zib = "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-"
    codes = {"permit": "JA", "deny": "NEE", "Nog onbekend": "UNK", "Nee, nog geen besluit": "ASKU"}

    def write(fact: Any) -> Any:
        if fact.source not in old:
            period = {"provision": {"period": {"end": fact.end}}} if fact.end else {}
            return pen.treatment(fact.says, fact.date, id=fact.id, status=fact.status, **period)
        excepted: dict[str, Any] = {"type": "deny"}
        if fact.says and fact.says not in codes:
            excepted["extension"] = [{"url": f"{zib}Restrictions", "valueString": fact.says}]
        chosen = {
            "url": f"{zib}TreatmentPermitted",
            "valueCodeableConcept": {"coding": [{"code": codes.get(fact.says, "JA_MAAR")}]},
        }
        return {
            "resourceType": "Consent",
            "id": fact.id,
            "status": fact.status,
            "category": [pen.coded("11291000146105")],
            "extension": [{"url": f"{zib}Treatment", "valueCodeableConcept": pen.coded(pen.CPR)}],
            **({"modifierExtension": [chosen]} if fact.says else {}),
            "except": [excepted],
            **({"dateTime": fact.date} if fact.date else {}),
            **({"period": {"end": fact.end}} if fact.end else {}),
        }

    _compare(_seen(_overview(look, facts, write)[CPR]), naive.judge(facts, NOW, ("active",)))


@slow
@given(_facts(st.sampled_from(("Thuis", "Hospice", "thuis", "UNK", None)), observation_status, st.none()))
def test_coded_observations_read_the_same(pen: Any, look: Any, facts: list[Any]) -> None:
    codes = {"thuis": pen.coded("264362003"), "hospice": pen.coded("284546000"), "unk": pen.coded("UNK", NULL)}

    def write(fact: Any) -> Any:
        value = codes[fact.says.casefold()] if fact.says else None
        return pen.observation("395091006", value, fact.date, id=fact.id, status=fact.status)

    expected = naive.judge(facts, NOW, OBSERVED)
    if expected.kind == "conditional":
        expected.kind = "decision"
    _compare(_seen(_overview(look, facts, write)[PLACE]), expected)


@slow
@given(_facts(st.sampled_from(("Rust", "Naar zee", "naar  zee", None)), observation_status, st.none()))
def test_free_texts_read_the_same(pen: Any, look: Any, facts: list[Any]) -> None:
    def write(fact: Any) -> Any:
        return pen.observation("153851000146100", fact.says, fact.date, id=fact.id, status=fact.status)

    expected = naive.judge(facts, NOW, OBSERVED, free_text=True)
    if expected.kind == "conditional":
        expected.kind = "text"
    item = _overview(look, facts, write)[WISH]
    _compare(_seen(item), expected)
    texts = {" ".join(text.casefold().split()) for text in (item["value"].get("texts") or [item["display"]])}
    if expected.kind == "text":
        says = {fact.name: fact.says for fact in facts}
        assert texts == {" ".join(says[name].casefold().split()) for name in expected.agreeing}


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2024", "2023-12-31T23:00:00+00:00", "2024-12-31T23:00:00+00:00"),
        ("2024-03-31", "2024-03-30T23:00:00+00:00", "2024-03-31T22:00:00+00:00"),
        ("2024-02", "2024-01-31T23:00:00+00:00", "2024-02-29T23:00:00+00:00"),
    ],
)
def test_the_second_merge_reads_dates_well(text: str, first: str, after: str) -> None:
    assert [moment.isoformat() for moment in naive.span(text)] == [first, after]
