"""Sharing consent: one source's verdict (spec consent 7). PZP directives are never read as sharing consent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from ..exchange import Access
from ..outcome import Outcome, Permit, Stop, Unavailable
from ..reasons import Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """DENY = Deny, NO_OPINION = Unknown, ERROR = Unavailable or a Deny whose reason says it is no decision."""

    outcome: Outcome[Permit]
    explicit: bool
    """True when the patient's own recorded choice lies behind it."""
    specificity: int
    """0 (general) to 4 (this holder, this user, this context); unknown origin: 0 for a Permit, 4 for a Deny."""
    cacheable_for: float = 0.0


class ConsentSource(Protocol):
    """One place where a choice may be recorded. Asks about exactly this access; one question, no shopping."""

    async def ask(self, access: Access, /) -> Verdict:
        """Never raises for what the outside does wrong; that is an Unavailable outcome."""
        ...


@runtime_checkable
class Repeatable(Protocol):
    """A source whose verdict may serve another request of the same token (design D3)."""

    def sameness(self, access: Access, /) -> bytes | None:
        """All that the question of this access depends on, unambiguously: equal bytes are the same question.

        None when there is no question to repeat. Holds the BSN: never log it.
        """
        ...


@runtime_checkable
class Resting(Protocol):
    """A source that can tell, before it knows the patient, that it would not ask now (design D4: breaker first)."""

    def resting(self) -> Unavailable | None:
        """Changes nothing."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A source whose permits are never more specific than this: it need not be asked where it could change nothing."""

    @property
    def highest_permit(self) -> int:
        """0 to 4."""
        ...


@runtime_checkable
class Presuming(Protocol):
    """A source that asks whether consent may be presumed, when an access says that it is (spec consent 4.4).

    Its permit is not explicit then: it says that nothing is known against it.
    """

    @property
    def presumes(self) -> Literal[True]:
        """Marks the source; there is nothing else to say."""
        ...


class Grounds(Protocol):
    """Where the holder itself finds why consent may be presumed: its own records or tables, never the caller's word.

    Asked under a profile that accepts it only (spec consent 5.6, 6.3 row 13).
    """

    async def ground(self, access: Access, /) -> Outcome[Permit]:
        """Permit with basis `implied:treatment`, `implied:referral` or `cover:<arrangement>` and its evidence.

        Unknown when there is none, Unavailable when it could not be looked up.
        """
        ...


class BreakGlass(Protocol):
    """Judges an emergency claim where no consent was found (spec consent 6.3 row 14)."""

    @property
    def after(self) -> frozenset[Reason]:
        """The stops that an emergency may pass."""
        ...

    async def open(self, access: Access, stop: Stop, /) -> Outcome[Permit]:
        """Permit with basis `emergency-override:<reason of stop>` once it stands in the review queue, and is alerted.

        Deny when the claim is not complete or the organization's cap is reached; `stop` itself when that was a failure.
        """
        ...
