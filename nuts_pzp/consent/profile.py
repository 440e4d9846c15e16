"""Many verdicts, one outcome, by the holder's legal profile (spec consent 5.6, 6.2, 6.3).

Trusts its sources' verdicts, not their good behaviour: one that raises has not permitted anything. Sources are asked in
the order given, one after the other, and no further once nothing can change the outcome: the last one is usually Mitz,
and a question to Mitz is seen by the citizen.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import structlog

from ..exchange import Access, Caller
from ..identity import Bsn, Purpose
from ..outcome import Deny, Evidence, Outcome, Permit, Stop, Unavailable, Unknown
from ..reasons import Reason
from ..values import replace
from .cache import Reuse
from .port import Bounded, BreakGlass, ConsentSource, Grounds, Presuming, Repeatable, Resting, Verdict
from .table import (
    HIGHEST,
    MITZ_SAYS_NO,
    NO_DECISION,
    NOTHING_RECORDED,
    OBJECTS,
    PERMITS,
    Heard,
    Said,
    combine,
    highest,
    objected,
    rank,
)

_log = structlog.get_logger("nuts_pzp.consent")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a holder accepts besides the patient's explicit consent (spec consent 5.6)."""

    implied: bool
    """A treatment relation, a referral or a cover arrangement that the holder itself has evidence of."""
    emergency: bool
    """A complete emergency claim."""


STRICT = "nl-pzp-strict"
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        STRICT: Profile(implied=False, emergency=False),
        "routekaart": Profile(implied=True, emergency=True),
        "routekaart-emergency-only": Profile(implied=False, emergency=True),
    }
)
"""Strict is the default; another one is decided by a named owner. What it accepts is off until it is furnished."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A consent source and its weight: an error of a required source is an error of the whole.

    Only an authoritative source can permit; every source can object. One that yields says no without a known reason and
    does not speak against an explicit permit of another: it is not even asked then (row 16, as the holder decided).
    """

    source: ConsentSource
    required: bool
    authoritative: bool
    yields: bool = False


def _stops(heard: Heard, stop: Stop) -> set[Reason]:
    """What the sources came to, and why each required one that failed did: no other failure hides behind the first."""
    return {stop.reason} | {
        said.verdict.outcome.reason
        for said in heard
        if said.required and said.failed and not isinstance(said.verdict.outcome, Permit)
    }


def _highest_permit(ranked: Ranked) -> int:
    if not ranked.authoritative:
        return -1
    return ranked.source.highest_permit if isinstance(ranked.source, Bounded) else HIGHEST


