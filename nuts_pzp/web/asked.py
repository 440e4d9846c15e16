"""The consultation body of the EHR listener, parsed (design section 5). Names every wrong key at once, never its value.

The published form of these rules is `nuts_pzp/schemas/consultation-1.json`; a test holds the two against each other.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..consult.inquiry import unfit
from ..exchange import Asked, Relation
from ..identity import Bsn, NotAnIdentifier, Professional, Purpose, Ura
from ..outcome import Deny, Outcome
from ..reasons import Reason

BODY_LIMIT = 64 * 1024

DEADLINE_DEFAULT = 10.0
DEADLINE_MOST = 60.0
MOST_SOURCES = 50

View = Literal["overview", "sources", "both"]
VIEWS: tuple[View, ...] = ("overview", "sources", "both")
CONTEXTS = ("acute-admission", "planned-admission", "visit", "other")
PURPOSES = {"treatment": Purpose.TREATMENT, "emergency": Purpose.EMERGENCY}

RELATION_KIND = re.compile(r"[a-z][a-z-]{0,39}", re.ASCII)

_OURS = re.compile(r"[A-Za-z_]{1,40}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Fault:
    """One key that is wrong (`patient.birthDate`; empty for the whole body) and what would be right."""

    key: str
    nl: str
    en: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """Everything that is wrong with one body."""

    faults: tuple[Fault, ...]

    @property
    def stop(self) -> Deny:
        """The refusal, with all of it in words."""
        only_bsn = [fault.key for fault in self.faults] == ["patient.bsn"]
        said = "; ".join(f"{fault.key}: {fault.en}" if fault.key else fault.en for fault in self.faults)
        return Deny(Reason.REQUEST_BSN if only_bsn else Reason.BODY_MALFORMED, detail=said)


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and how it is to be shown."""

    asked: Asked
    view: View = "overview"
    history: bool = False
    """As FHIR: earlier statements as well. The JSON always has them."""


def unfit_keys(asked: Asked, now: datetime.datetime | None = None) -> tuple[Fault, ...]:
    """Return what is wrong with a question that can be read: what would travel, or what an emergency needs."""
    return tuple(Fault(one.key, one.nl, one.en) for one in unfit(asked, now))


class _Twice(Exception):
    """A key stands twice in one object."""


def parse(body: bytes) -> Outcome[Asked]:
    """Return what the EHR asked, or Deny with every key that is wrong in `detail`."""
    found = read(body)
    return found.stop if isinstance(found, Wrong) else found.asked


def read(body: bytes) -> Question | Wrong:
    """Return the question, or everything that is wrong with it."""
    try:
        content = json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except _Twice:
        return Wrong((Fault("", "een sleutel staat twee keer in één object", "a key stands twice in one object"),))
    except (ValueError, RecursionError):
        return Wrong((Fault("", "de body is geen JSON", "the body is not JSON"),))
    if type(content) is not dict:
        return Wrong((Fault("", "de body is geen JSON-object", "the body is not a JSON object"),))
    return _question(_Part(content, "", []))


