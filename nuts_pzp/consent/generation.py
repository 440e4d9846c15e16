"""Generations: a patient's choice may have changed since, and every process knows it at once (spec consent 3.4).

A verdict, and a question that is on its way, belong to the generation in which they were asked. The store keeps them
(ADR 0059); a house without one has a single generation, and forgets by `Reuse.purge` alone.
"""

from __future__ import annotations

from typing import Protocol

from ..exchange import Generation
from ..identity import Bsn
from ..outcome import Outcome


class Generations(Protocol):
    """One tenant's generations, shared by all workers and replicas."""

    async def generation(self, bsn: Bsn, /) -> Outcome[Generation]:
        """Return the patient's generation as it is now; Unavailable when it cannot be told. Asked at every request."""
        ...


class Single:
    """The generations of a house without state: nothing can tell it of a change."""

    async def generation(self, bsn: Bsn, /) -> Outcome[Generation]:
        """Always the same one, and one that no state gives: nobody can rest on it."""
        return _ALWAYS


_ALWAYS = Generation(-1, -1)
SINGLE = Single()
