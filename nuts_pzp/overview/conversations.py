"""Conversations: who spoke when, and which statements came of it (spec pzp-fhir 3.9).

A conversation is an Encounter with a PZP Procedure, joined both ways, or a form. What names no conversation is placed
by date and counted as inferred; what has none on its date gets one that says so (`synthetic`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from .attentions import attention
from .codes import CONVERSATION_CODES
from .datatypes import Reference
from .dates import When, is_future, read_date
from .dossier import Dossier, Held, PutAside
from .form_answers import Answers
from .form_people import names_present
from .people import name_of
from .read_form import DATE, form_author, is_form
from .records import ENTERED_IN_ERROR, modified
from .statements import Attention, Statement
from .structures import Encounter, Procedure, QuestionnaireResponse
from .wording import business_ids, codes_in

_DIFFERS = "ENCOUNTER_DATE_DIFFERS"
FUTURE = "FUTURE_DATE"
_NOT_HELD = frozenset({"not-done", "planned", "cancelled"})


class Talk(msgspec.Struct):
    """One conversation of one source while it is put together."""

    source: str
    when: When | None
    encounter: str = ""
    ids: tuple[str, ...] = ()
    by: list[str] = []
    present: list[str] = []
    forms: list[str] = []
    refs: set[tuple[str, str]] = msgspec.field(default_factory=set)
    inferred: set[tuple[str, str]] = msgspec.field(default_factory=set)
    held: bool = True
    synthetic: bool = False
    sources: list[str] = []
    attention: tuple[Attention, ...] = ()

    @property
    def took_place(self) -> bool:
        """Say whether it was held: not called off, and not still to come."""
        return self.held and not any(mark.code == FUTURE for mark in self.attention)

    @property
    def day(self) -> str:
        """The calendar day, or the date as written when it is coarser than a day."""
        return (self.when.day or self.when.text) if self.when else ""


def conversations_of(dossier: Dossier, statements: Sequence[Statement], now: float) -> list[Talk]:
    """Return the conversations of one source, with its statements that belong to each. `now` is in Unix seconds."""
    found = list(_encounters(dossier, {one.encounter for one in statements if one.encounter}))
    _add_forms(dossier, found)
    _place(dossier.id, statements, found)
    for one in found:
        if one.when is not None and is_future(one.when, now):
            ref = one.encounter or min((*one.forms, *(ref for _, ref in one.refs)))
            one.attention = (*one.attention, attention(FUTURE, ref))
    return found


def together(talks: Iterable[Talk]) -> list[Talk]:
    """Return the conversations of all sources, newest first; one that two sources tell of stands there once."""
    joined = _joined(talks)
    joined.sort(key=lambda one: (-one.when.start if one.when else 1 << 62, one.source, one.encounter, one.forms))
    return joined


def _encounters(dossier: Dossier, linked: set[str]) -> Iterator[Talk]:
    procedures = [(held, one) for held, one in dossier.of(Procedure) if codes_in((one.code,)) & CONVERSATION_CODES]
    procedures = [pair for pair in procedures if pair[0].ref not in dossier.strangers]
    by_encounter, known = _by_encounter(dossier, procedures), {held.ref: (held, one) for held, one in procedures}
    used: set[str] = set()
    for held, encounter in dossier.of(Encounter):
        if held.ref in dossier.strangers:
            continue
        if encounter.status == ENTERED_IN_ERROR:
            dossier.excluded.append(PutAside(held.ref, "Encounter", ENTERED_IN_ERROR))
            continue
        reasons = [there.ref for one in encounter.reason_reference or () if (there := dossier.find(one)) is not None]
        refs = sorted({*by_encounter.get(held.ref, ()), *(ref for ref in reasons if ref in known)})
        used.update(refs)
        if refs or held.ref in linked or _promises(dossier, encounter):
            joined = [known[ref][1] for ref in refs]
            yield _talk(dossier, held, encounter, [one for one in joined if one.status != ENTERED_IN_ERROR])
    for held, procedure in procedures:
        if procedure.status == ENTERED_IN_ERROR:
            dossier.excluded.append(PutAside(held.ref, "Procedure", ENTERED_IN_ERROR))
        elif held.ref not in used:
            yield _talk(dossier, held, None, [procedure])


def _by_encounter(dossier: Dossier, procedures: list[tuple[Held, Procedure]]) -> dict[str, list[str]]:
    """Return which procedures name which encounter; an encounter may also give the procedure as its reason."""
    found: dict[str, list[str]] = {}
    for held, procedure in procedures:
        there = dossier.find(procedure.encounter)
        if there is not None:
            found.setdefault(there.ref, []).append(held.ref)
    return found


def _promises(dossier: Dossier, encounter: Encounter) -> bool:
    """Say whether its reason is a Procedure that did not come along: the query asked for PZP conversations only."""
    return any(
        "Procedure/" in (one.reference or "") and dossier.find(one) is None for one in encounter.reason_reference or ()
    )


def _talk(dossier: Dossier, held: Held, encounter: Encounter | None, procedures: list[Procedure]) -> Talk:
    people: list[Reference] = []
    if encounter is not None:
        people = [encounter.subject] if encounter.subject else []
        people += [one.individual for one in encounter.participant or () if one.individual]
    people += [one.actor for procedure in procedures for one in procedure.performer or () if one.actor]
    by, present = _sides(dossier, people)
    starts = [encounter.period.start if encounter and encounter.period else None]
    starts += [one.performed_period.start if one.performed_period else one.performed_date_time for one in procedures]
    statuses = {encounter.status if encounter else None, *(one.status for one in procedures)}
    odd = held.hides or modified(held.content) or any(modified(one) for one in procedures)
    return Talk(
        dossier.id,
        next((when for text in starts if text and (when := read_date(text))), None),
        held.ref,
        business_ids(encounter.identifier if encounter else None),
        by,
        present,
        held=not (statuses & _NOT_HELD),
        sources=[dossier.id],
        attention=(attention("UNKNOWN_MODIFIER", held.ref),) if odd else (),
    )


def _sides(dossier: Dossier, people: Iterable[Reference]) -> tuple[list[str], list[str]]:
    """Return who held the conversation and who were there."""
    by: dict[str, None] = {}
    present: dict[str, None] = {}
    for one in people:
        found = dossier.find(one)
        kind = found.resource.type if found else (one.reference or "").rpartition("/")[0].rpartition("/")[2]
        name = name_of(dossier, one, specialty=True)
        (present if kind in ("Patient", "RelatedPerson") else by)[name] = None
    return list(by), list(present)


def _add_forms(dossier: Dossier, talks: list[Talk]) -> None:
    """Each form is a conversation by itself, unless the source has an encounter on that day."""
    encounters = {one.day: one for one in reversed(talks) if one.day}
    by_reference = {one.encounter: one for one in talks}
    for held, form in dossier.of(QuestionnaireResponse):
        if form.status == ENTERED_IN_ERROR or held.ref in dossier.strangers or not is_form(form):
            continue
        answers = Answers(form.item)
        when = read_date(answers.date(DATE))
        by, present = [name for name in (form_author(answers),) if name], list(names_present(answers))
        same = encounters.get(when.day) if when and when.day else None
        if when is None and (there := dossier.find(form.encounter)) is not None:
            same = by_reference.get(there.ref)
        if same is None:
            talks.append(Talk(dossier.id, when, "", (), by, present, [held.ref], sources=[dossier.id]))
        else:
            same.forms.append(held.ref)
            same.by = same.by or by
            same.present = same.present or present
    for one in talks:
        one.forms.sort()


def _place(source: str, statements: Sequence[Statement], talks: list[Talk]) -> None:
    by_form = {ref: one for one in talks for ref in one.forms}
    by_encounter = {one.encounter: one for one in talks if one.encounter}
    by_day = {one.day: one for one in reversed(talks) if one.day}
    for one in statements:
        ref, mark = one.ref, (source, one.ref)
        named = by_form.get(ref) or by_encounter.get(one.encounter)
        if named is not None and not (one.attention and any(note.code == _DIFFERS for note in one.attention)):
            named.refs.add(mark)
            continue
        when = one.since or one.when
        if when is None:
            continue
        day = when.day or when.text
        there = by_day.get(day)
        if there is None:
            there = by_day[day] = Talk(source, when, synthetic=True, sources=[source])
            talks.append(there)
        there.refs.add(mark)
        there.inferred.add(mark)


def _joined(talks: Iterable[Talk]) -> list[Talk]:
    """The same encounter at two sources (equal identifier) is one conversation."""
    first: dict[str, int] = {}
    groups: list[list[Talk]] = []
    for one in sorted(talks, key=lambda talk: (talk.source, talk.encounter, talk.day, talk.forms)):
        number = next((first[identifier] for identifier in one.ids if identifier in first), len(groups))
        if number == len(groups):
            groups.append([])
        groups[number].append(one)
        for identifier in one.ids:
            first.setdefault(identifier, number)
    return [group[0] if len(group) == 1 else _one_of(group) for group in groups]


def _one_of(group: list[Talk]) -> Talk:
    """What several sources tell of one conversation; the first gives its name."""
    return msgspec.structs.replace(
        group[0],
        when=next((talk.when for talk in group if talk.when is not None), None),
        by=list(dict.fromkeys(name for talk in group for name in talk.by)),
        present=list(dict.fromkeys(name for talk in group for name in talk.present)),
        forms=sorted({form for talk in group for form in talk.forms}),
        refs={mark for talk in group for mark in talk.refs},
        inferred={mark for talk in group for mark in talk.inferred},
        sources=sorted({source for talk in group for source in talk.sources}),
    )


def latest_by_source(talks: Iterable[Talk]) -> dict[str, str]:
    """Return the date of each source's latest conversation that was held."""
    latest: dict[str, When] = {}
    for one in talks:
        for source in one.sources if one.took_place and one.when else ():
            if one.when and (source not in latest or one.when.start > latest[source].start):
                latest[source] = one.when
    return {source: when.day or when.text for source, when in latest.items()}
