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
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import nginx
from load import WRK, Load, Request, measured
from processes import answering, cpu_seconds, family, listening, pss_megabytes, running
from stand import HOLDER, PATIENT, Process, Settings, Stand, free_port
from table import Effort, Figures, Row, middle

from nuts_pzp.consult.queries import PZP
from nuts_pzp.fhir.request import encode
from nuts_pzp.sandbox.nuts_node import dpop
from nuts_pzp.sandbox.nuts_node.jose import SigningKey, thumbprint
from nuts_pzp.sandbox.nuts_node.state import TOKEN_LIFE

BYTES = 20_000
MANY = 32
WORKERS = (1, 2)
NO_LIMITS = {
    f"{who}_{what}": 100_000 for who in ("organization", "tenant", "patient") for what in ("per_second", "burst")
}


def searchset() -> tuple[str, str, str]:
    """Return the search below a FHIR base, its answer of about 20 KB (`{base}` inside), and the Patient."""
    chart = PATIENT.charts[HOLDER]
    raw = encode(next(one for one in PZP if one.name == "Observation").tries[0].about(chart.patient_id))
    target = f"{raw.path}?{raw.query}"
    people = [one for one in chart.resources if one["resourceType"] == "Patient"]
    seen = [one for one in chart.resources if one["resourceType"] == "Observation"]
    entries: list[dict[str, Any]] = []
    while len(json.dumps(entries, separators=(",", ":"))) < BYTES:
        number = len(entries)
        resource = {**seen[number % len(seen)], "id": f"{chart.patient_id}-{number}"}
        resource["meta"] = {**resource["meta"], "versionId": "1", "lastUpdated": "2026-11-20T09:00:00.000+01:00"}
        url = f"{{base}}/Observation/{resource['id']}"
        entries.append({"fullUrl": url, "resource": resource, "search": {"mode": "match"}})
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(entries),
        "link": [{"relation": "self", "url": f"{{base}}{target}"}],
        "entry": entries,
    }
    patient = {**people[0], "meta": {**people[0].get("meta", {}), "versionId": "1"}}
    return target, *(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in (bundle, patient))


class Holder:
    """The holder under measurement: its FHIR server, its tokens, and gateways in front of it."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.upstream = free_port()
        self.base = f"http://127.0.0.1:{self.upstream}/fhir"
        self.target, self.answer, self.patient = searchset()
        self._node = stand.region.nodes[HOLDER].twin

    @property
    def asked(self) -> Request:
        """The search as the holder's own server gets it."""
        return Request(f"/fhir{self.target}")

    @contextlib.asynccontextmanager
    async def server(self) -> AsyncIterator[Process]:
        """Run the holder's own server: the search and the patient. nginx where it is, else a process of Python."""
        answers = {
            self.target: self.answer,
            f"/Patient/{PATIENT.charts[HOLDER].patient_id}": self.patient,
            "/metadata": '{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}',  # readiness asks for it
        }
        if nginx.NGINX is None:
            asked = {f"GET {target}": answer for target, answer in answers.items()}
            sources = [{"path": "/fhir", "base": self.base, "answers": asked}]
            async with self.stand.server(sources, port=self.upstream) as process:
                yield process
            return
        folder = self.stand.place("holder")
        served = {f"/fhir{target}": answer.replace("{base}", self.base) for target, answer in answers.items()}
        async with running(nginx.serving(folder, self.upstream, served), folder / "nginx.log") as process:
            await listening(process, self.upstream, folder / "nginx.log")
            yield Process(self.upstream, process.pid)

    @contextlib.asynccontextmanager
    async def gateway(self, workers: int = 1, **policy: Any) -> AsyncIterator[Process]:
        """Run the holder's gateway with so many workers; `policy` are further settings of the policy slot."""
        settings = self.settings(**policy)
        if workers > 1:
            settings["deployment.yaml"]["workers"] = workers
        async with self.stand.gateway(settings, HOLDER, "network") as process:
            yield process

    def settings(self, **policy: Any) -> Settings:
        """Return the settings of a gateway before the holder's server, without limits, on ports of its own."""
        settings = self.stand.settings(HOLDER)
        port = free_port()
        listeners = settings["deployment.yaml"]["listeners"]
        listeners["network"] = {"port": port, "url": f"http://127.0.0.1:{port}"}
        for other in ("ehr", "operations"):
            listeners[other]["port"] = free_port()  # several gateways of one holder stand side by side
        disclose = settings[f"tenants/{HOLDER}.yaml"]["disclose"]
        disclose["records"] = {"kind": "fhir_server", "base": self.base}
        disclose["policy"] |= policy
        disclose["protection"] = NO_LIMITS
        return settings

    async def bearer(self) -> Request:
        """Return the search with a real token."""
        token = await self.stand.token(self._node.issuer)
        return self._search(("authorization", f"Bearer {token}"))

    async def bearers(self, count: int) -> list[Request]:
        """Return the search so many times, each with a token that the node knows and nobody showed before."""
        grant = self._node.state.grants.get(await self.stand.token(self._node.issuer))
        return [self._search(("authorization", f"Bearer {self._given(grant, n)}")) for n in range(count)]

    async def proved(self, port: int, count: int) -> list[Request]:
        """Return the search so many times with one bound token and as many proofs, made just now."""
        grant = self._node.state.grants.get(await self.stand.token(self._node.issuer))
        key = SigningKey.make("bench")
        token = self._given(replace(grant, thumbprint=thumbprint({**key.jwk, "alg": "ES256"})), -1)
        url = f"http://127.0.0.1:{port}/{HOLDER}/fhir{self.target.partition('?')[0]}"
        made = (dpop.make(key, method="GET", url=url, token=token, now=time.time() - 1) for _ in range(count))
        return [self._search(("authorization", f"DPoP {token}"), ("dpop", proof)) for proof in made]

    def _given(self, grant: Any, number: int) -> str:
        """Have the node know one more token like another."""
        token = f"bench-{id(grant)}-{time.monotonic_ns()}-{number}"
        self._node.state.grants.put(token, grant, TOKEN_LIFE)
        return token

    def _search(self, *headers: tuple[str, str]) -> Request:
        return Request(f"/{HOLDER}/fhir{self.target}", headers)


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
            singles = [row for n, one in crews.items() for row in await _singles(holder, n, one, effort)]
            memory = [_memory(n, one) for n, one in crews.items()]
        async with contextlib.AsyncExitStack() as running_:
            gateways = {_named(n): await running_.enter_async_context(holder.gateway(n)) for n in WORKERS}
            remembered = await _interleaved({"nginx": yardstick, **gateways}, holder, bearer, effort, folder, MANY)
    return [
        *_yardstick_rows(alone, busy),
        *(_alone(n, alone) for n in WORKERS),
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
