"""The merge keeps its promises for every set of answers (spec pzp-fhir 3.6 rule 8): order does not matter, older
statements and "unknown" never displace an answer, and a source that fails is never mistaken for one that had nothing.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nuts_pzp.fhir.bundle import Resource
from nuts_pzp.outcome import Gap, Unavailable
from nuts_pzp.overview.dates import AMSTERDAM
from nuts_pzp.overview.merge import Overview, Told, as_json, digest, merge
from nuts_pzp.overview.shape import Item
from nuts_pzp.reasons import Reason

NOW = datetime(2026, 11, 22, 0, 40, tzinfo=AMSTERDAM)
SPECIFICATION = "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.SpecificationOther"
ZIB = "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-"
OLD_DECISIONS = ("JA", "JA_MAAR", "NEE", "UNK", "ASKU", "NASK", None)
DECISIONS = ("permit", "deny", "Alleen kort", "alleen  kort", "Nee, nog geen besluit", "niet besproken", None)
CODES = ("89666000", "305351004")
DATES = ("2020", "2021-05", "2021-05-03", "2021-05-03T10:00:00+02:00", "2022-01-01", "2024-02-29", "2027-01-01", None)
KEYS = [f"treatment:{code}" for code in CODES]


def _treatment(decision: str | None, date: str | None, code: str, status: str, end: str | None) -> dict[str, Any]:
    provision: dict[str, Any] = {"code": [{"coding": [{"code": code}]}]}
    content: dict[str, Any] = {"category": [{"coding": [{"code": "129125009"}]}], "status": status}
    if decision in ("permit", "deny"):
        provision["type"] = decision
    elif decision:
        content["modifierExtension"] = [{"url": SPECIFICATION, "valueString": decision}]
    if end:
        provision["period"] = {"end": end}
    return {"resourceType": "Consent", "dateTime": date, "provision": provision, **content}


def _old_treatment(code: str | None, date: str | None, treatment: str, end: str | None) -> dict[str, Any]:
    """STU3, its exception always a denial; a restriction goes with every "ja, maar"."""
    excepted: dict[str, Any] = {"type": "deny"}
    if code == "JA_MAAR":
        excepted["extension"] = [{"url": f"{ZIB}Restrictions", "valueString": "Alleen kort"}]
    return {
        "resourceType": "Consent",
        "status": "active",
        "category": [{"coding": [{"code": "11291000146105"}]}],
        "extension": [{"url": f"{ZIB}Treatment", "valueCodeableConcept": {"coding": [{"code": treatment}]}}],
        **({"modifierExtension": [_permitted(code)]} if code else {}),
        "except": [excepted],
        **({"dateTime": date} if date else {}),
        **({"period": {"end": end}} if end else {}),
    }


def _permitted(code: str) -> dict[str, Any]:
    return {"url": f"{ZIB}TreatmentPermitted", "valueCodeableConcept": {"coding": [{"code": code}]}}


def _old_form(date: str | None, code: str) -> dict[str, Any]:
    dated = [{"linkId": "385", "answer": [{"valueDateTime": date}]}] if date else []
    items = [*dated, {"linkId": "587", "answer": [{"valueCoding": {"code": code}}]}]
    questionnaire = {"reference": "x/ACP-zib2017"}
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": questionnaire,
        "item": items,
    }


def _encounter(date: str | None, status: str, procedure: bool) -> dict[str, Any]:
    reason = [{"reference": "Procedure/elsewhere"}] if procedure else []
    period = {"period": {"start": date}} if date else {}
    return {"resourceType": "Encounter", "status": status, "reasonReference": reason, **period}


def _observation(text: str, date: str | None) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"code": "153851000146100"}]},
        "valueString": text,
        "effectiveDateTime": date,
    }


def _person(name: str, role: str) -> dict[str, Any]:
    relationship = [{"coding": [{"code": role}]}]
    return {"resourceType": "RelatedPerson", "name": [{"text": name}], "relationship": relationship}


def _form(date: str | None, code: str) -> dict[str, Any]:
    dated = [{"linkId": "963", "answer": [{"valueDateTime": date}]}] if date else []
    items = [*dated, {"linkId": "1386", "answer": [{"valueCoding": {"code": code}}]}]
    return {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "questionnaire": "x/ACP-zib2020",
        "item": items,
    }


dates = st.sampled_from(DATES)
resources = st.one_of(
    st.builds(
        _treatment,
        st.sampled_from(DECISIONS),
        dates,
        st.sampled_from(CODES),
        st.sampled_from(["active", "active", "inactive", "draft"]),
        st.sampled_from([None, None, "2023-01-01", "2030-01-01"]),
    ),
    st.builds(_observation, st.sampled_from(["Naar zee.", "Rust."]), dates),
    st.builds(_person, st.sampled_from(["Jo Smit", "jo smit", "Wim Bos"]), st.sampled_from(["24", "01"])),
    st.builds(_form, dates, st.sampled_from(["0", "1", "2", "UNK"])),
    st.builds(_encounter, dates, st.sampled_from(["finished", "planned"]), st.booleans()),
    st.builds(
        _old_treatment,
        st.sampled_from(OLD_DECISIONS),
        dates,
        st.sampled_from(CODES),
        st.sampled_from([None, None, "2023-01-01", "2030-01-01"]),
    ),
    st.builds(_old_form, dates, st.sampled_from(["JA", "JA_MAAR", "NEE", "UNK"])),
)
identifiers = st.sampled_from([None, None, "besluit-1", "besluit-2"])


def _some_again(given_: list[Any]) -> st.SearchStrategy[list[Any]]:
    """Now and then a record is sent twice under two ids: chance alone would hardly ever say the same in two records."""
    return (
        st.lists(st.sampled_from(given_), max_size=2).map(lambda again: given_ + again) if given_ else st.just(given_)
    )


answers = st.dictionaries(
    st.sampled_from(["huisarts", "vvt", "ziekenhuis"]),
    st.lists(st.tuples(resources, identifiers), max_size=5).flatmap(_some_again),
    min_size=1,
    max_size=3,
)


def _told(name: str, given_: list[tuple[dict[str, Any], str | None]]) -> Told:
    found = []
    for number, (content, identifier) in enumerate(given_):
        kind = content["resourceType"]
        one = {"system": "urn:x", "value": identifier} if identifier else None
        alone = kind == "QuestionnaireResponse" or "except" in content
        named = one if alone else [one] if one else None
        raw = json.dumps({**content, "id": f"r{number}", **({"identifier": named} if named else {})}).encode()
        found.append(Resource(kind, f"r{number}", "", "", "match", raw))
    return Told(name, name, tuple(found))


def _merge(*told: Told) -> Overview:
    overview = merge(list(told), (), now=NOW, asked=None)
    assert isinstance(overview, Overview)
    return overview


def _answered(item: Item) -> bool:
    return item.state != "not-recorded" and (item.value is None or item.value.kind != "no-information")


def _leads_dated(item: Item | None) -> bool:
    return item is not None and item.state in ("current", "ended") and item.date is not None and _answered(item)


@given(content=answers, random=st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_the_order_of_sources_and_entries_never_matters(content: dict[str, Any], random: Any) -> None:
    told = [_told(name, own) for name, own in content.items()]
    shuffled = []
    for one in told:
        entries = list(one.resources)
        random.shuffle(entries)
        shuffled.append(Told(one.id, one.name, tuple(entries)))
    random.shuffle(shuffled)
    assert digest(_merge(*told)) == digest(_merge(*shuffled))
    assert as_json(_merge(*told)) == as_json(_merge(*shuffled))


@given(content=answers, decision=st.sampled_from(DECISIONS), date=st.sampled_from(["2015", "2015-02", "2015-02-03"]))
@settings(max_examples=150)
def test_an_older_statement_never_changes_a_leading_value(
    content: dict[str, Any], decision: str | None, date: str
) -> None:
    told = [_told(name, own) for name, own in content.items()]
    old = _told("oud", [(_treatment(decision, date, code, "active", None), None) for code in CODES])
    before, after = _merge(*told), _merge(*told, old)
    for key in KEYS:
        item, same = before.item(key), after.item(key)
        assert item is not None
        assert same is not None
        if _leads_dated(item):
            assert (item.state, item.value, item.source) == (same.state, same.value, same.source)


@given(content=answers, date=dates, form=st.booleans())
@settings(max_examples=150)
def test_no_information_never_changes_the_value_of_an_answered_item(
    content: dict[str, Any], date: str | None, form: bool
) -> None:
    told = [_told(name, own) for name, own in content.items()]
    unknown = [_form(date, "UNK")] if form else [_treatment(None, date, code, "active", None) for code in CODES]
    before, after = _merge(*told), _merge(*told, _told("later", [(one, None) for one in unknown]))
    for key in KEYS:
        item, same = before.item(key), after.item(key)
        assert item is not None
        assert same is not None
        if _answered(item):
            assert (item.state, item.value) == (same.state, same.value)


@given(content=answers, gone=st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_a_source_that_fails_never_makes_the_overview_complete(content: dict[str, Any], gone: Any) -> None:
    told = [_told(name, own) for name, own in content.items()]
    lost = gone.randrange(len(told))
    down = Gap("source", Unavailable(Reason.SOURCE_TIMEOUT))
    told[lost] = Told(told[lost].id, told[lost].name, (), (down,))
    overview = _merge(*told)
    assert overview.complete is False
    assert overview.banner != ()
    empty = [item for item in overview.items() if item.state == "not-recorded"]
    assert {item.display for item in empty} <= {"Onbekend (niet alle bronnen bereikbaar)"}


@given(content=answers)
@settings(max_examples=150)
def test_nothing_is_lost_and_a_conflict_has_no_value(content: dict[str, Any]) -> None:
    told = [_told(name, own) for name, own in content.items()]
    overview = _merge(*told)
    shown = json.dumps([as_json(overview)["sections"], as_json(overview)["unmapped"]])
    for one in told:
        for resource in one.resources:
            if resource.type != "Encounter":
                assert f'"{resource.reference}"' in shown
    for item in overview.items():
        assert (item.state == "conflict") == (item.conflict is not None) == (item.value is None)
        if item.conflict is not None:
            assert len(item.conflict.candidates) > 1
            assert item.source is None


@given(content=answers)
@settings(max_examples=150)
def test_every_dated_statement_belongs_to_one_conversation_of_its_source(content: dict[str, Any]) -> None:
    told = [_told(name, own) for name, own in content.items()]
    rendered = as_json(_merge(*told))
    names = [one["id"] for one in rendered["conversations"]]
    assert len(names) == len(set(names))
    of = {
        name: {ref for one in rendered["conversations"] if name in one["sources"] for ref in one["statements"]}
        for name in content
    }
    for section in rendered["sections"][:-1]:
        for item in section["items"]:
            candidates = item["conflict"]["candidates"] if item["conflict"] else []
            for one in [*([item] if item["ref"] else []), *candidates, *item["history"]]:
                if one["date"] and item["key"] not in ("representative", "first-contact", "capacity"):
                    assert one["conversation"] in names
                    assert one["ref"] in of[one["source"]["id"]]


@given(
    code=st.sampled_from(OLD_DECISIONS),
    date=dates,
    treatment=st.sampled_from(CODES),
    kind=st.sampled_from(["permit", ""]),
)
@settings(max_examples=60)
def test_the_type_of_an_stu3_exception_changes_nothing(code: str | None, date: str, treatment: str, kind: str) -> None:
    denied = _old_treatment(code, date, treatment, None)
    other = {**denied, "except": [{**denied["except"][0], "type": kind or None}]}
    assert digest(_merge(_told("a", [(denied, None)]))) == digest(_merge(_told("a", [(other, None)])))
