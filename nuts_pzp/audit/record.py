"""How an event becomes a NEN 7513 record: the field map of spec audit 1.4, schema `nuts-pzp-audit/1`.

Holds the fact, never clinical content: references, counts and digests only. BSN, staff names and a reason for
emergency are sealed; should the patient's BSN stand anywhere else (a server that uses it as an id), it becomes
`#patient`. A professional's assurance is written literally, so self-attested never reads as verified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ..accounted import (
    Addressed,
    Administered,
    Allowed,
    Consulted,
    Denied,
    Disclosed,
    Event,
    Intended,
    Kept,
    Notified,
    Received,
    Shown,
    TokenIssued,
)
from ..identity import Tenant
from ..outcome import Permit, Stop, Unavailable
from . import consulting
from .canonical import HOLE, SCHEMA, WALL, Clock, Pool, Randomness, check, dumps_checked
from .desk import Desk, asked
from .fields import (
    LONGEST_QUERY,
    attempt_fields,
    checks_field,
    event_field,
    evidence_field,
    kind_of,
    listed,
    outcome_field,
    user_fields,
)
from .page import LONGEST_TEXT, Draft, Members, Page
from .seal import Seal

SYSTEM = "system"
"""The log of what belongs to no tenant. No tenant may have this id."""


VERIFIED = ("implied:", "cover:")
"""Grounds for which the holder itself found evidence of a relation."""


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
        self._desk = Desk(tenant.organization if tenant else None)
        self._constant: Members = {
            "idx": HOLE,
            "prev_ts_mono": HOLE,
            "source": orjson.Fragment(orjson.dumps(dict(sorted(node.items())))),
            "tenant": self.tenant,
            "ts": HOLE,
            "v": SCHEMA,
        }

    def draft(self, event: Event) -> Draft:
        """Write one event; OutsideProfile or BadKeyFile when it cannot be written, and then nothing may be released."""
        kind = type(event)
        page = Page(self._seal, self._wall() // 1_000_000, self._randomness)
        members = self._constant.copy()
        members["id"], members["salt"] = page.id, page.salt
        _WRITERS[kind](event, members, page, self._desk)
        if kind in _FREE:
            check(members)
        written = dumps_checked(members)
        if page.bsn and (digits := page.bsn.value.encode()) in written:
            written = written.replace(digits, b"#patient")
        before, middle, later, after = written.split(b"\x00")
        opens, closes = follows(members)
        return Draft(page.id, (before, middle, later, after), opens, closes, kind is Kept)


def _allowed(event: Allowed, members: Members, page: Page, desk: Desk) -> None:
    access = event.access
    caller = access.caller
    policy: list[Permit] = []
    consent: list[Permit] = []
    for ground in event.grounds:
        (policy if ground.basis.startswith("policy:") else consent).append(ground)
    basis = [ground.basis for ground in consent]
    verified = any(one.startswith(VERIFIED) for one in basis)
    members |= desk.decided(event)
    members |= user_fields(caller, page)
    members |= page.patient(access.patient.bsn)
    members |= {
        "checks": checks_field(bool(policy) or None, bool(consent) or None, caller.purpose, verified or None),
        "consent": {"basis": basis, "decision": "permit", "evidence": _joined(consent)},
        "event": event_field("disclosure.decision", "E", caller.purpose),
        "legal_basis": basis[0].partition(":")[0] if basis else "none",
        "outcome": outcome_field(None),
        "policy": _policy(event.policy, policy, "verified" if verified else "not-checked"),
    }


def _joined(grounds: list[Permit]) -> list[Members]:
    return evidence_field(tuple(item for ground in grounds for item in ground.evidence))


def _policy(bundle: str, grounds: list[Permit], relation: str = "not-checked") -> Members:
    policy: Members = {"basis": [ground.basis for ground in grounds], "relation": relation}
    if bundle:
        policy["bundle_sha256"] = bundle
    if evidence := _joined(grounds):
        policy["evidence"] = evidence
    return policy


def _denied(event: Denied, members: Members, page: Page, desk: Desk) -> None:
    attempt, stop = event.attempt, event.stop
    caller = attempt.caller
    purpose = caller.purpose if caller else None
    room = _room(stop)
    answered = None if isinstance(stop, Unavailable) else False
    about_consent = room == "CONSENT"
    consulting = attempt.flow == "consult"
    yes_or_no = "consult.result" if consulting else "disclosure.decision"
    members |= asked(attempt, caller, attempt.request, None if consulting else desk.own)
    members |= user_fields(caller, page)
    members |= page.patient(attempt.patient.bsn if attempt.patient else None)
    members |= {
        "checks": checks_field(
            answered if room in ("AUTHN", "REQUEST", "POLICY") else None, answered if about_consent else None, purpose
        ),
        "event": event_field(yes_or_no if caller else "auth.failed", "E", purpose),
        "legal_basis": "none",
        "outcome": outcome_field(stop),
        "policy": _policy(event.policy, []),
    }
    if about_consent:
        members["consent"] = _not_consented(stop)
    elif stop.evidence:
        members["evidence"] = evidence_field(stop.evidence)


def _room(stop: Stop) -> str:
    """Which room stopped it, as its code says: `PZP-CONSENT-003`."""
    return stop.reason.code.split("-")[1]


def _not_consented(stop: Stop) -> Members:
    return {"basis": [], "decision": kind_of(stop), "evidence": evidence_field(stop.evidence)}


def _disclosed(event: Disclosed, members: Members, page: Page, desk: Desk) -> None:
    attempt = event.attempt
    purpose = attempt.caller.purpose if attempt.caller else None
    members |= desk.answered(attempt)
    members |= user_fields(attempt.caller, page)
    members |= page.patient(attempt.patient.bsn if attempt.patient else None)
    told = members["object"] | listed("references", event.references) | listed("withheld", event.withheld)
    if event.digest:
        told["sha256"] = event.digest
    # A result follows a recorded yes only, as the ports' types demand; but a choice may have changed since.
    consent: bool | None = True
    if event.stop is not None and _room(event.stop) == "CONSENT":
        consent = None if isinstance(event.stop, Unavailable) else False
        members["consent"] = _not_consented(event.stop)
    members |= {
        "checks": checks_field(True, consent, purpose),
        "event": event_field("disclosure.result", "R", purpose),
        "object": told,
        "outcome": outcome_field(event.stop),
    }


def _token(event: TokenIssued, members: Members, page: Page, desk: Desk) -> None:
    members |= attempt_fields(event.attempt, event.attempt.caller)
    members |= {
        "event": event_field("auth.token", "E", None),
        "object": {"client": event.client[:LONGEST_TEXT], "jti": event.jti[:LONGEST_TEXT]},
        "org": {"requester": desk.own} if desk.own else {},
        "outcome": outcome_field(None),
        "user": page.person(event.professional),
    }


_KEPT_OUTCOMES = {"outcome.unknown": (8, "uncertain"), "audit.degraded": (12, "degraded")}


def _kept(event: Kept, members: Members, page: Page, desk: Desk) -> None:
    detail = {key[:80]: value[:LONGEST_QUERY] for key, value in event.detail}
    if correlation := detail.pop("correlation", ""):
        members["correlation"] = correlation
    code, kind = _KEPT_OUTCOMES.get(event.code, (0, "done"))
    log = event.code.startswith(("audit.", "clock.", "outcome."))
    members |= {
        "detail": detail,
        "event": {"action": "E", "code": event.code, "kind": "log" if log else "normal"},
        "outcome": {"code": code, "kind": kind},
    }
    if desk.own:
        members["org"] = {"responder": desk.own}


def _administered(event: Administered, members: Members, page: Page, desk: Desk) -> None:
    members |= page.patient(event.bsn)
    members |= {
        "correlation": event.id[:LONGEST_TEXT],
        "detail": {key[:80]: value[:LONGEST_TEXT] for key, value in event.detail},
        "event": {"action": "E", "code": event.code, "kind": "normal"},
        "org": {"requester": desk.own, "responder": desk.own} if desk.own else {},
        "outcome": {"code": 0, "kind": "done"},
        "user": page.person(event.operator),
    }


def _notified(event: Notified, members: Members, page: Page, desk: Desk) -> None:
    members |= attempt_fields(event.attempt, None)
    members |= page.patient(event.bsn)
    members |= {
        "detail": {"register": event.register, **{key[:80]: value[:LONGEST_TEXT] for key, value in event.detail}},
        "event": {"action": "U", "code": "sharing_consent.notified", "kind": "normal"},
        "org": {"responder": desk.own} if desk.own else {},
        "outcome": {"code": 0, "kind": "done"} if event.bsn else {"code": 4, "kind": "ignored"},
    }


def follows(record: Members) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return under which keys a result must follow this record, and of which it is the result (spec audit C2)."""
    correlation = record.get("correlation")
    if not correlation:
        return (), ()
    code = record["event"]["code"]
    disclosure, consultation = f"disclose:{correlation}", f"consult:{correlation}"
    if code == "disclosure.decision" and record["outcome"]["kind"] == "permit":
        # What another enforcement point did with the answer is in its own log: no result will follow here.
        return ((), ()) if "enforced_by" in record else ((disclosure,), ())
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


_FREE = frozenset({Kept, Administered, Notified})
"""Events with keys of their own; all other members are literals and text."""

_Writer = Callable[[Any, Members, Page, Desk], None]
_WRITERS: dict[type, _Writer] = {
    Addressed: consulting.addressed,
    Administered: _administered,
    Allowed: _allowed,
    Consulted: consulting.consulted,
    Denied: _denied,
    Disclosed: _disclosed,
    Intended: consulting.intended,
    Kept: _kept,
    Notified: _notified,
    Received: consulting.received,
    Shown: consulting.shown,
    TokenIssued: _token,
}
