"""Whose record a source speaks of: BSN and birth date are held against what was asked (spec pzp-fhir X8)."""

from __future__ import annotations

from typing import Any

import msgspec

from ..exchange import Inquiry
from ..fhir.bundle import Resource
from ..identity import BSN_SYSTEM
from ..outcome import Deny, Gathered, Outcome, Unavailable
from ..reasons import Reason


def patients_in(found: Gathered[Resource], inquiry: Inquiry) -> Outcome[tuple[Resource, ...]]:
    """Return the patient records of the asked patient; none when the source does not know the patient.

    Deny, for the whole source, when any Patient it returned has another BSN, none, or another birth date: what it would
    say next could be about somebody else.
    """
    if found.gaps:
        return found.gaps[0].stop
    patients = tuple(resource for resource in found.items if resource.type == "Patient")
    for patient in patients:
        content = _content(patient)
        if content is None:
            return Unavailable(Reason.SOURCE_BROKEN, detail="a Patient that cannot be read")
        if _bsns(content) != {inquiry.bsn.value}:
            return Deny(Reason.SOURCE_OTHER_PATIENT)
        born = content.get("birthDate")
        if born is not None and not _agrees(born, inquiry.birth_date.isoformat()):
            return Deny(Reason.PATIENT_BIRTH_DATE)
    return patients


def _content(patient: Resource) -> dict[str, Any] | None:
    try:
        content = msgspec.json.decode(patient.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _bsns(content: dict[str, Any]) -> set[str]:
    identifiers = content.get("identifier")
    if not isinstance(identifiers, list):
        return set()
    return {str(one.get("value")) for one in identifiers if isinstance(one, dict) and one.get("system") == BSN_SYSTEM}


def _agrees(born: object, asked: str) -> bool:
    """A birth date of lower precision (`1950`, `1950-03`) agrees when the asked date lies in it."""
    return isinstance(born, str) and len(born) in (4, 7, 10) and asked.startswith(born)