@dataclass(frozen=True, slots=True)
class SharingConsent:
    """The holder's consent sources and the profile that combines them.

    `grounds` are asked, in order, for the holder's own evidence of a relation; `emergency` judges an emergency claim.
    `implied_over_deny`: such evidence also stands against a no of Mitz without a known reason (row 13).

    ValueError for an unknown profile, when no source could ever permit, and for what the profile does not accept.
    """

    profile: str
    sources: tuple[Ranked, ...]
    reuse: Reuse = field(default_factory=Reuse, repr=False, compare=False)
    grounds: tuple[Grounds, ...] = ()
    implied_over_deny: bool = False
    emergency: BreakGlass | None = None
    _repeatable: tuple[Repeatable | None, ...] = field(init=False, repr=False, compare=False)
    """Each source again when it says what its question is: found once, for asking a protocol costs microseconds."""
    _presuming: tuple[bool, ...] = field(init=False, repr=False, compare=False)
    """Which sources ask another question when consent may be presumed."""
    _resting: tuple[Resting, ...] = field(init=False, repr=False, compare=False)
    """The required sources that can say that they would not ask now."""
    _reach: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """The most specific permit that any source from this place on could give; -1 after the last."""
    _implied_after: frozenset[Reason] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        accepts = PROFILES.get(self.profile)
        if accepts is None:
            raise ValueError(f"consent profile is not one of: {', '.join(PROFILES)}")
        if not any(ranked.authoritative for ranked in self.sources):
            raise ValueError("sharing consent needs at least one authoritative source, or nothing could be shared")
        if (self.grounds and not accepts.implied) or (self.emergency and not accepts.emergency):
            raise ValueError(f"the profile {self.profile} does not accept that")
        put = functools.partial(object.__setattr__, self)
        put("_repeatable", tuple(one.source if isinstance(one.source, Repeatable) else None for one in self.sources))
        put("_presuming", tuple(isinstance(one.source, Presuming) for one in self.sources))
        put("_resting", tuple(one.source for one in self.sources if one.required and isinstance(one.source, Resting)))
        reach = [_highest_permit(ranked) for ranked in self.sources]
        put("_reach", tuple(max(reach[index:], default=-1) for index in range(len(reach) + 1)))
        put("_implied_after", NOTHING_RECORDED | (MITZ_SAYS_NO if self.implied_over_deny else frozenset()))

    async def ask(self, access: Access) -> Outcome[Permit]:
        """Ask the sources in order and combine by the profile. The patient's standing is settled before this.

        Stops early at a no that nothing can outrank and at the failure of a required source; a source that yields is
        not asked after an explicit permit.
        """
        heard: list[Said] = []
        denied = False
        passable = self._implies(access.caller) or self._may_break(access.caller)
        ground: Outcome[Permit] | None = None
        for index, ranked in enumerate(self.sources):
            if ranked.yields and any(said.permits for said in heard):
                continue
            if ground is None and self._presuming[index] and self._implies(access.caller):
                ground = await self._ground(access)
                access = replace(access, presumed=isinstance(ground, Permit))
            verdict = await self._one(index, ranked.source, access)
            said = Said(verdict, ranked.required, ranked.authoritative, ranked.yields)
            heard.append(said)
            denied = denied or said.denies
            if not passable and said.failed and said.required:
                break
            if denied and self._settled(heard, self._reach[index + 1], passable):
                break
        outcome = combine(heard)
        if isinstance(outcome, Permit) or not passable or objected(heard):
            return outcome
        return await self._passed(access, heard, outcome, ground)

    async def _passed(
        self, access: Access, heard: Heard, stop: Stop, ground: Outcome[Permit] | None
    ) -> Outcome[Permit]:
        """Rows 13 and 14: what the profile accepts where the sources came to `stop` and nobody objected."""
        if self._implies(access.caller) and stop.reason in self._implied_after:
            ground = ground or await self._ground(access)
            if isinstance(ground, Permit):
                return replace(ground, evidence=ground.evidence + _presumed(heard))
            if isinstance(ground, Unavailable) and isinstance(stop, Unknown):
                return ground
        if self._may_break(access.caller) and self.emergency and _stops(heard, stop) <= self.emergency.after:
            return await self._broken(access, self.emergency, stop)
        return stop

    def _implies(self, caller: Caller) -> bool:
        return bool(self.grounds) and caller.purpose is Purpose.TREATMENT

    def _may_break(self, caller: Caller) -> bool:
        return self.emergency is not None and caller.purpose is Purpose.EMERGENCY

    def _settled(self, heard: Heard, reach: int, passable: bool) -> bool:
        """True when, of those that said no, one stands that no permit can outrank: an objection, or the highest no.

        Where something else may pass that highest no, all are heard: the next one may know of an objection.
        """
        explicit = rank(highest(heard, OBJECTS))
        permitting = rank(highest(heard, PERMITS))
        if not passable:
            no = rank(highest(heard, lambda said: said.denies and (said.verdict.explicit or not said.yields)))
            if no >= HIGHEST:
                return True
        return explicit >= 0 and explicit >= max(permitting, reach)

    def resting(self, caller: Caller) -> Unavailable | None:
        """Say, before any patient is looked up, that a required source would not be asked now (design D4).

        Not to whom an emergency may let pass what that source cannot say.
        """
        for source in self._resting:
            stop = source.resting()
            if stop is None:
                continue
            if self._may_break(caller) and self.emergency and stop.reason in self.emergency.after:
                continue
            return stop
        return None

    def purge(self, bsn: Bsn) -> None:
        """This patient's choice may have changed: no verdict from before may serve any more."""
        self.reuse.purge(bsn)

    async def _ground(self, access: Access) -> Outcome[Permit]:
        """The first evidence that the holder itself has. What could not be looked up is told only when nothing was."""
        failed: Stop = Unknown(Reason.CONSENT_NONE)
        for one in self.grounds:
            try:
                found = await one.ground(access)
            except Exception as error:
                kind = type(error).__name__
                _log.error("consent.ground_raised", source=type(one).__name__, error=kind)
                found = Unavailable(Reason.INTERNAL, detail=kind)
            if isinstance(found, Permit):
                return found
            if isinstance(found, Unavailable):
                failed = found
        return failed

    async def _broken(self, access: Access, emergency: BreakGlass, stop: Stop) -> Outcome[Permit]:
        try:
            return await emergency.open(access, stop)
        except Exception as error:
            kind = type(error).__name__
            _log.error("consent.emergency_raised", error=kind)
            return Unavailable(Reason.INTERNAL, detail=kind)

    async def _one(self, index: int, source: ConsentSource, access: Access) -> Verdict:
        """Reuse within one token only; of a caller without one, within the request, which may ask several policies."""
        token = access.caller.token_digest or access.correlation.encode()
        repeatable = self._repeatable[index] if token else None
        try:
            question = repeatable.sameness(access) if repeatable else None
            if question is None:
                verdict = await source.ask(access)
            else:
                key, put = index.to_bytes(2, "big") + question, functools.partial(source.ask, access)
                verdict = await self.reuse.ask(token, key, access.patient.bsn, put, access.seen)
        except Exception as error:
            kind = type(error).__name__
            _log.error("consent.source_raised", source=type(source).__name__, error=kind)
            failed = Unavailable(Reason.INTERNAL, detail=kind)
            return Verdict(failed, explicit=False, specificity=HIGHEST)
        if isinstance(verdict.outcome, Deny) and verdict.outcome.reason in NO_DECISION:
            _log.error("consent.no_decision", reason=verdict.outcome.reason.code, alarm="operations")
        return verdict


def _presumed(heard: Heard) -> tuple[Evidence, ...]:
    """What sources said that were asked whether consent may be presumed, and did not object."""
    permits = (said.verdict.outcome for said in heard if not said.verdict.explicit)
    return tuple(evidence for outcome in permits if isinstance(outcome, Permit) for evidence in outcome.evidence)
