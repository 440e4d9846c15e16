"""What may happen once: a key that was taken stays taken until its time, for every process of the deployment.

For identifiers that must not come twice (a `jti`) and for questions that must not be asked twice (an idempotency key).
Neither the key nor what it was taken for stands in the store in clear.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from .port import StoreFailed
from .vault import Vault

_TRIES = 4
_SWEEP_SECONDS = 60.0


class Full(Exception):
    """More keys are taken than are kept."""


class Once:
    """One kind of keys of one tenant."""

    def __init__(
        self, vault: Vault, kind: str, *, most: int = 5_000, room: int = 0, clock: Callable[[], float] = time.time
    ) -> None:
        """`most` bounds how many keys are taken at a time, of this kind and tenant; `clock` gives Unix time.

        `room` is for keys that never come again in good faith: that many are kept, and taken, however old, so that a
        clock that goes forward and comes back frees none of them.
        """
        self._vault, self._kind, self._most, self._room, self._clock = vault, kind, most, room, clock
        self._swept = float("-inf")
        self._held = 0

    async def first(self, key: tuple[str, ...], note: Mapping[str, str], until: float) -> Mapping[str, str] | None:
        """Take the key until that Unix time and return None; when it is taken already, return the note left with it.

        Raises StoreFailed when that cannot be told, and Full: in both cases the key is not taken.
        """
        await self._sweep()
        name = self._vault.digest(self._kind, *key)
        for _ in range(_TRIES):
            found, version = await self._vault.get(self._kind, name)
            if found is not None and (self._room or found["until"] > self._clock()):
                return {str(word): str(value) for word, value in found["note"].items()}
            if found is None and self._held >= self._most:
                raise Full
            if await self._vault.put(self._kind, name, {"until": until, "note": dict(note)}, version):
                self._held += found is None
                return None
        raise StoreFailed("others took the same key all the time")

    async def _sweep(self) -> None:
        """Once in a while count what is held, and let go of what is past beyond what there is room for."""
        now = self._clock()
        if 0 <= now - self._swept < _SWEEP_SECONDS:  # a clock that was set back keeps nothing for long
            return
        self._swept, held, past = now, 0, []
        async for name in self._vault.keys(self._kind):
            found, version = await self._vault.get(self._kind, name)
            held += found is not None
            if found is not None and found["until"] <= now:
                past.append((name, version))
        if held > self._room:
            for name, version in past:
                held -= await self._vault.put(self._kind, name, None, version)
        self._held = held
