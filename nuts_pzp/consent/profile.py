"""The decision table of spec consent 6.3: many verdicts, one outcome, by legal profile."""

from __future__ import annotations

from dataclasses import dataclass

from ..exchange import Access
from ..outcome import Outcome, Permit
from .port import ConsentSource


@dataclass(frozen=True, slots=True)
class Ranked:
    """A consent source and its weight: an error of a required source is an error of the whole."""

    source: ConsentSource
    required: bool
    authoritative: bool


@dataclass(frozen=True, slots=True)
class SharingConsent:
    """The holder's consent sources and the profile that combines them."""

    profile: str
    sources: tuple[Ranked, ...]

    async def ask(self, access: Access) -> Outcome[Permit]:
        """Patient standing first, then sources, then profile."""
        raise NotImplementedError
