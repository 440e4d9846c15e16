"""From verdicts to the items that are shown: words, references, history (spec pzp-fhir 3.8, 4). Nothing is hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import UNSET

from .catalogue import CONVERSATION_BY, CONVERSATION_PRESENT, DIRECTIVE, LABELS, SECTIONS, keys_of
from .codes import CONFLICT, NOBODY, NOT_KNOWN, NOT_RECORDED
from .conversations import Talk
from .deciding import WITHOUT_DATE, Verdict, merged
from .dossier import Dossier
from .people import name_of, names_of
from .shape import Conflict, CrossCheck, Entry, Filed, Item, LastKnown, Section, SourceName, Value
from .statements import Attention, Said, Statement


@dataclass(frozen=True, slots=True)
class Setting:
    """What every item needs to be worded."""

    dossiers: Mapping[str, Dossier]
    talk_of: Mapping[tuple[str, str], str]
    """(source, ref) -> conversation id."""
    authors_of: Mapping[str, str]
    """Conversation id -> who held it."""
    latest: Mapping[str, str]
    """Source -> date of its latest conversation."""
    sources: Mapping[str, SourceName]
    complete: bool

    def source(self, source_id: str) -> SourceName:
        """Return a source by id and name."""
        return self.sources[source_id]


def sections(
    setting: Setting, verdicts: Mapping[str, Verdict], talks: Sequence[Talk], checks: Sequence[CrossCheck]
) -> tuple[Section, ...]:
    """Return every section of the form in order, each with all its items."""
    marks: dict[str, list[Attention]] = {}
    for check in checks:
        for key in check.keys:
            marks.setdefault(key, []).append(Attention(check.code, check.severity, check.text, check.refs))
    held = {CONVERSATION_BY: talks, CONVERSATION_PRESENT: [talk for talk in talks if talk.present]}
    found = []
    for section_id, title, places in SECTIONS:
        keys = [key for place in places for key in _ordered(place, verdicts)]
        found.append(
            Section(
                section_id,
                title,
                tuple(
                    _talk_item(setting, key, held[key]) if key in held else _item(setting, key, verdicts, marks)
                    for key in keys
                ),
            )
        )
    return tuple(found)


def _ordered(place: str, verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    keys = keys_of(place, set(verdicts))
    if place != DIRECTIVE:
        return keys
    return tuple(sorted(keys, key=lambda key: (key == DIRECTIVE, _newest_first(verdicts.get(key)), key)))


def _newest_first(verdict: Verdict | None) -> int:
    leading = verdict.leading if verdict else None
    return -leading.when.start if leading and leading.when else 1 << 62


def _item(
    setting: Setting, key: str, verdicts: Mapping[str, Verdict], marks: Mapping[str, Sequence[Attention]]
) -> Item:
    verdict = verdicts.get(key) or Verdict("not-recorded")
    attention = (*verdict.attention, *marks.get(key, ()))
    entries = (*verdict.rivals, *verdict.parallel, *verdict.corroborating, *verdict.history)
    first = verdict.leading or next(iter(entries), None)
    label = LABELS.get(key) or (first.label if first else "") or (first.said.display if first else key)
    history = tuple(_past(setting, one) for one in verdict.history)
    if verdict.leading is not None:
        return _led(setting, key, label, verdict, (attention, history))
    echoes = tuple(_entry(setting, one) for one in verdict.corroborating)
    if verdict.rivals:
        rivals = tuple(_entry(setting, one, latest=key in WITHOUT_DATE) for one in verdict.rivals)
        conflict = Conflict(verdict.rule, verdict.severity, rivals)
        return Item(
            key,
            label,
            "conflict",
            CONFLICT,
            None,
            corroborated_by=echoes + _copies(setting, verdict.rivals),
            attention=attention,
            history=history,
            conflict=conflict,
        )
    display = NOT_RECORDED if setting.complete else NOT_KNOWN
    value = Value("no-information", None, display)
    return Item(key, label, "not-recorded", display, value, attention=attention, history=history)


def _led(
    setting: Setting,
    key: str,
    label: str,
    verdict: Verdict,
    rest: tuple[tuple[Attention, ...], tuple[Entry, ...]],
) -> Item:
    leading = verdict.leading
    assert leading is not None
    value = _leading_value(setting, leading, verdict.parallel)
    copies = list(verdict.corroborating)
    known = verdict.last_known
    return Item(
        key,
        label,
        verdict.state,
        value.display,
        value,
        leading.said.specification or leading.comment or None,
        leading.comment or None,
        leading.when.text if leading.when else None,
        leading.date_from or None,
        leading.status or None,
        _author(setting, leading, _talk_id(setting, leading)),
        _agreed(setting, leading),
        setting.source(leading.source),
        leading.ref,
        _talk_id(setting, leading),
        tuple(_entry(setting, one) for one in verdict.parallel),
        tuple(_entry(setting, one) for one in copies) + _copies(setting, [leading, *copies]),
        verdict.changed,
        rest[0],
        rest[1],
        None,
        LastKnown(_value(known), known.when.text if known.when else None, setting.source(known.source), known.ref)
        if known
        else None,
        setting.latest.get(leading.source) if key in WITHOUT_DATE else UNSET,
    )


def _copies(setting: Setting, statements: Sequence[Statement]) -> tuple[Entry, ...]:
    return tuple(_entry(setting, copy) for one in statements for copy in one.copies)


def _leading_value(setting: Setting, leading: Statement, parallel: Sequence[Statement]) -> Value:
    value = _value(leading)
    if not parallel:
        return value
    if leading.document is not None:
        filed = tuple(
            Filed(
                one.said.display,
                one.when.text if one.when else None,
                setting.source(one.source),
                one.ref,
                one.document,
            )
            for one in parallel
        )
        return Value(value.kind, value.code, value.display, document=leading.document, documents=filed)
    texts: dict[str, str] = {}
    for one in parallel:
        texts.setdefault(one.said.same, one.said.display)
    return Value(value.kind, value.code, " | ".join(texts.values()), tuple(texts.values()))


def _value(one: Statement) -> Value:
    said = one.said
    if not (one.persons or one.document or one.was):
        return Value(said.kind, said.code or None, said.display)
    return Value(
        said.kind,
        said.code or None,
        said.display,
        persons=one.persons or UNSET,
        document=one.document or UNSET,
        was=_said(one.was) if one.was else UNSET,
    )


def _said(said: Said) -> Value:
    return Value(said.kind, said.code or None, said.display)


def _entry(setting: Setting, one: Statement, *, latest: bool = False) -> Entry:
    source, ref = one.source, one.ref
    talk = setting.talk_of.get((source, ref))
    return Entry(
        one.when.text if one.when else None,
        one.date_from or None,
        _value(one),
        one.said.specification or one.comment or None,
        one.comment or None,
        one.status or None,
        setting.sources[source],
        ref,
        talk,
        one.attention,
        _author(setting, one, talk),
        names_of(setting.dossiers[source], one.parties) if one.parties else (),
        setting.latest.get(source) if latest else UNSET,
        _also(one) if one.copies else UNSET,
    )


def _past(setting: Setting, one: Statement) -> Entry:
    """An older statement: who was there is told by its conversation."""
    source, ref = one.source, one.ref
    return Entry(
        one.when.text if one.when else None,
        one.date_from or None,
        _value(one),
        one.said.specification or one.comment or None,
        one.comment or None,
        one.status or None,
        setting.sources[source],
        ref,
        setting.talk_of.get((source, ref)),
        one.attention,
        UNSET,
        UNSET,
        UNSET,
        _also(one) if one.copies else UNSET,
    )


def _also(one: Statement) -> tuple[str, ...]:
    return tuple([copy.ref for copy in one.copies])


def _talk_id(setting: Setting, one: Statement) -> str | None:
    return setting.talk_of.get((one.source, one.ref))


def _author(setting: Setting, one: Statement, talk: str | None) -> str:
    if one.author:
        return one.author
    if one.authors:
        return name_of(setting.dossiers[one.source], one.authors[0], specialty=True)
    return setting.authors_of.get(talk or "", NOBODY)


def _agreed(setting: Setting, one: Statement) -> tuple[str, ...]:
    return names_of(setting.dossiers[one.source], one.parties) if one.parties else ()


def _talk_item(setting: Setting, key: str, talks: Sequence[Talk]) -> Item:
    """Who held the latest conversation, or who were there: one conversation, never a choice between sources."""
    known = [(talk, words) for talk in talks if talk.held and not talk.synthetic and (words := _words(key, talk))]
    told = [(talk, words) for talk, words in known if talk.took_place]
    to_come = tuple(_talk_entry(setting, talk, words) for talk, words in known if not talk.took_place)
    marks = merged(mark for one in to_come for mark in one.attention)
    if not told:
        display = NOT_RECORDED if setting.complete else NOT_KNOWN
        value = Value("no-information", None, display)
        return Item(key, LABELS[key], "not-recorded", display, value, attention=marks, history=to_come)
    entries = [_talk_entry(setting, talk, words) for talk, words in told]
    first = entries[0]
    return Item(
        key,
        LABELS[key],
        "current",
        first.value.display,
        first.value,
        date=first.date,
        date_from=first.date_from,
        author="; ".join(told[0][0].by) or NOBODY,
        source=first.source,
        ref=first.ref,
        conversation=first.conversation,
        attention=marks,
        history=(*to_come, *entries[1:]),
    )


def _words(key: str, talk: Talk) -> str:
    return "; ".join(talk.by if key == CONVERSATION_BY else talk.present)


def _talk_entry(setting: Setting, talk: Talk, words: str) -> Entry:
    ref = talk.encounter or next(iter(talk.forms), "")
    return Entry(
        talk.when.text if talk.when else None,
        ("encounter" if talk.encounter else "form") if talk.when else None,
        Value("text", None, words),
        None,
        None,
        None,
        setting.source(talk.source),
        ref,
        setting.talk_of.get((talk.source, ref)),
        talk.attention,
        "; ".join(talk.by) or NOBODY,
    )
