"""Brings into the ledger what was done outside the gateway: the outbox of one tenant, at the start and ever after.

The ledger has one writer. A command that records a choice seals what it did into the outbox; only this process writes
it into the log, leaves the receipt that makes a permission count, and lets no verdict from before serve any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from .audit.port import Audit, NotRecorded
from .identity import Bsn
from .outcome import Outcome, Unavailable
from .reasons import Reason
from .store.outbox import Outbox
from .store.port import StoreFailed
from .store.turn import Turn

PAUSE = 0.25
"""Seconds between two looks into the outbox: how long a permission may wait for its record."""
_TROUBLED = 2.0

_log = structlog.get_logger("nuts_pzp.bookkeeping")


class Bookkeeping:
    """One tenant's. Living: it looks once before the doors open, then every quarter of a second."""

    def __init__(
        self, outbox: Outbox, audit: Audit, purge: Callable[[Bsn], Awaitable[object]], turn: Turn | None = None
    ) -> None:
        """`purge` makes every verdict about a patient worthless, in every process; StoreFailed.

        `turn`: several replicas share the outbox, and one at a time brings it into its ledger.
        """
        self._turn = turn
        self._outbox, self._audit, self._purge = outbox, audit, purge
        self._task: asyncio.Task[None] | None = None
        self._trouble = ""

    async def sweep(self) -> int:
        """Account for all that waits; return how many that were. NotRecorded, StoreFailed: the rest still waits."""
        done = 0
        async for event in self._outbox.waiting():
            receipt = await self._audit.append(event)
            await self._outbox.settle(receipt)
            if event.bsn is not None:
                await self._purge(event.bsn)
            done += 1
        return done

    async def start(self) -> None:
        """Account for what was done while no gateway ran, then keep looking."""
        await self._look()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop looking; what waits is accounted for at the next start."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._turn is not None:
            with contextlib.suppress(StoreFailed):
                await self._turn.let_go()

    async def health(self) -> Outcome[str]:
        """Say whether what is done outside reaches the ledger."""
        return Unavailable(Reason.NOT_RECORDED, detail=self._trouble) if self._trouble else "nothing waits"

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_TROUBLED if self._trouble else PAUSE)
            await self._look()

    async def _look(self) -> None:
        try:
            if self._turn is None or await self._turn.mine():
                await self.sweep()
            self._trouble = ""
        except (NotRecorded, StoreFailed) as error:
            self._tell(str(error))
        except Exception as bug:  # the next look may find it mended; the check shows that it is not
            self._tell(type(bug).__name__)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.error("bookkeeping.waits", why=trouble, alarm="operations")
        self._trouble = trouble
