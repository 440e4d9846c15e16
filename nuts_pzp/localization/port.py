"""Localization: which organisations may hold PZP data of this patient. Candidates only, never clearance."""

from __future__ import annotations

from typing import Protocol

from ..accounted import Intended, Receipt
from ..exchange import Holder
from ..outcome import Gathered


class Locator(Protocol):
    """Asks a register by pseudonym. Takes the receipt, so nothing is asked unaccounted."""

    async def locate(self, intended: Receipt[Intended], /) -> Gathered[Holder]:
        """Return each holder once, the asking organization too where it is one: what becomes of it is the flow's.

        A register that could not be asked is a gap at `localization`, never nothing.
        """
        ...
