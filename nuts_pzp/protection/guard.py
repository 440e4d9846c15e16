"""The guard of one tenant's network door: limits, and an eye for who tries many patients (design section 2, ADR 0035).

Knows organizations by URA and patients by a hash that means nothing outside this process. Every refusal looks the same
from outside, whether a patient exists or not: a limit counts what is asked, never what was found.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import structlog

from ..accounted import Denied, Kept
from ..fhir.request import FhirRequest
from ..outcome import Deny
from ..reasons import Face, Reason
from .rates import Buckets, Rate
from .turns import Turns

_ORGANIZATIONS, _INCIDENTS = 10_000, 1_000
_TELLING = frozenset(
    reason
    for reason in Reason
    if reason.face is Face.FORBIDDEN and reason.code.startswith(("PZP-PATIENT-", "PZP-CONSENT-"))
) | {Reason.RESOURCE_REFUSED}
"""Refusals that are about a patient. Those about the caller say nothing of whom it tries."""

_log = structlog.get_logger("nuts_pzp.protection")


@dataclass(frozen=True, slots=True)
class Refusals:
    """About how many distinct patients one organization may be refused in a window, and how long it is stopped then.

    Seconds; `patients` 0 does not watch.
    """

    patients: int
    window: float
    stop: float


@dataclass(frozen=True, slots=True)
class Room:
    """How many requests are answered at once, how many may wait for that, and for how many seconds."""

    at_once: int
    waiting: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits of one tenant."""

    organization: Rate
    tenant: Rate
    patient: Rate
    refusals: Refusals
    room: Room
    spared: frozenset[str] = frozenset()
    """URAs that are not stopped for the patients they were refused; the incident is recorded all the same."""


GENEROUS = Rules(
    organization=Rate(100.0, 1_000),
    tenant=Rate(400.0, 2_000),
    patient=Rate(20.0, 400),
    refusals=Refusals(60, 600.0, 600.0),
    room=Room(64, 128, 5.0),
)
"""What no honest use of PZP meets: a consultation takes some ten requests, a country a few hundred a second."""


@dataclass(slots=True)
class Memory:
    """What a guard remembers. A reload of settings hands it on: nobody is let off by a changed file."""

    organizations: Buckets = field(default_factory=Buckets)
    tenant: Buckets = field(default_factory=Buckets)
    patients: Buckets = field(default_factory=Buckets)
    refused: OrderedDict[str, OrderedDict[int, float]] = field(default_factory=OrderedDict, repr=False)
    stopped: dict[str, float] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)
    counts: Counter[str] = field(default_factory=Counter)
    """How often something stopped: refusals by a limit, and incidents."""
    incidents: deque[Kept] = field(default_factory=lambda: deque(maxlen=_INCIDENTS), repr=False)
    """What is still to be recorded: an organization is stopped once, so its incident may not be lost with a record."""


class Guard:
    """Asked before the rooms of a decision, told of every refusal after. One per tenant."""

    def __init__(
        self, tenant: str = "", rules: Rules = GENEROUS, memory: Memory | None = None,
        *, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`clock` is monotonic seconds."""
        self._tenant, self.rules, self.memory = tenant, rules, memory or Memory()
        self._clock = clock

    def admits(self, ura: str) -> Deny | None:
        """Let an organization ask once more, or say why not: stopped (ENUMERATION), or too much (THROTTLED)."""
        memory, now = self.memory, self._clock()
        if memory.stopped and (until := memory.stopped.get(ura)) is not None:
            if now < until and ura not in self.rules.spared:
                return self._stop("enumeration", Reason.ENUMERATION, "stopped after too many patients were refused")
            del memory.stopped[ura]
        if not memory.organizations.take(ura, self.rules.organization, now):
            return self._stop("organization", Reason.THROTTLED, "too many requests of this organization")
        if not memory.tenant.take("", self.rules.tenant, now):
            return self._stop("tenant", Reason.THROTTLED, "too many requests to this tenant")
        return None

    def about(self, ura: str, request: FhirRequest) -> Deny | None:
        """Let an organization ask about a patient once more, known here or not; THROTTLED when it is too often.

        Per organization: nobody can keep another from a patient.
        """
        if self.memory.patients.take((ura, asked_about(request)), self.rules.patient, self._clock()):
            return None
        return self._stop("patient", Reason.THROTTLED, "too many requests about this patient")

    async def enters(self, whose: Hashable = "") -> bool:
        """Take a turn to be answered; False when there is no room. Whoever got True calls `leaves`.

        `whose` is what is known of who knocks before anything is verified: a certificate, or an address.
        """
        room = self.rules.room
        if await self.memory.turns.take(room.at_once, room.waiting, room.seconds, whose):
            return True
        self.memory.counts["waiting"] += 1
        return False

    def leaves(self, whose: Hashable = "") -> None:
        """Give the turn back."""
        self.memory.turns.give(whose)

    def refused(self, decision: Denied) -> Kept | None:
        """Be told of a refusal; return the incident to record when an organization was refused too many patients."""
        attempt, rule = decision.attempt, self.rules.refusals
        if not rule.patients or attempt.caller is None or attempt.request is None:
            return None
        if decision.stop.reason not in _TELLING:
            return None
        ura, now = attempt.caller.organization.ura.value, self._clock()
        refused = self._refused(ura)
        refused.pop(about := asked_about(attempt.request), None)
        refused[about] = now
        while refused and next(iter(refused.values())) <= now - rule.window:
            refused.popitem(last=False)
        if len(refused) <= rule.patients:
            return None
        return self._incident(ura, len(refused), now)

    def _refused(self, ura: str) -> OrderedDict[int, float]:
        known = self.memory.refused
        found = known.setdefault(ura, OrderedDict())
        known.move_to_end(ura)
        if len(known) > _ORGANIZATIONS:
            known.popitem(last=False)
        return found

    def _incident(self, ura: str, patients: int, now: float) -> Kept:
        rule, memory = self.rules.refusals, self.memory
        del memory.refused[ura]
        stop = 0.0 if ura in self.rules.spared else rule.stop
        memory.stopped[ura] = now + stop
        memory.counts["enumerations"] += 1
        _log.error("protection.enumeration", tenant=self._tenant, organization=ura, patients=patients)
        told = {"organization": ura, "patients": patients, "stop_seconds": stop, "window_seconds": rule.window}
        return Kept("protection.enumeration", tuple((key, f"{value}") for key, value in told.items()))

    def _stop(self, limit: str, reason: Reason, why: str) -> Deny:
        self.memory.counts[limit] += 1
        return Deny(reason, detail=why)


def asked_about(request: FhirRequest) -> int:
    """Return a number for whom a request asks about, the same for the same words; it cannot be turned back.

    Python's own hash of text is keyed anew in every process.
    """
    named = request.values("identifier") or request.values("patient") or request.values("subject")
    if request.interaction == "search-type" and named:
        return hash(named[0])
    return hash((f"{request.resource_type}/{request.id}",))
