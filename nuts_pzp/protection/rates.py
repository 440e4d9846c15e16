"""Rates: how often something may happen, by key. Pure but for the clock that is handed in (ADR 0035)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, and at most `burst` at once."""

    per_second: float
    burst: int


class Buckets:
    """One bucket per key, as the time at which it would be full again; the one used longest ago makes room."""

    def __init__(self, size: int = 20_000) -> None:
        """All full."""
        self._size = size
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable, rate: Rate, now: float) -> bool:
        """Take one; False when the bucket is empty, and then nothing is taken. `now` is monotonic seconds."""
        full_at = max(now, self._full_at.get(key, now))
        if full_at - now > (rate.burst - 1) / rate.per_second:
            return False
        self._full_at[key] = full_at + 1 / rate.per_second
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._size:
            self._full_at.popitem(last=False)
        return True

    def __len__(self) -> int:
        return len(self._full_at)
