"""The same statement met twice: copied to another source, or in the form beside its resources (spec pzp-fhir 3.3).

What is equal collapses and keeps every reference. What has the same identifier and another content stays apart, is
judged by its date, and says so.
"""

from __future__ import annotations

from collections import defaultdict
from operator import attrgetter

import msgspec

from .attentions import attention
from .dates import When
from .statements import Leads, Said, Statement

_BY_RANK = attrgetter("rank")


def collapse(statements: list[Statement]) -> list[Statement]:
    """Return the statements with copies folded into the first of them, in final order."""
    ordered = sorted(statements, key=_BY_RANK)
    differing, copies = _by_identifier(ordered)
    folded = _fold(ordered, copies)
    if differing:
        folded = [_marked(one) if id_of(one) in differing else one for one in folded]
    return _forms_beside_resources(folded)


def _marked(one: Statement) -> Statement:
    marks = (*one.attention, attention("DUPLICATE_ID_DIFFERS", one.ref))
    return msgspec.structs.replace(one, attention=marks)


def id_of(one: Statement) -> tuple[str, str, str]:
    """Return what names a statement: its key, source and record."""
    return (one.key, one.source, one.ref)


def _content(one: Statement) -> tuple[object, ...]:
    when = (one.when.start, one.when.end) if one.when else None
    ended = (one.was.kind, one.was.same, one.said.display) if one.was is not None else None
    return (one.key, one.said.kind, one.said.same, one.said.specification, when, one.leads, one.comment, ended)


def _by_identifier(
    ordered: list[Statement],
) -> tuple[set[tuple[str, str, str]], dict[tuple[str, str, str], Statement]]:
    """Return which statements differ from another of the same identifier, and which copy which."""
    groups: dict[tuple[str, str], list[Statement]] = defaultdict(list)
    for one in ordered:
        for identifier in one.ids:
            groups[identifier, one.key if one.form else ""].append(one)
    differing: set[tuple[str, str, str]] = set()
    copies: dict[tuple[str, str, str], Statement] = {}
    for group in groups.values():
        if len(group) == 1:
            continue
        firsts: dict[tuple[object, ...], Statement] = {}
        for one in group:
            first = firsts.setdefault(_content(one), one)
            if (first.source, first.ref) != (one.source, one.ref):
                copies[id_of(one)] = first
        records = {(one.source, one.ref) for one in firsts.values()}
        if len(firsts) > 1 and len(records) > 1:
            differing.update(id_of(one) for one in group)
    return differing, copies


def _fold(ordered: list[Statement], copies: dict[tuple[str, str, str], Statement]) -> list[Statement]:
    if not copies:
        return ordered
    folded: dict[tuple[str, str, str], list[Statement]] = defaultdict(list)
    for one in ordered:
        first = copies.get(id_of(one))
        while first is not None and id_of(first) in copies:
            first = copies[id_of(first)]
        if first is not None and id_of(first) != id_of(one):
            folded[id_of(first)].append(one)
    gone = {id_of(one) for group in folded.values() for one in group}
    return [
        msgspec.structs.replace(one, copies=tuple(folded[id_of(one)])) if id_of(one) in folded else one
        for one in ordered
        if id_of(one) not in gone
    ]


def _forms_beside_resources(statements: list[Statement]) -> list[Statement]:
    """Fold a form's answer into the resource of the same source that says the same on the same date."""
    if not any(one.form for one in statements):
        return statements
    beside = _Beside(statements)
    echoes: dict[int, list[Statement]] = defaultdict(list)
    gone: set[int] = set()
    for position, one in enumerate(statements):
        found = beside.find(one) if one.form else None
        if found is not None:
            echoes[found] += (msgspec.structs.replace(one, copies=()), *one.copies) if one.copies else (one,)
            gone.add(position)
    return [
        msgspec.structs.replace(one, copies=(*one.copies, *echoes[position])) if position in echoes else one
        for position, one in enumerate(statements)
        if position not in gone
    ]


class _Beside:
    """Resources by what they say and when, so that a form finds its own at once, however many there are.

    A form also goes with the resource that has since ended the agreement that it records.
    """

    def __init__(self, statements: list[Statement]) -> None:
        self._exactly: dict[object, int] = {}
        self._within: dict[object, int] = {}
        for position, one in enumerate(statements):
            if one.form:
                continue
            self._add(_said(one, one.said, one.leads), one.when, position)
            if one.leads is Leads.AS_ENDED and one.was is not None:
                self._add(_was(one, one.was), one.since, position)

    def find(self, form: Statement) -> int | None:
        """Return the first resource that says the same, its date overlapping that of the form."""
        if form.when is None:
            return None
        found = self._at(_said(form, form.said, form.leads), form.when)
        if form.leads is Leads.YES:
            found += self._at(_was(form, form.said), form.when)
        return min(found, default=None)

    def _add(self, said: object, when: When | None, position: int) -> None:
        if when is not None:
            units = when.units
            self._exactly.setdefault((said, units[-1]), position)
            for unit in units:
                self._within.setdefault((said, unit), position)

    def _at(self, said: object, when: When) -> list[int]:
        units = when.units
        found = [self._within.get((said, units[-1])), *(self._exactly.get((said, unit)) for unit in units)]
        return [one for one in found if one is not None]


def _said(one: Statement, said: Said, leads: Leads) -> object:
    return (one.source, one.key, said.kind, said.same, leads)


def _was(one: Statement, was: Said) -> object:
    return (one.source, one.key, was.same)
