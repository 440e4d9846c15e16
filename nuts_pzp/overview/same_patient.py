"""Is this about the patient who was asked for? BSN and birth date of every Patient that came along (spec X8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ..identity import Bsn, NotAnIdentifier
from .dossier import Dossier, PutAside
from .people import human_name
from .shape import PatientsDisagree, PatientShown
from .whose import Who, differs, numbers


def who(dossier: Dossier) -> Who:
    """Read the identity from a source's Patient resources."""
    patients = [content for _, content in dossier.patients]
    bsns = numbers(one for content in patients for one in content.identifier or ())
    births = (content.birth_date for content in patients if content.birth_date)
    names = sorted(name for content in patients if (name := human_name(content.name or ())))
    return Who(bsns, frozenset(births), names[0] if names else "")


def set_apart(dossier: Dossier, asked: Bsn) -> bool:
    """Put aside each Patient without the asked number, beside one that has it: what points there is of another.

    Return whether there was any.
    """
    if len(dossier.patients) < 2:
        return False
    own = [pair for pair in dossier.patients if numbers(pair[1].identifier or ()) == {asked.value}]
    if not own or len(own) == len(dossier.patients):
        return False
    for held, _ in dossier.patients:
        if not any(held is mine for mine, _ in own):
            dossier.strangers.add(held.ref)
            dossier.excluded.append(PutAside(held.ref, "Patient", "other-patient"))
    dossier.patients = own
    return True


def agrees(found: Who, asked: tuple[Bsn, date]) -> bool:
    """Say whether a source speaks of the asked patient; a source that gave no Patient cannot disagree."""
    return not differs(person(asked), found.bsns, found.births)


def person(asked: tuple[Bsn, date]) -> Who:
    """Return whom was asked for."""
    return Who(frozenset({asked[0].value}), frozenset({asked[1].isoformat()}))


def disagreement(found: Sequence[tuple[str, Who]]) -> PatientsDisagree | None:
    """Return why these sources cannot be about one patient; None when they can."""
    for number, (one, first) in enumerate(found):
        for other, second in found[number:]:
            if len(first.bsns | second.bsns) > 1 and first.bsns and second.bsns:
                return _disagree("BSN", one, other)
            if differs(Who(frozenset(), first.births), frozenset(), second.births):
                return _disagree("geboortedatum", one, other)
    return None


def shown(found: Sequence[Who], asked: tuple[Bsn, date] | None) -> PatientShown:
    """Return the patient as asked for, or offline as the sources give it."""
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


def _disagree(what: str, one: str, other: str) -> PatientsDisagree:
    where = f"de bronnen {one} en {other}" if one != other else f"bron {one}"
    return PatientsDisagree(f"Persoonsgegevens komen niet overeen: {what} in {where}", tuple(sorted({one, other})))
