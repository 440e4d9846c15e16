"""No leak: memory of every process before and after many requests to one gateway of two workers.

Every request is the whole of disclose, with the policy evaluated. Not part of the table: it takes minutes. Run it with
`python tools/bench --only leak`; `make test-long` holds its figure against 10 %.
"""

from __future__ import annotations

import time

from disclosing import MANY
from holder import Holder
from load import measured
from processes import family, pss_megabytes
from stand import Process, Stand
from table import Effort, Row

WARM = 10
"""A tenth of the requests are to warm up: caches, pools and the allocator find their size."""
_STEP = 10.0


async def rows(stand: Stand, effort: Effort) -> list[Row]:
    """Load one gateway until so many requests were answered, and compare."""
    holder = Holder(stand)
    async with holder.server(), holder.gateway(2, memo=0) as gateway:
        until = time.monotonic() + effort.leaking_seconds
        warm = await _answered(stand, holder, gateway, effort.leaking // WARM, until)
        before = _memory(gateway)
        answered = await _answered(stand, holder, gateway, effort.leaking, until)
        after = _memory(gateway)
    growth = {pid: after[pid] / before[pid] - 1 for pid in before}
    most = max(growth.values())
    told = ", ".join(f"{before[pid]:.0f} to {after[pid]:.0f} MB" for pid in before)
    shown = f"{most:+.1%} at most over {answered:,} requests, after {warm:,} to warm up ({told})"
    what = "memory of supervisor, audit writer and two workers, under disclose, c=32"
    return [Row("leak", what, shown, "within 10 %", {"growth": most, "requests": answered})]


async def _answered(stand: Stand, holder: Holder, gateway: Process, many: int, until: float) -> int:
    """Load in steps, each with a token of its own as a consultation has, until so many answers or that time."""
    seconds, answered = min(_STEP, max(0.1, many / 1_000)), 0
    folder = stand.place("leak")
    while answered < many and time.monotonic() < until:
        requests = [await holder.bearer()]
        load = await measured(gateway.port, requests, connections=MANY, seconds=seconds, folder=folder)
        answered += load.requests
    return answered


def _memory(gateway: Process) -> dict[int, float]:
    return {pid: pss_megabytes(pid) for pid in family(gateway.pid)}
