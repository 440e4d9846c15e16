"""Nothing a source sends makes the merge raise: what is not understood is listed under its reference."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.fhir.bundle import Resource
from nuts_pzp.overview import deciding
from nuts_pzp.overview.dates import AMSTERDAM
from nuts_pzp.overview.merge import Overview, Told, as_json, merge

NOW = datetime(2026, 11, 22, 0, 40, tzinfo=AMSTERDAM)
CASES = Path(__file__).with_name("cases")
ODD: tuple[Any, ...] = (None, True, 7, -1.5, "", "tekst", [], ["tekst"], [[]], [None], {}, {"x": []}, [{}], "x" * 5000)


def _everything(pen: Any) -> list[dict[str, Any]]:
    return [
        pen.patient(capable=True, comment="c", contact=[{"name": {"text": "N"}, "relationship": [pen.coded("24")]}]),
        pen.treatment(
            "Alleen kort",
            "2025-01-01",
            encounter="Encounter/e",
            comment="c",
            identifier=[{"system": "urn:x", "value": "1"}],
            provision={
                "type": "deny",
                "period": {"end": "2026-01-01"},
                "actor": [{"role": pen.coded("CONSENTER"), "reference": {"reference": "PractitionerRole/r"}}],
            },
        ),
        pen.directive("NR", "2020-01-01", sourceAttachment={"title": "T", "contentType": "application/pdf"}),
        pen.observation("395091006", pen.coded("264362003"), "2025-01-01", note=[{"text": "n"}]),
        pen.observation("153851000146100", "tekst", "2025-01-01", id="o2"),
        pen.goal("385987000", "2025-01-01"),
        pen.encounter("2025-01-01", participant=[{"individual": {"reference": "RelatedPerson/x"}}]),
        pen.procedure(encounter={"reference": "Encounter/e"}, performedPeriod={"start": "2025-01-01"}),
        pen.person("Jo Smit", "24", "BRO", telecom=[{"system": "phone", "value": "1"}]),
        pen.form("2025-01-01", pen.group("83", pen.choice("1386", "1", pen.words("1001", "t"))), authored="2025-01-01"),
        {"resourceType": "Device", "id": "icd", "type": pen.coded("72506001")},
        {"resourceType": "DeviceUseStatement", "id": "u", "status": "active", "device": {"reference": "Device/icd"}},
        {"resourceType": "Communication", "id": "m", "status": "completed", "topic": pen.coded("223449006")},
        {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "x"}]},
    ]


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield (*path, name)
        yield from _places(child, (*path, name))


def _with(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(content)
    node = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return changed


def _resources(contents: Iterable[Any]) -> tuple[Resource, ...]:
    return tuple(
        Resource(
            one.get("resourceType") if isinstance(one.get("resourceType"), str) else "",
            one.get("id") if isinstance(one.get("id"), str) else "",
            "",
            "",
            "match",
            json.dumps(one).encode(),
        )
        for one in contents
    )


def _merge(*contents: Any) -> dict[str, Any]:
    overview = merge([Told("a", "A", _resources(contents))], (), now=NOW, asked=None)
    assert isinstance(overview, Overview)
    return as_json(overview)


def test_every_position_with_every_odd_value_is_survived(pen: Any) -> None:
    tried = 0
    for resource in _everything(pen):
        for path in _places(resource):
            for odd in ODD:
                if path == ("resourceType",):
                    continue
                _merge(_with(resource, path, odd))
                tried += 1
    assert tried > 2000


def _old_everything() -> list[dict[str, Any]]:
    """One of each kind that STU3 sources send, from the acceptance cases."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for case in ("stu3-treatments", "stu3-wishes-people-conversation", "stu3-form"):
        sources = json.loads((CASES / f"{case}.json").read_text("utf-8"))["sources"]
        for one in (one for told in sources.values() for one in told):
            found.setdefault((one["resourceType"], *sorted(one)), one)
    return list(found.values())


