"""Observation (wishes) and Goal in R4: coded answers, free text, and "no information" (spec pzp-fhir 1.1, 3.2)."""

from __future__ import annotations

from operator import attrgetter

from .codes import (
    ABSENT_REASONS,
    ACP,
    FREE_TEXT,
    GOAL_SYNONYMS,
    GOALS,
    NO_INFORMATION_CODES,
    NULL_FLAVORS,
    OBSERVATIONS,
    UNDECIDED,
    UNKNOWN,
    UNREADABLE,
    VALUES,
    normal,
    quoted,
)
from .datatypes import Coding, Concept
from .dossier import Held
from .records import STATUSES, Dates, Frame, open_record
from .statements import Leads, Said, Statement
from .structures import Goal, Observation
from .wording import beside, business_ids, codes_in, extension, joined, notes, same_text, text_of

NOTHING = Said("no-information", "", UNKNOWN, "no-information")
_NOT_ASKED = attrgetter(
    "value_boolean",
    "value_quantity",
    "value_integer",
    "value_range",
    "value_ratio",
    "value_sampled_data",
    "value_time",
    "value_date_time",
    "value_period",
    "value_coding",
    "component",
)
"""Where an observation may have a value of a kind that none of our questions has."""
_KEYS = {code: f"obs:{code}" for code in OBSERVATIONS}
_ALONE = frozenset({"UNK", "NASK"})
"""The null flavors of the form, also when a source leaves out their system."""


def read_observation(frame: Frame, held: Held, content: Observation) -> list[Statement] | None:
    """Return the statement of one Observation; None when its code is no PZP item or its value cannot be read."""
    code = _question(content.code)
    if code is None or (said := _observed(code, content)) is None:
        return None
    period = content.effective_period
    dates = Dates(
        (
            (content.effective_date_time, "Observation.effectiveDateTime"),
            (period.start if period else None, "Observation.effectivePeriod.start"),
            (content.effective_instant, "Observation.effectiveInstant"),
        ),
        content.encounter,
    )
    record = open_record(frame, held, content.status, dates, content.subject)
    if record is None:
        return []
    record.comment = notes(content.note, content.extension)
    for concept in (content.value_codeable_concept, content.data_absent_reason):
        if concept is not None and concept.text:
            record.comment = joined(record.comment, beside(concept, said.display))
    if content.value_codeable_concept is not None and content.value_string:
        record.comment = joined(record.comment, content.value_string.strip())
    record.ids = business_ids(content.identifier)
    record.authors = tuple(content.performer or ())
    return [record.says(_KEYS[code], with_words(said, record.comment))]


def _question(concept: Concept | None) -> str | None:
    """Return which of our questions it answers."""
    codings = concept.coding if concept is not None else None
    if codings and len(codings) == 1:
        code = codings[0].code
        return code if code in OBSERVATIONS else None
    return next(iter(sorted(codes_in((concept,)) & OBSERVATIONS.keys())), None)


def read_goal(frame: Frame, held: Held, content: Goal) -> list[Statement] | None:
    """Return the statement of one Goal; None when it is no goal of medical policy (other goals share the type)."""
    codes = codes_in((content.description,))
    ours = bool(codes & (GOALS.keys() | GOAL_SYNONYMS.keys())) or ACP in codes_in(content.category or ())
    if not ours:
        return None
    linked = extension(content.extension, "ext-EncounterReference")
    over = STATUSES["Goal"].get(content.lifecycle_status or "") is Leads.AS_ENDED
    dates = Dates(
        ((content.start_date, "Goal.startDate"), (content.status_date, "Goal.statusDate")),
        linked.value_reference if linked else None,
        content.status_date if over else None,
        "Goal.statusDate",
        (content.status_reason or "") if over else "",
    )
    record = open_record(frame, held, content.lifecycle_status, dates, content.subject)
    if record is None:
        return []
    said = coded(content.description, GOALS)
    record.comment = joined(notes(content.note, content.extension), beside(content.description, said.display))
    record.ids = business_ids(content.identifier)
    record.authors = (content.expressed_by,) if content.expressed_by else ()
    return [record.says("goal:medical-policy", said)]


def coded(concept: Concept | None, table: dict[str, str]) -> Said:
    """Word a coded answer: own words by code, else the source's in quotes; unknown and empty are no information."""
    codings = [one for one in (concept.coding if concept else None) or () if one.code]
    codes = {GOAL_SYNONYMS.get(one.code or "", one.code or "") for one in codings} & table.keys()
    if len(codes - {"OTH"}) > 1:
        words = " / ".join(table[code] for code in sorted(codes - {"OTH"}))
        return Said("text", "uninterpretable", f"{UNREADABLE}: {words}", f"uninterpretable {words}")
    for code in sorted(codes - {"OTH"}) or codes:
        if code == "OTH" and concept and concept.text and concept.text.strip():
            text = concept.text.strip()
            return Said("decision", code, f"{table[code]}: {text}", same_text(code, text), text)
        return Said("decision", code, table[code], code)
    for one in codings:
        if (known := without_information(one)) is not None:
            return known
    text = text_of(concept)
    if codings:
        code = codings[0].code or ""
        return Said("decision", code, quoted(code, text), same_text(code, text) if code == "OTH" else code)
    return Said("decision", "", quoted("", text), same_text("", text)) if text else NOTHING


def without_information(coding: Coding) -> Said | None:
    """Return "no information" or "undecided" for the null flavors that mean so; None for a real answer."""
    code = coding.code or ""
    if code == "ASKU":
        return Said("undecided", code, UNDECIDED, "undecided")
    if code in _ALONE or (coding.system in NULL_FLAVORS and code in NO_INFORMATION_CODES):
        return Said("no-information", code, NO_INFORMATION_CODES[code], "no-information")
    return None


def free_text(text: str | None) -> Said:
    """Word a free text; blank is no information."""
    words = (text or "").strip()
    return Said("text", "", words, normal(words)) if words else NOTHING


def with_words(said: Said, comment: str) -> Said:
    """`Anders` with only a comment says what the comment says: two different ones are two answers."""
    if said.code != "OTH" or said.kind != "decision" or said.specification or not comment:
        return said
    return Said(said.kind, said.code, f"{said.display}: {comment}", same_text("OTH", comment), comment)


def _observed(code: str, content: Observation) -> Said | None:
    if content.value_codeable_concept is not None:
        concept = content.value_codeable_concept
        if code not in FREE_TEXT:
            return coded(concept, VALUES[code])
        found = [known for one in concept.coding or () if (known := without_information(one)) is not None]
        return found[0] if found else free_text(text_of(concept))
    if content.value_string is not None:
        return free_text(content.value_string)
    if any(value is not None for value in _NOT_ASKED(content)):
        return None
    if content.data_absent_reason is not None:
        return _absent(content.data_absent_reason)
    return NOTHING


def _absent(reason: Concept) -> Said:
    codes = sorted(codes_in((reason,)))
    known = next((ABSENT_REASONS[code] for code in codes if code in ABSENT_REASONS), None)
    display = known or (quoted(codes[0] if codes else "", text_of(reason)) if codes or text_of(reason) else UNKNOWN)
    return Said("no-information", codes[0] if codes else "", display, "no-information")
