"""The indicators of the last complete month as gauges, for each tenant that consults (ADR 0015). Off by default.

Counted once a day by a process of its own; never a live value, and a figure about fewer than ten is not there at all.
A month that is over does not change any more, so no two scrapes differ by somebody.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .audit.counted import last_month

DAY, HOUR = 86_400.0, 3_600.0
SOON = 60.0
"""Seconds after the start: what comes first then is answering."""
LONGEST = 3_600.0
"""Seconds that one tenant's log may take."""

Told = dict[str, Any]
Counter = Callable[[str, str], Awaitable[Told]]
"""Counts one month of one tenant; NotCounted when that cannot be."""

_log = structlog.get_logger("nuts_pzp.monthly")


class NotCounted(Exception):
    """There is no figure: why, in words without values."""


class Monthly(Collector):
    """What was last counted of each tenant, and the task that counts. Gauges of tenants that are gone are gone too."""

    def __init__(
        self,
        counting: Counter,
        tenants: Callable[[], Iterable[str]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`tenants`: the ids of those that consult now."""
        self._counting, self._tenants, self._clock = counting, tenants, clock
        self._told: dict[str, Told] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Count in a minute, and every day from then."""
        self._task = asyncio.create_task(self._daily())

    async def stop(self) -> None:
        """Count no more; a count that runs is ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def count(self) -> bool:
        """Count the last complete month of each tenant, one after another; False when one could not be."""
        month, fine, found = last_month(self._clock()), True, {}
        for tenant in sorted(self._tenants()):
            try:
                found[tenant] = await self._counting(tenant, month)
            except NotCounted as error:
                fine = False
                _log.error("indicators.not-counted", tenant=tenant, month=month, why=str(error), alarm="operations")
                if tenant in self._told:
                    found[tenant] = self._told[tenant]
        self._told = found
        return fine

    async def _daily(self) -> None:
        pause = SOON
        while True:
            await asyncio.sleep(pause)
            try:
                pause = DAY if await self.count() else HOUR
            except Exception as bug:
                pause = DAY
                _log.error("indicators.bug", error=type(bug).__name__, alarm="operations")

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: tenants come and go."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; a figure that rests on too few has no sample."""
        families = {name: GaugeMetricFamily(name, says, labels=labels) for name, (says, labels) in _SAID.items()}
        for tenant, told in self._told.items():
            for name, more, value in _figures(told):
                if value is not None:
                    families[name].add_metric([tenant, told["month"], *more], value)
        yield from families.values()


_OF = ("tenant", "month")
_SAID: dict[str, tuple[str, tuple[str, ...]]] = {
    "nuts_pzp_month_patients": ("Distinct patients about whom was asked in that month", _OF),
    "nuts_pzp_month_acute_found_ratio": ("Patients at acute admission for whom an answer was found, as a share", _OF),
    "nuts_pzp_month_answer_seconds": ("Seconds until the overview was there", (*_OF, "part")),
    "nuts_pzp_month_source_failed_ratio": ("Answers of a source that were not whole, as a share", (*_OF, "source")),
}


def _figures(told: Told) -> Iterator[tuple[str, list[str], float | None]]:
    yield "nuts_pzp_month_patients", [], told["patients"]
    yield "nuts_pzp_month_acute_found_ratio", [], told["acute"]["found_share"]
    for part in ("median", "p90"):
        yield "nuts_pzp_month_answer_seconds", [part], told["seconds"][part]
    for row in told["sources"]:
        yield "nuts_pzp_month_source_failed_ratio", [row["ura"]], row["failed_share"]


def by_process(ledger: Path, keys: Path) -> Counter:
    """Return a counter that starts a process per count; `keys` is the folder with a folder of keys per tenant."""

    async def count(tenant: str, month: str) -> Told:
        words = ("-m", "nuts_pzp.audit.counted", str(ledger), str(keys / tenant), tenant, month)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *words,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise NotCounted(error.strerror or "no process") from None
        try:
            async with asyncio.timeout(LONGEST):
                said, why = await process.communicate()
            told: Told = json.loads(said)
        except TimeoutError:
            raise NotCounted("it took too long") from None
        except ValueError:
            raise NotCounted(why.decode("utf-8", "replace").strip().rpartition("\n")[2] or "no figures") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return told

    return count
