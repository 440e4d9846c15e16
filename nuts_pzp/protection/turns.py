"""Turns: how many requests of one tenant are answered at once, and how many may wait for that (ADR 0035)."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Hashable


class Turns:
    """First come, first served. What does not fit is turned away at once, what waits too long a little later.

    Nobody has more than three quarters, of the turns or of the places to wait: a quarter is left for others.
    """

    def __init__(self) -> None:
        """Nobody is inside."""
        self._inside: Counter[Hashable] = Counter()
        self._waiting: deque[tuple[Hashable, asyncio.Future[None]]] = deque()
        self._at_once = 0

    @property
    def inside(self) -> int:
        """Requests that are being answered."""
        return self._inside.total()

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    async def take(self, at_once: int, waiting: int, seconds: float, whose: Hashable = "") -> bool:
        """Take a turn, waiting for it if need be; False when too many wait already, or it takes too long.

        Whoever got True calls `give`. A waiter that is cancelled leaves, and the turn goes to the next.
        """
        self._at_once = at_once
        if self._may_enter(whose):
            self._inside[whose] += 1
            return True
        own = sum(one == whose for one, _ in self._waiting)
        if len(self._waiting) >= waiting or own >= _share(waiting):
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((whose, turn))
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            if not turn.done() or turn.cancelled():
                self._leave(turn)
                return False
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give(whose)
            self._leave(turn)
            raise
        return True

    def give(self, whose: Hashable = "") -> None:
        """Give the turn back: of those who may come in, the one who waits longest has it now."""
        self._inside[whose] -= 1
        if self._inside[whose] <= 0:
            del self._inside[whose]
        for place, (one, turn) in enumerate(self._waiting):
            if not turn.done() and self._may_enter(one):
                del self._waiting[place]
                self._inside[one] += 1
                turn.set_result(None)
                return

    def _may_enter(self, whose: Hashable) -> bool:
        """True while there is a turn, and this one has not all of its share. Who could come in does not wait."""
        return self.inside < self._at_once and self._inside[whose] < _share(self._at_once)

    def _leave(self, turn: asyncio.Future[None]) -> None:
        self._waiting = deque(one for one in self._waiting if one[1] is not turn)


def _share(places: int) -> int:
    return places - places // 4
