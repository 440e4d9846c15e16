"""Capacity, representative and first contact in R4: from Patient and RelatedPerson (spec pzp-fhir 1.1, 3.3).

These are undated by nature. Representative and first contact are one statement each per source, whose value is the set
of persons; Patient.contact repeats RelatedPerson and counts only for persons that are not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .attentions import attention
from .codes import BOOLEANS, FIRST_CONTACT_ROLE, NO, NOBODY, REPRESENTATIVE_ROLES, YES, YES_NO, normal
from .datatypes import Concept, Extension, Period
from .dates import is_future, is_past, read_date
from .dossier import Held
from .people import human_name, person
from .read_observation import NOTHING, coded
from .records import Frame, Record, modified, of_another, put_aside_other
from .statements import Attention, Leads, Person, Said, Statement
from .structures import Patient, RelatedPerson
from .wording import codes_in, text_of, unknown_modifiers

CONTACTS = {"representative": REPRESENTATIVE_ROLES, "first-contact": frozenset({FIRST_CONTACT_ROLE})}
_CAPACITY = ("LegallyCapable-MedicalTreatmentDecisions", "LegallyCapableMedicalTreatmentDecisions")


def capacity_said(code: str) -> Said:
    """Word whether the patient can decide: `1` yes, `0` no."""
    capable = BOOLEANS[code]
    return Said("decision", "1" if capable else "0", YES_NO[YES if capable else NO], "yes" if capable else "no")


def read_capacity(frame: Frame, held: Held, content: Patient) -> Iterator[Statement]:
    """Yield what the Patient extension says of capacity; nothing when it says nothing."""
    for one in (*(content.extension or ()), *(content.modifier_extension or ())):
        if not one.url.endswith(_CAPACITY):
            continue
        record = Record(held, frame.dossier.id, "", Leads.YES)
        if modified(content):
            record.modified = True
            record.warn("UNKNOWN_MODIFIER")
        subs = one.extension or ()
        comments = [sub.value_string.strip() for sub in subs if sub.url == "legallyCapableComment" and sub.value_string]
        record.comment = "; ".join(text for text in comments if text)
        answers = [said for sub in subs if sub.url == "legallyCapable" and (said := _capable(sub)) is not None]
        for said in answers or ([NOTHING] if record.comment else []):
            yield record.says("capacity", said)


def _capable(sub: Extension) -> Said | None:
    """Word the answer: yes or no, else what was written instead, in the source's words."""
    if sub.value_boolean is not None:
        return capacity_said("1" if sub.value_boolean else "0")
    concept = sub.value_codeable_concept or Concept(None, sub.value_string)
    known = sorted(codes_in((concept,)) & BOOLEANS.keys())
    if len(known) == 1:
        return capacity_said(known[0])
    return coded(concept, {}) if codes_in((concept,)) or text_of(concept) else None


def read_contacts(frame: Frame) -> Iterator[Statement]:
    """Yield per role one statement with all persons of this source, and one for each that does not count now."""
    dossier = frame.dossier
    related = list(_related(frame))
    people = [*related, *_patient_contacts(frame, {one.held.ref: one for one in related})]
    for key, roles in CONTACTS.items():
        current = [one for one in people if one.codes & roles and one.counts]
        named = {normal(one.person.name) for one in current if one.linked}
        chosen = [one for one in current if one.linked or normal(one.person.name) not in named]
        if chosen:
            yield _together(dossier.id, key, chosen, [one for one in related if one.counts])
        for one in people:
            if one.codes & roles and not one.counts:
                yield _not_now(dossier.id, key, one)


class _Found:
    """A person, the role codes, why it does not count now, and whether it is a RelatedPerson."""

    __slots__ = ("attention", "codes", "held", "linked", "person", "why_not")

    def __init__(self, held: Held, found: Person, codes: set[str], why_not: str, *, linked: bool) -> None:
        self.held, self.person, self.codes, self.why_not, self.linked = held, found, codes, why_not, linked
        self.attention: tuple[Attention, ...] = ()

    @property
    def counts(self) -> bool:
        return not self.why_not

    def learn(self, other: Person, codes: set[str]) -> None:
        """Add what only the contact of the Patient that repeats this person tells."""
        mine = self.person
        self.codes = self.codes | codes
        self.person = Person(
            mine.name,
            mine.relation or other.relation,
            tuple(sorted({*mine.roles, *other.roles})),
            mine.telecom or other.telecom,
            mine.birth_date,
            mine.refs,
        )


