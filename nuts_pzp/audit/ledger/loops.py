"""How a running loop hands in records to the writer in its own process: what one turn of it brought, together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .log import Log
from .turn import Handed, Turn
from .waiting import Settled, Waiting, resolve
from .writer import Writer


class InLoop:
    """Listens in one loop: one wake-up, however many records."""

    def __init__(self, loop: asyncio.AbstractEventLoop, writer: Writer) -> None:
        self.turn: Turn[Log] = Turn(loop, self._over, writer.limits.deadline)
        self._writer = writer

    def _over(self, handed: Sequence[Handed[Log]]) -> None:
        written = [Waiting(one.log, draft, one.future, self) for one in handed if (draft := one.write())]
        resolve(self._writer.queue.put_all(written))

    def settle(self, settled: Sequence[Settled]) -> None:
        try:
            self.turn.loop.call_soon_threadsafe(resolve, settled)
        except RuntimeError:
            return  # that loop is gone, and whoever waited with it; the records stand


class Loops:
    """Whose turn it is: that of whichever loop runs."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._last: InLoop | None = None

    def turn(self) -> Turn[Log]:
        """Return the turn of the running loop."""
        loop, last = asyncio.get_running_loop(), self._last
        if last is None or last.turn.loop is not loop:
            last = self._last = InLoop(loop, self._writer)
        return last.turn  # not what is kept: another loop's thread may have put its own there meanwhile