def test_every_position_of_stu3_with_odd_values_in_turn_is_survived() -> None:
    mark = {"resourceType": "Goal", "id": "mark", "status": "in-progress"}
    tried = 0
    for resource in _old_everything():
        for path in _places(resource):
            if path != ("resourceType",):
                _merge(_with(resource, path, ODD[tried % len(ODD)]), mark)
                tried += 1
    assert tried > 500


def test_every_missing_field_is_survived(pen: Any) -> None:
    for resource in _everything(pen):
        for field in resource:
            _merge({name: value for name, value in resource.items() if name != field or name == "resourceType"})


@pytest.mark.parametrize(
    ("path", "odd"),
    [
        (("modifierExtension",), {"url": "https://x.example/not"}),
        (("modifierExtension", 0, "valueString"), 7),
        (("provision",), [{"type": "permit"}]),
        (("provision", "type"), 1),
        (("dateTime",), 20250101),
        (("status",), ["active"]),
    ],
)
def test_a_wrong_shape_in_what_decides_is_unmapped_and_never_read(pen: Any, path: tuple[Any, ...], odd: Any) -> None:
    content = pen.treatment("Alleen kort", "2025-01-01", provision={"type": "permit"})
    seen = _merge(_with(content, path, odd))
    assert [(one["ref"], one["reason"]) for one in seen["unmapped"]] == [("Consent/c", "malformed")]
    items = [item for section in seen["sections"] for item in section["items"] if item["key"] == "treatment:89666000"]
    assert items[0]["state"] == "not-recorded"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"resourceType":"Consent"',
        b'{"resourceType":"Consent","scope":' + b'{"coding":' * 50_000,
        b'{"resourceType":"QuestionnaireResponse","item":' + b'[{"item":' * 100_000 + b"[]" + b"}]" * 100_000 + b"}",
        b'{"resourceType":"Consent","patient":{"reference":"' + b"\xff" + b'"}}',
    ],
)
def test_bytes_that_are_no_resource_are_unmapped(raw: bytes) -> None:
    overview = merge([Told("a", "A", (Resource("Consent", "c", "", "", "match", raw),))], (), now=NOW, asked=None)
    assert isinstance(overview, Overview)
    assert [(one.ref, one.reason) for one in overview.unmapped] == [("Consent/c", "malformed")]


def test_an_entry_that_is_no_resource_at_all_is_counted() -> None:
    told = Told("a", "A", (Resource("", "", "", "", "match", b"[1]"),))
    overview = merge([told], (), now=NOW, asked=None)
    assert isinstance(overview, Overview)
    assert [(one.type, one.reason) for one in overview.unmapped] == [("", "malformed")]


def test_references_in_a_circle_end(pen: Any) -> None:
    role = {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "PractitionerRole/r"}}
    actors = [{"role": pen.coded("CONSENTER"), "reference": {"reference": "PractitionerRole/r"}}]
    seen = _merge(role, pen.treatment("deny", "2025-01-01", provision={"actor": actors}))
    assert seen["unmapped"] == []


def test_huge_text_is_carried_whole(pen: Any) -> None:
    words = "é" * 200_000
    seen = _merge(pen.observation("153851000146100", words, "2025-01-01"))
    assert any(item["display"] == words for section in seen["sections"] for item in section["items"])


KINDS = (
    "conversations",
    "encounters of one procedure",
    "procedures of one encounter",
    "forms",
    "forms beside resources",
    "a tie",
    "an agreement",
    "ends",
    "texts",
    "equal texts",
    "copies",
    "versions",
    "documents",
    "people",
    "patients",
    "contacts",
)


def _seconds(contents: list[dict[str, Any]]) -> float:
    """CPU time of a merge and its JSON."""
    told = Told("a", "A", _resources(contents))
    start = time.process_time()
    overview = merge([told], (), now=NOW, asked=None)
    if isinstance(overview, Overview):
        as_json(overview)
    return time.process_time() - start


