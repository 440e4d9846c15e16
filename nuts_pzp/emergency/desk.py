"""Tells the holder's officer of every emergency access, within a minute, and again until it is heard.

One tenant's. Alerts lie in the store until every configured way has taken them; a restart goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from ..outcome import Deny, Outcome, Unavailable, Unknown
from ..reasons import Reason
from ..store.port import StoreFailed
from .port import Alarm, Alert
from .register import Register

PAUSE = 1.0
"""Seconds between two looks: another process may have opened an emergency."""
LONGEST_PAUSE = 30.0
"""Seconds that a way that fails is left alone at most."""
LATE = 60.0
"""Seconds after which an alert is late, and the gateway says so."""

_log = structlog.get_logger("nuts_pzp.emergency")


@dataclass(slots=True)
class _Waiting:
    """Since when an alert waits (steady seconds), and how often a way did not take it."""

    since: float
    refused: int = 0


class Desk:
    """Living: looks once at the start, then every second, and at once when it is woken."""

    def __init__(
        self,
        register: Register,
        alarms: Mapping[str, Alarm],
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        pause: float = PAUSE,
    ) -> None:
        """`clock` gives Unix time, `steady` seconds that are never set back.

        `alarms` by the name under which each is remembered as told.
        """
        self._register, self._alarms, self._pause = register, dict(alarms), pause
        self._clock, self._steady = clock, steady
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._failed: dict[str, tuple[int, float]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._trouble = ""
        self.delivered = 0
        """Alerts that one of the ways has taken, since the start."""

    @property
    def waiting(self) -> int:
        """How many alerts somebody has not been told."""
        return len(self._waiting)

    @property
    def age(self) -> float:
        """Seconds that the oldest of them waits, 0 for none; a clock that is set meanwhile changes nothing."""
        return self._steady() - min(one.since for one in self._waiting.values()) if self._waiting else 0.0

    def wake(self) -> None:
        """There is something to tell."""
        self._woken.set()

    async def look(self) -> None:
        """Tell what waits, by every way that is not left alone for now; StoreFailed when that cannot be known.

        What was refused least comes first: an alert that a way never takes keeps no other back.
        """
        held = [one async for one in self._register.waiting()]
        self._waiting = {alert.id: self._waiting.get(alert.id) or self._since(alert) for alert, _ in held}
        held.sort(key=lambda one: self._waiting[one[0].id].refused)
        everybody = frozenset(self._alarms)
        for alert, told in held:
            left = everybody - told
            for name in sorted(left):
                if await self._told(name, alert):
                    await self._register.told(alert, name, everybody)
                    left -= {name}
            if not everybody - told:  # a way that was taken out of the settings is waited for no more
                await self._register.told(alert, next(iter(everybody)), everybody)
            if not left:
                del self._waiting[alert.id]

    def _since(self, alert: Alert) -> _Waiting:
        """An alert that is seen for the first time: made a moment ago, or before a restart."""
        made = datetime.fromisoformat(alert.at).timestamp()
        return _Waiting(self._steady() - max(0.0, self._clock() - made))

    async def _told(self, name: str, alert: Alert) -> bool:
        times, until = self._failed.get(name, (0, 0.0))
        if self._steady() < until:
            return False
        try:
            said = await self._alarms[name].tell(alert)
        except Exception as bug:
            said = Unavailable(Reason.EMERGENCY_UNALERTED, detail=type(bug).__name__)
        if isinstance(said, Deny | Unknown | Unavailable):
            pause = min(LONGEST_PAUSE, 2.0**times)
            self._failed[name] = (min(times + 1, 8), self._steady() + pause)
            self._waiting[alert.id].refused += 1
            _log.error("emergency.not-alerted", channel=name, why=said.detail, id=alert.id, alarm="security")
            return False
        self._failed.pop(name, None)
        self.delivered += 1
        return True

    async def start(self) -> None:
        """Begin to tell what waits, also from before; nothing waits for it."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop; what waits is told after the next start."""
        task, self._task = self._task, None
        if task:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def health(self) -> Outcome[str]:
        """Say that nobody waits longer than a minute to be told."""
        if self._trouble:
            return Unavailable(Reason.EMERGENCY_UNALERTED, detail=self._trouble)
        if self.age > LATE:
            return Unavailable(Reason.EMERGENCY_UNALERTED, detail=f"{self.waiting} alerts wait longer than a minute")
        return f"{self.waiting} alerts wait" if self.waiting else "no alert waits"

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
                self._trouble = ""
            except Exception as error:  # the next look may find it mended; the check shows that it is not
                kind = str(error) if isinstance(error, StoreFailed) else type(error).__name__
                if kind != self._trouble:
                    _log.error("emergency.desk-stuck", why=kind, alarm="security")
                self._trouble = kind
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause):
                    await self._woken.wait()
            self._woken.clear()
