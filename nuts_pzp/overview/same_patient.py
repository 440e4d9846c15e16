"""Is this about the patient who was asked for? BSN and birth date of every Patient that came along (spec X8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec

from ..identity import BSN_SYSTEM, Bsn, NotAnIdentifier
from .dossier import Dossier
from .people import human_name
from .shape import PatientsDisagree, PatientShown

_BSN_SYSTEMS = frozenset({BSN_SYSTEM, "urn:oid:2.16.840.1.113883.2.4.6.3"})


class Who(msgspec.Struct, frozen=True):
    """What one source says of the patient: every BSN, every birth date, a name."""

    bsns: frozenset[str]
    births: frozenset[str]
    name: str

    def __repr__(self) -> str:
        return "Who(*)"


def who(dossier: Dossier) -> Who:
    """Read the identity from a source's Patient resources."""
    patients = [content for _, content in dossier.patients]
    bsns = (
        one.value.strip().zfill(9)
        for content in patients
        for one in content.identifier or ()
        if one.system in _BSN_SYSTEMS and one.value and one.value.strip()
    )
    births = (content.birth_date for content in patients if content.birth_date)
    names = sorted(name for content in patients if (name := human_name(content.name or ())))
    return Who(frozenset(bsns), frozenset(births), names[0] if names else "")


def agrees(found: Who, asked: tuple[Bsn, date]) -> bool:
    """Say whether a source speaks of the asked patient; a source that gave no Patient cannot disagree."""
    bsn, born = asked[0].value, asked[1].isoformat()
    return found.bsns <= {bsn} and all(_compatible(one, born) for one in found.births)


def disagreement(dossiers: Sequence[Dossier]) -> PatientsDisagree | None:
    """Return why these sources cannot be about one patient; None when they can."""
    found = [(dossier.id, who(dossier)) for dossier in dossiers]
    for number, (one, first) in enumerate(found):
        for other, second in found[number:]:
            if len(first.bsns | second.bsns) > 1 and first.bsns and second.bsns:
                return _disagree("BSN", one, other)
            if any(not _compatible(born, beside) for born in first.births for beside in second.births):
                return _disagree("geboortedatum", one, other)
    return None


def shown(dossiers: Sequence[Dossier], asked: tuple[Bsn, date] | None) -> PatientShown:
    """Return the patient as asked for, or offline as the sources give it."""
    found = [who(dossier) for dossier in dossiers]
    name = next((one.name for one in found if one.name), None)
    if asked is not None:
        return PatientShown(asked[0].value, name, asked[1].isoformat(), asked[0].is_test)
    bsn = next((min(one.bsns) for one in found if one.bsns), None)
    births = sorted({born for one in found for born in one.births}, key=lambda born: (-len(born), born))
    return PatientShown(bsn, name, births[0] if births else None, _is_test(bsn))


def _is_test(bsn: str | None) -> bool:
    try:
        return bsn is not None and Bsn(bsn).is_test
    except NotAnIdentifier:
        return False


def _compatible(one: str, other: str) -> bool:
    """A birth date of lower precision agrees with every date that lies in it."""
    return one.startswith(other) or other.startswith(one)


def _disagree(what: str, one: str, other: str) -> PatientsDisagree:
    where = f"de bronnen {one} en {other}" if one != other else f"bron {one}"
    return PatientsDisagree(f"Persoonsgegevens komen niet overeen: {what} in {where}", tuple(sorted({one, other})))
