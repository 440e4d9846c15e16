"""One provision of a Consent held against one question: does it apply, surely, perhaps, or not?

A permit needs every criterion to apply surely; an objection applies unless one surely does not. What is not understood
is perhaps (spec consent 7.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import Any

from ...consent.choice import CONTEXT
from ...consent.period import NotAMoment, Period
from ...identity import (
    ORGANIZATION_TYPE_SYSTEM,
    URA_SYSTEM,
    Bsn,
    NotAnIdentifier,
    Organization,
    Ura,
    organization_type,
)

PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ACTION = "http://terminology.hl7.org/CodeSystem/consentaction"
REASONS = frozenset({"http://terminology.hl7.org/CodeSystem/v3-ActReason", "http://hl7.org/fhir/v3/ActReason"})
TREATMENT_DATA = frozenset(
    {
        ("http://fhir.nl/otv/CodeSystem/gegevenscategorie", "GGC002"),
        ("http://minvws.github.io/generiekefuncties-docs/CodeSystem/nl-gf-data-categories-cs", "AdvanceDirective"),
    }
)
"""Kinds of data that all of PZP belongs to: behandelgegevens, and advance directives as the GF name them."""

_RECIPIENTS, _CUSTODIAN = frozenset({"IRCP", "PRCP"}), "CST"
_OTHER_ACTIONS = frozenset({"collect", "use", "correct"})
_OTHER_PURPOSES = frozenset({"HPAYMT", "HOPERAT", "HRESCH", "HMARKT", "PUBHLTH", "COVAUTH", "CLINTRCH", "HSYSADMIN"})
_KNOWN = frozenset({
    "id", "extension", "type", "period", "actor", "action", "purpose", "class", "code", "provision",
})  # fmt: skip
"""Every other element narrows in a way that is not read here (securityLabel, data, dataPeriod) or is unknown."""

Json = Mapping[str, Any]


class Unreadable(Exception):
    """This is not a Consent as R4 has it. Says which element, never its content."""


class Applies(IntEnum):
    """Whether something applies."""

    NO = 0
    PERHAPS = 1
    SURELY = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """The question: this patient of this holder, for this user, for treatment, now."""

    bsn: Bsn
    logical_id: str | None
    holder: Ura
    user: Organization
    now: datetime
    base: str
    """The server's FHIR base, no trailing slash."""
    own_references: frozenset[str] = frozenset()
    """How that server refers to the holder's own Organization: `Organization/1`."""
    type_extension: str = ""
    """URL of the extension on an actor's reference that names a type of organization."""
    born: date | None = None
    """The patient's birth date, as far as the holder's own record has one."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How one provision fits: whether it applies, how exactly the user is named (0 to 2), whether a context is.

    `most_user`, `most_context`: the same by the reading that is most exact, for an objection: what is not understood
    may name this very user or data, and no permission outranks it for that.
    """

    applies: Applies
    user: int = 0
    context: int = 0
    most_user: int = 0
    most_context: int = 0

    def within(self, inner: Fit) -> Fit:
        """Return how a provision fits inside this one: never surer, and at least as exact."""
        return Fit(
            min(self.applies, inner.applies),
            max(self.user, inner.user),
            max(self.context, inner.context),
            max(self.most_user, inner.most_user),
            max(self.most_context, inner.most_context),
        )


def fit(provision: Json, asked: Asked) -> Fit:
    """Hold every criterion of a provision itself against the question, its nested provisions left out."""
    known = Applies.SURELY if all(key.lstrip("_") in _KNOWN for key in provision) else Applies.PERHAPS
    recipients, user, most_user, custodian = _actors(provision, asked)
    purpose, has_purpose = _purpose(provision)
    data, has_data = _data(provision)
    applies = min(known, _period(provision, asked.now), recipients, custodian, _action(provision), purpose, data)
    context = CONTEXT if has_purpose or has_data else 0
    return Fit(applies, user, context, most_user, context if known is Applies.SURELY else CONTEXT)


def children(element: Json, name: str) -> list[Json]:
    """Return the objects of a repeating element; Unreadable when it is something else."""
    found = element.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable(name)
    return found


def child(element: Json, name: str) -> Json:
    """Return the object of an element, empty without one; Unreadable when it is something else."""
    found = element.get(name, {})
    if not isinstance(found, dict):
        raise Unreadable(name)
    return found


def text(element: Json, name: str) -> str:
    """Return the text of an element, empty without one; Unreadable when it is something else."""
    found = element.get(name, "")
    if not isinstance(found, str):
        raise Unreadable(name)
    return found


def codings(concept: Json) -> list[tuple[str, str]]:
    """Return the (system, code) pairs of a CodeableConcept."""
    return [coding(one) for one in children(concept, "coding")]


def coding(one: Json) -> tuple[str, str]:
    """Return (system, code) of a Coding."""
    return text(one, "system"), text(one, "code")


