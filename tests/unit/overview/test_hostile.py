"""Nothing a source sends makes the merge raise: what is not understood is listed under its reference."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from nuts_pzp.fhir.bundle import Resource
from nuts_pzp.overview.dates import AMSTERDAM
from nuts_pzp.overview.merge import Overview, Told, as_json, merge

NOW = datetime(2026, 11, 22, 0, 40, tzinfo=AMSTERDAM)
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


def _merge(*contents: Any) -> dict[str, Any]:
    resources = tuple(
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
    overview = merge([Told("a", "A", resources)], (), now=NOW, asked=None)
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
