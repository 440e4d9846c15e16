"""What the EHR asked, held against who it proved to be."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime

from ..exchange import Asked, Caller, Inquiry, Relation
from ..identity import Assurance, Bsn, EmergencyReason, Professional, Purpose, eleven_test
from ..outcome import Deny, Outcome
from ..overview.dates import AMSTERDAM
from ..reasons import Reason

LONGEST_TEXT = 400
EARLIEST_BIRTH = date(1850, 1, 1)
"""Nobody who was born before is alive: an earlier date is a slip of the keyboard."""
_CODES = ", ".join(one.value for one in EmergencyReason)
_NO_PATIENT = (
    "niet het BSN van de patiënt: dit gaat naar elke bron",
    "not the patient's BSN: this goes to every source",
)
_NO_BSN = "geen BSN: dit gaat naar elke bron", "no BSN: this goes to every source"
_NINE = re.compile(r"(?<![0-9])[0-9](?:[ .-]?[0-9]){8}(?![0-9])")
"""Nine digits, written together or in groups; a telephone number has ten."""


def inquire(caller: Caller, asked: Asked, now: datetime | None = None, *, emergency: bool = False) -> Outcome[Inquiry]:
    """Return the question in the name of the professional that the caller may speak for.

    A caller whose token names a professional may ask for that one only; a caller that proved itself by certificate
    names the professional itself, recorded as self-attested. `emergency`: whether this tenant lets its people claim
    one, which needs a coded reason.
    """
    if not may_speak_for(caller, asked.professional):
        return Deny(Reason.PROFESSIONAL_MISMATCH)
    professional = caller.professional or asked.professional
    if wrong := unfit_birth_date(asked.birth_date, now) + _named_in(professional, asked.bsn):
        return _malformed(wrong)
    if asked.purpose is not Purpose.TREATMENT and not (emergency and asked.purpose is Purpose.EMERGENCY):
        return Deny(Reason.PURPOSE_NOT_ALLOWED, detail="only treatment is offered")
    claimed = asked.purpose is Purpose.EMERGENCY
    if wrong := _unfit_claim(asked):
        return _malformed(wrong)
    return Inquiry(
        caller=caller,
        professional=professional,
        bsn=asked.bsn,
        birth_date=asked.birth_date,
        purpose=asked.purpose,
        emergency_reason=asked.reason if claimed else None,
        emergency_text=_one_line(asked.explanation) if claimed else "",
        relation=asked.relation or _vouched(caller),
        targets=asked.targets,
        deadline=asked.deadline,
        context=asked.context,
        localize=asked.localize,
    )


@dataclass(frozen=True, slots=True)
class Unfit:
    """A key of the question that does not do in its place, and what would be right."""

    key: str
    nl: str
    en: str


def unfit(asked: Asked, now: datetime | None = None) -> tuple[Unfit, ...]:
    """Return what `inquire` finds wrong with a question that can be read."""
    born = unfit_birth_date(asked.birth_date, now)
    return born + _named_in(asked.professional, asked.bsn) + _unfit_claim(asked)


def unfit_birth_date(born: date, now: datetime | None = None) -> tuple[Unfit, ...]:
    """Say of a date on which nobody who lives can be born, on Dutch clocks, what would be right."""
    if EARLIEST_BIRTH <= born <= (now or datetime.now(AMSTERDAM)).astimezone(AMSTERDAM).date():
        return ()
    first = EARLIEST_BIRTH.isoformat()
    return (Unfit("patient.birthDate", f"een dag van {first} tot en met vandaag", f"a day from {first} to today"),)


def _named_in(professional: Professional, bsn: Bsn) -> tuple[Unfit, ...]:
    said = {"id": professional.id, "role": professional.role, "name": professional.name}
    return tuple(Unfit(f"professional.{key}", *_NO_PATIENT) for key, text in said.items() if _names(text, bsn))


def _unfit_claim(asked: Asked) -> tuple[Unfit, ...]:
    """What an emergency needs besides; nothing of it is looked at for treatment."""
    if asked.purpose is not Purpose.EMERGENCY:
        return ()
    wrong: tuple[Unfit, ...] = ()
    if asked.reason not in {one.value for one in EmergencyReason}:
        wrong += (Unfit("reason", f"een van: {_CODES}", f"one of: {_CODES}"),)
    if _names(asked.explanation, asked.bsn) or _may_name_somebody(asked.explanation):
        wrong += (Unfit("explanation", *_NO_BSN),)
    return wrong


def _malformed(wrong: tuple[Unfit, ...]) -> Deny:
    return Deny(Reason.BODY_MALFORMED, detail="; ".join(f"{one.key}: {one.en}" for one in wrong))


def may_speak_for(caller: Caller, professional: Professional) -> bool:
    """Say whether this caller may ask in that professional's name: its own, or, for a certificate, whom it attests."""
    own = caller.professional
    if own is None:
        return professional.assurance is Assurance.SELF_ATTESTED
    return (own.id, own.role) == (professional.id, professional.role)


def _names(text: str, bsn: Bsn) -> bool:
    """Say whether the patient's number is in a text, however it is written."""
    return bsn.value.lstrip("0") in re.sub(r"[^0-9]", "", _plain(text))


def _may_name_somebody(text: str) -> bool:
    return any(eleven_test(re.sub(r"[^0-9]", "", part)) for part in _NINE.findall(_plain(text)))


def _plain(text: str) -> str:
    """Return the text with the digits of every script as ASCII."""
    return "".join(str(unicodedata.decimal(letter, letter)) for letter in text)


def _one_line(text: str) -> str:
    """Return the text on one line without what cannot be printed: it travels in a credential and a claim."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:LONGEST_TEXT]


def _vouched(caller: Caller) -> Relation | None:
    """The relation that the token of the EHR names, when the question names none. Declared all the same."""
    kind, since = caller.claims.get("relation_kind"), caller.claims.get("relation_since")
    return Relation(kind, date.fromisoformat(since) if since else None) if kind else None
