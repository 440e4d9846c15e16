"""A reference finds its resource, however it is written, and what gives no statement is listed (spec pzp-fhir 3.8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.fhir.bundle import Bundle, Resource, read_bundle
from nuts_pzp.overview.datatypes import Reference
from nuts_pzp.overview.dossier import Dossier, Told, identity_of, reference_of
from nuts_pzp.overview.structures import Practitioner

HOME = "https://a.example/fhir"


def dossier(*entries: tuple[str, dict[str, Any]]) -> Dossier:
    """Of one source; each entry is a full URL, which may be empty, and a resource."""
    content = [{"resource": one, **({"fullUrl": url} if url else {})} for url, one in entries]
    bundle = read_bundle(json.dumps({"resourceType": "Bundle", "entry": content}).encode(), HOME)
    assert isinstance(bundle, Bundle)
    return Dossier(Told("a", "A", bundle.resources))


def doctor(id: str) -> dict[str, Any]:
    return {"resourceType": "Practitioner", "id": id, "name": [{"text": f"Arts {id}"}]}


def found(held: Any) -> str | None:
    return str(held.resource.id) if held is not None else None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f"{HOME}/Practitioner/one", "one"),
        ("Practitioner/one", "one"),
        ("Practitioner/one/_history/3", "one"),
        (f"{HOME}/Practitioner/one/_history/3", "one"),
        ("https://mirror.example/base/fhir/Practitioner/two", "two"),
        ("https://mirror.example/fhir/Practitioner/two/_history/7", "two"),
        ("Practitioner/three", None),
        ("two", None),
        ("", None),
        (None, None),
    ],
)
def test_a_reference_finds_its_resource_with_or_without_version_or_server(
    written: str | None, expected: str | None
) -> None:
    source = dossier((f"{HOME}/Practitioner/one", doctor("one")), (f"{HOME}/Practitioner/two", doctor("two")))
    assert found(source.find(Reference(written))) == expected


def test_a_resource_that_came_under_the_url_of_a_version_is_found_without_it() -> None:
    source = dossier(("https://b.example/r4/Practitioner/one/_history/3", {**doctor("one"), "id": ""}))
    assert source.find(Reference("https://b.example/r4/Practitioner/one")) is not None
    assert source.find(Reference("https://b.example/r4/Practitioner/one/_history/3")) is not None


def test_what_matched_and_is_no_part_of_pzp_is_listed_and_what_supports_it_is_not(look: Any) -> None:
    seen = look(
        a=[
            {"resourceType": "Organization", "id": "o"},
            {"resourceType": "Basic", "id": "b"},
            {"id": "nothing"},
            {"resourceType": "Location", "id": "l"},
            {"resourceType": "Consent", "id": "c", "status": 3},
        ]
    )
    assert [(one["type"], one["reason"]) for one in seen.json["unmapped"]] == [
        ("", "malformed"),
        ("Basic", "not-pzp"),
        ("Consent", "malformed"),
    ]


@pytest.mark.parametrize(
    ("url", "id", "type", "expected"),
    [
        ("https://x.example/Goal/1", "1", "Goal", "https://x.example/Goal/1"),
        ("http://x.example/Goal/1", "1", "Goal", "http://x.example/Goal/1"),
        ("urn:uuid:5", "1", "Goal", "Goal/1"),
        ("urn:uuid:5", "", "Goal", "urn:uuid:5"),
        ("", "", "Goal", "Goal zonder id"),
        ("", "", "", "resource zonder id"),
    ],
)
def test_a_resource_is_named_by_where_it_can_be_found(url: str, id: str, type: str, expected: str) -> None:
    assert reference_of(Resource(type, id, "", url, "match", b"{}")) == expected


@pytest.mark.parametrize(
    ("raw", "numbers", "born"),
    [
        (b'{"identifier": {"system": "s", "value": 5}, "birthDate": "1941-05-09"}', [("s", "5")], "1941-05-09"),
        (b'{"identifier": ["x", {"system": "s"}, {"system": "s", "value": "7"}]}', [("s", "7")], None),
        (b'{"birthDate": 1941}', [], None),
        (b"[]", None, None),
        (b"{", None, None),
    ],
)
def test_of_a_patient_that_cannot_be_read_the_identity_is_still_looked_for(
    raw: bytes, numbers: list[tuple[str, str]] | None, born: str | None
) -> None:
    patient = identity_of(raw)
    told = None if patient.identifier is None else [(one.system, one.value) for one in patient.identifier]
    assert (told, patient.birth_date) == (numbers, born)


def test_what_has_been_settled_still_knows_who_people_are_and_nothing_else() -> None:
    encounter = {"resourceType": "Encounter", "id": "e", "status": "finished"}
    source = dossier((f"{HOME}/Practitioner/one", doctor("one")), (f"{HOME}/Encounter/e", encounter))
    source.settle()
    assert found(source.find(Reference("Practitioner/one"))) == "one"
    assert source.find(Reference("Encounter/e")) is None
    assert [held.resource.id for held, _ in source.of(Practitioner)] == ["one"]
    assert source.held == []
    assert source.encounters == {}


@pytest.mark.parametrize(
    ("profile", "dialect"),
    [
        ("https://fhir.iknl.nl/fhir/StructureDefinition/ACP-TreatmentDirective", "r4-beta3"),
        ("https://api.iknl.nl/docs/pzp/r4/StructureDefinition/ACP-TreatmentDirective", "r4-rc2"),
        ("https://x.example/StructureDefinition/y", "r4"),
    ],
)
def test_the_dialect_is_that_of_the_canonicals(pen: Any, look: Any, profile: str, dialect: str) -> None:
    seen = look(a=[pen.treatment("deny", "2025-01-01", meta={"profile": [profile]})])
    assert seen.source("a")["dialect"] == dialect
