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

    Patients and RelatedPersons speak. Any other performer, or none, does not say whose word it is: then it is that of
    whoever could speak on that day. The day is `dateTime`; without one, it may be any day since the birth, and the word
    that ends first counts; nothing is held against what names neither a day nor who spoke.
    """
    born, day = asked.born, _day(text(consent, "dateTime"))
    spoke = {_who(one, consent, asked) for one in children(consent, "performer")}
    patient, related = _PATIENT in spoke, _RELATED in spoke
    if born is None or (day is None and not (patient or related)):
        return True
    if not (patient or related):
        patient = related = True
    given = max(day or born, born)
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


def _who(performer: Json, consent: Json, asked: Asked) -> str:
    """Return who it is: the patient, somebody related (also one who is a patient here too), or neither."""
    identifier, reference = child(performer, "identifier"), text(performer, "reference")
    if text(identifier, "system") == BSN_SYSTEM:
        return _PATIENT if text(identifier, "value") == asked.bsn.value else _RELATED
    target = reference.removeprefix(f"{asked.base}/").partition("/_history/")[0]
    if reference.startswith("#"):
        held = [one for one in children(consent, "contained") if text(one, "id") == reference[1:]]
        kinds = {text(one, "resourceType") for one in held}
    else:
        kinds = {text(performer, "type"), *target.split("/")[:-1]}
    if _RELATED in kinds:
        return _RELATED
    if _PATIENT not in kinds:
        return ""
    another = target and not reference.startswith("#") and target != f"Patient/{asked.logical_id}"
    return _RELATED if another else _PATIENT


_PATIENT, _RELATED = "Patient", "RelatedPerson"
