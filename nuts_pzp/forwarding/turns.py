"""Whose turn it is to be asked: what bounds one tenant's consultations together, and each source by itself (ADR 0072).

Shared by every consultation of a tenant in this process, so that one sick source takes neither the connections nor the
patience that the others need. Holds no patient data; a reload of the tenant begins anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..fhir.version import Version
from ..outcome import Unavailable
from ..outside.breaker import Breaker
from ..reasons import Reason

AT_A_SOURCE = 24
"""Requests of all consultations together that one source has in hand; the rest wait for their turn."""

FAILURES, WINDOW, REST = 5, 60.0, 15.0
"""So many visits in so many seconds reached nobody, and none in between did: left alone so long, then one tries."""

SPOKEN, UNSPOKEN = 3600.0, 600.0
"""How long a source is believed to speak the FHIR version that it said, or to say none."""

_REMEMBERED = 1_000


@dataclass(slots=True)
class Spoken:
    """Which FHIR version a source was heard to speak; None is not known. Believed until then (monotonic seconds)."""

    clock: Callable[[], float] = time.monotonic
    version: Version | None = None
    until: float = 0.0

    @property
    def known(self) -> bool:
        """Say whether there is no need to ask."""
        return self.clock() < self.until

    def learn(self, version: Version | None) -> None:
        """Keep what the source said for an hour, and that it said nothing for ten minutes."""
        self.version, self.until = version, self.clock() + (SPOKEN if version else UNSPOKEN)


@dataclass(frozen=True, slots=True)
class Turn:
    """One source: whether it is asked now, how many requests it has in hand, and what it speaks."""

    breaker: Breaker
    gate: asyncio.Semaphore
    spoken: Spoken = field(default_factory=Spoken)


@dataclass(slots=True)
class Turns:
    """All sources of one tenant. `most`: consultations at once; `clock` is monotonic seconds."""

    most: int = 40
    clock: Callable[[], float] = time.monotonic
    running: int = 0
    _at: dict[str, Turn] = field(default_factory=dict, repr=False)

    @contextmanager
    def consultation(self) -> Iterator[Unavailable | None]:
        """Take part while the block lasts; yields why not, when as many as may be are running."""
        if self.running >= self.most:
            yield Unavailable(Reason.CONSULT_BUSY, detail=f"{self.most} consultations are running")
            return
        self.running += 1
        try:
            yield None
        finally:
            self.running -= 1

    def at(self, place: str) -> Turn:
        """Return the turn of one source, known by its base; forgets the oldest when there are very many."""
        found = self._at.get(place)
        if found is None:
            if len(self._at) >= _REMEMBERED:
                self._at.pop(next(iter(self._at)))
            breaker = Breaker(FAILURES, WINDOW, REST)
            found = self._at[place] = Turn(breaker, asyncio.Semaphore(AT_A_SOURCE), Spoken(self.clock))
        return found
