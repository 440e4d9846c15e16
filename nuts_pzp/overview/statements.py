"""One statement: what one source says about one item, on one date. The value that readers make and merge takes."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

import msgspec

from .codes import ENDED
from .datatypes import Reference
from .dates import When, dutch

Kind = Literal["permit", "deny", "conditional", "no-information", "undecided", "decision", "text", "ended"]
Severity = Literal["high", "medium", "low"]


class Leads(IntEnum):
    """What the record's status allows (spec 3.5)."""

    YES = 0
    AS_ENDED = 1
    NEVER = 2


class Attention(msgspec.Struct, frozen=True, gc=False):
    """Something the reader must see beside a value. `refs` say where it comes from."""

    code: str
    severity: Severity
    text: str
    refs: tuple[str, ...] = ()


class Person(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A representative or contact. `roles` and `relation` are displays; `refs` is empty for a person in a form."""

    name: str
    relation: str = ""
    roles: tuple[str, ...] = ()
    telecom: tuple[str, ...] = ()
    birth_date: str = ""
    refs: tuple[str, ...] = ()


class Document(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A wilsverklaring: where it can be found, never its content."""

    title: str = ""
    content_type: str = ""
    reference: str = ""


class Said(msgspec.Struct, frozen=True, gc=False):
    """The value of a statement. `same` decides whether two statements say the same thing."""

    kind: Kind
    code: str
    display: str
    same: str = ""
    specification: str = ""


Rank = tuple[str, int, str, str, str, str, str]
_UNDATED = 1 << 62


def rank_of(key: str, said: Said, when: When | None, source: str, kind: str, id: str, comment: str) -> Rank:
    """Return the sort key: item, newest first, source, then the record's type, id and comment (spec 3.6 rule 8)."""
    start = _UNDATED if when is None else -when.start
    return (key, start, source, kind, id, said.same, said.specification + comment)


class Statement(msgspec.Struct, frozen=True, gc=False):
    """A statement as read. `since` is the agreement's own date when `when` is its end; `was` what had been agreed."""

    key: str
    said: Said
    source: str
    type: str
    id: str
    ref: str
    when: When | None = None
    date_from: str = ""
    leads: Leads = Leads.YES
    status: str = ""
    comment: str = ""
    label: str = ""
    encounter: str = ""
    form: bool = False
    ids: tuple[str, ...] = ()
    parties: tuple[Reference, ...] = ()
    authors: tuple[Reference, ...] = ()
    author: str = ""
    attention: tuple[Attention, ...] = ()
    persons: tuple[Person, ...] = ()
    document: Document | None = None
    since: When | None = None
    was: Said | None = None
    copies: tuple[Statement, ...] = ()
    """Further records of the very same statement: equal identifier, or the form beside its resources."""
    rank: Rank = ("", 0, "", "", "", "", "")
    """The final sort key (`rank_of`), made once: statements are read on arrival and sorted when all have come."""

    @property
    def informs(self) -> bool:
        """Say whether it answers the question at all (spec 3.6 rule 1)."""
        return self.said.kind != "no-information"


def ended(said: Said, on: When | None, reason: str, *, stated: bool) -> Said:
    """Word the end of an agreement. `stated` tells that `on` is the end itself and not the last discussion."""
    display = ENDED
    if on is not None:
        display += f" op {dutch(on)}" + ("" if stated else " (laatst vastgelegd)")
    if reason:
        display += f" ({reason})"
    return Said("ended", said.code, display, "ended", said.specification)
