"""What all kinds of records share: status, date, patient, modifiers, identifiers (spec pzp-fhir 3.2 to 3.5)."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from .attentions import attention
from .codes import UNREADABLE
from .datatypes import Reference, Subject
from .dates import When, is_future, is_past, read_date
from .dossier import Dossier, Held, PutAside
from .statements import Attention, Document, Leads, Person, Said, Statement, ended, rank_of
from .structures import Encounter, Patient, Resourced
from .whose import Who, differs, numbers
from .wording import unknown_modifiers

_YES, _ENDED, _NEVER = Leads.YES, Leads.AS_ENDED, Leads.NEVER
ENTERED_IN_ERROR = "entered-in-error"
_GOAL_HOLDS = [
    "active",
    "accepted",
    "on-hold",
    "in-progress",
    "on-target",
    "ahead-of-target",
    "behind-target",
    "sustaining",
]
STATUSES: dict[str, dict[str, Leads]] = {
    "Consent": {"active": _YES, "inactive": _ENDED},
    "Observation": {"final": _YES, "amended": _YES, "corrected": _YES},
    "Goal": dict.fromkeys(_GOAL_HOLDS, _YES) | dict.fromkeys(("completed", "cancelled", "achieved"), _ENDED),
    "QuestionnaireResponse": {"completed": _YES, "amended": _YES},
    "DeviceUseStatement": {"active": _YES, "completed": _ENDED, "stopped": _ENDED},
    "Communication": {"completed": _YES, "active": _YES, "revoked": _ENDED},
    "CommunicationRequest": {"completed": _YES, "active": _YES, "revoked": _ENDED, "cancelled": _ENDED},
}
"""Which status may lead, or leads as ended (spec 3.5); any other is shown and never leads. With those of STU3."""


class Frame(NamedTuple):
    """What a reader may use: the source's dossier, the clock, and whether another patient's records are dropped."""

    dossier: Dossier
    now: float
    """Unix seconds."""
    drop_other_patients: bool
    who: Who
    """Whom the source speaks of, and in a consultation who was asked for."""


class Dates(msgspec.Struct, gc=False):
    """Where a record's date may be: texts with their place, best first; then the linked encounter; and its end."""

    places: tuple[tuple[str | None, str], ...]
    encounter: Reference | None = None
    end: str | None = None
    end_place: str = ""
    reason: str = ""
    begins: str | None = None
    may_precede: bool = False
    """A wilsverklaring is dated by its document, which may be older than the conversation."""


class Record(msgspec.Struct, gc=False):
    """The shared part of a record, from which its statements are made."""

    held: Held
    source: str
    status: str
    leads: Leads
    when: When | None = None
    date_from: str = ""
    since: When | None = None
    end_reason: str = ""
    ended_on: When | None = None
    encounter: str = ""
    ids: tuple[str, ...] = ()
    comment: str = ""
    parties: tuple[Reference, ...] = ()
    authors: tuple[Reference, ...] = ()
    author: str = ""
    form: bool = False
    modified: bool = False
    attention: tuple[Attention, ...] = ()

    def says(
        self, key: str, said: Said, label: str = "", document: Document | None = None, persons: tuple[Person, ...] = ()
    ) -> Statement:
        """Return the statement; a record with an unknown modifier says nothing that can be interpreted."""
        was = None
        ref = self.held.ref
        if self.modified:
            said = Said("text", "uninterpretable", UNREADABLE, f"uninterpretable {self.source} {ref}")
        if self.leads is _ENDED:
            was = said
            said = ended(said, self.ended_on or self.when, self.end_reason, stated=self.ended_on is not None)
        resource = self.held.resource
        return Statement(
            key,
            said,
            self.source,
            resource.type,
            resource.id,
            ref,
            self.when,
            self.date_from,
            self.leads,
            self.status,
            self.comment,
            label,
            self.encounter,
            self.form,
            self.ids,
            self.parties,
            self.authors,
            self.author,
            self.attention,
            persons,
            document,
            self.since,
            was,
            (),
            rank_of(key, said, self.when, self.source, resource.type, resource.id, self.comment),
        )

    def warn(self, code: str) -> None:
        """Add an attention to every statement made after this."""
        self.attention = (*self.attention, attention(code, self.held.ref))


