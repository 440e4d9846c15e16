"""Which Consent is a treatment directive, which treatments it names, and whom it names (spec pzp-fhir 1.1, 3.2)."""

from __future__ import annotations

from typing import Any

import pytest

CPR, IC, OFF = "treatment:89666000", "treatment:305351004", "treatment:400231000146108"
SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"
TREATMENT, ADVANCE = "129125009", "acd"

KINDS: dict[str, tuple[str | None, str | None, str, str]] = {
    "both its marks": ("treatment", TREATMENT, "89666000", "treatment"),
    "the category of a treatment alone": (None, TREATMENT, "89666000", "treatment"),
    "the category of a treatment, another scope": ("research", TREATMENT, "89666000", "treatment"),
    "the scope of a treatment and no category": ("treatment", None, "18949003", "treatment"),
    "the scope of a treatment, one of ours, another category": ("treatment", "59284-0", "89666000", "treatment"),
    "the scope of a treatment, switching off, another category": ("treatment", "59284-0", OFF[10:], "treatment"),
    "the scope of a treatment, not ours, another category": ("treatment", "59284-0", "18949003", "unmapped"),
    "one of ours in another scope": ("research", "59284-0", "89666000", "unmapped"),
    "one of ours and no other mark": (None, None, "89666000", "unmapped"),
    "nothing that we know": (None, "59284-0", "18949003", "unmapped"),
    "the category of a wilsverklaring alone": (None, ADVANCE, "NR", "directive"),
    "the scope of a wilsverklaring alone": ("adr", None, "NR", "directive"),
    "the scope of a wilsverklaring, another category": ("adr", "59284-0", "NR", "directive"),
    "a wilsverklaring in the scope of a treatment": ("treatment", ADVANCE, "NR", "directive"),
}


@pytest.mark.parametrize("marks", KINDS)
def test_which_kind_a_consent_is(pen: Any, look: Any, marks: str) -> None:
    scope, category, code, kind = KINDS[marks]
    told = pen.treatment("deny", "2025-03-01", code=code)
    del told["scope"], told["category"]
    told |= {"scope": pen.coded(scope, SCOPES)} if scope else {}
    told |= {"category": [pen.coded(category)]} if category else {}
    seen = look(huisarts=[told])
    recorded = {key.partition(":")[0] for key, item in seen.items.items() if item["state"] != "not-recorded"}
    assert recorded == ({kind} if kind != "unmapped" else set())
    assert [one["reason"] for one in seen.json["unmapped"]] == ["not-recognized"] * (kind == "unmapped")


def test_a_consent_without_provision_is_a_treatment_that_is_not_named(pen: Any, look: Any) -> None:
    told = pen.treatment("deny", "2025-03-01")
    del told["provision"]
    item = look(huisarts=[told])["treatment:other:#huisarts/c"]
    assert (item["label"], item["value"]["kind"]) == ("Overige behandeling (niet genoemd welke)", "no-information")


