"""The localization port over a regional file: the same few organisations for every patient.

It knows no patients, so each organisation on it learns that somebody asked. Keep it short (docs/adr/0070).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...accounted import Intended, Receipt
from ...exchange import Holder
from ...identity import Ura
from ...outcome import Gathered
from ...outside import Surroundings
from .table import Table, read_table

FOUND_BY = "regional-file"


class RegionalLocator:
    """Names the organisations that the region asks about every patient."""

    def __init__(self, table: Table) -> None:
        asked = (Ura(entry.ura) for entry in table.organizations if entry.asked)
        self._holders = tuple(Holder(ura, FOUND_BY) for ura in asked)

    async def locate(self, intended: Receipt[Intended], /) -> Gathered[Holder]:
        """Return the organisations to be asked, our own too when it is listed."""
        return Gathered(self._holders)


def build_locator(settings: Mapping[str, Any], around: Surroundings) -> RegionalLocator:
    """Return this tenant's locator; raises ValueError (ValidationError among them) or OSError for a wrong file."""
    return RegionalLocator(read_table(settings, around))
