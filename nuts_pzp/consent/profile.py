"""The decision table of spec consent 6.3: many verdicts, one outcome, by legal profile.

Trusts its sources' verdicts, not their good behaviour: one that raises has not permitted anything. Sources are asked in
the order given, one after the other, and no further once nothing can change the outcome: the last one is usually Mitz,
and a question to Mitz is seen by the citizen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import structlog

from ..exchange import Access
from ..identity import Bsn
from ..outcome import Deny, Outcome, Permit, Unavailable, Unknown
from ..reasons import Reason
from .cache import Reuse
from .port import Bounded, ConsentSource, Repeatable, Resting, Verdict

_log = structlog.get_logger("nuts_pzp.consent")

HIGHEST = 4
"""The specificity that nothing outranks; on a tie an objection wins."""
NO_DECISION = frozenset({Reason.MITZ_INDETERMINATE, Reason.MITZ_NOT_APPLICABLE})


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


@dataclass(frozen=True, slots=True)
class Said:
    """One source's verdict, with that source's weight."""

    verdict: Verdict
    required: bool
    authoritative: bool
    yields: bool = False

    @property
    def permits(self) -> bool:
        """True for the explicit Permit of an authoritative source: all that counts as a yes under a strict profile."""
        return isinstance(self.verdict.outcome, Permit) and self.verdict.explicit and self.authoritative

    @property
    def denies(self) -> bool:
        """True for a no, whatever is behind it."""
        return isinstance(self.verdict.outcome, Deny)

    @property
    def failed(self) -> bool:
        """True when the source could not be asked."""
        return isinstance(self.verdict.outcome, Unavailable)


Heard = tuple[Said, ...]
Row = Callable[[Heard], Outcome[Permit] | None]
"""One line of the table: the outcome when its condition holds, else None. The first that holds decides."""


def _highest(heard: Heard, which: Callable[[Said], bool]) -> Said | None:
    return max((said for said in heard if which(said)), key=lambda said: said.verdict.specificity, default=None)


def _rank(said: Said | None) -> int:
    return said.verdict.specificity if said else -1


def objection(heard: Heard) -> Outcome[Permit] | None:
    """Row 6: a recorded objection at least as specific as any permit, also when another source failed."""
    objecting = _highest(heard, lambda said: said.denies and said.verdict.explicit)
    permitting = _highest(heard, lambda said: said.permits)
    return objecting.verdict.outcome if objecting and _rank(objecting) >= _rank(permitting) else None


def required_failed(heard: Heard) -> Outcome[Permit] | None:
    """Rows 11, 12 and 17: no source stands in for a required one that could not be asked."""
    return next((said.verdict.outcome for said in heard if said.required and said.failed), None)


def denied(heard: Heard) -> Outcome[Permit] | None:
    """Rows 8 to 10 and 16: a no at least as specific as any permit; against a permit elsewhere it is a conflict."""
    permitting = _highest(heard, lambda said: said.permits)
    denying = _highest(heard, lambda said: said.denies and not (said.yields and permitting))
    if denying is None or _rank(denying) < _rank(permitting):
        return None
    outcome = denying.verdict.outcome
    if permitting is None or not isinstance(outcome, Deny) or outcome.reason in NO_DECISION:
        return outcome
    return Deny(Reason.CONSENT_CONFLICT, permitting.verdict.outcome.evidence + outcome.evidence)


def permitted(heard: Heard) -> Outcome[Permit] | None:
    """Rows 7 and 15: an explicit permit that nothing above spoke against."""
    permitting = _highest(heard, lambda said: said.permits)
    return permitting.verdict.outcome if permitting else None


def optional_failed(heard: Heard) -> Outcome[Permit] | None:
    """Nobody spoke and somebody could not be asked: that is not the same as no choice."""
    return next((said.verdict.outcome for said in heard if said.failed), None)


def none(heard: Heard) -> Outcome[Permit] | None:
    """Row 18: all were asked and none knows of a choice."""
    return Unknown(Reason.CONSENT_NONE)


PROFILES: Mapping[str, tuple[Row, ...]] = MappingProxyType(
    {"nl-pzp-strict": (objection, required_failed, denied, permitted, optional_failed, none)}
)
"""Legal profiles (spec consent 5.6). Strict: explicit consent, never implied by a relation or an emergency."""


def combine(profile: str, heard: Heard) -> Outcome[Permit]:
    """Return what the first matching row of the profile's table says."""
    return next(outcome for row in PROFILES[profile] if (outcome := row(heard)) is not None)


