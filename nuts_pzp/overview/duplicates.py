"""The same statement met twice: copied to another source, or in the form beside its resources (spec pzp-fhir 3.3).

What is equal collapses and keeps every reference. What has the same identifier and another content stays apart, is
judged by its date, and says so.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from .attentions import attention
from .statements import Leads, Statement


def collapse(statements: list[Statement]) -> list[Statement]:
    """Return the statements with copies folded into the first of them, in final order."""
    ordered = sorted(statements, key=lambda one: (one.key, one.order))
    differing, copies = _by_identifier(ordered)
    folded = _fold(ordered, copies)
    marked = [
        msgspec.structs.replace(one, attention=(*one.attention, attention("DUPLICATE_ID_DIFFERS", one.ref)))
        if id_of(one) in differing
        else one
        for one in folded
    ]
    return _forms_beside_resources(marked)


def id_of(one: Statement) -> tuple[str, str, str]:
    """Return what names a statement: its key, source and record."""
    return (one.key, one.source, one.ref)


def _content(one: Statement) -> tuple[object, ...]:
    when = (one.when.start, one.when.end) if one.when else None
    return (one.key, one.said.kind, one.said.same, one.said.specification, when, one.leads, one.comment)


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
    resources: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, one in enumerate(statements):
        if not one.form:
            resources[one.source, one.key].append(position)
    result: list[Statement | None] = list(statements)
    for position, one in enumerate(statements):
        if not one.form or one.when is None:
            continue
        for beside in resources.get((one.source, one.key), ()):
            other = result[beside]
            if other is not None and _same_agreement(one, other):
                result[beside] = msgspec.structs.replace(other, copies=(*other.copies, one))
                result[position] = None
                break
    return [one for one in result if one is not None]


def _same_agreement(form: Statement, resource: Statement) -> bool:
    """Same value and date; or the form is the record of an agreement that the resource has ended since."""
    assert form.when is not None
    if resource.leads is Leads.AS_ENDED and form.leads is Leads.YES:
        return bool(
            resource.was
            and resource.since
            and resource.was.same == form.said.same
            and form.when.overlaps(resource.since)
        )
    same = (form.said.kind, form.said.same, form.leads) == (resource.said.kind, resource.said.same, resource.leads)
    return same and resource.when is not None and form.when.overlaps(resource.when)
