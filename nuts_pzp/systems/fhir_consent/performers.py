"""On whose word a Consent of the holder's server rests, and whether that word still holds (spec consent 5 item 5).

Under 12 the parents speak, from 12 to 16 both, from 16 the patient. What parents said ends at those birthdays, also if
nobody wrote an end. An objection does not end by age: of that nothing is asked here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ...consent.period import Period
from ...consent.voice import Voice, last_day, refuses
from ...identity import BSN_SYSTEM
from .criteria import Asked, Json, child, children, text


def may_permit(consent: Json, asked: Asked) -> bool:
    """True unless it is surely somebody's word who could not permit then, or whose word ended since.

    Only patients and RelatedPersons speak: any other performer, or none, says nothing of whose word it is. The day is
    `dateTime`; without one, it may be any day since the birth, and the word that ends first counts.
    """
    performers, born = children(consent, "performer"), asked.born
    patient = any(_is_patient(one, asked) for one in performers)
    related = any(_is_related(one) for one in performers)
    if born is None or not (patient or related):
        return True
    given = max(_day(text(consent, "dateTime")) or born, born)
    return any(
        refuses(voice, relation, born, given) is None and _lasts(voice, born, given, asked)
        for voice, relation in _voices(patient, related, born, given)
    )


def _voices(patient: bool, related: bool, born: date, given: date) -> Iterable[tuple[Voice, str]]:
    """As whom they may have spoken: one RelatedPerson stands for both parents, or represents who is of age."""
    if patient:
        yield Voice.PATIENT, ""
    if patient and related:
        yield Voice.TOGETHER, ""
    if related:
        yield Voice.PARENTS, ""
        if refuses(Voice.PATIENT, "", born, given) is None:
            yield Voice.REPRESENTATIVE, "parent"


def _lasts(voice: Voice, born: date, given: date, asked: Asked) -> bool:
    last = last_day(voice, born, given)
    return last is None or Period(end=last.isoformat()).surely(asked.now)


def _day(moment: str) -> date | None:
    """The first day that a moment may mean, None for what means none: who was younger is outgrown sooner."""
    try:
        return date.fromisoformat((moment + "-01-01")[: len("2026-05-01")])
    except ValueError:
        return None


def _is_patient(performer: Json, asked: Asked) -> bool:
    identifier = child(performer, "identifier")
    if (text(identifier, "system"), text(identifier, "value")) == (BSN_SYSTEM, asked.bsn.value):
        return True
    return text(performer, "reference").removeprefix(f"{asked.base}/") == f"Patient/{asked.logical_id}"


def _is_related(performer: Json) -> bool:
    return text(performer, "type") == "RelatedPerson" or "RelatedPerson/" in text(performer, "reference")
