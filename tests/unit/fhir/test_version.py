"""Which version a server says it speaks; what does not say so is never guessed."""

from __future__ import annotations

import pytest

from nuts_pzp.fhir.version import fhir_version


@pytest.mark.parametrize(
    ("statement", "version"),
    [
        (b'{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}', "r4"),
        (b'{"fhirVersion":"4.3.0"}', "r4"),
        (b'{"fhirVersion":"3.0.2"}', "stu3"),
        (b'{"fhirVersion":"5.0.0"}', "other"),
        (b'{"fhirVersion":"1.0.2"}', "other"),
        (b'{"fhirVersion":"40"}', "other"),
        (b'{"fhirVersion":""}', None),
        (b'{"fhirVersion":4}', None),
        (b'{"fhirVersion":null}', None),
        (b"{}", None),
        (b"not json", None),
        (b"\xff", None),
    ],
)
def test_a_version_is_what_the_statement_says(statement: bytes, version: str | None) -> None:
    assert fhir_version(statement) == version
