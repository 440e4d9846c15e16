"""Disclose: one worker behind plain http (a TLS proxy's place), real settings otherwise, next to nginx and to nothing.

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
from processes import cpu_seconds, listening, pss_megabytes, running
from stand import HOLDER, PATIENT, Process, Stand, free_port
from table import Effort, Figures, Row, middle

from nuts_pzp.consult.queries import PZP
from nuts_pzp.fhir.request import encode
from nuts_pzp.sandbox.nuts_node import dpop
from nuts_pzp.sandbox.nuts_node.jose import SigningKey, thumbprint
from nuts_pzp.sandbox.nuts_node.state import TOKEN_LIFE

BYTES = 20_000
MANY = 32


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

    def sources(self) -> list[dict[str, Any]]:
        """Return the holder's own server: the search and the patient."""
        chart = PATIENT.charts[HOLDER]
        answers = {
            f"GET {self.target}": self.answer,
            f"GET /Patient/{chart.patient_id}": self.patient,
            "GET /metadata": '{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}',  # readiness asks for it
        }
        return [{"path": "/fhir", "base": self.base, "answers": answers}]

    @contextlib.asynccontextmanager
    async def gateway(self, **policy: Any) -> AsyncIterator[Process]:
        """Run the holder's gateway; `policy` are further settings of the policy slot."""
        settings = self.stand.settings(HOLDER)
        port = free_port()
        settings["deployment.yaml"]["listeners"]["network"] = {"port": port, "url": f"http://127.0.0.1:{port}"}
        disclose = settings[f"tenants/{HOLDER}.yaml"]["disclose"]
        disclose["records"] = {"kind": "fhir_server", "base": self.base}
        disclose["policy"] |= policy
        disclose["protection"] = {
            f"{what}_{limit}": 100_000
            for what in ("organization", "tenant", "patient")
            for limit in ("per_second", "burst")
        }
        async with self.stand.gateway(settings, HOLDER, "network") as process:
            yield process

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
    async with stand.server(holder.sources(), port=holder.upstream) as upstream, _yardstick(stand, holder) as yardstick:
        async with holder.gateway(memo=0) as gateway:
            bearer = [await holder.bearer()]
            places = {"upstream": upstream, "nginx": yardstick, "gateway": gateway}
            alone = await _interleaved(places, holder, bearer, effort, folder, 1)
            busy = await _interleaved({k: v for k, v in places.items() if k != "upstream"}, holder, bearer, effort,
                                      folder, MANY)  # fmt: skip
            memory = pss_megabytes(gateway.pid)
            fresh = [await _once(gateway, await holder.bearers(effort.tokens), effort, n) for n in (1, MANY)]
            bound = [await _once(gateway, await holder.proved(gateway.port, effort.tokens), effort, n)
                     for n in (1, MANY)]  # fmt: skip
        async with holder.gateway() as gateway:
            remembered = await _interleaved({"gateway": gateway, "nginx": yardstick}, holder, bearer, effort, folder,
                                            MANY)  # fmt: skip
    return [
        *_yardstick_rows(alone, busy),
        _alone(alone),
        _busy("disclose.c32", "disclose, warm, 1 worker, c=32", busy, ">= 0.11 of nginx"),
        _busy("disclose.c32.remembered", "the same, policy answers remembered (default settings)", remembered),
        _single("disclose.uncached", "disclose, every token new: introspection and Mitz asked each time", *fresh),
        _single("disclose.dpop", "disclose, DPoP: token and consent warm, the node checks each proof", *bound),
        Row("memory", "memory of the gateway under that load", f"{memory:.0f} MB PSS", "<= 120 MB", {"pss_mb": memory}),
    ]


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
            requests = bearer if name == "gateway" else [holder.asked]
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


def _alone(runs: dict[str, Runs]) -> Row:
    direct, through = runs["upstream"], runs["gateway"]
    p50, p99 = through.p50 - direct.p50, through.p99 - direct.p99
    shown = f"p50 {p50:.2f} ms, p99 {p99:.2f} ms added ({through.p50:.2f} and {through.p99:.2f} in all)"
    figures = {"p50_ms": p50, "p99_ms": p99}
    return Row("disclose.c1", "disclose, warm, c=1", shown, "p50 <= 1.6 ms, p99 <= 6 ms", figures)


def _busy(id_: str, what: str, runs: dict[str, Runs], goal: str = "") -> Row:
    own = runs["gateway"]
    shown = f"{own.rate:,.0f}/s, {own.micros:.0f} us CPU each, p50 {own.p50:.1f} ms, p99 {own.p99:.1f} ms"
    figures: Figures = {"rate": own.rate, "cpu_us": own.micros, "p50_ms": own.p50, "p99_ms": own.p99}
    if "nginx" in runs:
        figures["of_nginx"] = own.rate / runs["nginx"].rate
        shown = f"{figures['of_nginx']:.2f} of nginx: {shown}"
    return Row(id_, what, shown, goal, figures)


def _single(id_: str, what: str, alone: Load, busy: Load) -> Row:
    shown = f"p50 {alone.p50:.1f} ms, p99 {alone.p99:.1f} ms at c=1; {busy.rate:,.0f}/s at c=32, twins included"
    return Row(id_, what, shown, "", {"p50_ms": alone.p50, "p99_ms": alone.p99, "rate": busy.rate})
