"""Data holder: can what came be read, and does it fall into the profiles' known traps? Counts only, never contents."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from importlib import import_module

import msgspec
from pydantic import BaseModel, ValidationError

from ..overview.merge import Told, merge
from ..overview.shape import Overview
from .bench import Bench, NotThere, check
from .hold_queries import _codes, _read
from .rules import Said, idle, met, named, partly, unmet
from .wording import FORM

MOST_VALIDATED = 60
_MODELS = "fhir.resources.R4B."
_MORE = {
    "Observation": ("corrected", "cancelled", "entered-in-error", "unknown"),
    "Encounter": ("entered-in-error", "unknown"),
    "DeviceUseStatement": ("intended", "stopped", "on-hold"),
}
"""What the `+` of the models' lists stands for."""
_OLD_TREATMENT = "11291000146105"


async def _merged(bench: Bench) -> Overview:
    """The one-source overview of what came; raises NotThere when nothing did."""
    resources = await bench.everything()
    if not any(one.type != "Patient" for one in resources):
        raise NotThere("no PZP resource came")
    subject = bench.subject
    asked = (subject.bsn, date.fromisoformat(subject.birth_date))
    return merge([Told("target", "target", resources)], (), now=datetime.now(UTC), asked=asked)


async def _attention(bench: Bench, *codes: str) -> int:
    """How many statements carry one of these attention codes."""
    overview = msgspec.to_builtins(await _merged(bench))
    return sum(1 for one in _marks(overview) if one in codes)


def _marks(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for one in node.get("attention", ()) or ():
            yield str(one["code"])
        for value in node.values():
            yield from _marks(value)
    elif isinstance(node, list | tuple):
        for one in node:
            yield from _marks(one)


@check("HOLD-301")
async def readable(bench: Bench) -> Said:
    """The readers of the merge can read every resource that a PZP request found."""
    overview = await _merged(bench)
    broken = [one for one in overview.unmapped if one.reason != "not-recognized"]
    other = len(overview.unmapped) - len(broken)
    if broken:
        kinds = ", ".join(f"{kind} {count}" for kind, count in Counter(named(one.type) for one in broken).items())
        return unmet(f"{len(broken)} cannot be read: {kinds}")
    statements = overview.sources[0].statements
    if other:
        return partly(f"{statements} statements; {other} resources that are no PZP statement")
    return met(f"{statements} statements, nothing unread")


@check("HOLD-302")
async def valid(bench: Bench) -> Said:
    """Each resource has the shape of its type (R4B models; the first sixty)."""
    if await bench.stu3():
        return idle("STU3 is not validated")
    wrong: Counter[str] = Counter()
    resources = (await bench.everything())[:MOST_VALIDATED]
    if not resources:
        raise NotThere("no PZP resource came")
    for one in resources:
        wrong[named(one.type)] += not _sound(one.type, one.raw)
    told = ", ".join(f"{kind} {count}" for kind, count in wrong.items() if count)
    return unmet(f"not valid: {told}") if told else met(f"{len(resources)} resources")


def _sound(kind: str, raw: bytes) -> bool:
    try:
        model = getattr(import_module(_MODELS + kind.lower()), kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _coded(model.model_validate_json(raw))
    except (ImportError, AttributeError, ValidationError, ValueError, RecursionError):
        return False


def _coded(node: object) -> bool:
    """Whether each code of a required list is one of them: the models know the lists and do not enforce them."""
    if isinstance(node, list):
        return all(map(_coded, node))
    if not isinstance(node, BaseModel):
        return True
    for name, field in type(node).model_fields.items():
        value = getattr(node, name)
        extra = field.json_schema_extra
        known = extra.get("enum_values") if isinstance(extra, dict) else None
        if isinstance(known, list) and isinstance(value, str):
            more = _MORE.get(type(node).__name__, ()) if "+" in known else ()
            if value not in (*known, *more):
                return False
        elif not _coded(value):
            return False
    return True


async def _trap(bench: Bench, count: int, words: str) -> Said:
    return unmet(f"{count} {words}") if count else met("none")


@check("HOLD-303")
async def contradicting(bench: Bench) -> Said:
    """Two statements of one day contradict each other."""
    items = [one for one in (await _merged(bench)).items() if one.conflict]
    return await _trap(bench, len(items), "items that contradict themselves within this source")


@check("HOLD-304")
async def far_date(bench: Bench) -> Said:
    """A form's own date lies far from when it was written."""
    return await _trap(bench, await _attention(bench, "FORM_DATE_FAR_FROM_AUTHORED"), "statements of such a form")


@check("HOLD-305")
async def nameless_form(bench: Bench) -> Said:
    """A form without a subject."""
    rows = [one for one in await bench.everything() if one.type == FORM]
    if not rows:
        return idle("no form came")
    return await _trap(bench, sum("subject" not in _read(one.raw) for one in rows), "forms without subject")


@check("HOLD-306")
async def undecided(bench: Bench) -> Said:
    """A directive with neither a type nor a specification; in STU3 one that does not say whether it is permitted."""
    rows = [_read(one.raw) for one in await bench.everything() if one.type == "Consent"]
    if await bench.stu3():
        rows = [one for one in rows if _OLD_TREATMENT in str(one.get("category"))]
        count = sum(not _modified(one, "TreatmentPermitted") for one in rows)
    else:
        rows = [one for one in rows if "adr" not in _codes(one.get("scope"))]
        count = sum(not _decided(one.get("provision")) and not _modified(one, "SpecificationOther") for one in rows)
    if not rows:
        return idle("no treatment directive came")
    return await _trap(bench, count, "directives that say nothing")


@check("HOLD-307")
async def both_said(bench: Bench) -> Said:
    """A directive with a type and a specification, which overrules it."""
    return await _trap(bench, await _attention(bench, "TYPE_AND_SPECIFICATION"), "directives with both")


@check("HOLD-308")
async def lone_procedure(bench: Bench) -> Said:
    """A conversation (Procedure) that points at no encounter."""
    rows = [_read(one.raw) for one in await bench.everything() if one.type == "Procedure"]
    if not rows:
        return idle("no Procedure came")
    place = "context" if await bench.stu3() else "encounter"
    return await _trap(bench, sum(place not in one for one in rows), f"Procedures without {place}")


@check("HOLD-309")
async def other_day(bench: Bench) -> Said:
    """A statement's date differs from that of its encounter."""
    return await _trap(
        bench, await _attention(bench, "ENCOUNTER_DATE_DIFFERS"), "dates that differ from the encounter's"
    )


@check("HOLD-310")
async def future(bench: Bench) -> Said:
    """A date that has not come yet."""
    return await _trap(bench, await _attention(bench, "FUTURE_DATE"), "dates in the future")


@check("HOLD-311")
async def unknown_modifier(bench: Bench) -> Said:
    """A modifier that no guide knows makes a statement unreadable."""
    return await _trap(bench, await _attention(bench, "UNKNOWN_MODIFIER"), "statements with an unknown modifier")


@check("HOLD-312")
async def undated(bench: Bench) -> Said:
    """A directive, goal or observation without a date cannot lead."""
    items = (await _merged(bench)).items()
    rows = [one for one in items if one.key.startswith(("treatment:", "goal:", "obs:")) and one.value and not one.date]
    return await _trap(bench, sum(one.state == "current" for one in rows), "items whose answer has no date")


def _decided(provision: object) -> bool:
    return isinstance(provision, dict) and "type" in provision


def _modified(consent: dict[str, object], name: str) -> bool:
    given = consent.get("modifierExtension")
    return isinstance(given, list) and any(name in str(one) for one in given)
