"""FHIR versions: which one a server says it speaks, and what belongs to one alone (spec pzp-fhir 2 and 5). Pure.

A PZP question in R4 and one in STU3 look alike and mean different things. What can only be one of the other version is
refused as such, before anything is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

Speech = Literal["r4", "stu3"]
"""The versions in which this gateway asks and answers."""
Version = Speech | Literal["other"]

RELEASES: Mapping[Speech, str] = {"r4": "4.0", "stu3": "3.0"}
"""How `fhirVersion` of a media type, and of a server that is asked for data, begins."""
NAMES: Mapping[Speech, str] = {"r4": "R4", "stu3": "STU3"}

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


@dataclass(frozen=True, slots=True)
class _Alone:
    """What only one version has: types, parameters and includes by type; codes and forms in a value, by type."""

    types: frozenset[str]
    words: Mapping[str, frozenset[str]]
    values: Mapping[str, frozenset[str]]


_ALONE: Mapping[Speech, _Alone] = {
    "r4": _Alone(
        frozenset({"Communication"}),
        {
            "Consent": frozenset({"scope"}),
            "Encounter": frozenset({"reason-reference:Procedure.code", "Encounter:reason-reference"}),
            "Goal": frozenset({"description:in"}),
            "DeviceUseStatement": frozenset({"device.type:in"}),
        },
        {"Consent": frozenset({"129125009", "acd"}), "QuestionnaireResponse": frozenset({"ACP-zib2020"})},
    ),
    "stu3": _Alone(
        frozenset(),
        {
            "Consent": frozenset({"Consent:consentor"}),
            "Encounter": frozenset({"reason", "Encounter:diagnosis"}),
            "Procedure": frozenset({"Procedure:context"}),
            "DeviceUseStatement": frozenset({"device.type"}),
        },
        {
            "Consent": frozenset({"11291000146105", "11341000146107"}),
            "QuestionnaireResponse": frozenset({"ACP-zib2017"}),
        },
    ),
}
_OTHER: Mapping[Speech, _Alone] = {"r4": _ALONE["stu3"], "stu3": _ALONE["r4"]}
_TELLING = frozenset({"category", "questionnaire"})


def foreign(spoken: Speech, resource_type: str, given: Iterable[tuple[str, str]]) -> bool:
    """True when a question that is not understood is one of the other version: its type, a parameter, an include."""
    other = _OTHER[spoken]
    words = other.words.get(resource_type, frozenset())
    return resource_type in other.types or any(
        name in words or (name == "_include" and value in words) for name, value in given
    )


def foreign_values(spoken: Speech, resource_type: str, params: Iterable[tuple[str, tuple[str, ...]]]) -> bool:
    """True when a parameter that both versions have holds a code or form that only the other one has."""
    marks = _OTHER[spoken].values.get(resource_type)
    if marks is None:
        return False
    return any(_mark(name, value) in marks for name, values in params if name in _TELLING for value in values)


def _mark(name: str, value: str) -> str:
    """The code without its system; the name of a form without its address and version."""
    if name == "category":
        return value.rpartition("|")[2]
    return value.partition("|")[0].rpartition("/")[2]
