"""What resources point at and did not come along: found in the text, or read whole where there is an escape in it."""

from __future__ import annotations

import json

import pytest

from nuts_pzp.consult.references import unresolved
from nuts_pzp.fhir.bundle import Resource

BASE = "https://bron.example/fhir"
TYPES = frozenset({"RelatedPerson", "Encounter"})


def held(raw: bytes, kind: str = "Consent", id_: str = "1") -> Resource:
    return Resource(kind, id_, "", f"{BASE}/{kind}/{id_}", "match", raw)


def citing(*references: str) -> bytes:
    actors = [{"actor": {"reference": one, "display": "x"}} for one in references]
    return json.dumps({"resourceType": "Consent", "id": "1", "provision": actors}).encode()


def test_relative_and_own_absolute_references_count_and_others_do_not() -> None:
    raw = citing(
        "RelatedPerson/7", f"{BASE}/Encounter/8/_history/2", "Patient/1", "https://other.example/fhir/Encounter/9"
    )
    assert unresolved([held(raw)], BASE, TYPES) == [("Encounter", "8"), ("RelatedPerson", "7")]


def test_what_came_along_is_not_asked_for() -> None:
    along = held(b'{"resourceType":"RelatedPerson","id":"7"}', "RelatedPerson", "7")
    assert unresolved([held(citing("RelatedPerson/7")), along], BASE, TYPES) == []


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"subject":{"reference":"RelatedPerson\/7"}}',
        rb'{"subject":{"refer\u0065nce":"RelatedPerson/7"}}',
        rb'{"text":"een \"citaat\"","subject":{"reference":"RelatedPerson/7"}}',
        b'{"subject" : { "reference"\n:\t"RelatedPerson/7" } }',
    ],
)
def test_every_way_of_writing_it_is_read(raw: bytes) -> None:
    assert unresolved([held(raw)], BASE, TYPES) == [("RelatedPerson", "7")]


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"text":"\"reference\":\"RelatedPerson/7\""}',
        b'{"text":"reference: RelatedPerson/7"}',
        b'{"reference":{"reference":"Patient/1"},"id":"RelatedPerson/7"}',
        b'{"reference":7}',
    ],
)
def test_a_text_about_a_reference_is_none(raw: bytes) -> None:
    assert unresolved([held(raw)], BASE, TYPES) == []


@pytest.mark.parametrize(
    "raw",
    [
        b'{"resourceType":"Consent","x":"\\ud800","patient":{"reference":"Encounter/8"}}',
        b'{"x":"\\\\"' + b'{"a":' * 100_000,
        b'{"patient":{"reference":"Encounter/\xff\xfe"}}',
    ],
)
def test_what_cannot_be_decoded_points_at_nothing_and_hides_no_other(raw: bytes) -> None:
    assert unresolved([held(raw), held(citing("RelatedPerson/7"), id_="2")], BASE, TYPES) == [("RelatedPerson", "7")]
