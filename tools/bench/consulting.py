"""Consult: a gateway process of a consult-only tenant, with every adapter real, asks 1 to 50 sources over TLS.

Localization and addressing come from a regional file, tokens from the sandbox's Nuts nodes (warm: one per source's
authorization server, here the same for all). The sources are one process that answers each request after 20 ms, each
with 60 resources. What the slowest source takes by itself is 20 ms for each answer that it gives after another: the
patient, then the queries, as many at a time as a visit asks. The rest is the gateway's, the network's and the sources'
own work.
"""

from __future__ import annotations

import ssl
import time
from math import ceil
from typing import Any

import httpx
import yaml
from dossiers import answers
from processes import cpu_seconds, pss_megabytes
from stand import HOLDER, PATIENT, PROFESSIONAL, USER, Process, Stand, free_port
from table import Effort, Row, middle

from nuts_pzp.consult.queries import PZP
from nuts_pzp.consult.visit import AT_ONCE

DELAY = 0.020
IN_TURN = 1 + ceil(len(PZP) / AT_ONCE)
CURVE = (2, 5, 20, 35)
"""Between the fans that have a goal: whether cost stays a line."""
GOALS = {10: "<= 25 ms over the slowest", 50: "<= 220 ms over the slowest"}


async def rows(stand: Stand, effort: Effort) -> list[Row]:
    """Ask as the tenant's EHR does, with so many sources named."""
    most, port = max(effort.fans), free_port()
    sources = [
        {"path": f"/{number}/fhir", "base": f"https://127.0.0.1:{port}/{number}/fhir", "answers": answers(number)}
        for number in range(most)
    ]
    settings = _settings(stand, sources)
    found: list[Row] = []
    async with (
        stand.server(sources, delay=DELAY, tls=True, port=port),
        stand.gateway(settings, USER, "ehr") as gateway,
        httpx.AsyncClient(verify=_context(stand), trust_env=False, timeout=30) as client,
    ):
        url = f"https://127.0.0.1:{gateway.port}/{USER}/pzp/v1/consultations"
        for fan in sorted({*effort.fans, *(CURVE if most > max(CURVE) else ())}):
            found.append(await _fan(client, url, gateway, fan, effort))
        memory = pss_megabytes(gateway.pid)
    async with stand.server(sources, delay=DELAY, tls=True, port=port):
        cold = [await _cold(stand, sources, fan, effort.starts) for fan in effort.fans if fan > 1]
    what = f"memory of the gateway after {most} sources"
    return [*found, *cold, Row("consult.memory", what, f"{memory:.0f} MB PSS", "<= 120 MB", {"pss_mb": memory})]


async def _fan(client: httpx.AsyncClient, url: str, gateway: Process, fan: int, effort: Effort) -> Row:
    body = _question([_ura(number) for number in range(fan)])
    times = max(3, effort.consultations * 2 // (1 + fan // 10)) if effort.consultations > 2 else 1
    took: list[float] = []
    before = 0.0
    for turn in range(times + 2):
        if turn == 2:  # two to warm up: tokens, connections
            before = cpu_seconds(gateway.pid)
        began = time.perf_counter()
        answer = await client.post(url, json=body)
        took.append(time.perf_counter() - began)
        content = answer.json()
        if answer.status_code != 200 or content["complete"] is not True or len(content["sources"]) != fan:
            raise AssertionError(f"a consultation of {fan} sources gave {answer.status_code}")
    cpu = (cpu_seconds(gateway.pid) - before) * 1e3 / times
    p50 = middle(took[2:]) * 1e3
    over = p50 - DELAY * IN_TURN * 1e3
    shown = f"p50 {p50:.0f} ms, {over:.0f} ms over the slowest; CPU {cpu:.0f} ms, {cpu / fan:.1f} ms per source"
    what = f"consult, {fan} source{'s' if fan > 1 else ''}, whole PZP query set, TLS, tokens warm"
    return Row(f"consult.{fan}", what, shown, GOALS.get(fan, ""), {"p50_ms": p50, "over_ms": over, "cpu_ms": cpu})


async def _cold(stand: Stand, sources: list[dict[str, Any]], fan: int, starts: int) -> Row:
    """Start anew each time, with nothing known, no token and no connection, and ask once."""
    took: list[float] = []
    whole = 0
    for _ in range(starts):
        async with (
            stand.gateway(_settings(stand, sources), USER, "ehr") as gateway,
            httpx.AsyncClient(verify=_context(stand), trust_env=False, timeout=30) as client,
        ):
            url = f"https://127.0.0.1:{gateway.port}/{USER}/pzp/v1/consultations"
            began = time.perf_counter()
            answer = await client.post(url, json=_question([_ura(number) for number in range(fan)]))
            took.append(time.perf_counter() - began)
        content = answer.json()
        if answer.status_code != 200 or len(content["sources"]) != fan:
            raise AssertionError(f"a first consultation of {fan} sources gave {answer.status_code}")
        whole += content["complete"] is True
    p50, most = middle(took) * 1e3, max(took) * 1e3
    shown = f"p50 {p50:.0f} ms, at most {most:.0f} ms; complete in {whole} of {starts} starts"
    what = f"consult, {fan} sources, the first after a start: no token, no connection"
    return Row(f"consult.cold.{fan}", what, shown, "", {"p50_ms": p50, "most_ms": most, "complete": whole / starts})


def _ura(number: int) -> str:
    return f"9001{number:04d}"


def _settings(stand: Stand, sources: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the GP post's settings, with a regional file in the place of the national registers."""
    settings = stand.settings(USER)
    table = stand.folder / "region.yaml"
    listed = [
        {
            "ura": _ura(number),
            "types": ["V6"],
            "name": f"Bron {number}",
            "phone": "0570-555000",
            "fhir_base": source["base"],
            "authorization_server": stand.region.nodes[HOLDER].twin.issuer,
        }
        for number, source in enumerate(sources)
    ]
    content = {"owner": "bench", "review_before": "2099-01-01", "organizations": listed}
    table.write_text(yaml.safe_dump(content), "utf-8")
    tenant = settings[f"tenants/{USER}.yaml"]
    tenant["addressing"] = {"kind": "regional_file", "file": str(table)}
    tenant["consult"]["localization"] = [{"kind": "regional_file", "file": str(table)}]
    tenant["consult"]["source_deadline_seconds"] = 20.0
    return settings


def _question(uras: list[str]) -> dict[str, Any]:
    return {
        "patient": {"bsn": PATIENT.bsn.value, "birthDate": PATIENT.birth_date.isoformat()},
        "professional": PROFESSIONAL,
        "purpose": "treatment",
        "sources": uras,
        "deadline_ms": 20_000,
    }


def _context(stand: Stand) -> ssl.SSLContext:
    client = stand.region.ehr_clients[USER]
    context = ssl.create_default_context(cafile=str(stand.region.authority.root_file))
    context.load_cert_chain(client.certificate_file, client.key_file)
    return context
