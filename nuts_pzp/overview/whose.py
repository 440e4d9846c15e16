"""Numbers and birth dates: whether two mentions of a patient can be about one person (spec pzp-fhir X8)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..identity import BSN_SYSTEM
from .datatypes import Identifier

_BSN_SYSTEMS = frozenset({BSN_SYSTEM, "urn:oid:2.16.840.1.113883.2.4.6.3"})


class Who(msgspec.Struct, frozen=True):
    """What is known of a patient: every BSN, every birth date, a name."""

    bsns: frozenset[str]
    births: frozenset[str]
    name: str = ""

    def __repr__(self) -> str:
        return "Who(*)"


def numbers(identifiers: Iterable[Identifier]) -> frozenset[str]:
    """Return the BSNs among these identifiers; one that lost its leading zeros gets them back."""
    found = (one.value.strip().zfill(9) for one in identifiers if one.system in _BSN_SYSTEMS and one.value)
    return frozenset(one for one in found if one.strip("0"))


def compatible(one: str, other: str) -> bool:
    """A birth date of lower precision agrees with every date that lies in it."""
    return one.startswith(other) or other.startswith(one)


def differs(known: Who, bsns: frozenset[str], births: Iterable[str]) -> bool:
    """Say whether a mention with these BSNs and birth dates is of somebody else; what is not known cannot differ."""
    if known.bsns and not bsns <= known.bsns:
        return True
    return any(not compatible(born, own) for born in births for own in known.births)
