"""One outgoing call alone, in this process: what asking a FHIR server for 21 KB costs the side that asks."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from dataclasses import dataclass

from dossiers import bundle, dossier
from stand import Stand, free_port
from table import Effort, Row

from nuts_pzp.outside import Bounds, Heard, Line, Outbound, TlsFiles

AT_ONCE = (1, 32)
BATCH = 640
"""Calls of one measurement; the cheapest of all is told, since others use the machine too."""
HEADERS = {"authorization": f"DPoP {'t' * 43}", "dpop": "p" * 420, "accept": "application/fhir+json"}


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to ask for what, over which line."""

    line: Line
    url: str


async def rows(stand: Stand, effort: Effort) -> list[Row]:
    """Call again and again over kept connections, with and without TLS."""
    found: list[Row] = []
    for tls in (False, True):
        port = free_port()
        base = f"http{'s' if tls else ''}://127.0.0.1:{port}/fhir"
        answer = bundle(dossier(1), "Observation").ljust(21_000)
        source = {"path": "/fhir", "base": base, "answers": {"GET /Observation?patient=Patient/1": answer}}
        async with stand.server([source], tls=tls, port=port):
            roots = TlsFiles(roots=stand.region.authority.root_file)
            outbound = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
            line = Line(outbound, roots.context(), Bounds(2.0, 10.0, 1_000_000))
            try:
                asked = Asked(line, f"{base}/Observation?patient=Patient/1")
                found += [await _row(asked, at_once, tls, effort) for at_once in AT_ONCE]
            finally:
                await line.close()
    return found


async def _row(asked: Asked, at_once: int, tls: bool, effort: Effort) -> Row:
    await _batch(asked, at_once, at_once)
    each = [await _batch(asked, at_once, min(BATCH, effort.calls)) for _ in range(max(1, effort.calls // BATCH))]
    what = f"one call out, an answer of 21 KB{', TLS' if tls else ''}, c={at_once}"
    id_ = f"call{'.tls' if tls else ''}.c{at_once}"
    return Row(id_, what, f"{min(each) * 1e6:.0f} us CPU of the side that asks", "", {"cpu_us": min(each) * 1e6})


async def _batch(asked: Asked, at_once: int, calls: int) -> float:
    """Seconds of processor time of this thread per call."""

    async def some() -> None:
        for _ in range(calls // at_once):
            heard = await asked.line.call("GET", asked.url, HEADERS)
            assert isinstance(heard, Heard)
            assert heard.status == 200

    began = time.thread_time()
    await asyncio.gather(*(some() for _ in range(at_once)))
    return (time.thread_time() - began) / (calls // at_once * at_once)
