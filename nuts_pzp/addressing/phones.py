"""Whom to phone: the tenant's own list of organizations beside the directory (design D8, ADR 0074).

At night a name and a number matter more than an address. The directory's number comes first; what it does not know, the
list does. Whom the list calls usual is named when nobody can be found by a register, and is never asked for that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from ..exchange import Source
from ..identity import NotAnIdentifier, Organization, Ura
from ..outcome import Gap, Unavailable
from ..reasons import Reason
from .port import Directory


@dataclass(frozen=True, slots=True)
class Listed:
    """One organization of the list. `usual`: most patients of this tenant have a record there."""

    ura: Ura
    name: str
    phone: str
    usual: bool = False


class PhoneList:
    """What the tenant's settings list."""

    def __init__(self, entries: Iterable[Listed] = ()) -> None:
        self._entries = {one.ura: one for one in entries}

    def on(self, source: Source) -> Source:
        """Return the source with the list's number when the directory gave none."""
        listed = self._entries.get(source.holder.ura)
        if source.holder.phone or listed is None:
            return source
        return replace(source, holder=replace(source.holder, phone=listed.phone))

    async def named(self, gap: Gap, directory: Directory) -> Gap:
        """Return a source's gap with its name and number, as far as directory and list know them."""
        try:
            ura = Ura(gap.where)
        except NotAnIdentifier:
            return gap
        known, listed = await directory.organization(ura), self._entries.get(ura)
        name, phone = (known.name, known.phone) if isinstance(known, Organization) else ("", "")
        if listed is not None:
            name, phone = name or listed.name, phone or listed.phone
        return replace(gap, name=gap.name or name, phone=gap.phone or phone)

    def usual(self, told_of: Collection[Ura]) -> tuple[Gap, ...]:
        """Return a gap for each usual organization that nobody told of: not asked, for want of a register."""
        stop = Unavailable(Reason.LOCALIZATION_USUAL)
        return tuple(
            Gap(one.ura.value, stop, one.name, one.phone)
            for one in self._entries.values()
            if one.usual and one.ura not in told_of
        )
