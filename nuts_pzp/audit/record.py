"""How an event becomes a NEN 7513 record: the field map of spec audit 1.4, schema `nuts-pzp-audit/1`.

Holds the fact, never clinical content: references, counts and digests only. BSN, staff names and a reason for
emergency are sealed; should the patient's BSN stand anywhere else (a server that uses it as an id), it becomes
`#patient`. A professional's assurance is written literally, so self-attested never reads as verified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import orjson

from ..accounted import Addressed, Allowed, Consulted, Denied, Disclosed, Event, Intended, Kept, Received
from ..exchange import Attempt, Caller, Inquiry
from ..fhir.request import FhirRequest, template
from ..identity import Organization, Purpose, Tenant
from ..outcome import Deny, Evidence, Gap, Permit, Stop, Unavailable, Unknown
from .canonical import HOLE, SCHEMA, WALL, Clock, Pool, Randomness, check, dumps_checked
from .page import LONGEST_TEXT, Draft, Members, Page
from .seal import Seal

SYSTEM = "system"
"""The log of what belongs to no tenant. No tenant may have this id."""

_LIST_BUDGET = 20_000
_QUERY = 4_000


class Scribe:
    """Writes the drafts of one tenant's log."""

    def __init__(
        self,
        tenant: Tenant | None,
        seal: Seal,
        node: Mapping[str, str],
        *,
        wall: Clock = WALL,
        randomness: Randomness | None = None,
    ) -> None:
        """`node` says which installation writes: `name`, `version`. Without a tenant it writes the system log."""
        self.tenant = tenant.id if tenant else SYSTEM
        self._seal, self._wall, self._randomness = seal, wall, randomness or Pool()
        self._own = _organization(tenant.organization) if tenant else None
        self._constant: Members = {
            "idx": HOLE,
            "prev_ts_mono": HOLE,
            "source": orjson.Fragment(orjson.dumps(dict(sorted({**node, "tenant": self.tenant}.items())))),
            "tenant": self.tenant,
            "ts": HOLE,
            "v": SCHEMA,
        }

    def draft(self, event: Event) -> Draft:
        """Write one event; OutsideProfile or BadKeyFile when it cannot be written, and then nothing may be released."""
        page = Page(self._seal, self._wall() // 1_000_000, self._randomness)
        members = self._constant | {"id": page.id, "salt": page.salt}
        _WRITERS[type(event)](event, members, page, self._own)
        if isinstance(event, Kept):
            check(members)  # free keys; all other members are literals and text
        written = dumps_checked(members)
        if page.bsn and (digits := page.bsn.value.encode()) in written:
            written = written.replace(digits, b"#patient")
        before, middle, later, after = written.split(b"\x00")
        opens, closes = follows(members)
        return Draft(page.id, (before, middle, later, after), opens, closes, isinstance(event, Kept))


def _organization(organization: Organization) -> Members:
    return {"name": organization.name[:LONGEST_TEXT], "type": organization.type, "ura": organization.ura.value}


def _event(code: str, action: str, purpose: Purpose | None) -> Members:
    return {"action": action, "code": code, "kind": "emergency" if purpose is Purpose.EMERGENCY else "normal"}


def _outcome(stop: Stop | None) -> Members:
    """NEN outcome 0 or 8, and which of the three kinds of no; the officer needs them apart."""
    if stop is None:
        return {"code": 0, "kind": "permit"}
    outcome: Members = {"code": 8, "kind": _kind(stop), "reason": stop.reason.code}
    if stop.detail:
        outcome["detail"] = stop.detail[:LONGEST_TEXT]
    return outcome


def _kind(stop: Stop) -> str:
    return {Deny: "deny", Unknown: "unknown", Unavailable: "unavailable"}[type(stop)]


def _checks(authz: bool | None, consent: bool | None, purpose: Purpose | None) -> Members:
    """NEN `controles`: true, false, or null when not evaluated. Nobody verifies the relation, so it is never true."""
    return {"authz": authz, "btg": purpose is Purpose.EMERGENCY, "consent": consent, "relation": None}


def _evidence(evidence: tuple[Evidence, ...]) -> list[Members]:
    return [
        {"ref": item.reference[:LONGEST_TEXT], "sha256": item.digest, "source": item.source[:LONGEST_TEXT]}
        for item in evidence[:50]
    ]


def _attempt(attempt: Attempt, caller: Caller | None) -> Members:
    """Return what every event about a request has: how to join it, and where it came from."""
    net: Members = {}
    if attempt.address:
        net["ip"] = attempt.address[:LONGEST_TEXT]
    if caller:
        net["means"] = caller.means
        if caller.certificate:
            net["mtls_sha256"] = caller.certificate
        if caller.token_digest:
            net["token_sha256"] = caller.token_digest.hex()
    members: Members = {"correlation": attempt.correlation[:LONGEST_TEXT], "net": net}
    if attempt.trace:
        members["trace"] = {"traceparent": attempt.trace[:LONGEST_TEXT]}
    return members


def _requester(caller: Caller | None, holder: Members | None, page: Page) -> Members:
    """Return the members that say who asks, and which holder is asked."""
    org: Members = {"responder": holder} if holder else {}
    if caller is None:
        return {"org": org}
    members: Members = {"org": org | {"requester": _organization(caller.organization)}}
    if caller.professional:
        members["user"] = page.person(caller.professional)
    return members | page.purpose(caller.purpose, caller.emergency_reason)


def _object(request: FhirRequest | None) -> Members:
    if request is None:
        return {}
    query = template(request)
    asked: Members = {"interaction": request.interaction, "query": query[:_QUERY], "type": request.resource_type}
    if len(query) > _QUERY:
        asked["query_cut"] = len(query)
    return asked


def _listed(name: str, values: tuple[str, ...]) -> Members:
    """Return a list and its length; a very long one is cut, and its digest still proves the whole (spec 64 KiB)."""
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


def _gaps(gaps: tuple[Gap, ...]) -> list[Members]:
    return [{"kind": _kind(gap.stop), "reason": gap.stop.reason.code, "where": gap.where[:80]} for gap in gaps[:200]]


def _allowed(event: Allowed, members: Members, page: Page, own: Members | None) -> None:
    access = event.access
    caller = access.caller
    policy = [ground for ground in event.grounds if ground.basis.startswith("policy:")]
    consent = [ground for ground in event.grounds if ground not in policy]
    members |= _attempt(event.attempt, caller)
    members |= _requester(caller, own, page)
    members |= page.patient(access.patient.bsn)
    members |= {
        "checks": _checks(bool(policy) or None, bool(consent) or None, caller.purpose),
        "consent": {"basis": [ground.basis for ground in consent], "decision": "permit", "evidence": _joined(consent)},
        "event": _event("disclosure.decision", "E", caller.purpose),
        "legal_basis": consent[0].basis.partition(":")[0] if consent else "none",
        "object": _object(access.request),
        "outcome": _outcome(None),
        "policy": _policy(event.policy, policy),
    }


def _joined(grounds: list[Permit]) -> list[Members]:
    return _evidence(tuple(item for ground in grounds for item in ground.evidence))


def _policy(bundle: str, grounds: list[Permit]) -> Members:
    return {
        "basis": [ground.basis for ground in grounds],
        "bundle_sha256": bundle,
        "evidence": _joined(grounds),
        "relation": "not-checked",
    }


def _denied(event: Denied, members: Members, page: Page, own: Members | None) -> None:
    attempt, stop = event.attempt, event.stop
    caller = attempt.caller
    purpose = caller.purpose if caller else None
    room = stop.reason.code.split("-")[1]
    answered = None if isinstance(stop, Unavailable) else False
    about_consent = room == "CONSENT"
    consulting = attempt.flow == "consult"
    yes_or_no = "consult.result" if consulting else "disclosure.decision"
    members |= _attempt(attempt, caller)
    members |= _requester(caller, None if consulting else own, page)
    members |= page.patient(attempt.patient.bsn if attempt.patient else None)
    members |= {
        "checks": _checks(
            answered if room in ("AUTHN", "REQUEST", "POLICY") else None, answered if about_consent else None, purpose
        ),
        "event": _event(yes_or_no if caller else "auth.failed", "E", purpose),
        "legal_basis": "none",
        "object": _object(attempt.request),
        "outcome": _outcome(stop),
        "policy": {"bundle_sha256": event.policy, "relation": "not-checked"},
    }
    if about_consent:
        members["consent"] = {"basis": [], "decision": _kind(stop), "evidence": _evidence(stop.evidence)}
    elif stop.evidence:
        members["evidence"] = _evidence(stop.evidence)


def _disclosed(event: Disclosed, members: Members, page: Page, own: Members | None) -> None:
    attempt = event.attempt
    purpose = attempt.caller.purpose if attempt.caller else None
    members |= _attempt(attempt, attempt.caller)
    members |= _requester(attempt.caller, own, page)
    members |= page.patient(attempt.patient.bsn if attempt.patient else None)
    told = _object(attempt.request) | _listed("references", event.references) | _listed("withheld", event.withheld)
    if event.digest:
        told["sha256"] = event.digest
    members |= {
        "checks": _checks(True, True, purpose),  # a result follows a recorded yes only: the ports' types demand it
        "event": _event("disclosure.result", "R", purpose),
        "object": told,
        "outcome": _outcome(event.stop),
    }


def _consulting(
    event: Intended | Addressed | Received | Consulted, members: Members, page: Page, own: Members | None
) -> Inquiry:
    """Write what the events of a consultation share. The relation is as the user declared it, and says so."""
    inquiry = event.inquiry
    members |= _attempt(event.attempt, inquiry.caller)
    members |= page.patient(inquiry.bsn)
    members |= page.purpose(inquiry.purpose, inquiry.emergency_reason)
    relation: Members = {"relation": "not-checked"}
    if inquiry.relation:
        relation = {"relation": "declared", "relation_kind": inquiry.relation.kind[:LONGEST_TEXT]}
    members |= {
        "checks": _checks(True, None, inquiry.purpose),
        "org": {"requester": own or _organization(inquiry.caller.organization)},
        "outcome": _outcome(None),
        "policy": relation,
        "user": page.person(inquiry.professional),
    }
    return inquiry


def _intended(event: Intended, members: Members, page: Page, own: Members | None) -> None:
    inquiry = _consulting(event, members, page, own)
    members["event"] = _event("consult.intent", "E", inquiry.purpose)
    members["object"] = _listed("targets", tuple(ura.value for ura in inquiry.targets))


def _addressed(event: Addressed, members: Members, page: Page, own: Members | None) -> None:
    inquiry = _consulting(event, members, page, own)
    members["event"] = _event("consult.sources", "E", inquiry.purpose)
    members["object"] = _listed("sources", tuple(source.holder.ura.value for source in event.sources))
    members["gaps"] = _gaps(event.gaps)


def _received(event: Received, members: Members, page: Page, own: Members | None) -> None:
    inquiry = _consulting(event, members, page, own)
    members["event"] = _event("consult.received", "R", inquiry.purpose)
    members["org"]["responder"] = _organization(event.source.holder)
    members["object"] = _listed("references", event.references)
    members["gaps"] = _gaps(event.gaps)
    if event.gaps and not event.references:
        members["outcome"] = _outcome(event.gaps[0].stop)


def _consulted(event: Consulted, members: Members, page: Page, own: Members | None) -> None:
    inquiry = _consulting(event, members, page, own)
    members["event"] = _event("consult.result", "R", inquiry.purpose)
    shown = _listed("references", event.references) | _listed("missing", event.missing)
    members["object"] = shown | {"complete": event.complete, "rules": event.rules, "sha256": event.digest}


_KEPT_OUTCOMES = {"outcome.unknown": (8, "uncertain"), "audit.degraded": (12, "degraded")}


def _kept(event: Kept, members: Members, page: Page, own: Members | None) -> None:
    detail = {key[:80]: value[:_QUERY] for key, value in event.detail}
    if correlation := detail.pop("correlation", ""):
        members["correlation"] = correlation
    code, kind = _KEPT_OUTCOMES.get(event.code, (0, "done"))
    log = event.code.startswith(("audit.", "clock.", "outcome."))
    members |= {
        "detail": detail,
        "event": {"action": "E", "code": event.code, "kind": "log" if log else "normal"},
        "outcome": {"code": code, "kind": kind},
    }
    if own:
        members["org"] = {"responder": own}


def follows(record: Members) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return under which keys a result must follow this record, and of which it is the result (spec audit C2)."""
    correlation = record.get("correlation")
    if not correlation:
        return (), ()
    code = record["event"]["code"]
    disclosure, consultation = f"disclose:{correlation}", f"consult:{correlation}"
    if code == "disclosure.decision" and record["outcome"]["kind"] == "permit":
        return (disclosure,), ()
    if code == "consult.intent":
        return (consultation,), ()
    if code == "disclosure.result":
        return (), (disclosure,)
    if code == "consult.result":
        return (), (consultation,)
    if code == "outcome.unknown":
        return (), (f"{record['detail']['flow']}:{correlation}",)
    if code in ("disclosure.decision", "auth.failed"):
        return (), (disclosure, consultation)
    return (), ()


_Writer = Callable[[Any, Members, Page, Members | None], None]
_WRITERS: dict[type, _Writer] = {
    Addressed: _addressed,
    Allowed: _allowed,
    Consulted: _consulted,
    Denied: _denied,
    Disclosed: _disclosed,
    Intended: _intended,
    Kept: _kept,
    Received: _received,
}
