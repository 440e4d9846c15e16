"""Consents as a holder's server may keep them, and what comes of some of them for one question."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from nuts_pzp.consent.choice import verdict
from nuts_pzp.identity import ORGANIZATION_TYPE_SYSTEM, URA_SYSTEM, Bsn, Organization, Ura
from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.systems.fhir_consent.criteria import Asked, Unreadable
from nuts_pzp.systems.fhir_consent.reading import finding

HL7 = "http://terminology.hl7.org/CodeSystem"
SCOPE, ROLES, REASON = f"{HL7}/consentscope", f"{HL7}/v3-ParticipationType", f"{HL7}/v3-ActReason"
ACTION, ACT = f"{HL7}/consentaction", f"{HL7}/v3-ActCode"
KIND_OF_DATA = "http://fhir.nl/otv/CodeSystem/gegevenscategorie"
TYPE = "https://regio.example/StructureDefinition/organization-type"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADULT, CHILD, YOUTH = date(1950, 5, 1), date(2018, 5, 1), date(2012, 5, 1)

One = dict[str, Any]


def concept(system: str, *codes: str) -> One:
    return {"coding": [{"system": system, "code": code} for code in codes]}


def ura(value: str) -> One:
    return {"identifier": {"system": URA_SYSTEM, "value": value}}


US, USER, OTHER = ura("90000222"), ura("90000444"), ura("90000999")


def by_type(code: str, **more: Any) -> One:
    coding = {"system": ORGANIZATION_TYPE_SYSTEM, "code": code}
    return {"extension": [{"url": TYPE, "valueCoding": coding}], **more}


def actor(reference: One, role: str = "IRCP", **more: Any) -> One:
    return {"role": concept(ROLES, role), "reference": reference, **more}


def rule(kind: str | None, *actors: One, **more: Any) -> One:
    named = {"type": kind, "actor": list(actors), **more}
    return {name: value for name, value in named.items() if value not in (None, [])}


def consent(provision: One, **more: Any) -> One:
    whole = {
        "resourceType": "Consent",
        "id": "c1",
        "status": "active",
        "scope": concept(SCOPE, "patient-privacy"),
        "category": [concept("http://loinc.org", "59284-0")],
        "patient": {"reference": "Patient/p1"},
        "organization": [US],
        "provision": provision,
        **more,
    }
    return {name: value for name, value in whole.items() if value is not None}


def yes(**more: Any) -> One:
    return consent(rule("permit", actor(USER)), **more)


def no(**more: Any) -> One:
    return consent(rule("deny", actor(USER)), **more)


def yes_type(**more: Any) -> One:
    return consent(rule("permit", actor(by_type("N6"))), **more)


def narrowed(kind: str, **more: Any) -> One:
    return consent(rule(kind, actor(USER), **more))


def without(one: One, name: str) -> One:
    return {key: value for key, value in one.items() if key != name}


def decision(born: date | None, *consents: One) -> str:
    """`permit`, `deny`, `nothing`, or `trouble` for what cannot be read."""
    organization = Organization(Ura("90000444"), "N6", "De Kade")
    asked = Asked(
        Bsn("999912008"), "p1", Ura("90000222"), organization, NOW, "https://fhir.example/r4",
        frozenset({"Organization/ons"}), TYPE, born,
    )  # fmt: skip
    try:
        found = [finding(one, asked) for one in consents]
    except Unreadable:
        return "trouble"
    outcome = verdict(one for one in found if one is not None).outcome
    return "permit" if isinstance(outcome, Permit) else "deny" if isinstance(outcome, Deny) else "nothing"


GGC = {"system": KIND_OF_DATA, "code": "GGC002"}
TREAT = {"system": REASON, "code": "TREAT"}
RESEARCH = {"system": REASON, "code": "HRESCH"}
PARENT = {"reference": "RelatedPerson/r1"}
SELF = {"reference": "Patient/p1"}
CONTAINED = [{"resourceType": "RelatedPerson", "id": "ouder"}]
CONTAINED_SELF = [{"resourceType": "Patient", "id": "kind"}]
LOCAL = {"reference": "Organization/7"}
YEAR = {"start": "2026-01-01", "end": "2026-12-31"}
