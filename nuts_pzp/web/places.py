"""How many connections a listener holds, in all and from one address, so that one client cannot keep others out."""

from __future__ import annotations

from collections import Counter


class Places:
    """Counts who is in. An address beyond its share, or anybody beyond the whole, is not let in."""

    def __init__(self, whole: int = 1000, each: int = 250) -> None:
        """`whole` counts in what a process may have open (`descriptors`): ledger and way out never want for one."""
        self._whole, self._each = whole, each
        self._held: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Take a place; False when there is none for this address."""
        if self._held.total() >= self._whole or self._held[address] >= self._each:
            return False
        self._held[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Give a place back."""
        self._held[address] -= 1
        if self._held[address] <= 0:
            del self._held[address]
