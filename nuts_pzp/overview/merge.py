"""One overview of many answers (spec pzp-fhir 3). Pure, order independent; the clock is an argument.

Trusts nothing in the answers: what cannot be read is listed, what contradicts is shown, what is missing is said.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, overload

import msgspec

from ..exchange import Answer
from ..outcome import Gap
from .codes import NOBODY
from .conversations import Talk, latest_by_source, together
from .crosschecks import cross_checks, x8
from .dates import AMSTERDAM
from .deciding import decide
from .dossier import Dossier, PutAside, Told
from .duplicates import collapse
from .items import Setting, sections
from .prepared import Asked, Prepared, aware, prepare, told_by
from .same_patient import disagreement, shown
from .shape import SCHEMA, Aside, Conversation, Overview, PatientsDisagree, SourceName, SourceRow
from .source_rows import row, unaddressed
from .statements import Statement

__all__ = [
    "RULES",
    "Overview",
    "PatientsDisagree",
    "Prepared",
    "Told",
    "as_bytes",
    "as_json",
    "digest",
    "merge",
    "prepare",
]

RULES = "6"
"""Version of the merge rules: raised whenever the same answers could give another overview."""

Given = Answer | Told | Prepared
"""What one source gave: as it came in a consultation, as files hold it, or read already (`prepare`)."""

NOT_HELD = "niet doorgegaan"


@overload
def merge(
    answers: Sequence[Given],
    missing: Sequence[Gap],
    *,
    now: datetime,
    asked: Asked,
    checks: bool = True,
) -> Overview: ...


@overload
def merge(
    answers: Sequence[Given], missing: Sequence[Gap], *, now: datetime, asked: None, checks: bool = True
) -> Overview | PatientsDisagree: ...


def merge(
    answers: Sequence[Given],
    missing: Sequence[Gap],
    *,
    now: datetime,
    asked: Asked | None,
    checks: bool = True,
) -> Overview | PatientsDisagree:
    """Merge what the sources told into one overview.

    `missing` are places that could not be asked at all. `asked` is whom it is about: a source that speaks of another
    BSN or birth date is put aside whole (X8). Offline it is None, and sources that disagree give PatientsDisagree.
    `checks` switches the cross-item checks X1 to X7. The order of answers and of what is in them never matters.
    """
    prepared = _one_per_source(answers, now, asked)
    used = [one for one in prepared if one.rejection is None]
    if asked is None and (disagree := disagreement([(one.told.id, one.who) for one in used])) is not None:
        return disagree
    talks = together(talk for one in used for talk in one.talks)
    rows = [row(one.told, one.dossier, len(one.statements), one.rejection) for one in prepared]
    rows += unaddressed(missing)
    complete = all(one.status == "ok" for one in rows)

    groups: dict[str, list[Statement]] = defaultdict(list)
    for one in collapse([statement for source in used for statement in source.statements]):
        groups[one.key].append(one)
    verdicts = {key: decide(key, group) for key, group in groups.items()}
    found = cross_checks(verdicts) if checks else []
    setting = _setting([one.dossier for one in prepared], talks, complete=complete)
    return Overview(
        SCHEMA,
        RULES,
        shown([one.who for one in used], asked),
        _clock(now),
        complete,
        tuple(_warning(one) for one in rows if one.status != "ok"),
        tuple(rows),
        sections(setting, verdicts, talks, found),
        tuple(_conversation(setting, talk, name) for talk, name in zip(talks, _names(talks), strict=True)),
        (*found, *(x8(one.id) for one in rows if one.status == "rejected")),
        _asides((one.dossier, one.dossier.excluded) for one in used),
        _asides((one.dossier, one.dossier.unmapped) for one in used),
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
    """Name the source and whom to phone, also where its own words do neither: a refusal is a reason to phone too."""
    said = missing.notice if missing.name in missing.notice else f"{missing.name}: {missing.notice}"
    return f"{said}, bel {missing.phone}" if missing.phone and missing.phone not in said else said


def _one_per_source(answers: Sequence[Given], now: datetime, asked: Asked | None) -> list[Prepared]:
    """Join what one source told in several answers, and read it; sorted, so that the order of arrival cannot matter."""
    joined: dict[str, list[Given]] = defaultdict(list)
    for answer in answers:
        joined[_id(answer)].append(answer)
    return [_prepared(joined[name], now, asked) for name in sorted(joined)]


def _id(answer: Given) -> str:
    if isinstance(answer, Prepared):
        return answer.told.id
    return answer.id if isinstance(answer, Told) else str(answer.source.holder.ura)


def _prepared(given: list[Given], now: datetime, asked: Asked | None) -> Prepared:
    first = given[0]
    ready = len(given) == 1 and isinstance(first, Prepared)
    if isinstance(first, Prepared) and ready and (first.now, first.asked) == (aware(now).timestamp(), asked):
        return first
    return prepare(_joined([_told(one) for one in given]), now=now, asked=asked)


def _told(answer: Given) -> Told:
    if isinstance(answer, Prepared):
        return answer.told
    return answer if isinstance(answer, Told) else told_by(answer)


def _joined(told: list[Told]) -> Told:
    return Told(
        told[0].id,
        min(one.name for one in told),
        tuple(resource for one in told for resource in one.resources),
        tuple(gap for one in told for gap in one.gaps),
        max(one.ura for one in told),
        min((one.phone for one in told if one.phone), default=""),
    )


def _clock(now: datetime) -> str:
    return aware(now).astimezone(AMSTERDAM).isoformat(timespec="seconds")


def _setting(dossiers: Sequence[Dossier], talks: Sequence[Talk], *, complete: bool) -> Setting:
    talk_of: dict[tuple[str, str], str] = {}
    authors: dict[str, str] = {}
    for talk, name in zip(talks, _names(talks), strict=True):
        authors[name] = "; ".join(talk.by) or NOBODY
        own = [(talk.source, ref) for ref in (talk.encounter, *talk.forms) if ref]
        talk_of.update(dict.fromkeys((*talk.refs, *own), name))
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


def _conversation(setting: Setting, talk: Talk, name: str) -> Conversation:
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