def _no_number(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Two readers could take two different patients from a key that stands there twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


class _Part:
    """One JSON object on its way to be read: takes keys out, gathers what is wrong, and what nobody took."""

    def __init__(self, content: Mapping[str, Any], path: str, faults: list[Fault]) -> None:
        self._content, self._path, self.faults = content, path, faults
        self._taken: set[str] = set()

    def take(self, key: str, kind: type, *, must: bool = False) -> Any:
        """Return the value when it is of that JSON type; None, with a fault when it must be there or is another."""
        self._taken.add(key)
        if key not in self._content:
            if must:
                self.wrong(key, "ontbreekt", "is missing")
            return None
        value = self._content[key]
        if type(value) is not kind:
            nl, en = _KINDS[kind]
            self.wrong(key, f"{nl} verwacht", f"{en} is expected")
            return None
        return value

    def inner(self, key: str, *, must: bool = False) -> _Part | None:
        """Return the object under that key."""
        value = self.take(key, dict, must=must)
        return None if value is None else _Part(value, f"{self._path}{key}.", self.faults)

    def text(self, key: str, most: int) -> str:
        """Return 1 to `most` printable characters, without white space around."""
        value = self.take(key, str, must=True)
        if value is None:
            return ""
        if not 0 < len(value.strip()) <= most or not value.isprintable():
            self.wrong(key, f"1 tot {most} afdrukbare tekens", f"1 to {most} printable characters")
        return str(value).strip()

    def one_of(self, key: str, known: tuple[str, ...], *, must: bool = False) -> str:
        """Return one of these words, or nothing."""
        value = self.take(key, str, must=must)
        if value is not None and value not in known:
            self.wrong(key, f"een van: {', '.join(known)}", f"one of: {', '.join(known)}")
            return ""
        return value or ""

    def date(self, key: str, *, must: bool = False) -> datetime.date | None:
        """Return a date that exists, written as YYYY-MM-DD."""
        value = self.take(key, str, must=must)
        try:
            if value is None:
                return None
            if not _DATE.fullmatch(value):
                raise ValueError("another form")
            return datetime.date.fromisoformat(value)
        except ValueError:
            self.wrong(key, "een bestaande datum, als JJJJ-MM-DD", "a date that exists, as YYYY-MM-DD")
            return None

    def wrong(self, key: str, nl: str, en: str) -> None:
        """Note that this key is wrong, and what would be right."""
        self.faults.append(Fault(f"{self._path}{key}", nl, en))

    def ends(self) -> None:
        """Note every key that nobody took; one that is no word of ours is not repeated, for it could hold a BSN."""
        for key in self._content:
            if key not in self._taken:
                self.wrong(key if _OURS.fullmatch(key) else "?", "onbekende sleutel", "unknown key")


_KINDS: dict[type, tuple[str, str]] = {
    dict: ("een object", "an object"),
    list: ("een lijst", "a list"),
    str: ("een tekst", "a text"),
    int: ("een geheel getal", "a whole number"),
    bool: ("true of false", "true or false"),
}


def _question(body: _Part) -> Question | Wrong:
    bsn, born = _patient(body)
    professional = _professional(body)
    purpose = body.one_of("purpose", tuple(PURPOSES), must=True)
    reason = body.take("reason", str)
    if reason is not None and len(reason) > 500:
        body.wrong("reason", "hoogstens 500 tekens", "at most 500 characters")
    explanation = body.take("explanation", str)
    if explanation is not None and len(explanation) > 400:
        body.wrong("explanation", "hoogstens 400 tekens", "at most 400 characters")
    relation = _relation(body)
    context = body.one_of("context", CONTEXTS)
    targets, deadline = _targets(body), _deadline(body)
    localize = bool(body.take("localize", bool))
    chosen, history = body.one_of("view", VIEWS), bool(body.take("history", bool))
    body.ends()
    if body.faults or bsn is None or born is None:
        return Wrong(tuple(body.faults))
    asked = Asked(
        bsn=bsn,
        birth_date=born,
        professional=professional,
        purpose=PURPOSES[purpose],
        reason=reason,
        explanation=explanation or "",
        relation=relation,
        targets=targets,
        deadline=deadline,
        context=context,
        localize=localize,
    )
    return Question(asked, next((view for view in VIEWS if view == chosen), VIEWS[0]), history)


def _patient(body: _Part) -> tuple[Bsn | None, datetime.date | None]:
    part = body.inner("patient", must=True)
    if part is None:
        return None, None
    bsn, digits = None, part.take("bsn", str, must=True)
    try:
        bsn = Bsn(digits) if digits is not None else None
    except NotAnIdentifier:
        part.wrong("bsn", "negen cijfers die aan de elfproef voldoen", "nine digits that pass the eleven-test")
    born = part.date("birthDate", must=True)
    part.ends()
    return bsn, born


def _professional(body: _Part) -> Professional:
    part = body.inner("professional", must=True)
    if part is None:
        return Professional("", "")
    found = Professional(part.text("id", 128), part.text("role", 200), part.text("name", 200))
    part.ends()
    return found


def _relation(body: _Part) -> Relation | None:
    part = body.inner("relation")
    if part is None:
        return None
    kind = part.take("kind", str, must=True)
    if kind is not None and not RELATION_KIND.fullmatch(kind):
        part.wrong("kind", "een kort woord van a-z en -", "a short word of a-z and -")
    since = part.date("since")
    part.ends()
    return Relation(kind or "", since)


def _targets(body: _Part) -> tuple[Ura, ...]:
    sources = body.take("sources", list)
    if sources is None:
        return ()
    if not 0 < len(sources) <= MOST_SOURCES:
        # Who names none does not ask for everybody whom a register knows: that is said by leaving the key out.
        body.wrong(
            "sources",
            f"1 tot {MOST_SOURCES}; laat de sleutel weg om niemand te noemen",
            f"1 to {MOST_SOURCES}; leave the key out to name nobody",
        )
        return ()
    try:
        return tuple(dict.fromkeys(Ura.parse(source) for source in sources))
    except (NotAnIdentifier, TypeError):
        body.wrong(
            "sources", "elk een URA van één tot acht cijfers, als tekst", "each a URA of one to eight digits, as text"
        )
        return ()


def _deadline(body: _Part) -> float:
    milliseconds = body.take("deadline_ms", int)
    if milliseconds is None:
        return DEADLINE_DEFAULT
    if not 100 <= milliseconds <= DEADLINE_MOST * 1000:
        most = f"{DEADLINE_MOST * 1000:.0f}"
        body.wrong("deadline_ms", f"100 tot {most}", f"100 to {most}")
        return DEADLINE_DEFAULT
    return float(milliseconds) / 1000
