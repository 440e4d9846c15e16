"""A circuit breaker for the control plane (spec consent 1.8). Pure but for its default clock."""

from __future__ import annotations

import time


class Breaker:
    """Five failures in thirty seconds open it for thirty; then one real call tries again (spec consent 1.8).

    A probe that never reports back, for whatever reason, counts as abandoned after another rest.
    """

    def __init__(self, failures: int = 5, window: float = 30.0, rest: float = 30.0) -> None:
        self._failures, self._window, self._rest = failures, window, rest
        self._recent: list[float] = []
        self._opened: float | None = None
        self._probe: float | None = None

    def admits(self, now: float | None = None) -> bool:
        """True when a call may be made; the first one after the rest is the probe."""
        now = time.monotonic() if now is None else now
        if self.holds(now):
            return False
        self._probe = None if self._opened is None else now
        return True

    def holds(self, now: float | None = None) -> bool:
        """True when a call would be held back now. Changes nothing."""
        now = time.monotonic() if now is None else now
        return any(since is not None and now - since < self._rest for since in (self._opened, self._probe))

    @property
    def is_open(self) -> bool:
        """True while calls are held back."""
        return self._opened is not None

    def succeeded(self) -> None:
        """A call worked: close."""
        self._recent.clear()
        self._opened = self._probe = None

    def failed(self, now: float | None = None) -> None:
        """A call failed: count it, open when there were too many, rest again when the probe failed."""
        now = time.monotonic() if now is None else now
        if self._probe is not None:
            self._opened, self._probe = now, None
            return
        self._recent = [moment for moment in self._recent if now - moment < self._window] + [now]
        if self._opened is None and len(self._recent) >= self._failures:
            self._opened = now

    def abandoned(self) -> None:
        """The probing call was cancelled: neither success nor failure; let another call probe."""
        self._probe = None
