"""The consultation body of the EHR listener, parsed (design section 5). Says which key is wrong, never its value."""

from __future__ import annotations

import datetime
import json
import re

import msgspec

from ..exchange import Asked, Relation
from ..identity import Bsn, NotAnIdentifier, Professional, Purpose, Ura
from ..outcome import Deny, Outcome
from ..reasons import Reason

BODY_LIMIT = 64 * 1024

DEADLINE_DEFAULT = 10.0
DEADLINE_MOST = 60.0

_CONTEXTS = frozenset({"", "acute-admission", "planned-admission", "visit", "other"})
_UNKNOWN_WORD = re.compile(r"Object contains unknown field `[A-Za-z_]{1,40}`(?: - at `\$[A-Za-z.]*`)?", re.ASCII)
_RELATION = re.compile(r"[a-z][a-z-]{0,39}", re.ASCII)


class _Patient(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    bsn: str
    birth_date: str


class _Person(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    name: str
    role: str


class _Relation(msgspec.Struct, forbid_unknown_fields=True):
    kind: str
    since: str | None = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    patient: _Patient
    professional: _Person
    purpose: str
    reason: str | None = None
    relation: _Relation | None = None
    context: str = ""
    sources: list[str] = []
    deadline_ms: int | None = None


class _Wrong(Exception):
    """A key, and what would be right."""


def parse(body: bytes) -> Outcome[Asked]:
    """Return what the EHR asked, or Deny with the key that is wrong in `detail`."""
    try:
        read = msgspec.json.decode(body, type=_Body)
        json.loads(body, object_pairs_hook=_once)
    except msgspec.ValidationError as error:
        return Deny(Reason.BODY_MALFORMED, detail=_without_input(error))
    except _Wrong as error:
        return Deny(Reason.BODY_MALFORMED, detail=str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Deny(Reason.BODY_MALFORMED, detail="the body is not JSON")
    try:
        bsn = Bsn(read.patient.bsn)
    except NotAnIdentifier as error:
        return Deny(Reason.REQUEST_BSN, detail=f"patient.bsn: {error}")
    try:
        return _asked(read, bsn)
    except _Wrong as error:
        return Deny(Reason.BODY_MALFORMED, detail=str(error))


def _without_input(error: msgspec.ValidationError) -> str:
    """Say what is wrong; a key that is not ours is repeated only when it is a word, for it could hold a BSN."""
    said = str(error)
    if "unknown field" in said and not _UNKNOWN_WORD.fullmatch(said):
        return "Object contains an unknown field"
    return said


def _once(pairs: list[tuple[str, object]]) -> None:
    """Two readers could take two different patients from a key that stands there twice."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Wrong("a key stands twice in one object")


def _asked(read: _Body, bsn: Bsn) -> Asked:
    person = read.professional
    for key, value, most in (("id", person.id, 128), ("name", person.name, 200), ("role", person.role, 200)):
        if not 0 < len(value.strip()) <= most or not value.isprintable():
            raise _Wrong(f"professional.{key}: 1 to {most} printable characters")
    if read.context not in _CONTEXTS:
        raise _Wrong("context: acute-admission, planned-admission, visit or other")
    if read.reason is not None and len(read.reason) > 500:
        raise _Wrong("reason: at most 500 characters")
    return Asked(
        bsn=bsn,
        birth_date=_date("patient.birthDate", read.patient.birth_date),
        professional=Professional(person.id.strip(), person.role.strip(), person.name.strip()),
        purpose=_purpose(read.purpose),
        reason=read.reason,
        relation=_relation(read.relation),
        targets=_targets(read.sources),
        deadline=_deadline(read.deadline_ms),
        context=read.context,
    )


def _purpose(text: str) -> Purpose:
    if text == "treatment":
        return Purpose.TREATMENT
    if text == "emergency":
        return Purpose.EMERGENCY
    raise _Wrong("purpose: treatment or emergency")


def _relation(read: _Relation | None) -> Relation | None:
    if read is None:
        return None
    if not _RELATION.fullmatch(read.kind):
        raise _Wrong("relation.kind: a short word of a-z and -")
    return Relation(read.kind, _date("relation.since", read.since) if read.since is not None else None)


def _targets(sources: list[str]) -> tuple[Ura, ...]:
    if len(sources) > 50:
        raise _Wrong("sources: at most 50")
    try:
        return tuple(dict.fromkeys(Ura.parse(source) for source in sources))
    except NotAnIdentifier as error:
        raise _Wrong(f"sources: {error}") from None


def _deadline(milliseconds: int | None) -> float:
    if milliseconds is None:
        return DEADLINE_DEFAULT
    if not 100 <= milliseconds <= DEADLINE_MOST * 1000:
        raise _Wrong(f"deadline_ms: 100 to {DEADLINE_MOST * 1000:.0f}")
    return milliseconds / 1000


def _date(key: str, text: str) -> datetime.date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise _Wrong(f"{key}: a date as YYYY-MM-DD")
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise _Wrong(f"{key}: a date that exists, as YYYY-MM-DD") from None
