"""Addressing: from URA to a checked address; what the directory says an organisation is (mCSD, LRZa)."""

from __future__ import annotations

from typing import Protocol

from ..exchange import Holder, Source
from ..identity import Organization, Ura
from ..outcome import Gathered, Outcome


class Directory(Protocol):
    """A local replica of the national directory. Self-declared organisation types are held against it."""

    async def organization(self, ura: Ura, /) -> Outcome[Organization]:
        """Deny ORGANIZATION_UNKNOWN when the directory does not know it; Unavailable when there is no directory yet."""
        ...

    async def sources(self, holders: tuple[Holder, ...], /) -> Gathered[Source]:
        """Return a source per holder with an active, current FHIR endpoint; each other is a gap named by its URA."""
        ...


class TypeTable(Protocol):
    """A region's own list of what organizations are, for those that the directory gives no type."""

    async def organization(self, ura: Ura, /) -> Outcome[Organization]:
        """Return it with at least one type; Deny ORGANIZATION_UNKNOWN when it is not listed."""
        ...
