"""What was learnt about a patient since, and its generation: one sealed document each, read again when it may differ.

The generation is the version of that document: it never comes twice, and every process of the deployment sees a new
one at once (ADR 0059). So what was decided or asked under an older generation is worth nothing any more.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..exchange import Generation
from ..identity import Bsn
from ..outcome import Outcome, Unavailable
from ..reasons import Reason
from .port import StoreFailed
from .vault import Vault

_KIND = "patient"
CHOICES = "sharing-consent"
"""The kind of what a holder recorded of a patient's own choices, under the same key as what was learnt."""
_TRIES = 50


@dataclass(frozen=True, slots=True)
class Learnt:
    """A patient's document, empty when nothing was ever learnt, and its generation, 0 then."""

    document: Mapping[str, Any] = field(default_factory=dict, repr=False)
    generation: int = 0


class Patients:
    """One tenant's. Keeps in memory what it read, and holds it against the store's version at every look."""

    def __init__(self, vault: Vault, size: int = 10_000) -> None:
        self.vault, self._size = vault, size
        self._read: OrderedDict[Bsn, tuple[str, Learnt]] = OrderedDict()

    def __repr__(self) -> str:
        return "Patients()"

    async def generation(self, bsn: Bsn) -> Outcome[Generation]:
        """Return the generation as it is now, or that the state cannot be read."""
        try:
            learnt, choices = await self._look(bsn)
        except StoreFailed as error:
            return Unavailable(Reason.CONSENT_STATE_UNREADABLE, detail=str(error))
        return Generation(learnt.generation, choices)

    async def learnt(self, bsn: Bsn, seen: Generation | None = None) -> Learnt:
        """Return what is known as it is now, or as it was when it was `seen`; StoreFailed."""
        kept = self._read.get(bsn)
        if kept is not None and seen is not None and kept[1].generation == seen.learnt:
            return kept[1]
        return (await self._look(bsn))[0]

    async def _look(self, bsn: Bsn) -> tuple[Learnt, int]:
        """Return what is known and the number of the recorded choices. Without a change since: one read of numbers."""
        kept = self._read.get(bsn)
        key = kept[0] if kept else self.vault.pseudonym(bsn)
        version, choices = await self.vault.versions(key, _KIND, CHOICES)
        if kept is not None and kept[1].generation == version:
            return kept[1], choices
        found = Learnt()
        if version:
            document, version = await self.vault.get(_KIND, key)
            found = Learnt(document if document is not None else {}, version)
        self._read[bsn] = (key, found)
        self._read.move_to_end(bsn)
        while len(self._read) > self._size:
            self._read.popitem(last=False)
        return found, choices

    async def change(self, bsn: Bsn, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> int:
        """Put what `change` makes of the document; return the new generation, always another one. StoreFailed."""
        key = self.vault.pseudonym(bsn)
        for _ in range(_TRIES):
            document, version = await self.vault.get(_KIND, key)
            if await self.vault.put(_KIND, key, dict(change(document or {})), version):
                _, version = await self.vault.get(_KIND, key)
                return version
        raise StoreFailed("somebody else keeps changing what is known of this patient")

    async def advance(self, bsn: Bsn) -> int:
        """Begin a new generation: whatever was decided about this patient before is decided again."""
        return await self.change(bsn, lambda document: document)