def _related(frame: Frame) -> Iterator[_Found]:
    for held, content in frame.dossier.of(RelatedPerson):
        if put_aside_other(frame, held, content.patient):
            continue
        codes = codes_in(content.relationship or ())
        found = person(
            human_name(content.name or ()),
            content.relationship or (),
            content.telecom or (),
            content.birth_date or "",
            held.ref,
        )
        why_not = "STATUS_NOT_LEADING" if content.active is False else _why_not(frame, content.period)
        one = _Found(held, found, codes, why_not, linked=True)
        if held.hides or modified(content):
            one.attention = (attention("UNKNOWN_MODIFIER", held.ref),)
        if of_another(frame, content, content.patient):
            one.attention += (attention("SUBJECT_DIFFERS", held.ref),)
        yield one


def _patient_contacts(frame: Frame, related: Mapping[str, _Found]) -> Iterator[_Found]:
    for held, content in frame.dossier.patients:
        for contact in content.contact or ():
            found = person(human_name((contact.name,)), contact.relationship or (), contact.telecom or (), "", held.ref)
            codes, why_not = codes_in(contact.relationship or ()), _why_not(frame, contact.period)
            odd = unknown_modifiers(contact.modifier_extension)
            link = next((one for one in contact.extension or () if one.url.endswith("patient-relatedPerson")), None)
            there = frame.dossier.find(link.value_reference) if link is not None else None
            if there is not None:
                if there.ref in related and not (why_not or odd):
                    related[there.ref].learn(found, codes)
                continue
            one = _Found(held, found, codes, why_not, linked=False)
            if odd:
                one.attention = (attention("UNKNOWN_MODIFIER", held.ref),)
            yield one


def _why_not(frame: Frame, period: Period | None) -> str:
    """Return the attention of a period that does not hold now: it is over, or still to come."""
    end = read_date(period.end) if period and period.end else None
    start = read_date(period.start) if period and period.start else None
    if end is not None and is_past(end, frame.now):
        return "STATUS_NOT_LEADING"
    return "FUTURE_DATE" if start is not None and is_future(start, frame.now) else ""


def contact_said(persons: Iterable[Person]) -> Said:
    """Word a set of persons: each with relation and ways to reach."""
    ordered = sorted(persons, key=lambda one: (normal(one.name), one.birth_date, one.refs))
    return Said(
        "decision", "", "; ".join(_worded(one) for one in ordered), "|".join(normal(one.name) for one in ordered)
    )


def _worded(one: Person) -> str:
    words = f"{one.name} ({one.relation.lower()})" if one.relation else one.name
    return ", ".join((words, *one.telecom))


def _together(source: str, key: str, chosen: list[_Found], related: list[_Found]) -> Statement:
    chosen = sorted(chosen, key=lambda one: (not one.linked, one.held.ref, normal(one.person.name)))
    record = Record(chosen[0].held, source, "", Leads.YES)
    record.attention = tuple(mark for one in chosen for mark in one.attention)
    persons: dict[str, Person] = {}
    for one in chosen:
        persons[_who(one)] = _joined(persons[_who(one)], one.person) if _who(one) in persons else one.person
    for one in related:
        if _who(one) in persons and one.person.name != NOBODY:
            persons[_who(one)] = _joined(persons[_who(one)], one.person)
    ordered = tuple(persons[who] for who in sorted(persons))
    return record.says(key, contact_said(ordered), persons=ordered)


def _who(one: _Found) -> str:
    unnamed = "|".join(one.person.refs) if one.person.name == NOBODY else ""
    return f"{normal(one.person.name)}|{one.person.birth_date}|{unnamed}"


def _joined(first: Person, other: Person) -> Person:
    """One person who was written down twice: the union of roles, relations and ways to reach (spec 3.3)."""
    relations = dict.fromkeys([*first.relation.split(" / "), other.relation])
    return Person(
        first.name,
        " / ".join(filter(None, relations)),
        tuple(sorted({*first.roles, *other.roles})),
        tuple(sorted({*first.telecom, *other.telecom})),
        first.birth_date,
        tuple(sorted({*first.refs, *other.refs})),
    )


def _not_now(source: str, key: str, one: _Found) -> Statement:
    status = "inactive" if one.why_not == "STATUS_NOT_LEADING" else ""
    record = Record(one.held, source, status, Leads.NEVER, attention=(attention(one.why_not, one.held.ref),))
    return record.says(key, contact_said((one.person,)), persons=(one.person,))
