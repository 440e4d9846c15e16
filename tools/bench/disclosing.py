"""Disclose: one worker and two behind plain http (a TLS proxy's place), next to nginx and to nothing.

Settings are real otherwise, but for the limits per organization, tenant and patient: one caller asks about one patient
as fast as it can, which they are there to stop.

Warm means: the token's introspection is in memory (10 s), the verdict of Mitz is reused within the token (60 s), the
policy is evaluated on every request, two records are durable in strict order, and the holder's server is asked twice
(whose is it; then the search). The answer is a searchset of about 20 KB with the server's own addresses in it, so it
is checked and written again.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import database
import nginx
from holder import Holder
from load import WRK, Load, Request, measured
from processes import answering, cpu_seconds, family, listening, pss_megabytes, running
from stand import HOLDER, Process, Stand, free_port
from table import Effort, Figures, Row, middle

MANY = 32
WORKERS = (1, 2)


@dataclass(slots=True)
class Runs:
    """Repeated loads on one thing, and the processor time it took."""

    loads: list[Load]
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        return middle([one.rate for one in self.loads])

    @property
    def p50(self) -> float:
        return middle([one.p50 for one in self.loads])

    @property
    def p99(self) -> float:
        return middle([one.p99 for one in self.loads])

    @property
    def micros(self) -> float:
        """Processor time per request in microseconds."""
        return self.cpu * 1e6 / sum(one.requests for one in self.loads)


async def rows(stand: Stand, effort: Effort) -> list[Row]:
    """Measure and return the rows of disclose."""
    holder = Holder(stand)
    folder = stand.place("load")
    async with holder.server() as upstream, _yardstick(stand, holder) as yardstick:
        async with contextlib.AsyncExitStack() as running_:
            crews = {n: await running_.enter_async_context(holder.gateway(n, memo=0)) for n in WORKERS}
            gateways = {_named(n): one for n, one in crews.items()}
            bearer = [await holder.bearer()]
            alone = await _interleaved({"upstream": upstream, "nginx": yardstick, **gateways}, holder, bearer, effort,
                                       folder, 1)  # fmt: skip
            busy = await _interleaved({"nginx": yardstick, **gateways}, holder, bearer, effort, folder, MANY)
            shared = await _shared_state(holder, bearer, upstream, effort, folder)
            singles = [row for n, one in crews.items() for row in await _singles(holder, n, one, effort)]
            memory = [_memory(n, one) for n, one in crews.items()]
        async with contextlib.AsyncExitStack() as running_:
            gateways = {_named(n): await running_.enter_async_context(holder.gateway(n)) for n in WORKERS}
            remembered = await _interleaved({"nginx": yardstick, **gateways}, holder, bearer, effort, folder, MANY)
    return [
        *_yardstick_rows(alone, busy),
        *(_alone(n, alone) for n in WORKERS),
        shared,
        *(_busy(n, busy) for n in WORKERS),
        *(_busy(n, remembered, remembered=True) for n in WORKERS),
        *singles,
        *memory,
    ]


def _named(workers: int) -> str:
    return f"gateway-{workers}"


def _suffix(workers: int) -> str:
    return "" if workers == 1 else f".w{workers}"


def _so_many(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers and an audit writer"


async def _singles(holder: Holder, workers: int, gateway: Process, effort: Effort) -> list[Row]:
    """Measure what happens once per token or per proof."""
    fresh = [await _once(gateway, await holder.bearers(effort.tokens), effort, n) for n in (1, MANY)]
    bound = [await _once(gateway, await holder.proved(gateway.port, effort.tokens), effort, n) for n in (1, MANY)]
    uncached = f"disclose, {_so_many(workers)}, every token new: introspection and Mitz asked each time"
    proved = f"disclose, {_so_many(workers)}, DPoP: token and consent warm, each proof checked here and at the node"
    return [
        _single(f"disclose.uncached{_suffix(workers)}", uncached, *fresh),
        _single(f"disclose.dpop{_suffix(workers)}", proved, *bound),
    ]


def _memory(workers: int, gateway: Process) -> Row:
    """Return what each process that answers holds; the largest, when there are several."""
    most = max(pss_megabytes(pid) for pid in answering(gateway.pid))
    shown = f"{most:.0f} MB PSS" if workers == 1 else f"{most:.0f} MB PSS per worker, {_whole(gateway):.0f} MB in all"
    what = f"memory under that load, {_so_many(workers)}"
    return Row(f"memory{_suffix(workers)}", what, shown, "<= 120 MB per worker", {"pss_mb": most})


def _whole(gateway: Process) -> float:
    return sum(pss_megabytes(pid) for pid in family(gateway.pid))


@contextlib.asynccontextmanager
async def _yardstick(stand: Stand, holder: Holder) -> AsyncIterator[Process | None]:
    if nginx.NGINX is None or WRK is None:
        yield None
        return
    folder = stand.place("nginx")
    port, log = free_port(), folder / "nginx.log"
    body = holder.answer.replace("{base}", holder.base).encode()
    async with running(nginx.command(folder, port, free_port(), body), log) as process:
        await listening(process, port, log)
        yield Process(port, process.pid)


async def _interleaved(
    places: dict[str, Process | None],
    holder: Holder,
    bearer: Sequence[Request],
    effort: Effort,
    folder: Any,
    connections: int,
) -> dict[str, Runs]:
    """Load each place in turn, round after round, so that what else the machine does falls on all alike."""
    found = {name: Runs([]) for name, place in places.items() if place is not None}
    for turn in range(effort.rounds + 1):
        for name, runs in found.items():
            place = places[name]
            assert place is not None
            requests = bearer if name.startswith("gateway") else [holder.asked]
            seconds = effort.seconds if turn else min(1.0, effort.seconds)
            before = cpu_seconds(place.pid)
            load = await measured(place.port, requests, connections=connections, seconds=seconds, folder=folder)
            if turn:  # the first is to warm up
                runs.loads.append(load)
                runs.cpu += cpu_seconds(place.pid) - before
    return found


async def _once(gateway: Process, requests: Sequence[Request], effort: Effort, connections: int) -> Load:
    """Send each of these requests once at most."""
    share = len(requests) // 4 if connections == 1 else len(requests)
    return await measured(
        gateway.port, requests[:share], connections=connections, seconds=effort.seconds, folder=None, most=share
    )


async def _shared_state(
    holder: Holder, bearer: Sequence[Request], upstream: Process, effort: Effort, folder: Any
) -> Row:
    """Measure one worker whose small state is in PostgreSQL, or say that there is none."""
    what = "disclose, warm, 1 worker, small state in PostgreSQL (ledger on the local disk), c=1"
    id_, goal = "disclose.c1.postgres", "p50 <= 3 ms"
    try:
        with database.state(holder.stand.place("shared"), HOLDER) as state:
            async with holder.gateway(memo=0, state=state) as gateway:
                runs = await _interleaved({"upstream": upstream, _named(1): gateway}, holder, bearer, effort, folder, 1)
    except database.NoServer as reason:
        return Row(id_, what, f"NOT MEASURED: {reason}", goal, {})
    p50, p99 = (getattr(runs[_named(1)], name) - getattr(runs["upstream"], name) for name in ("p50", "p99"))
    return Row(id_, what, f"p50 {p50:.2f} ms, p99 {p99:.2f} ms added", goal, {"p50_ms": p50, "p99_ms": p99})


def _yardstick_rows(alone: dict[str, Runs], busy: dict[str, Runs]) -> list[Row]:
    if "nginx" not in busy:
        return []
    one, many = alone["nginx"], busy["nginx"]
    shown = f"{many.rate:,.0f}/s at c=32, {many.micros:.0f} us CPU each of its one worker; p50 {one.p50:.2f} ms at c=1"
    figures = {"rate": many.rate, "p50_ms": one.p50}
    return [Row("nginx", "nginx auth_request + proxy_pass, 1 worker (the yardstick)", shown, "", figures)]


def _alone(workers: int, runs: dict[str, Runs]) -> Row:
    direct, through = runs["upstream"], runs[_named(workers)]
    p50, p99 = through.p50 - direct.p50, through.p99 - direct.p99
    shown = f"p50 {p50:.2f} ms, p99 {p99:.2f} ms added ({through.p50:.2f} and {through.p99:.2f} in all)"
    what = f"disclose, warm, {_so_many(workers)}, c=1"
    figures = {"p50_ms": p50, "p99_ms": p99}
    return Row(f"disclose.c1{_suffix(workers)}", what, shown, "p50 <= 1.6 ms, p99 <= 6 ms", figures)


def _busy(workers: int, runs: dict[str, Runs], *, remembered: bool = False) -> Row:
    own = runs[_named(workers)]
    shown = f"{own.rate:,.0f}/s, {own.micros:.0f} us CPU each, p50 {own.p50:.1f} ms, p99 {own.p99:.1f} ms"
    figures: Figures = {"rate": own.rate, "cpu_us": own.micros, "p50_ms": own.p50, "p99_ms": own.p99}
    if "nginx" in runs:
        figures["of_nginx"] = own.rate / runs["nginx"].rate
        shown = f"{figures['of_nginx']:.2f} of nginx: {shown}"
    id_ = f"disclose.c32{'.remembered' if remembered else ''}{_suffix(workers)}"
    if remembered:
        return Row(
            id_, f"the same, {_so_many(workers)}, policy answers remembered (default settings)", shown, "", figures
        )
    goal = ">= 0.11 of nginx" if workers == 1 else ">= 0.20 of nginx"
    return Row(id_, f"disclose, warm, {_so_many(workers)}, c=32", shown, goal, figures)


def _single(id_: str, what: str, alone: Load, busy: Load) -> Row:
    shown = f"p50 {alone.p50:.1f} ms, p99 {alone.p99:.1f} ms at c=1; {busy.rate:,.0f}/s at c=32, twins included"
    return Row(id_, what, shown, "", {"p50_ms": alone.p50, "p99_ms": alone.p99, "rate": busy.rate})
