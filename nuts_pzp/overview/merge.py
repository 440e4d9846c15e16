"""One overview of many answers (spec pzp-fhir 3). Pure, order independent; the clock is an argument.

Trusts nothing in the answers: what cannot be read is listed, what contradicts is shown, what is missing is said.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, overload

import msgspec

from ..exchange import Answer
from ..identity import Bsn
from ..outcome import Deny, Gap, Unavailable
from ..reasons import Reason
from .codes import NOBODY
from .conversations import Talk, conversations, latest_by_source
from .crosschecks import cross_checks, x8
from .dates import AMSTERDAM
from .deciding import decide
from .dossier import Dossier, PutAside, Told
from .duplicates import collapse
from .items import Setting, sections
from .read_r4 import read_source
from .records import Frame
from .same_patient import agrees, disagreement, person, set_apart, shown, who
from .shape import SCHEMA, Aside, Conversation, Overview, PatientsDisagree, SourceName, SourceRow
from .source_rows import row, unaddressed
from .statements import Statement
from .whose import Who

__all__ = ["RULES", "Overview", "PatientsDisagree", "Told", "as_bytes", "as_json", "digest", "merge"]

RULES = "1"
"""Version of the merge rules: raised whenever the same answers could give another overview."""

NOT_HELD = "niet doorgegaan"


@overload
def merge(
    answers: Sequence[Answer | Told],
    missing: Sequence[Gap],
    *,
    now: datetime,
    asked: tuple[Bsn, date],
    checks: bool = True,
) -> Overview: ...


@overload
def merge(
    answers: Sequence[Answer | Told], missing: Sequence[Gap], *, now: datetime, asked: None, checks: bool = True
) -> Overview | PatientsDisagree: ...


def merge(
    answers: Sequence[Answer | Told],
    missing: Sequence[Gap],
    *,
    now: datetime,
    asked: tuple[Bsn, date] | None,
    checks: bool = True,
) -> Overview | PatientsDisagree:
    """Merge what the sources told into one overview.

    `missing` are places that could not be asked at all. `asked` is whom it is about: a source that speaks of another
    BSN or birth date is put aside whole (X8). Offline it is None, and sources that disagree give PatientsDisagree.
    `checks` switches the cross-item checks X1 to X7. The order of answers and of what is in them never matters.
    """
    dossiers = [Dossier(told) for told in _one_per_source(answers)]
    known = {one.id: who(one) for one in dossiers}
    rejected = {one.id: gap for one in dossiers if (gap := _rejection(one, known[one.id], asked)) is not None}
    used = [one for one in dossiers if one.id not in rejected]
    if asked is None and (disagree := disagreement([(one.id, known[one.id]) for one in used])) is not None:
        return disagree
    by_source = {one.id: _read(one, known[one.id], _aware(now).timestamp(), asked) for one in used}
    statements = [one for own in by_source.values() for one in own]
    talks = conversations(used, statements)
    rows = [row(one.told, one, len(by_source.get(one.id, ())), rejected.get(one.id)) for one in dossiers]
    rows += unaddressed(missing)
    complete = all(one.status == "ok" for one in rows)

    groups: dict[str, list[Statement]] = defaultdict(list)
    for one in collapse(statements):
        groups[one.key].append(one)
    verdicts = {key: decide(key, group) for key, group in groups.items()}
    found = cross_checks(verdicts) if checks else []
    setting = _setting(dossiers, talks, complete=complete)
    return Overview(
        SCHEMA,
        RULES,
        shown([known[one.id] for one in used], asked),
        _clock(now),
        complete,
        tuple(_warning(one) for one in rows if one.status != "ok"),
        tuple(rows),
        sections(setting, verdicts, talks, found),
        tuple(_conversation(setting, talk) for talk in talks),
        (*found, *(x8(one.id) for one in rows if one.status == "rejected")),
        _asides((one, one.excluded) for one in used),
        _asides((one, one.unmapped) for one in used),
    )


def as_json(overview: Overview) -> dict[str, Any]:
    """Return the overview as JSON values, schema `nuts-pzp-overview/1`."""
    rendered: dict[str, Any] = msgspec.json.decode(as_bytes(overview))
    return rendered


def as_bytes(overview: Overview) -> bytes:
    """Return the overview as JSON text, schema `nuts-pzp-overview/1`; a whole one is a megabyte."""
    return msgspec.json.encode(overview)


def digest(overview: Overview) -> str:
    """Return the hex SHA-256 of the canonical JSON bytes (sorted keys): proof of what was shown, without storing it."""
    return hashlib.sha256(msgspec.json.encode(overview, order="sorted")).hexdigest()


def _warning(missing: SourceRow) -> str:
    return missing.notice if missing.name in missing.notice else f"{missing.name}: {missing.notice}"


def _one_per_source(answers: Sequence[Answer | Told]) -> list[Told]:
    """Join what one source told in several answers; sort, so that the order of arrival cannot matter."""
    joined: dict[str, Told] = {}
    for answer in answers:
        told = answer if isinstance(answer, Told) else _told(answer)
        known = joined.get(told.id)
        if known is not None:
            names = sorted({known.name, told.name})
            phones = sorted({known.phone, told.phone} - {""})
            told = Told(
                told.id,
                names[0],
                known.resources + told.resources,
                known.gaps + told.gaps,
                told.ura or known.ura,
                phones[0] if phones else "",
            )
        joined[told.id] = told
    return [joined[name] for name in sorted(joined)]


def _told(answer: Answer) -> Told:
    holder = answer.source.holder
    ura = str(holder.ura)
    return Told(ura, holder.name, answer.got.items, answer.got.gaps, ura, holder.phone)


def _read(dossier: Dossier, known: Who, now: float, asked: tuple[Bsn, date] | None) -> list[Statement]:
    if asked is None:
        return read_source(Frame(dossier, now, False, known))
    set_apart(dossier, asked[0])
    return read_source(Frame(dossier, now, True, person(asked)))


def _rejection(dossier: Dossier, known: Who, asked: tuple[Bsn, date] | None) -> Gap | None:
    """Return why a whole source is put aside: it speaks STU3, or of another person."""
    if dossier.stu3:
        return Gap("version", Unavailable(Reason.SOURCE_VERSION))
    if asked is not None and not agrees(known, asked):
        return Gap("patient", Deny(Reason.SOURCE_OTHER_PATIENT))
    return None


def _clock(now: datetime) -> str:
    return _aware(now).astimezone(AMSTERDAM).isoformat(timespec="seconds")


def _aware(now: datetime) -> datetime:
    """A moment without zone is Dutch clock time."""
    return now if now.tzinfo else now.replace(tzinfo=AMSTERDAM)


def _setting(dossiers: Sequence[Dossier], talks: Sequence[Talk], *, complete: bool) -> Setting:
    talk_of: dict[tuple[str, str], str] = {}
    authors: dict[str, str] = {}
    for talk, name in zip(talks, _names(talks), strict=True):
        authors[name] = "; ".join(talk.by) or NOBODY
        own = [(talk.source, ref) for ref in (talk.encounter, *talk.forms) if ref]
        for mark in (*talk.refs, *own):
            talk_of[mark] = name
    names = {one.id: SourceName(one.id, one.told.name) for one in dossiers}
    return Setting({one.id: one for one in dossiers}, talk_of, authors, latest_by_source(talks), names, complete)


def _names(talks: Sequence[Talk]) -> list[str]:
    """Name each conversation `source|day`; a second one of that source and day gets a number."""
    counted: dict[str, int] = defaultdict(int)
    names = []
    for talk in talks:
        name = f"{talk.source}|{talk.day or 'zonder datum'}"
        counted[name] += 1
        names.append(name if counted[name] == 1 else f"{name}#{counted[name]}")
    return names


def _conversation(setting: Setting, talk: Talk) -> Conversation:
    own = (talk.source, talk.encounter or next(iter(talk.forms), ""))
    name = setting.talk_of.get(own) or setting.talk_of[min(talk.refs)]
    return Conversation(
        name,
        talk.day or None,
        setting.source(talk.source),
        tuple(talk.sources),
        "; ".join(talk.by) or NOBODY,
        tuple(talk.present),
        talk.encounter or None,
        tuple(talk.forms),
        tuple(sorted({ref for _, ref in talk.refs})),
        len(talk.inferred),
        talk.held,
        None if talk.held else NOT_HELD,
        talk.synthetic,
        talk.attention,
    )


def _asides(put: Iterable[tuple[Dossier, list[PutAside]]]) -> tuple[Aside, ...]:
    found = (
        Aside(SourceName(dossier.id, dossier.told.name), one.ref, one.type, one.reason)
        for dossier, asides in put
        for one in asides
    )
    return tuple(sorted(found, key=lambda one: (one.source.id, one.type, one.ref, one.reason)))