def _deny(pen: Any, *concepts: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = pen.treatment("deny", "2025-03-01", provision={"code": list(concepts)})
    return told


def _coded(*codes: str) -> dict[str, Any]:
    return {"coding": [{"system": "http://snomed.info/sct", "code": code} for code in codes]}


def _denied(seen: Any) -> set[str]:
    return {key for key, item in seen.items.items() if key.startswith("treatment:") and item["state"] == "current"}


@pytest.mark.parametrize(
    ("concepts", "keys"),
    [
        ([_coded("89666000"), _coded("305351004")], {CPR, IC}),
        ([_coded("89666000", "305351004")], {CPR, IC}),
        ([_coded("REA-01", "89666000")], {CPR}),
        ([_coded("89666000"), {"text": "Pleisters"}, _coded("305351004")], {CPR, IC, "treatment:other:pleisters"}),
        ([{"text": "Pleisters"}, {"text": "Zalf"}], {"treatment:other:pleisters", "treatment:other:zalf"}),
        ([{"coding": [{"display": "Pleisters"}]}], {"treatment:other:pleisters"}),
        ([{"coding": [{"code": "OTH", "display": "Other"}], "text": "  "}], {"treatment:other:#huisarts/c"}),
        ([{"coding": [{"code": "OTH", "display": "Other"}, {"code": "ZORG-9"}]}], {"treatment:other:ZORG-9"}),
        ([_coded(OFF[10:])], {OFF}),
    ],
)
def test_every_treatment_that_is_named_is_an_item(
    pen: Any, look: Any, concepts: list[dict[str, Any]], keys: set[str]
) -> None:
    seen = look(huisarts=[_deny(pen, *concepts)])
    assert _denied(seen) == keys
    assert {seen[key]["display"] for key in keys} == {"Niet uitvoeren"}


def test_two_treatments_that_only_the_code_for_other_names_are_not_one(pen: Any, look: Any) -> None:
    other = {"coding": [{"code": "OTH", "display": "Other"}], "text": " "}
    seen = look(huisarts=[_deny(pen, other)], vvt=[_deny(pen, other)])
    assert _denied(seen) == {"treatment:other:#huisarts/c", "treatment:other:#vvt/c"}


UNTOLD = "Niet besproken", "nog onbekend", None


@pytest.mark.parametrize("words", UNTOLD)
@pytest.mark.parametrize("answer", ["UNK", "NASK"])
def test_nothing_known_is_nothing_known_however_it_is_put(pen: Any, look: Any, words: str | None, answer: str) -> None:
    form = pen.form("2025-03-01", pen.choice("1386", answer))
    item = look(huisarts=[pen.treatment(words, "2025-03-01")], vvt=[form])[CPR]
    assert (item["state"], item["value"]["kind"]) == ("current", "no-information")
    assert [one["source"]["id"] for one in item["corroboratedBy"]] == ["vvt"]


def test_no_decision_yet_is_the_same_in_a_consent_and_on_the_form(pen: Any, look: Any) -> None:
    told = pen.treatment("Nee, nog geen besluit genomen", "2025-03-01", code=OFF[10:])
    item = look(huisarts=[told], vvt=[pen.form("2025-03-01", pen.choice("1005", "ASKU"))])[OFF]
    assert (item["state"], item["value"]["kind"], item["value"]["code"]) == ("current", "undecided", None)
    assert [one["source"]["id"] for one in item["corroboratedBy"]] == ["vvt"]


@pytest.mark.parametrize("given", [("0", "2", "1"), ("1", "0", "2"), ("2", "1", "0")])
def test_answers_of_one_form_that_contradict_are_listed_in_one_order(
    pen: Any, look: Any, given: tuple[str, ...]
) -> None:
    form = pen.form("2025-03-01", *[pen.choice("1386", code) for code in given])
    conflict = look(huisarts=[form])[CPR]["conflict"]
    assert [one["value"]["kind"] for one in conflict["candidates"]] == ["conditional", "deny", "permit"]


def test_a_type_that_fhir_does_not_know_is_shown_in_quotes(pen: Any, look: Any) -> None:
    value = look(a=[pen.treatment(None, "2025-01-01", provision={"type": "maybe"})])[CPR]["value"]
    assert value == {"kind": "text", "code": "maybe", "display": "onbekende code (maybe)"}


@pytest.mark.parametrize(("other", "state"), [("maybe", "current"), ("perhaps", "conflict")])
def test_types_that_fhir_does_not_know_are_compared(pen: Any, look: Any, other: str, state: str) -> None:
    told = {
        name: [pen.treatment(None, "2025-01-01", provision={"type": kind})]
        for name, kind in (("a", "maybe"), ("b", other))
    }
    assert look(**told)[CPR]["state"] == state


def test_a_specification_overrules_also_a_type_that_fhir_does_not_know(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("Alleen thuis", "2025-01-01", provision={"type": "maybe"})])[CPR]
    assert item["display"] == "Anders, namelijk: Alleen thuis"


def test_the_reason_for_an_end_may_be_coded(pen: Any, look: Any) -> None:
    url = "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.ReasonForEnding"
    reason = {"url": url, "valueCodeableConcept": {"text": "Op eigen verzoek"}}
    provision = {"period": {"end": "2025-06-30"}, "extension": [reason]}
    item = look(a=[pen.treatment("deny", "2024-01-01", provision=provision)])[CPR]
    assert item["display"] == "Beëindigd op 30-06-2025 (Op eigen verzoek)"


