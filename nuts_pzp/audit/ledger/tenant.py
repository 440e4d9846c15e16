"""One tenant's log as the rest of the gateway sees it: events go in, receipts of durable records come out."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TypeVar

from ...accounted import Event, Kept, Receipt
from ...keys import BadKeyFile
from ..canonical import OutsideProfile
from ..page import Draft
from ..port import NotRecorded
from ..record import Scribe
from .log import Log
from .loops import Loops
from .waiting import Waiting
from .writer import Writer

E = TypeVar("E", bound=Event)


class TenantAudit:
    """One tenant's log behind the port `Audit`. Bound to the running loop of whoever awaits it."""

    def __init__(self, log: Log, scribe: Scribe, writer: Writer, loops: Loops) -> None:
        self.log, self._scribe, self._writer, self._loops = log, scribe, writer, loops

    async def append(self, event: E, /) -> Receipt[E]:
        """Return when the record is durable; raise NotRecorded after two seconds, or at once when it cannot be.

        Whoever is cancelled while waiting does not take the record back: it is written all the same.
        """
        return await self._loops.turn().record(event, self._scribe, self.log)

    def draft(self, event: Event) -> Draft:
        """Write the event down as a record; NotRecorded when it cannot be written canonically or not sealed."""
        try:
            return self._scribe.draft(event)
        except (OutsideProfile, BadKeyFile) as error:
            raise NotRecorded(str(error)) from None

    def keep(self, code: str, detail: Mapping[str, str], *, anyway: bool = False) -> Future[int]:
        """Queue a record of the logging itself from any thread; the future has its index once durable."""
        future: Future[int] = Future()
        draft = self.draft(Kept(code, tuple(sorted(detail.items()))))
        self._writer.queue.put(Waiting(self.log, draft, future), anyway=anyway)
        return future
