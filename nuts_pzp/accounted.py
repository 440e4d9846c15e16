"""What is accounted for, one class per event (spec audit 1.3), and the receipt that it was.

Events carry references, never content. How an event becomes a NEN 7513 record is the audit room's affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from .exchange import Access, Attempt, Generation, Inquiry, Source
from .identity import Bsn, Professional
from .outcome import Gap, Permit, Stop
from .values import Value

BROKE_GLASS = "emergency-override:"
"""How the basis of such a disclosure begins; the reason that it passed follows."""


class Allowed(Value, frozen=True):
    """disclosure.decision, yes. `policy` is the hash of the policy bundle that said so."""

    attempt: Attempt
    access: Access
    grounds: tuple[Permit, ...]
    policy: str = ""
    generation: Generation | None = None
    """Of the patient's choice when consent was asked; not recorded. A later one is decided anew."""

    @property
    def broke_glass(self) -> bool:
        """True when it rests on an emergency alone, which stands in the holder's review queue (spec consent 6.3)."""
        return any(ground.basis.startswith(BROKE_GLASS) for ground in self.grounds)


class Denied(Value, frozen=True):
    """disclosure.decision, no (or consult refused); also the result, for nothing else follows."""

    attempt: Attempt
    stop: Stop
    policy: str = ""


class Disclosed(Value, frozen=True):
    """disclosure.result: which resources left, which were withheld, or why none."""

    attempt: Attempt
    references: tuple[str, ...]
    withheld: tuple[str, ...]
    stop: Stop | None
    digest: str = ""
    """Hex SHA-256 of the body that leaves; empty when none does."""


@dataclass(frozen=True, slots=True)
class Intended:
    """consult.intent: before anything about the patient leaves, pseudonyms included."""

    attempt: Attempt
    inquiry: Inquiry


@dataclass(frozen=True, slots=True)
class Addressed:
    """consult.sources: whom we are about to ask, and whom we could not find."""

    attempt: Attempt
    inquiry: Inquiry
    sources: tuple[Source, ...]
    gaps: tuple[Gap, ...]
    registers_awaited: bool = False
    """No register had answered yet: these need none, and another record tells whom the registers add."""


@dataclass(frozen=True, slots=True)
class Received:
    """consult.received: one per source, the counterpart of that source's Disclosed."""

    attempt: Attempt
    inquiry: Inquiry
    source: Source
    references: tuple[str, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Consulted:
    """consult.result: what the EHR is about to get. With it, what was shown can be proved without storing it."""

    attempt: Attempt
    inquiry: Inquiry
    complete: bool
    references: tuple[str, ...]
    missing: tuple[str, ...]
    """URA of each source that failed or refused in whole or part; `localization` when finding them failed."""
    digest: str
    """Hex SHA-256 of the canonical overview."""
    rules: str
    """Version of the merge rules."""


@dataclass(frozen=True, slots=True)
class Shown:
    """consult.shown: the result of an earlier consultation leaves once more, for who asked it. `of` is its meldcode.

    At the FHIR facade the attempt has the search or read that it leaves in answer to.
    """

    attempt: Attempt
    bsn: Bsn
    professional: Professional
    of: str


@dataclass(frozen=True, slots=True)
class TokenIssued:
    """auth.token: the own EHR got a token for this person. `jti` names the token, which is never recorded itself."""

    attempt: Attempt
    client: str
    professional: Professional
    jti: str


@dataclass(frozen=True, slots=True)
class Kept:
    """The logging itself and administration: `audit.opened`, `audit.closed`, `audit.verify`, `policy.activated`, ..."""

    code: str
    detail: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Administered:
    """What an operator did, mostly about one patient: `sharing_consent.recorded`, `.revoked`, `consent.explained`.

    `id` names what was done, and is the record's correlation. `detail` holds codes and references, never content.
    """

    code: str
    id: str
    bsn: Bsn | None
    """None for what was about no one patient."""
    operator: Professional
    detail: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Notified:
    """sharing_consent.notified: a register told of a change. Without a patient: a notice that could not be taken.

    `detail` holds codes and digests, never content.
    """

    register: str
    attempt: Attempt
    bsn: Bsn | None
    detail: tuple[tuple[str, str], ...] = ()


Decision = Allowed | Denied
Event = (
    Allowed
    | Denied
    | Disclosed
    | Intended
    | Addressed
    | Received
    | Consulted
    | Shown
    | TokenIssued
    | Kept
    | Administered
    | Notified
)

E = TypeVar("E")


class Receipt(Value, Generic[E], frozen=True):
    """Proof that the record of this event is durable. Only the ledger makes one."""

    event: E
    index: int
    record_id: str