def open_record(
    frame: Frame,
    held: Held,
    status: str | None,
    dates: Dates,
    subject: Subject | None,
    known: frozenset[str] = frozenset(),
) -> Record | None:
    """Return the shared part, or None after putting the record aside as excluded. `known` are modifiers understood."""
    dossier, kind, content = frame.dossier, held.resource.type, held.content
    if status == ENTERED_IN_ERROR:
        dossier.excluded.append(PutAside(held.ref, kind, ENTERED_IN_ERROR))
        return None
    stranger = of_another(frame, content, subject)
    if stranger and frame.drop_other_patients:
        put_aside_stranger(dossier, held)
        return None
    status = status or ""
    record = Record(held, dossier.id, status, STATUSES[kind].get(status, _NEVER))
    if stranger:
        record.warn("SUBJECT_DIFFERS")
    if held.hides or ((content.implicit_rules or content.modifier_extension) and modified(content, known)):
        record.modified = True
        record.warn("UNKNOWN_MODIFIER")
    _set_date(frame, record, dates)
    if record.leads is _NEVER:
        record.warn("STATUS_NOT_LEADING")
    elif (record.when is not None and record.when.start > frame.now) or _ahead(frame, dates.begins):
        record.leads = _NEVER
        record.warn("FUTURE_DATE")
    return record


def _ahead(frame: Frame, text: str | None) -> bool:
    begin = read_date(text) if text else None
    return begin is not None and is_future(begin, frame.now)


def put_aside_other(frame: Frame, held: Held, subject: Subject | None) -> bool:
    """Exclude a record of another patient, where those are dropped; say whether it was."""
    other = frame.drop_other_patients and of_another(frame, held.content, subject)
    if other:
        put_aside_stranger(frame.dossier, held)
    return other


def put_aside_stranger(dossier: Dossier, held: Held) -> None:
    """Exclude a record of another patient: nothing of it is shown but that it was there."""
    dossier.strangers.add(held.ref)
    dossier.excluded.append(PutAside(held.ref, held.resource.type, "other-patient"))


def modified(content: Resourced, known: frozenset[str] = frozenset()) -> bool:
    """Say whether a resource bears a modifier that is not in `known`."""
    return bool(content.implicit_rules) or unknown_modifiers(content.modifier_extension, known)


def of_another(frame: Frame, content: Resourced, subject: Subject | None) -> bool:
    """True when the record gives another number, or points elsewhere than at the Patient that the source gave."""
    if subject is None:
        return False
    dossier, target, identifier = frame.dossier, subject.reference, subject.identifier
    if identifier is not None and differs(frame.who, numbers((identifier,)), ()):
        return True
    if not target or target in dossier.own_patient or not dossier.patients:
        return False
    found = dossier.find(subject)
    patient = found.content if found is not None else None
    if "#" in target:
        return type(patient) is Patient and differs(
            frame.who, numbers(patient.identifier or ()), (patient.birth_date,) if patient.birth_date else ()
        )
    if found is None or type(patient) is not Patient or found.ref in dossier.strangers:
        return True
    dossier.own_patient.add(target)
    return False


def _set_date(frame: Frame, record: Record, dates: Dates) -> None:
    talk: When | None = None
    if dates.encounter is not None and (encounter := _encounter(frame.dossier, dates.encounter)) is not None:
        record.encounter, talk = encounter[0].ref, encounter[1]
    for text, place in dates.places:
        if text:
            own = read_date(text)
            record.when, record.date_from = own, place
            if own is None:
                record.warn("DATE_UNREADABLE")
            elif talk is not None:
                _compare(record, own, talk, may_precede=dates.may_precede)
            break
    else:
        if talk is not None:
            record.when, record.date_from = talk, "encounter"
    if dates.end or record.leads is _ENDED:
        _set_end(frame, record, dates)


def _set_end(frame: Frame, record: Record, dates: Dates) -> None:
    end = read_date(dates.end) if dates.end else None
    if dates.end and end is None:
        record.warn("DATE_UNREADABLE")
    over = end is not None and is_past(end, frame.now)
    if over and record.leads is _YES:
        record.leads = _ENDED
    if record.leads is not _ENDED:
        return
    record.since, record.end_reason = record.when, dates.reason
    if end is not None and not is_future(end, frame.now):
        record.ended_on = end
        if record.when is None or end.start > record.when.start:
            record.when, record.date_from = end, dates.end_place


def _compare(record: Record, own: When, talk: When, *, may_precede: bool) -> None:
    if not own.overlaps(talk) and not (may_precede and talk.later_than(own)):
        record.warn("ENCOUNTER_DATE_DIFFERS")


def _encounter(dossier: Dossier, reference: Reference) -> tuple[Held, When | None] | None:
    target, known = reference.reference or "", dossier.encounters
    if target not in known:
        known[target] = _dated_encounter(dossier, reference)
    return known[target]


def _dated_encounter(dossier: Dossier, reference: Reference) -> tuple[Held, When | None] | None:
    found = dossier.find(reference)
    if found is None or type(found.content) is not Encounter or found.content.status == ENTERED_IN_ERROR:
        return None
    if found.ref in dossier.strangers:
        return None
    content = found.content
    start = content.period.start if content.period and not (found.hides or modified(content)) else None
    return found, read_date(start) if start else None