def test_many_ends_and_many_agreements_show_more_and_never_less(
    pen: Any, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = {"period": {"end": "2026-01-01"}}
    told = [
        pen.treatment("deny", "2020-01-01", id="a", provision=ended),
        pen.treatment("deny", "2022-01-01", id="b", provision=ended),
        pen.treatment("deny", "2020-01-01", id="c"),
        pen.treatment("permit", "2021-01-01", id="d"),
        pen.treatment("permit", "2019-01-01", id="e"),
    ]

    def candidates() -> set[str]:
        return {one["ref"].rpartition("/")[2] for one in look(a=told)["treatment:89666000"]["conflict"]["candidates"]}

    assert candidates() == {"a", "b", "d"}
    monkeypatch.setattr(deciding, "_COMPARED", 0)
    assert candidates() == {"a", "b", "c", "d"}


def _many(kind: str, count: int, pen: Any) -> list[dict[str, Any]]:
    """Many records of one kind, of the sort that invites comparing each with each."""
    day = [f"20{n % 20 + 5:02d}-{n % 12 + 1:02d}-{n % 28 + 1:02d}" for n in range(count)]
    ids = [str(n) for n in range(count)]
    reason = {"reasonReference": [{"reference": "Procedure/0"}]}
    shared = [{"system": "urn:x", "value": "1"}]
    period = {"period": {"end": "2026-01-01"}}
    one_day: dict[str, Any] = {
        "conversations": [
            *(pen.encounter(day[n], id=ids[n], **reason) for n in range(count)),
            *(pen.procedure(ids[n], encounter={"reference": f"Encounter/{ids[n]}"}) for n in range(count)),
        ],
        "encounters of one procedure": [
            *(pen.encounter(day[n], id=ids[n], **reason) for n in range(count)),
            pen.procedure("0"),
        ],
        "procedures of one encounter": [
            pen.encounter("2025-01-01"),
            *(pen.procedure(ids[n], encounter={"reference": "Encounter/e"}) for n in range(count)),
        ],
        "forms": [pen.form(day[n], pen.choice("1386", "2"), id=ids[n]) for n in range(count)],
        "forms beside resources": [
            *(
                pen.form("2025-01-01", pen.choice("1386", "1", pen.words("1001", ids[n])), id=ids[n])
                for n in range(count)
            ),
            *(pen.treatment(f"x{n}", "2025-01-01", id=ids[n]) for n in range(count)),
        ],
        "a tie": [pen.treatment(ids[n], "2025-01-01", id=ids[n]) for n in range(count)],
        "an agreement": [pen.treatment("deny", "2025-01-01", id=ids[n]) for n in range(count)],
        "ends": [
            *(pen.treatment("deny", "2020-01-01", id=ids[n], provision=period) for n in range(count)),
            *(pen.treatment("deny", "2020-01-01", id=f"x{n}") for n in range(count)),
        ],
        "texts": [pen.observation("153851000146100", ids[n], "2025-01-01", id=ids[n]) for n in range(count)],
        "equal texts": [pen.observation("153851000146100", "x", "2025-01-01", id=ids[n]) for n in range(count)],
        "copies": [pen.treatment("deny", "2025-01-01", id=ids[n], identifier=shared) for n in range(count)],
        "versions": [pen.treatment("deny", day[n], id="same") for n in range(count)],
        "documents": [pen.directive("NR", day[n], id=ids[n], identifier=shared) for n in range(count)],
        "people": [pen.person(f"Jan {n}", "24", "01", id=ids[n]) for n in range(count)],
        "patients": [pen.patient(ids[n], birthDate=f"19{n % 90 + 10}") for n in range(count)],
        "contacts": [
            pen.patient(contact=[{"name": {"text": f"J {n}"}, "relationship": [pen.coded("24")]} for n in range(count)])
        ],
    }
    return one_day[kind]  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", KINDS)
def test_ten_times_as_much_costs_about_ten_times_as_much(pen: Any, kind: str) -> None:
    """Nothing compares each with each, which would cost a hundred times as much; a busy machine gets three tries."""
    few, many = _many(kind, 120, pen), _many(kind, 1200, pen)
    allowed = 50 * max(_seconds(few), _seconds(few)) + 0.3
    assert any(_seconds(many) < allowed for _ in range(3))