def _highest_permit(ranked: Ranked) -> int:
    if not ranked.authoritative:
        return -1
    return ranked.source.highest_permit if isinstance(ranked.source, Bounded) else HIGHEST


@dataclass(frozen=True, slots=True)
class SharingConsent:
    """The holder's consent sources and the profile that combines them.

    ValueError for an unknown profile, and when no source could ever permit.
    """

    profile: str
    sources: tuple[Ranked, ...]
    reuse: Reuse = field(default_factory=Reuse, repr=False, compare=False)
    _repeatable: tuple[Repeatable | None, ...] = field(init=False, repr=False, compare=False)
    """Each source again when it says what its question is: found once, for asking a protocol costs microseconds."""
    _resting: tuple[Resting, ...] = field(init=False, repr=False, compare=False)
    """The required sources that can say that they would not ask now."""
    _reach: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """The most specific permit that any source from this place on could give; -1 after the last."""

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"consent profile is not one of: {', '.join(PROFILES)}")
        if not any(ranked.authoritative for ranked in self.sources):
            raise ValueError("sharing consent needs at least one authoritative source, or nothing could be shared")
        found = tuple(one.source if isinstance(one.source, Repeatable) else None for one in self.sources)
        object.__setattr__(self, "_repeatable", found)
        resting = tuple(one.source for one in self.sources if one.required and isinstance(one.source, Resting))
        object.__setattr__(self, "_resting", resting)
        highest = [_highest_permit(ranked) for ranked in self.sources]
        reach = tuple(max(highest[index:], default=-1) for index in range(len(highest) + 1))
        object.__setattr__(self, "_reach", reach)

    async def ask(self, access: Access) -> Outcome[Permit]:
        """Ask the sources in order and combine by the profile. The patient's standing is settled before this.

        Stops early at a no that nothing can outrank and at the failure of a required source; a source that yields is
        not asked after an explicit permit.
        """
        heard: list[Said] = []
        for index, ranked in enumerate(self.sources):
            if ranked.yields and any(said.permits for said in heard):
                continue
            verdict = await self._one(index, ranked.source, access)
            said = Said(verdict, ranked.required, ranked.authoritative, ranked.yields)
            heard.append(said)
            if (said.failed and said.required) or self._settled(tuple(heard), self._reach[index + 1]):
                break
        return combine(self.profile, tuple(heard))

    def _settled(self, heard: Heard, reach: int) -> bool:
        """True when a no stands that no permit can outrank any more: an objection, or the highest no there is."""
        rank = _rank(_highest(heard, lambda said: said.denies and (said.verdict.explicit or not said.yields)))
        explicit = _rank(_highest(heard, lambda said: said.denies and said.verdict.explicit))
        permitting = _rank(_highest(heard, lambda said: said.permits))
        return rank >= HIGHEST or (explicit >= 0 and explicit >= max(permitting, reach))

    def resting(self) -> Unavailable | None:
        """Say, before any patient is looked up, that a required source would not be asked now (design D4)."""
        for source in self._resting:
            if (stop := source.resting()) is not None:
                return stop
        return None

    def purge(self, bsn: Bsn) -> None:
        """This patient's choice may have changed: no verdict from before may serve any more."""
        self.reuse.purge(bsn)

    async def _one(self, index: int, source: ConsentSource, access: Access) -> Verdict:
        try:
            verdict = await self._reused(index, source, access)
        except Exception as error:
            kind = type(error).__name__
            _log.error("consent.source_raised", source=type(source).__name__, error=kind)
            failed = Unavailable(Reason.INTERNAL, detail=kind)
            return Verdict(failed, explicit=False, specificity=HIGHEST)
        if isinstance(verdict.outcome, Deny) and verdict.outcome.reason in NO_DECISION:
            _log.error("consent.no_decision", reason=verdict.outcome.reason.code, alarm="operations")
        return verdict

    async def _reused(self, index: int, source: ConsentSource, access: Access) -> Verdict:
        """Reuse within one token only: a caller without a token is asked about every time."""
        put = functools.partial(source.ask, access)
        token = access.caller.token_digest
        repeatable = self._repeatable[index] if token else None
        question = repeatable.sameness(access) if repeatable else None
        if question is None:
            return await put()
        return await self.reuse.ask(token, index.to_bytes(2, "big") + question, access.patient.bsn, put)
