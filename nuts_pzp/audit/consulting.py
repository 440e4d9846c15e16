"""What the records of a consultation say, at the side that asks (spec audit 1.4)."""

from __future__ import annotations

from ..accounted import Addressed, Consulted, Intended, Received, Shown
from ..exchange import Inquiry
from .desk import Desk
from .fields import (
    attempt_fields,
    checks_field,
    event_field,
    gaps_field,
    listed,
    object_field,
    organization_field,
    outcome_field,
)
from .page import LONGEST_TEXT, Members, Page


def _consulting(
    event: Intended | Addressed | Received | Consulted, members: Members, page: Page, desk: Desk
) -> Inquiry:
    """Write what the events of a consultation share. The relation is as the user declared it, and says so."""
    inquiry = event.inquiry
    members |= attempt_fields(event.attempt, inquiry.caller)
    members |= page.patient(inquiry.bsn)
    members |= page.purpose(inquiry.purpose, inquiry.emergency_reason, inquiry.emergency_text)
    relation: Members = {"relation": "not-checked"}
    if inquiry.relation:
        relation = {"relation": "declared", "relation_kind": inquiry.relation.kind[:LONGEST_TEXT]}
        if inquiry.relation.since:
            relation["relation_since"] = inquiry.relation.since.isoformat()
    if inquiry.context:
        relation["context"] = inquiry.context
    members |= {
        "checks": checks_field(True, None, inquiry.purpose),
        "org": {"requester": desk.own or organization_field(inquiry.caller.organization)},
        "outcome": outcome_field(None),
        "policy": relation,
        "user": page.person(inquiry.professional),
    }
    return inquiry


def intended(event: Intended, members: Members, page: Page, desk: Desk) -> None:
    inquiry = _consulting(event, members, page, desk)
    members["event"] = event_field("consult.intent", "E", inquiry.purpose)
    members["object"] = listed("targets", tuple(ura.value for ura in inquiry.targets))


def addressed(event: Addressed, members: Members, page: Page, desk: Desk) -> None:
    inquiry = _consulting(event, members, page, desk)
    members["event"] = event_field("consult.sources", "E", inquiry.purpose)
    members["object"] = listed("sources", tuple(source.holder.ura.value for source in event.sources))
    if any(source.own for source in event.sources):
        members["object"]["own"] = True  # our own server is among them: that one was not dialled as another's
    if event.registers_awaited:
        members["object"]["registers_awaited"] = True  # another consult.sources follows, or the consultation broke off
    members["gaps"] = gaps_field(event.gaps)


def received(event: Received, members: Members, page: Page, desk: Desk) -> None:
    inquiry = _consulting(event, members, page, desk)
    members["event"] = event_field("consult.received", "R", inquiry.purpose)
    members["org"]["responder"] = organization_field(event.source.holder)
    members["object"] = listed("references", event.references) | ({"own": True} if event.source.own else {})
    members["gaps"] = gaps_field(event.gaps)
    if event.gaps and not event.references:
        members["outcome"] = outcome_field(event.gaps[0].stop)


def consulted(event: Consulted, members: Members, page: Page, desk: Desk) -> None:
    inquiry = _consulting(event, members, page, desk)
    members["event"] = event_field("consult.result", "R", inquiry.purpose)
    shown = listed("references", event.references) | listed("missing", event.missing)
    members["object"] = shown | {"complete": event.complete, "rules": event.rules, "sha256": event.digest}


def shown(event: Shown, members: Members, page: Page, desk: Desk) -> None:
    """A further look at one result: as much a look as the first, and told apart from a new question."""
    caller = event.attempt.caller
    members |= attempt_fields(event.attempt, caller)
    members |= page.patient(event.bsn)
    members |= {
        "event": event_field("consult.shown", "R", None),
        "object": object_field(event.attempt.request) | {"consultation": event.of},
        "org": {"requester": desk.own} if desk.own else {},
        "outcome": outcome_field(None),
        "user": page.person(event.professional),
    }
