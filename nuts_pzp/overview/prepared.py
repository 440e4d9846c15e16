"""One source's answer, read: its statements and its conversations. Merging needs nothing of another source for that.

A consultation prepares each answer when it arrives, so that little is left to do when the last one has come. The
outcome is the same as when everything is read at the end. Pure; the clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from ..exchange import Answer
from ..identity import Bsn
from ..outcome import Deny, Gap
from ..reasons import Reason
from .conversations import Talk, conversations_of
from .dates import AMSTERDAM
from .dossier import Dossier, Told
from .read_r4 import read_source
from .records import Frame
from .same_patient import agrees, person, set_apart, who
from .statements import Statement
from .whose import Who

Asked = tuple[Bsn, date]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one source said, read at one moment about one question. `rejection` is why nothing of it is used."""

    told: Told
    now: float
    asked: Asked | None = field(repr=False)
    dossier: Dossier = field(repr=False)
    who: Who
    rejection: Gap | None
    statements: list[Statement] = field(repr=False)
    talks: list[Talk] = field(repr=False)


def prepare(answer: Answer | Told, *, now: datetime, asked: Asked | None) -> Prepared:
    """Read one source's answer.

    `now` and `asked` are those of the merge that follows; what was prepared for others is read again there.
    """
    told = answer if isinstance(answer, Told) else told_by(answer)
    dossier, moment = Dossier(told), aware(now).timestamp()
    known = who(dossier)
    rejection = _rejection(dossier, known, asked)
    if rejection is not None:
        return Prepared(told, moment, asked, dossier, known, rejection, [], [])
    if asked is not None and set_apart(dossier, asked[0]):
        known = who(dossier)
    statements = read_source(Frame(dossier, moment, asked is not None, known if asked is None else person(asked)))
    talks = conversations_of(dossier, statements, moment)
    dossier.settle()
    return Prepared(told, moment, asked, dossier, known, None, statements, talks)


def told_by(answer: Answer) -> Told:
    """Return what a source told in a consultation; it is known by its URA."""
    holder = answer.source.holder
    ura = str(holder.ura)
    return Told(ura, holder.name, answer.got.items, answer.got.gaps, ura, holder.phone)


def aware(now: datetime) -> datetime:
    """A moment without zone is Dutch clock time."""
    return now if now.tzinfo else now.replace(tzinfo=AMSTERDAM)


def _rejection(dossier: Dossier, known: Who, asked: Asked | None) -> Gap | None:
    """Return why a whole source is put aside: it speaks of another person."""
    if asked is not None and not agrees(known, asked):
        return Gap("patient", Deny(Reason.SOURCE_OTHER_PATIENT))
    return None
