"""Outcomes as values: a room returns its value T, or a Stop. Gathered is what many sources gave.

Deny (no), Unknown (no choice recorded) and Unavailable (could not ask) are kept apart everywhere; anything but a
Permit stops (design section 2, rule 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar, Union, final

from .reasons import Reason

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on: which system said so, its reference, hex SHA-256 of the answer. Never content."""

    source: str
    reference: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Permit:
    """Yes, on this basis (`explicit-consent:mitz`, `policy:pzp`), with this evidence."""

    basis: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stopped:
    reason: Reason
    evidence: tuple[Evidence, ...] = ()
    detail: str = ""
    """For the audit log and operators: what exactly, in words without personal data. Never leaves by the network."""


@final
@dataclass(frozen=True, slots=True)
class Deny(_Stopped):
    """No."""


@final
@dataclass(frozen=True, slots=True)
class Unknown(_Stopped):
    """No choice recorded."""


@final
@dataclass(frozen=True, slots=True)
class Unavailable(_Stopped):
    """Could not ask."""


Stop = Deny | Unknown | Unavailable
Outcome = Union[T, Deny, Unknown, Unavailable]  # noqa: UP007 (a generic alias needs the old spelling)


@dataclass(frozen=True, slots=True)
class Gap:
    """What we did not get, where (`token`, `patient`, `query:Goal`, `localization`), and why. Never dropped."""

    where: str
    stop: Stop
    name: str = ""
    """Of the organization that `where` is, when it is one that could not even be asked."""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Gathered(Generic[T]):
    """Items and gaps; closed under +; complete only without gaps."""

    items: tuple[T, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def __add__(self, other: Gathered[T]) -> Gathered[T]:
        return Gathered(self.items + other.items, self.gaps + other.gaps)

    @property
    def complete(self) -> bool:
        """True when nothing is missing."""
        return not self.gaps
