"""Turns: how many requests of one tenant are answered at once, and how many may wait for that (ADR 0035)."""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """First come, first served. What does not fit is turned away at once, what waits too long a little later."""

    def __init__(self) -> None:
        """Nobody is inside."""
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def inside(self) -> int:
        """Requests that are being answered."""
        return self._inside

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    async def take(self, at_once: int, waiting: int, seconds: float) -> bool:
        """Take a turn, waiting for it if need be; False when too many wait already, or it takes too long.

        Whoever got True calls `give`. A waiter that is cancelled leaves, and the turn goes to the next.
        """
        if self._inside < at_once and not self._waiting:
            self._inside += 1
            return True
        if len(self._waiting) >= waiting:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            if not turn.done() or turn.cancelled():
                self._leave(turn)
                return False
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give()
            self._leave(turn)
            raise
        return True

    def give(self) -> None:
        """Give the turn back: the one who waits longest has it now."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._inside -= 1

    def _leave(self, turn: asyncio.Future[None]) -> None:
        if turn in self._waiting:
            self._waiting.remove(turn)
