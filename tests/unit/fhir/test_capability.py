"""What a CapabilityStatement grants, and what is no CapabilityStatement."""

from __future__ import annotations

import hashlib
import json

import pytest

from nuts_pzp.fhir.capability import NotACapability, read_capability

STATEMENT = {
    "resourceType": "CapabilityStatement",
    "rest": [
        {
            "mode": "server",
            "resource": [
                {
                    "type": "Consent",
                    "interaction": [{"code": "read"}, {"code": "search-type"}],
                    "searchParam": [{"name": "patient", "type": "reference"}, {"name": "code:in", "type": "token"}],
                    "searchInclude": ["Consent:actor"],
                },
                {"type": "Patient", "interaction": [{"code": "search-type"}]},
                {"type": "Goal"},
            ],
        }
    ],
}


def test_lists_interactions_parameters_with_modifier_and_includes() -> None:
    raw = json.dumps(STATEMENT).encode()
    found = read_capability(raw)
    listed = found.resources["Consent"]
    assert listed.interactions == {"read", "search-type"}
    assert listed.params == {"patient", "code:in"}
    assert listed.includes == {"Consent:actor"}
    assert found.resources["Goal"].interactions == frozenset()
    assert found.sha256 == hashlib.sha256(raw).hexdigest()


def test_patient_is_searched_by_post_only_and_others_when_told() -> None:
    raw = json.dumps(STATEMENT).encode()
    assert {name: one.post_only for name, one in read_capability(raw).resources.items()} == {
        "Consent": False,
        "Patient": True,
        "Goal": False,
    }
    assert read_capability(raw, frozenset({"Goal"})).resources["Goal"].post_only
    assert read_capability(raw, frozenset({"Goal"})).resources["Patient"].post_only


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"[]",
        b"null",
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"CapabilityStatement"}',
        b'{"resourceType":"CapabilityStatement","rest":[]}',
        b'{"resourceType":"CapabilityStatement","rest":[{"mode":"client","resource":[]}]}',
        b'{"resourceType":"CapabilityStatement","rest":[{"mode":"server","resource":[{"type":"A"},{"type":"A"}]}]}',
        b'{"resourceType":"CapabilityStatement","rest":[{"mode":"server","resource":[{"type":"A","searchParam":{}}]}]}',
        b'{"resourceType":"CapabilityStatement","rest":[{"mode":"server","resource":[{"type":"A","searchInclude":[1]}]}]}',
        b'{"resourceType":"CapabilityStatement","rest":[{"mode":"server","resource":[{"type":"A","interaction":["read"]}]}]}',
    ],
)
def test_anything_else_refuses_the_start(wrong: bytes) -> None:
    with pytest.raises(NotACapability):
        read_capability(wrong)
