"""On whose word a choice rests, and how long that word holds (BW 7:447, 7:450, 7:465; spec consent 5 item 5).

Under 12 the parents with authority speak, from 12 to 16 the child and the parents together, from 16 the patient; for an
adult who cannot, a representative, in the order of the law. Whoever may, at any age, objects: for that no age is asked.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import Enum

REPRESENTATIVES = ("curator", "mentor", "proxy", "partner", "parent", "child", "sibling")
"""Who speaks for a patient that cannot: the first of these that there is and that is willing (BW 7:465)."""

_RANK = {"curator": 0, "mentor": 0, "proxy": 1, "partner": 2, "parent": 3, "child": 3, "sibling": 3}
"""Whose word goes before whose: the lower; equals may speak for each other."""

_OWN_AGE, _JOINT_AGE, _ADULT = 16, 12, 18


class Voice(Enum):
    """Who said it."""

    PATIENT = "patient"
    PARENTS = "parents"
    TOGETHER = "patient-and-parents"
    REPRESENTATIVE = "representative"


def refuses(voice: Voice, relation: str, birth: date, day: date) -> str | None:
    """Say why this voice cannot give permission for a patient of that age on that day, or None."""
    age = _age(birth, day)
    if age < 0:
        return "the birth date lies in the future"
    if voice is Voice.REPRESENTATIVE:
        if relation not in REPRESENTATIVES:
            return f"a representative is one of: {', '.join(REPRESENTATIVES)}"
        if age < _JOINT_AGE:
            return "under 12 the parents with authority speak: parents"
        if age < _ADULT and relation != "parent":
            return "for a minor who cannot speak the parents do: representative, parent"
        return None
    if age < _JOINT_AGE:
        return None if voice is Voice.PARENTS else "under 12 the parents with authority speak: parents"
    if age < _OWN_AGE:
        return None if voice is Voice.TOGETHER else "from 12 to 16 both speak: patient-and-parents"
    return None if voice is Voice.PATIENT else "from 16 the patient speaks: patient, or a representative"


def comes_before(spoke: str, relation: str) -> bool:
    """True when a representative who spoke for this patient goes before one of that relation."""
    return _RANK.get(spoke, 0) < _RANK.get(relation, 0)


def last_day(voice: Voice, birth: date, day: date) -> date | None:
    """Return the last day on which a permission given on that day can hold: the eve of the birthday that ends it."""
    if voice is Voice.PARENTS:
        return _birthday(birth, _JOINT_AGE) - timedelta(days=1)
    if voice is Voice.TOGETHER:
        return _birthday(birth, _OWN_AGE) - timedelta(days=1)
    if voice is Voice.REPRESENTATIVE and (age := _age(birth, day)) < _ADULT:
        return _birthday(birth, _OWN_AGE if age < _OWN_AGE else _ADULT) - timedelta(days=1)
    return None


def outgrown(birth: date, day: date) -> date | None:
    """Return the last day of a permission given on that day by whoever could speak then; None when it does not end.

    Of a child the parents, or both: whoever it was, that word ends at the birthday.
    """
    age = _age(birth, day)
    if age >= _OWN_AGE:
        return None
    return last_day(Voice.PARENTS if age < _JOINT_AGE else Voice.TOGETHER, birth, day)


def _age(birth: date, day: date) -> int:
    """Whole years; whoever was born on 29 February is a year older on 1 March."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def _birthday(birth: date, age: int) -> date:
    """The day on which a word ends: for 29 February the 28th, for doubt does not permit."""
    try:
        return birth.replace(year=birth.year + age)
    except ValueError:
        return date(birth.year + age, 2, 28)
