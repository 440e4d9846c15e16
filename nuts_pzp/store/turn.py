"""Whose turn it is, of several replicas, to do what is done once: one has it until it lets go or is silent for a while.

For work that is harmless when two do it for a moment, such as writing the outbox into the ledger: clocks may differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .vault import Vault

_KIND = "turn"
LASTS = 30.0
"""Seconds that a silent replica keeps its turn."""


class Turn:
    """One duty of one tenant, as one replica sees it."""

    def __init__(self, vault: Vault, duty: str, who: str, *, clock: Callable[[], float] = time.time) -> None:
        """`who`: this replica's own name, the same after a restart. `clock` gives Unix time."""
        self._vault, self._duty, self._who, self._clock = vault, duty, who, clock
        self._until = float("-inf")

    async def mine(self) -> bool:
        """Take or keep the turn and return True; False while another has it. StoreFailed: nobody can tell."""
        now = self._clock()
        if LASTS / 2 < self._until - now <= LASTS:
            return True
        found, version = await self._vault.get(_KIND, self._duty)
        if found is not None and found["who"] != self._who and now < found["until"] <= now + 2 * LASTS:
            return False  # later than that nobody writes: a clock was set back since
        until = now + LASTS
        if not await self._vault.put(_KIND, self._duty, {"who": self._who, "until": until}, version):
            return False
        self._until = until
        return True

    async def let_go(self) -> None:
        """Let another have it at once; StoreFailed when that cannot be told: then it waits."""
        found, version = await self._vault.get(_KIND, self._duty)
        if found is not None and found["who"] == self._who:
            await self._vault.put(_KIND, self._duty, None, version)
        self._until = float("-inf")
