"""The FHIR data types that are read, typed, and what codes they hold (spec pzp-fhir 1.1). Of R4; STU3 has the same."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec


class Shape(msgspec.Struct, rename="camel", gc=False):
    """A FHIR object; absent and null are the same. A tree, so the collector need not look for cycles."""


class Coding(Shape):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class Concept(Shape):
    coding: list[Coding] | None = None
    text: str | None = None


def has_code(concepts: list[Concept] | None, codes: Container[str | None]) -> bool:
    """Say whether any coding of these concepts has one of these codes, whatever its system."""
    if concepts is not None:
        for concept in concepts:
            if concept.coding is not None:
                for coding in concept.coding:
                    if coding.code in codes:
                        return True
    return False


class Reference(Shape):
    reference: str | None = None
    display: str | None = None


class Requester(Reference):
    """Who asked; in STU3 an object with an `agent` instead of a reference."""

    agent: Any = None


class Identifier(Shape):
    system: str | None = None
    value: str | None = None


class Subject(Reference):
    """Who a record is about: a reference, or the patient's own number."""

    identifier: Identifier | None = None


class Period(Shape):
    start: str | None = None
    end: str | None = None


class Note(Shape):
    text: str | None = None


class Extension(Shape):
    url: str = ""
    extension: list[Extension] | None = None
    value_string: str | None = None
    value_boolean: bool | None = None
    value_reference: Reference | None = None
    value_codeable_concept: Concept | None = None


class Attachment(Shape):
    content_type: str | None = None
    title: str | None = None
    url: str | None = None
    creation: str | None = None


class HumanName(Shape):
    use: str | None = None
    text: str | None = None
    family: str | None = None
    given: list[str | None] | None = None
    given_marks: Any = msgspec.field(name="_given", default=None)
    prefix: list[str | None] | None = None


class Telecom(Shape):
    system: str | None = None
    value: str | None = None
