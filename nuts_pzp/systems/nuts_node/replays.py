"""Which proofs have been used: kept where every process of the deployment looks, changed by compare-and-set (ADR 0065).

A fixed number of documents, each a list of uses; one that is too old leaves when its list is written again and wants
for room, so nothing has to be cleaned up and nothing grows. Holds digests and times only.
"""

from __future__ import annotations

import asyncio
import struct

from ...outcome import Deny, Unavailable
from ...reasons import Reason
from ...store.port import Store, StoreFailed
from .flights import Memory
from .proof import Proof

KIND = "dpop"
SHELVES = 256
FULL = 8192
"""Uses on one shelf; more than two million in one window are no traffic of this gateway."""
ROOM = 256
"""Uses that a shelf keeps however old: a clock that goes forward and comes back makes no used proof serve again."""
_TRIES = 20
_USE = struct.Struct(">I16s")
_REUSED = Deny(Reason.PROOF_INVALID, detail="the proof was used before")


class Replays:
    """The proofs that one tenant's gateway has seen. Without a store they are remembered in this process alone."""

    def __init__(self, store: Store | None) -> None:
        """`store` is the tenant's own part."""
        self._store = store
        self._here: Memory[bytes, bool] = Memory(SHELVES * FULL // 32)

    async def use(self, proof: Proof, now: float) -> Deny | Unavailable | None:
        """Use a proof up: None the first time, Deny ever after, Unavailable when nobody can tell. `now`: Unix."""
        if self._here.get(proof.id, now):
            return _REUSED
        self._here.put(proof.id, True, proof.until + 1)
        return await self._kept(self._store, proof, now) if self._store is not None else None

    async def _kept(self, store: Store, proof: Proof, now: float) -> Deny | Unavailable | None:
        shelf, id = f"{proof.id[0]:02x}", proof.id[:16]
        mark = _USE.pack(int(proof.until) + 1, id)
        try:
            for again in range(_TRIES):
                held, version = await store.get(KIND, shelf)
                uses = _uses(held)
                if id in [use[-16:] for use in uses]:
                    return _REUSED
                if len(uses) >= ROOM:
                    uses = [use for use in uses if use > _USE.pack(int(now), b"")]
                if len(uses) >= FULL:
                    return Unavailable(Reason.PROOF_UNKNOWN, detail="more proofs than can be remembered")
                if await store.put(KIND, shelf, b"".join([*uses, mark]), version):
                    return None
                await asyncio.sleep(0.001 * again)
        except StoreFailed as trouble:
            return Unavailable(Reason.PROOF_UNKNOWN, detail=str(trouble))
        return Unavailable(Reason.PROOF_UNKNOWN, detail="others wrote the same list each time")


def _uses(held: bytes) -> list[bytes]:
    """Split a shelf; one that was cut short loses its last, incomplete use only."""
    return [held[at : at + _USE.size] for at in range(0, len(held) - _USE.size + 1, _USE.size)]