def test_a_treatment_is_not_older_than_the_talk_that_it_belongs_to(pen: Any, look: Any) -> None:
    seen = look(a=[pen.encounter("2024-11-08"), pen.treatment("deny", "2022-11-08", encounter="Encounter/e")])
    assert (seen[CPR]["date"], seen.codes(CPR)) == ("2022-11-08", ["ENCOUNTER_DATE_DIFFERS"])


def test_only_who_agreed_is_named_and_an_actor_without_role_or_reference_is_nobody(pen: Any, look: Any) -> None:
    people = [pen.person(name, "SONC", id=name.lower()) for name in ("Wout", "Teun", "Sipke")]
    actors = [
        {"role": pen.coded("CONSENTER", pen.KIN), "reference": {"reference": "RelatedPerson/wout"}},
        {"role": pen.coded("CST", pen.KIN), "reference": {"reference": "RelatedPerson/teun"}},
        {"reference": {"reference": "RelatedPerson/sipke"}},
        {"role": pen.coded("CONSENTER", pen.KIN)},
    ]
    item = look(a=[*people, pen.treatment("deny", "2025-01-01", provision={"actor": actors})])[CPR]
    assert item["agreedWith"] == ["Wout"]


@pytest.mark.parametrize("begins", ["2026-11-23", "2027"])
def test_an_agreement_that_is_still_to_begin_does_not_lead(pen: Any, look: Any, begins: str) -> None:
    """Valid from tomorrow is not valid at three tonight."""
    later = pen.treatment("permit", "2026-11-01", id="later", provision={"period": {"start": begins}})
    seen = look(a=[later, pen.treatment("deny", "2026-01-01", id="now")])
    assert (seen.said(CPR), seen.codes(CPR)) == (("current", "deny", "a"), ["FUTURE_DATE"])
    assert [one["value"]["kind"] for one in seen[CPR]["history"]] == ["permit"]
    old = {
        "resourceType": "Consent",
        "id": "later",
        "status": "active",
        "category": [pen.coded("11341000146107"), pen.coded("NR")],
        "dateTime": "2026-11-01",
        "period": {"start": begins},
    }
    assert look(a=[old])["directive:NR"]["state"] == "not-recorded"


@pytest.mark.parametrize("begins", ["2026-11-22", "2026", "2020-01-01", "morgen", ""])
def test_an_agreement_that_began_or_that_does_not_say_when_leads(pen: Any, look: Any, begins: str) -> None:
    told = pen.treatment("permit", "2026-11-01", provision={"period": {"start": begins}})
    assert look(a=[told]).said(CPR) == ("current", "permit", "a")


@pytest.mark.parametrize("where", ["record", "provision"])
@pytest.mark.parametrize("kind", ["permit", "deny", None])
def test_a_specification_counts_wherever_the_source_put_it(pen: Any, look: Any, kind: str | None, where: str) -> None:
    """As a plain extension it changes what was agreed just the same: "Niet uitvoeren" alone would be wrong."""
    plain = [{"url": pen.SPECIFICATION, "valueString": "Alleen thuis"}]
    told = pen.treatment(kind, "2026-01-01", comment="Besproken")
    told = (
        {**told, "extension": [*told["extension"], *plain]}
        if where == "record"
        else {**told, "provision": {**told["provision"], "extension": plain}}
    )
    seen = look(a=[told])
    assert seen[CPR]["display"] == "Anders, namelijk: Alleen thuis"
    assert seen.codes(CPR) == (["TYPE_AND_SPECIFICATION"] if kind else [])
    assert seen[CPR]["comment"] == "Besproken"


def test_what_specifies_a_decision_that_cannot_be_interpreted_is_not_hidden(pen: Any, look: Any) -> None:
    odd = {"url": "https://x.example/odd", "valueBoolean": True}
    known = {"url": pen.SPECIFICATION, "valueString": "Hooguit een schok"}
    item = look(a=[pen.treatment(None, "2026-01-01", modifierExtension=[odd, known])])[CPR]
    assert (item["display"], item["comment"]) == ("Niet te interpreteren", "Hooguit een schok")
