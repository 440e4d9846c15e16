"""People: names of whoever a record points at, and the set of representatives and contacts of one source.

An author who cannot be resolved is "onbekend", never blank (spec pzp-fhir 3.8).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from .codes import NOBODY, PATIENT, RELATIONS, ROLES, SPECIALTIES, normal, quoted
from .datatypes import Concept, HumanName, Reference, Telecom
from .dossier import Dossier
from .statements import Person
from .structures import Patient, Practitioner, PractitionerRole, RelatedPerson
from .stu3_structures import PersonReference
from .wording import text_of

_FORMER = frozenset({"old", "maiden", "temp", "anonymous", "nickname"})


def human_name(names: Iterable[HumanName | None]) -> str:
    """Return the best name as people write it: a whole one before a first name alone, a former one last."""
    known = [name for name in names if name is not None]
    if len(known) > 1:
        known.sort(key=lambda name: (name.use in _FORMER, not (name.family or name.text)))
    return next((words for name in known if (words := _written(name))), "")


def _written(name: HumanName) -> str:
    if name.text and name.text.strip():
        return name.text.strip()
    given = name.given or []
    if name.given_marks is not None:
        marks = name.given_marks if isinstance(name.given_marks, list) else []
        whole = [part for part, mark in zip_longest(given, marks[: len(given)]) if not _is_initial(mark)]
        given = whole if any(whole) else given
    parts = [*(name.prefix or ()), *given, name.family]
    return " ".join(part.strip() for part in parts if part and part.strip())


def _is_initial(mark: object) -> bool:
    """Say whether a part of a name is marked as an initial (the name behind it is written out as well)."""
    found = mark.get("extension") if isinstance(mark, dict) else None
    return isinstance(found, list) and any(isinstance(one, dict) and one.get("valueCode") == "IN" for one in found)


def name_of(dossier: Dossier, reference: Reference, *, specialty: bool = False) -> str:
    """Return who a reference points at: by name, else by the reference's own display, else "onbekend"."""
    if dossier.stu3 and isinstance(reference, PersonReference):
        role = reference.role
        if role and dossier.find(role) is not None:
            return name_of(dossier, Reference(role.reference, reference.display), specialty=specialty)
    asked = (reference.reference, reference.display, specialty)
    known = dossier.names.get(asked)
    if known is None:
        known = dossier.names[asked] = _look_up(dossier, reference, specialty=specialty)
    return known


def _look_up(dossier: Dossier, reference: Reference, *, specialty: bool) -> str:
    found = dossier.find(reference)
    content = found.content if found is not None and found.ref not in dossier.strangers else None
    shown = (reference.display or "").strip() or NOBODY
    if isinstance(content, Patient):
        return PATIENT
    if isinstance(content, RelatedPerson | Practitioner):
        return human_name(content.name or ()) or shown
    if isinstance(content, PractitionerRole):
        return _role_name(dossier, content, shown, specialty=specialty)
    return PATIENT if content is None and _is_patient(reference) else shown


def names_of(dossier: Dossier, references: Iterable[Reference]) -> tuple[str, ...]:
    """Return each person once, in the order of the record."""
    return tuple(dict.fromkeys([name_of(dossier, one) for one in references]))


def person(name: str, relationship: Iterable[Concept], telecom: Iterable[Telecom], birth_date: str, ref: str) -> Person:
    """Make a person from coded relationships: roles and family relation are told apart by code."""
    roles, relation = [], ""
    for concept in relationship:
        for coding in concept.coding or ():
            code = coding.code or ""
            if code in ROLES:
                roles.append(ROLES[code])
            elif code in RELATIONS:
                other = (concept.text or "").strip() if code == "OTH" else ""
                relation = relation or (f"{RELATIONS[code]}: {other}" if other else RELATIONS[code])
            elif code:
                relation = relation or quoted(code, coding.display or text_of(concept))
        if not concept.coding and concept.text:
            relation = relation or quoted("", concept.text)
    reach = tuple(sorted({one.value.strip() for one in telecom if one.value and one.value.strip()}))
    return Person(name or NOBODY, relation, tuple(sorted(set(roles))), reach, birth_date, (ref,))


def identities(persons: Iterable[Person], told_apart: frozenset[str]) -> frozenset[str]:
    """Return who these are: by name, and by birth date where that is needed to tell namesakes apart."""
    return frozenset(f"{key}|{one.birth_date}" if (key := _called(one)) in told_apart else key for one in persons)


def _called(one: Person) -> str:
    """Who is not named is told by how to reach them: two unnamed persons are not one."""
    return normal(one.name) if one.name != NOBODY else "|".join((NOBODY, one.relation, *one.telecom))


def _role_name(dossier: Dossier, role: PractitionerRole, shown: str, *, specialty: bool) -> str:
    found = dossier.find(role.practitioner)
    name = human_name(found.content.name or ()) if found and isinstance(found.content, Practitioner) else ""
    name = name or (role.practitioner.display if role.practitioner else None) or shown
    if not specialty:
        return name
    words = ""
    for concept in role.specialty or ():
        codes = [coding.code for coding in concept.coding or () if coding.code in SPECIALTIES]
        words = words or (SPECIALTIES[codes[0] or ""] if codes else text_of(concept).lower())
    return f"{name}, {words}" if words else name


def _is_patient(reference: Reference) -> bool:
    return "Patient" in (reference.reference or "").split("/")[-2:-1]
