"""The parts of a record that several events share, as plain members (spec audit 1.4)."""

from __future__ import annotations

from hashlib import sha256

from ..exchange import Attempt, Caller
from ..fhir.request import FhirRequest, template
from ..identity import Organization, Purpose
from ..outcome import Deny, Evidence, Gap, Stop, Unavailable, Unknown
from .canonical import base64url
from .page import LONGEST_TEXT, Members, Page

LONGEST_QUERY = 4_000
"""Characters of a query template that are kept."""

_LIST_BUDGET = 20_000


def organization_field(organization: Organization) -> Members:
    return {"name": organization.name[:LONGEST_TEXT], "type": organization.type, "ura": organization.ura.value}


def event_field(code: str, action: str, purpose: Purpose | None) -> Members:
    return {"action": action, "code": code, "kind": "emergency" if purpose is Purpose.EMERGENCY else "normal"}


def outcome_field(stop: Stop | None) -> Members:
    """NEN outcome 0 or 8, and which of the three kinds of no; the officer needs them apart."""
    if stop is None:
        return {"code": 0, "kind": "permit"}
    outcome: Members = {"code": 8, "kind": kind_of(stop), "reason": stop.reason.code}
    if stop.detail:
        outcome["detail"] = stop.detail[:LONGEST_TEXT]
    return outcome


_KINDS: dict[type, str] = {Deny: "deny", Unknown: "unknown", Unavailable: "unavailable"}


def kind_of(stop: Stop) -> str:
    return _KINDS[type(stop)]


def checks_field(
    authz: bool | None, consent: bool | None, purpose: Purpose | None, relation: bool | None = None
) -> Members:
    """NEN `controles`: true, false, or null when not evaluated. The relation is true on the holder's evidence only."""
    return {"authz": authz, "btg": purpose is Purpose.EMERGENCY, "consent": consent, "relation": relation}


def evidence_field(evidence: tuple[Evidence, ...]) -> list[Members]:
    return [
        {"ref": item.reference[:LONGEST_TEXT], "sha256": item.digest, "source": item.source[:LONGEST_TEXT]}
        for item in evidence[:50]
    ]


def attempt_fields(attempt: Attempt, caller: Caller | None) -> Members:
    """Return what every event about a request has: how to join it, and where it came from."""
    net: Members = {}
    if attempt.address:
        net["ip"] = attempt.address[:LONGEST_TEXT]
    if shown := attempt.certificate:
        net["mtls_sha256"] = shown.sha256
        if shown.subject:
            net["mtls_subject"] = shown.subject[:LONGEST_TEXT]
    if caller:
        net["means"] = caller.means
        if caller.certificate:
            net["mtls_sha256"] = caller.certificate
        if caller.token_digest:
            net["token_sha256"] = base64url(caller.token_digest)
    members: Members = {"correlation": attempt.correlation[:LONGEST_TEXT], "net": net}
    if attempt.enforced_by:
        members["enforced_by"] = attempt.enforced_by[:LONGEST_TEXT]
    if attempt.trace:
        members["trace"] = {"traceparent": attempt.trace[:LONGEST_TEXT]}
    return members


def org_field(caller: Caller | None, holder: Members | None) -> Members:
    """Return the organization that asks, and the holder that is asked."""
    org: Members = {}
    if caller:
        org["requester"] = organization_field(caller.organization)
    if holder:
        org["responder"] = holder
    return org


def user_fields(caller: Caller | None, page: Page) -> Members:
    """Return the person who asks, and why."""
    if caller is None:
        return {}
    members = page.purpose(caller.purpose, caller.emergency_reason, caller.emergency_text)
    if caller.professional:
        members["user"] = page.person(caller.professional)
    return members


def object_field(request: FhirRequest | None) -> Members:
    if request is None:
        return {}
    query = template(request)
    asked: Members = {"interaction": request.interaction, "query": query[:LONGEST_QUERY], "type": request.resource_type}
    if len(query) > LONGEST_QUERY:
        asked["query_cut"] = len(query)
    return asked


def listed(name: str, values: tuple[str, ...]) -> Members:
    """Return a list and its length; a very long one is cut, and its digest still proves the whole (spec 64 KiB)."""
    if not values:
        return {}
    members: Members = {name: list(values), f"{name}_count": len(values)}
    if sum(map(len, values)) + 3 * len(values) > _LIST_BUDGET:
        room, fits = _LIST_BUDGET, 0
        for value in values:
            room -= len(value) + 3
            if room < 0:
                break
            fits += 1
        members[name] = list(values[:fits])
        members[f"{name}_sha256"] = sha256("\n".join(values).encode()).hexdigest()
    return members


def gaps_field(gaps: tuple[Gap, ...]) -> list[Members]:
    return [{"kind": kind_of(gap.stop), "reason": gap.stop.reason.code, "where": gap.where[:80]} for gap in gaps[:200]]
