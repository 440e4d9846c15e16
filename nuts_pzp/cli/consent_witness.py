"""Who stands before each room of sharing consent while `consent explain` looks, and remembers what it said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..consent.port import ConsentSource, Grounds, Verdict
from ..exchange import Access
from ..outcome import Outcome, Permit, Stop, Unavailable
from ..reasons import Reason


@dataclass(slots=True)
class Witness:
    """Stands before a source and remembers what it said; silent Mitz says that it was not asked."""

    kind: str
    source: ConsentSource | None
    said: Verdict | None = None

    async def ask(self, access: Access, /) -> Verdict:
        """Ask the source behind it, if there is one to ask."""
        if self.source is None:
            stop = Unavailable(Reason.MITZ_UNAVAILABLE, detail="not-asked")
            self.said = Verdict(stop, explicit=False, specificity=4)
        else:
            self.said = await self.source.ask(access)
        return self.said


@dataclass(slots=True)
class BoundedWitness(Witness):
    """A witness of a source that says how specific its permits are at most."""

    highest_permit: int = 0


@dataclass(slots=True)
class MitzWitness(BoundedWitness):
    """A witness of a source that asks another question when consent may be presumed."""

    presumes: Literal[True] = True


@dataclass(slots=True)
class Looked:
    """Stands before the holder's own evidence and remembers what it found."""

    kind: str
    source: Grounds
    found: Outcome[Permit] | None = None

    async def ground(self, access: Access, /) -> Outcome[Permit]:
        """Look behind it."""
        self.found = await self.source.ground(access)
        return self.found


@dataclass(frozen=True, slots=True)
class DryGlass:
    """Says what a complete claim within the cap would come to; counts nothing and tells nobody."""

    after: frozenset[Reason]

    async def open(self, access: Access, stop: Stop, /) -> Outcome[Permit]:
        """Permit, as if the claim were complete."""
        return Permit(f"emergency-override:{stop.reason.code}", stop.evidence)
