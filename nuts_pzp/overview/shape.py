"""The overview as a value, shaped as its JSON (spec pzp-fhir 4, design 5): schema `nuts-pzp-overview/1`.

Field names are camelCase in JSON. A field that is always there may be null; those marked UNSET are left out.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from .deciding import State
from .statements import Attention, Document, Kind, Person, Severity

SCHEMA = "nuts-pzp-overview/1"


class Json(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A JSON object of the overview."""


class SourceName(Json, frozen=True):
    """Which source."""

    id: str
    name: str


class Filed(Json, frozen=True):
    """One active wilsverklaring among several of its kind."""

    display: str
    date: str | None
    source: SourceName
    ref: str
    document: Document | None


class Value(Json, frozen=True):
    """What was answered. `was` is the agreement that ended; `texts` and `documents` stand side by side."""

    kind: Kind
    code: str | None
    display: str
    texts: tuple[str, ...] | UnsetType = UNSET
    persons: tuple[Person, ...] | UnsetType = UNSET
    document: Document | UnsetType = UNSET
    documents: tuple[Filed, ...] | UnsetType = UNSET
    was: Value | UnsetType = UNSET


class Entry(Json, frozen=True):
    """One statement beside the leading value: history, a rival, a text beside it, or a copy of it.

    `also` are the references of equal copies of this very statement.
    """

    date: str | None
    date_from: str | None
    value: Value
    specification: str | None
    comment: str | None
    record_status: str | None
    source: SourceName
    ref: str
    conversation: str | None
    attention: tuple[Attention, ...]
    author: str | UnsetType = UNSET
    agreed_with: tuple[str, ...] | UnsetType = UNSET
    latest_conversation: str | UnsetType | None = UNSET
    also: tuple[str, ...] | UnsetType = UNSET


class Conflict(Json, frozen=True):
    """Statements that contradict each other. None of them was chosen."""

    rule: str
    severity: Severity
    candidates: tuple[Entry, ...]


class LastKnown(Json, frozen=True):
    """The decision before "no decision yet"."""

    value: Value
    date: str | None
    source: SourceName
    ref: str


class Item(Json, frozen=True):
    """One question of the form, always present. `display` is the sentence a clinician reads."""

    key: str
    label: str
    state: State
    display: str
    value: Value | None
    specification: str | None = None
    comment: str | None = None
    date: str | None = None
    date_from: str | None = None
    record_status: str | None = None
    author: str | None = None
    agreed_with: tuple[str, ...] = ()
    source: SourceName | None = None
    ref: str | None = None
    conversation: str | None = None
    parallel: tuple[Entry, ...] = ()
    corroborated_by: tuple[Entry, ...] = ()
    changed: bool = False
    attention: tuple[Attention, ...] = ()
    history: tuple[Entry, ...] = ()
    conflict: Conflict | None = None
    last_known: LastKnown | None = None
    latest_conversation: str | UnsetType | None = UNSET


class Section(Json, frozen=True):
    """Items under one heading."""

    id: str
    title: str
    items: tuple[Item, ...]


class Missing(Json, frozen=True):
    """What one source did not give: where it stopped and why."""

    where: str
    status: str
    reason: str
    code: str


class SourceRow(Json, frozen=True):
    """One source: whether it told everything, and what a clinician can do when it did not."""

    id: str
    ura: str | None
    name: str
    phone: str | None
    dialect: str | None
    status: Literal["ok", "partial", "failed", "not-authorised", "unsupported-version", "rejected"]
    reason: str | None
    statements: int
    notice: str
    gaps: tuple[Missing, ...]


class Conversation(Json, frozen=True):
    """One conversation. `held` is false for one that did not take place; `synthetic` for one known by date only."""

    id: str
    date: str | None
    source: SourceName
    sources: tuple[str, ...]
    by: str
    present: tuple[str, ...]
    encounter: str | None
    forms: tuple[str, ...]
    statements: tuple[str, ...]
    inferred: int
    held: bool
    note: str | None
    synthetic: bool
    attention: tuple[Attention, ...]


class CrossCheck(Json, frozen=True):
    """A combination of items that asks for attention; values are never touched by it."""

    code: str
    severity: Severity
    text: str
    keys: tuple[str, ...]
    refs: tuple[str, ...]


class Aside(Json, frozen=True):
    """A resource that gives no statement: excluded (never shown) or unmapped (not understood)."""

    source: SourceName
    ref: str
    type: str
    reason: str


class PatientShown(Json, frozen=True):
    """Whose overview this is. `test` marks a registered test person."""

    bsn: str | None
    name: str | None
    birth_date: str | None
    test: bool

    def __repr__(self) -> str:
        return "PatientShown(*)"


class Overview(Json, frozen=True):
    """One honest overview of many answers. `banner` says what is missing, and is empty when nothing is."""

    schema: str
    rules: str
    patient: PatientShown
    generated: str
    complete: bool
    banner: tuple[str, ...]
    sources: tuple[SourceRow, ...]
    sections: tuple[Section, ...]
    conversations: tuple[Conversation, ...]
    cross_checks: tuple[CrossCheck, ...]
    excluded: tuple[Aside, ...]
    unmapped: tuple[Aside, ...]

    def __repr__(self) -> str:
        return f"Overview(complete={self.complete}, sources={len(self.sources)})"

    def item(self, key: str) -> Item | None:
        """Return the item of that key."""
        return next((one for section in self.sections for one in section.items if one.key == key), None)

    def items(self) -> tuple[Item, ...]:
        """Return every item in order."""
        return tuple(one for section in self.sections for one in section.items)


class PatientsDisagree(Json, frozen=True):
    """Offline only: the sources are not about one and the same person. `text` names sources, never an identifier."""

    text: str
    sources: tuple[str, ...]
    code: str = "PATIENT_DISAGREES"
