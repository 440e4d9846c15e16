"""The life of a replica: restored at start, loaded, refreshed, written down. One per directory and process.

Tenants of one deployment that name the same directory share one feed: it holds no tenant's data, and the directory
limits how often it may be asked (AD-3).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from .loading import Copier, RoundFailed
from .replica import Replica, restore

_FIRST_WAIT = 5.0
_log = structlog.get_logger("nuts_pzp.lrza")


class Feed:
    """Keeps `replica` current. None until something was loaded: an empty replica would deny what it does not know."""

    def __init__(
        self,
        copier: Copier,
        file: Path,
        *,
        interval: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._copier, self._file, self._interval, self._clock = copier, file, interval, clock
        self.replica: Replica | None = None
        self.trouble = "not loaded yet"
        self._since, self._loaded = "", 0.0
        self._users = 0
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Event | None = None
        self._turn = asyncio.Lock()

    @property
    def age(self) -> float:
        """Seconds since the last round that succeeded."""
        return max(self._clock() - self._loaded, 0.0)

    async def start(self, patience: float, *, anew: bool = False) -> None:
        """Restore the snapshot and begin; without one, or `anew`, wait at most `patience` seconds for a round."""
        self._users += 1
        async with self._turn:
            if self._task is None:
                await asyncio.to_thread(self._restore)
                self._first = asyncio.Event()
                self._task = asyncio.create_task(self._run(self._first))
        if (anew or self.replica is None) and self._first is not None:
            try:
                async with asyncio.timeout(patience):
                    await self._first.wait()
            except TimeoutError:
                return

    async def stop(self) -> None:
        """Stop when the last user stops; idempotent."""
        self._users = max(self._users - 1, 0)
        if self._users == 0 and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._copier.close()

    async def round(self) -> None:
        """Load when nothing is held, else refresh; then write the snapshot. Raises RoundFailed."""
        if self.replica is None or not self._since:
            self.replica, self._since = await self._copier.load()
        else:
            self._since = await self._copier.refresh(self.replica, self._since)
        self._loaded, self.trouble = self._clock(), ""
        content = self.replica.dump(self._copier.base, self._since, self._loaded)
        try:
            await asyncio.to_thread(self._write, content)
        except OSError as error:
            self.trouble = f"the snapshot could not be written: {type(error).__name__}"

    async def _run(self, first: asyncio.Event) -> None:
        failures = 0
        while True:
            try:
                await self.round()
                failures = 0
                wait = self._interval * random.uniform(1.0, 1.1)  # noqa: S311 (spreads load, guards nothing)
            except RoundFailed as error:
                self.trouble = str(error)
                wait = min(_FIRST_WAIT * 2**failures, self._interval)
                failures = min(failures + 1, 16)
                _log.warning("lrza.round_failed", why=self.trouble, wait=wait)
            except Exception as error:  # a bug must not end the refreshing unseen
                self.trouble, wait = f"internal error: {type(error).__name__}", self._interval
                _log.exception("lrza.internal")
            first.set()
            await asyncio.sleep(wait)

    def _restore(self) -> None:
        try:
            content = self._file.read_bytes()
        except OSError:
            return
        restored = restore(content, self._copier.base)
        if restored is None:
            _log.warning("lrza.snapshot_ignored")
            return
        self.replica, snapshot = restored
        self._since, self._loaded = snapshot.since, snapshot.loaded

    def _write(self, content: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
        beside.write_bytes(content)
        beside.replace(self._file)