def ura_in(reference: Json) -> Ura | None:
    """Return the URA that a Reference names by identifier, or None; a malformed one is none."""
    identifier = child(reference, "identifier")
    if text(identifier, "system") != URA_SYSTEM:
        return None
    try:
        return Ura.parse(text(identifier, "value"))
    except NotAnIdentifier:
        return None


def _period(provision: Json, now: datetime) -> Applies:
    found = child(provision, "period")
    period = Period(text(found, "start"), text(found, "end"))
    try:
        if period.surely(now):
            return Applies.SURELY if set(found) <= {"start", "end", "id", "extension"} else Applies.PERHAPS
        return Applies.PERHAPS if period.possibly(now) else Applies.NO
    except NotAMoment:
        return Applies.PERHAPS


def _actors(provision: Json, asked: Asked) -> tuple[Applies, int, int, Applies]:
    """Say of the recipients whether the user is one, how exactly and how exactly at most, and of custodians if we are.

    Any recipient will do. Of custodians all are the holder, or none is: where only some are, it is not sure.
    """
    recipients: list[tuple[Applies, int]] = []
    custodians: list[Applies] = []
    for actor in children(provision, "actor"):
        roles = {code for system, code in codings(child(actor, "role")) if system == PARTICIPATION}
        reference = child(actor, "reference")
        strange = bool(actor.get("modifierExtension"))
        if roles and roles <= _RECIPIENTS:
            recipients.append(_PERHAPS_THE_USER if strange else _recipient(reference, asked))
        elif roles == {_CUSTODIAN}:
            custodians.append(Applies.PERHAPS if strange else is_holder(reference, asked))
        else:
            recipients.append(_PERHAPS_THE_USER)
    custodian = custodians[0] if len(set(custodians)) == 1 else Applies.PERHAPS if custodians else Applies.SURELY
    if not recipients:
        return Applies.SURELY, 0, 0, custodian
    applies, rank = max(recipients)
    return applies, rank, max(most for _, most in recipients), custodian


_PERHAPS_THE_USER = (Applies.PERHAPS, 2)


def _recipient(reference: Json, asked: Asked) -> tuple[Applies, int]:
    if (ura := ura_in(reference)) is not None:
        return (Applies.SURELY, 2) if ura == asked.user.ura else (Applies.NO, 0)
    types = list(_types(reference, asked.type_extension))
    if types and all(system == ORGANIZATION_TYPE_SYSTEM and organization_type(code) for system, code in types):
        if asked.user.type not in {code for _, code in types}:
            return Applies.NO, 0
        one_of_them = "reference" in reference or "identifier" in reference
        return _PERHAPS_THE_USER if one_of_them else (Applies.SURELY, 1)
    return _PERHAPS_THE_USER


def _types(reference: Json, url: str) -> Iterator[tuple[str, str]]:
    for extension in children(reference, "extension"):
        if url and text(extension, "url") == url:
            yield coding(child(extension, "valueCoding"))


def is_holder(reference: Json, asked: Asked) -> Applies:
    """Say whether a Reference is to the holder itself: by URA, or as the server refers to it."""
    if (ura := ura_in(reference)) is not None:
        return Applies.SURELY if ura == asked.holder else Applies.NO
    said = text(reference, "reference").removeprefix(f"{asked.base}/")
    return Applies.SURELY if said in asked.own_references else Applies.PERHAPS


def _action(provision: Json) -> Applies:
    actions = children(provision, "action")
    if not actions:
        return Applies.SURELY
    found = [pair for action in actions for pair in codings(action)]
    if (ACTION, "access") in found:
        return Applies.SURELY
    known = all(system == ACTION and code in _OTHER_ACTIONS for system, code in found)
    return Applies.NO if known and found else Applies.PERHAPS


def _purpose(provision: Json) -> tuple[Applies, bool]:
    purposes = [coding(one) for one in children(provision, "purpose")]
    if not purposes:
        return Applies.SURELY, False
    if any(system in REASONS and code == "TREAT" for system, code in purposes):
        return Applies.SURELY, True
    known = all(system in REASONS and code in _OTHER_PURPOSES for system, code in purposes)
    return (Applies.NO if known else Applies.PERHAPS), True


def _data(provision: Json) -> tuple[Applies, bool]:
    """A kind of data is named: all of PZP must belong to it. Part of it is perhaps, for PZP is shown as a whole.

    By class and by code: what names both is about what is of both.
    """
    named = []
    if "class" in provision:
        named.append([coding(one) for one in children(provision, "class")])
    if "code" in provision:
        named.append([pair for concept in children(provision, "code") for pair in codings(concept)])
    covered = all(any(kind in TREATMENT_DATA for kind in kinds) for kinds in named)
    return (Applies.SURELY if covered else Applies.PERHAPS), bool(named)
