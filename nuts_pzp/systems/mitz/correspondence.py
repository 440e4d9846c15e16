"""Mitz: what goes to and fro beside the questions: subscriptions out, notifications in, worked on in the background.

Serves the informant and the interested of sharing consent. The store is the memory: every process of a deployment may
run this at the same time, and what one was told all know.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

import structlog

from ...consent.notice import NotForUs, Notice, Unreadable
from ...identity import Bsn, Patient, Ura
from ...outcome import Outcome
from ...store.port import StoreFailed
from ...store.vault import Vault
from .flaw import Flaw
from .notice import read
from .pinned import Pinned
from .settings import SubscriptionSettings
from .subscriptions import Subscriptions
from .told import Told

PAUSE = 1.0
"""Seconds between two looks at what is to be sent, while there is something; twice as long each time there is not."""
LONGEST_PAUSES = 16
NIGHTLY = 86_400.0
_RECONCILED, _HEARD = "mitz-reconciled", "mitz-heard"
_REMEMBERED = 20_000

_log = structlog.get_logger("nuts_pzp.mitz")


class Letters:
    """The correspondence of one tenant. Without `pinned` nobody may notify, without `subscriptions` nothing is sent."""

    def __init__(
        self,
        holder: Ura,
        vault: Vault,
        told: Told,
        pinned: Pinned | None,
        subscriptions: Subscriptions | None,
        settings: SubscriptionSettings | None,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`quiet`: nothing is sent of its own accord."""
        self._quiet = quiet
        self.told, self.subscriptions = told, subscriptions
        self._holder, self._vault, self._pinned, self._settings, self._clock = holder, vault, pinned, settings, clock
        self._seen: OrderedDict[Bsn, None] = OrderedDict()
        self._errands: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._due = asyncio.Event()
        self._trouble = ""
        self._waiting = 0

    def admits(self, certificate: bytes | None, /) -> bool:
        """True for a certificate that the settings name."""
        return self._pinned is not None and self._pinned.admits(certificate)

    @property
    def subscribes(self) -> bool:
        """False where the settings say that nobody is subscribed, by command neither."""
        return self._settings is not None and self._settings.subscribe_on != "never"

    async def read(self, media_type: str, body: bytes, /) -> Notice | NotForUs | Unreadable:
        """Read a notification as strictly as an answer."""
        found = read(media_type, body)
        if isinstance(found, Flaw):
            return Unreadable(found.value)
        if found.holder != self._holder:
            return NotForUs()
        return replace(found.notice, known=await self._knows(found.notice.bsn))

    async def restrict(self, notice: Notice, /) -> Outcome[int]:
        """Keep what it restricts; a patient that died is not subscribed any more."""
        found = await self.told.restrict(notice)
        self._send(self._heard())
        if self.subscriptions is not None:
            self._send(self._unwant(notice.bsn) if notice.deceased else self.subscriptions.notified(notice.bsn))
        return found

    async def relax(self, notice: Notice, /) -> Outcome[int]:
        """Let the closed question decide again about what it permits."""
        return await self.told.relax(notice)

    def has(self, patient: Patient, /) -> None:
        """Subscribe at the first sight of a patient's data, if the settings say so."""
        settings = self._settings
        if settings is None or settings.subscribe_on != "first_pzp_record" or patient.bsn in self._seen:
            return
        self._seen[patient.bsn] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        self._send(self._want(patient))

    def died(self, patient: Patient, /) -> None:
        """End the subscription of a patient of whom the holder knows that he or she died."""
        self._seen.pop(patient.bsn, None)
        if self.subscriptions is not None:
            self._send(self._unwant(patient.bsn))

    async def start(self) -> None:
        """Begin to send what is due."""
        if self.subscriptions is not None and not self._quiet:
            self._task = asyncio.create_task(self._run(self.subscriptions))

    async def stop(self) -> None:
        """Finish what was begun for a moment; what is due is sent after the next start."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._errands:
            await asyncio.wait(tuple(self._errands), timeout=2.0)
        if self.subscriptions is not None:
            await self.subscriptions.close()

    @property
    def health(self) -> str:
        """In a word: what waits to be sent, or what is wrong. Empty when there is nothing to say."""
        if self._trouble:
            return f"subscriptions: {self._trouble}"
        return f"{self._waiting} subscriptions to be sent" if self._waiting else ""

    async def _knows(self, bsn: Bsn) -> bool:
        """True for a patient that was subscribed; only counted, so a store that fails is no trouble here."""
        try:
            return self.subscriptions is not None and await self.subscriptions.of(bsn) is not None
        except StoreFailed:
            return False

    async def last_heard(self) -> float | None:
        """Return when Mitz last notified about anybody of this holder (Unix time), None for never; StoreFailed."""
        document, _ = await self._vault.get(_HEARD, "last")
        return _at(document) if document else None

    async def _heard(self) -> None:
        _, version = await self._vault.get(_HEARD, "last")
        await self._vault.put(_HEARD, "last", {"at": self._clock()}, version)

    async def _want(self, patient: Patient) -> None:
        assert self.subscriptions is not None
        assert self._settings is not None
        born = patient.birth_date if self._settings.birth_dates_verified else None
        try:
            await self.subscriptions.want(patient.bsn, born)
        except StoreFailed:
            self._seen.pop(patient.bsn, None)
            raise

    async def _unwant(self, bsn: Bsn) -> None:
        assert self.subscriptions is not None
        await self.subscriptions.unwant(bsn)

    def _send(self, errand: Coroutine[Any, Any, None]) -> None:
        """Do it beside the request, and tell when it fails: the next sight of the patient tries again."""
        task = asyncio.create_task(self._told_of(errand))
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _told_of(self, errand: Coroutine[Any, Any, None]) -> None:
        try:
            await errand
            self._due.set()
        except StoreFailed as error:
            _log.error("mitz.subscription-not-kept", why=str(error), alarm="operations")

    async def _run(self, subscriptions: Subscriptions) -> None:
        """Look when something became due here, and now and then for what another process left; once a day at all."""
        pause = PAUSE
        while True:
            try:
                calls = await subscriptions.work()
                if calls or pause == PAUSE:
                    self._waiting = await subscriptions.waiting()
                if await self._night():
                    found = await subscriptions.reconcile()
                    _log.info("mitz.reconciled", **found)
                self._trouble = ""
            except StoreFailed as error:
                calls = self._tell(str(error))
            except Exception as bug:  # the next look may find it mended; the check shows that it is not
                calls = self._tell(type(bug).__name__)
            pause = PAUSE if calls or self._due.is_set() else min(pause * 2, PAUSE * LONGEST_PAUSES)
            self._due.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):  # not wait_for: before Python 3.12 it may swallow being cancelled
                    await self._due.wait()

    async def _night(self) -> bool:
        """True for the one process whose turn it is to reconcile: a day after the last time or the first start."""
        document, version = await self._vault.get(_RECONCILED, "last")
        now = self._clock()
        if document is not None and now - _at(document) < NIGHTLY:
            return False
        return await self._vault.put(_RECONCILED, "last", {"at": now}, version) and document is not None

    def _tell(self, trouble: str) -> int:
        if trouble != self._trouble:
            _log.error("mitz.correspondence-troubled", why=trouble, alarm="operations")
        self._trouble = trouble
        return 0


def _at(document: Mapping[str, Any]) -> float:
    at = document.get("at")
    return float(at) if isinstance(at, int | float) else 0.0
