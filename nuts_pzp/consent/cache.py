"""Sharing consent: one verdict may serve the same question of one token for a minute (design D3, spec consent 6.6).

So that one consult is one question to the citizen's record and not eleven. In memory only, bounded, under a key that
dies with the process; no verdict outlives its patient's generation or a purge, not even one that was on its way.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from ..exchange import Generation
from ..identity import Bsn
from ..outcome import Deny, Permit, Unavailable
from ..reasons import Reason
from .generation import SINGLE, Generations
from .port import Verdict

PERMIT_LIMIT = 60.0
DENY_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class _Kept:
    verdict: Verdict
    patient: bytes
    generation: Generation
    until: float


@dataclass(slots=True)
class _Flight:
    """A question that is being asked. `purged`: the patient's choice changed since, so a Permit is worth nothing."""

    task: asyncio.Task[Verdict]
    patient: bytes
    generation: Generation
    purged: bool = False


@dataclass(slots=True)
class Reuse:
    """Verdicts of the last minute, by a keyed hash over token and question. `clock` is monotonic seconds."""

    size: int = 10_000
    clock: Callable[[], float] = time.monotonic
    generations: Generations = field(default=SINGLE, repr=False)
    _secret: bytes = field(default_factory=lambda: os.urandom(32), repr=False)
    _kept: OrderedDict[bytes, _Kept] = field(default_factory=OrderedDict, repr=False)
    _flights: dict[bytes, _Flight] = field(default_factory=dict, repr=False)

    async def ask(
        self,
        token: bytes,
        question: bytes,
        bsn: Bsn,
        put: Callable[[], Awaitable[Verdict]],
        seen: Generation | None = None,
    ) -> Verdict:
        """Return a kept verdict, join the same question in flight, or `put` it. A cancelled waiter cancels nobody else.

        `token` is the token's digest, or names the request; not empty. A Permit whose patient's choice changed on its
        way is asked once more, then refused. `seen` is what its asker saw a moment ago and will hold against a new
        look.
        """
        key = self._digest(b"question", token, question)
        patient: bytes | None = None
        for _ in range(2):
            generation = await self.generations.generation(bsn) if seen is None else seen
            if not isinstance(generation, Generation):
                return _failed(generation)
            kept = self._kept.get(key)
            if kept is not None and self.clock() < kept.until and kept.generation == generation:
                self._kept.move_to_end(key)
                return kept.verdict
            patient = patient or self._patient(bsn)
            flight = self._flights.get(key)
            if flight is None or flight.purged or flight.generation != generation:
                task = asyncio.create_task(self._fly(key, patient, generation, put))
                flight = self._flights[key] = _Flight(task, patient, generation)
            verdict = await asyncio.shield(flight.task)
            if not isinstance(verdict.outcome, Permit):
                return verdict
            now = await self.generations.generation(bsn)
            if not isinstance(now, Generation):
                return _failed(now)
            if not flight.purged and now == flight.generation:
                return verdict
            seen = None
        return Verdict(Deny(Reason.CONSENT_CONFLICT, detail="changed-while-asked"), explicit=False, specificity=4)

    async def _fly(
        self, key: bytes, patient: bytes, generation: Generation, put: Callable[[], Awaitable[Verdict]]
    ) -> Verdict:
        task = asyncio.current_task()
        try:
            verdict = await put()
        finally:
            flight = self._flights.get(key)
            landed = flight is not None and flight.task is task
            if landed:
                del self._flights[key]
        if landed and flight is not None and not flight.purged:
            self._keep(key, patient, generation, verdict)
        return verdict

    def _keep(self, key: bytes, patient: bytes, generation: Generation, verdict: Verdict) -> None:
        """Permits and denies only, never longer than their limit; the least recently used goes first."""
        limit = {Permit: PERMIT_LIMIT, Deny: DENY_LIMIT}.get(type(verdict.outcome), 0.0)
        seconds = min(verdict.cacheable_for, limit)
        if seconds <= 0:
            return
        self._kept[key] = _Kept(verdict, patient, generation, self.clock() + seconds)
        self._kept.move_to_end(key)
        while len(self._kept) > self.size:
            self._kept.popitem(last=False)

    def purge(self, bsn: Bsn) -> None:
        """Forget this patient's verdicts, and distrust those that are on their way."""
        patient = self._patient(bsn)
        for key in [key for key, kept in self._kept.items() if kept.patient == patient]:
            del self._kept[key]
        for flight in self._flights.values():
            if flight.patient == patient:
                flight.purged = True

    def _patient(self, bsn: Bsn) -> bytes:
        return self._digest(b"patient", bsn.value.encode())

    def _digest(self, *parts: bytes) -> bytes:
        """Length-prefixed, so that no two lists of parts look alike.

        Keyed BLAKE2 (RFC 7693 2.9): Python's HMAC gives up the interpreter lock, which here costs more than hashing.
        """
        whole = b"".join([len(part).to_bytes(4, "big") + part for part in parts])
        return blake2b(whole, key=self._secret, digest_size=32).digest()


def _failed(stop: object) -> Verdict:
    """Return what is said when nobody can tell whether the choice changed: it is not asked, and nothing serves."""
    outcome = stop if isinstance(stop, Unavailable) else Unavailable(Reason.INTERNAL, detail="no generation")
    return Verdict(outcome, explicit=False, specificity=4)
