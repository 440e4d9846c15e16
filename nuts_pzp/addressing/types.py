"""What an organization is: by the directory, else by the region's own table (design D3).

Some organizations have no type in the national directory, ambulance services among them. The table never adds to what
the directory says: where the two contradict each other one of them is wrong, and nobody guesses which.
"""

from __future__ import annotations

from dataclasses import replace

from ..exchange import Holder, Source
from ..identity import Organization, Ura
from ..outcome import Deny, Gathered, Outcome
from ..reasons import Reason
from .port import Directory, TypeTable


class Typed:
    """A directory, with the region's table beside it for whom the directory gives no type."""

    def __init__(self, directory: Directory, table: TypeTable) -> None:
        self._directory, self._table = directory, table

    async def organization(self, ura: Ura, /) -> Outcome[Organization]:
        """Return it with its types; Deny TYPE_MISMATCH when the table lists one the directory does not."""
        known = await self._directory.organization(ura)
        if not isinstance(known, Organization):
            return known
        listed = await self._table.organization(ura)
        if isinstance(listed, Deny) and listed.reason is Reason.ORGANIZATION_UNKNOWN:
            return known
        if not isinstance(listed, Organization):
            return listed
        if not known.type:
            return replace(known, type=listed.type, other_types=listed.other_types)
        if not {listed.type, *listed.other_types} <= {known.type, *known.other_types}:
            return Deny(Reason.TYPE_MISMATCH, detail="the directory and the region's table disagree")
        return known

    async def sources(self, holders: tuple[Holder, ...], /) -> Gathered[Source]:
        """Ask the directory: addresses are never in the table's gift."""
        return await self._directory.sources(holders)
