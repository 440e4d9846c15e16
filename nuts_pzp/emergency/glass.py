"""Judges an emergency claim where no consent was found, and leaves its traces before anything is released.

Serves consent (row 14). An emergency that is let through stands in the review queue and among the alerts first; when
that cannot be promised it is not let through.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ..exchange import Access
from ..outcome import Deny, Evidence, Outcome, Permit, Stop, Unavailable
from ..reasons import Reason
from ..store.port import StoreFailed
from .claim import Rule
from .port import Alert
from .register import Register, Review


@dataclass(frozen=True, slots=True)
class Glass:
    """One holder's. `most` emergencies of one organization within `seconds`; `wake` hurries who tells the officer."""

    tenant: str
    rule: Rule
    register: Register
    after: frozenset[Reason]
    most: int
    seconds: float
    clock: Callable[[], float] = time.time
    wake: Callable[[], None] = field(default=lambda: None, repr=False)

    async def open(self, access: Access, stop: Stop, /) -> Outcome[Permit]:
        """Permit a complete claim within the cap, once it is in the queue; a failure of Mitz stays what it was."""
        refused = self.rule.refuses(access)
        if refused is not None:
            return _but(stop, refused)
        try:
            return await self._open(access, stop)
        except StoreFailed as error:
            return Unavailable(Reason.EMERGENCY_UNRECORDED, detail=str(error))

    async def _open(self, access: Access, stop: Stop) -> Outcome[Permit]:
        id, organization = self.register.id(access), access.caller.organization
        permit = Permit(f"emergency-override:{stop.reason.code}", (*stop.evidence, Evidence("emergency", id)))
        known = await self.register.review(id)
        if known is not None:
            return _but(stop, Deny(Reason.EMERGENCY_UNLAWFUL)) if known.unlawful else permit
        now = self.clock()
        nth = await self.register.count(organization.ura, id, now, most=self.most, seconds=self.seconds)
        if not nth:
            return _but(stop, Deny(Reason.EMERGENCY_CAP))
        await self.register.queue(self._review(access, stop, id, now, nth))
        self.wake()
        return permit

    def _review(self, access: Access, stop: Stop, id: str, now: float, nth: int) -> Review:
        caller, who = access.caller, access.caller.professional
        assert who is not None  # a claim without a person is not complete
        alert = Alert(
            id=id,
            at=datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
            tenant=self.tenant,
            meldcode=access.correlation,
            ura=caller.organization.ura.value,
            type=caller.organization.type,
            organization=caller.organization.name,
            role=who.role,
            reason=caller.emergency_reason or "",
            prior=stop.reason.code,
            nth=nth,
            most=self.most,
        )
        return Review(alert, access.patient.bsn, who.id, who.name, caller.emergency_text)


def _but(stop: Stop, refused: Deny) -> Stop:
    """Where Mitz could not be asked the network still sees that: an incomplete claim is no answer of Mitz."""
    if isinstance(stop, Unavailable):
        return replace(stop, detail=f"{stop.detail} ({refused.reason.code})".strip())
    return replace(refused, evidence=stop.evidence)
