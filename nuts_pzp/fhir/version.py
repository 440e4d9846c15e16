"""Which FHIR version a server says it speaks, from its CapabilityStatement (spec pzp-fhir 5). Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

Version = Literal["r4", "stu3", "other"]
_READ: tuple[tuple[str, Version], ...] = (("4.", "r4"), ("3.", "stu3"))


class _Statement(msgspec.Struct):
    version: str | None = msgspec.field(name="fhirVersion", default=None)


_STATEMENT = msgspec.json.Decoder(_Statement)


def fhir_version(statement: bytes) -> Version | None:
    """Return the version of a CapabilityStatement: R4 (and R4B), STU3, another; None when it does not say."""
    try:
        said = _STATEMENT.decode(statement).version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not said:
        return None
    return next((version for start, version in _READ if said.startswith(start)), "other")
