"""Measure the ledger on this machine's disk: durable appends by many callers, and the speed of verification.

Run: python tools/bench_audit.py [--folder DIR] [--callers 64] [--seconds 5] [--json]
The folder must be on the disk that is to be measured, not on tmpfs.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
import time
from pathlib import Path

import uvloop

from nuts_pzp.accounted import Allowed, Disclosed
from nuts_pzp.audit.anchors import read
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place, TenantAudit
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.verify import Verdict, verify
from nuts_pzp.exchange import Access, Attempt, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Evidence, Permit


def events(number: int) -> tuple[Allowed, Disclosed]:
    """Return a decision and its result, as large as real ones."""
    caller = Caller(
        Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"),
        Professional("k-017", "01.015", "M. Verbeek"),
        frozenset({"pzp-gf"}),
        Purpose.TREATMENT,
        None,
        {},
        "nuts-dpop",
        bytes(32),
    )
    request = FhirRequest("search-type", "Observation", None, (("patient", ("Patient/1",)),))
    patient = Patient(Bsn("999900006"), "1", Standing.KNOWN)
    attempt = Attempt(f"{number:012x}", caller, request, patient, "192.0.2.7", f"00-{number:032x}-{number:016x}-01")
    grounds = (Permit("explicit-consent:mitz", (Evidence("mitz", f"{number}", "00" * 32),)), Permit("policy:pzp"))
    references = tuple(f"Observation/{number}-{item}/_history/1" for item in range(11))
    return Allowed(attempt, Access(caller, request, patient), grounds, "00" * 32), Disclosed(
        attempt, references, (), None, "00" * 32
    )


async def appends(audit: TenantAudit, callers: int, seconds: float) -> list[float]:
    """Let that many callers append decision and result, each waiting for its record; return the waits in seconds."""
    waits: list[float] = []
    until = time.perf_counter() + seconds

    made = [events(number) for number in range(callers * 8)]

    async def call(caller: int) -> None:
        for pair in itertools.cycle(made[caller::callers]):
            for event in pair:
                began = time.perf_counter()
                if began > until:
                    return
                await audit.append(event)
                waits.append(time.perf_counter() - began)

    await asyncio.gather(*(call(caller) for caller in range(callers)))
    return waits


def measure(folder: Path, callers: int, seconds: float) -> dict[str, float]:
    """Return records per second, waits in milliseconds, and verification rates, for a ledger in this folder."""
    place = Place(folder / "audit.db", folder / "keys", "bench.example", folder / "anchor" / "notes", version="bench")
    ledger = Ledger.open(place)
    audit = ledger.of(Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof")))
    drafting = _drafting(audit)
    began = time.perf_counter()
    waits = sorted(uvloop.run(appends(audit, callers, seconds)))
    rate = len(waits) / (time.perf_counter() - began)
    ledger.close()
    key = VerifierKey.parse((place.keys / "wilgenhof" / "audit-1.pub").read_text("utf-8"))
    verified = {fast: _verification(place, key, fast=fast) for fast in (False, True)}
    return {
        "callers": callers,
        "records": len(waits),
        "records_per_second": round(rate),
        "wait_p50_ms": round(waits[len(waits) // 2] * 1e3, 2),
        "wait_p99_ms": round(waits[len(waits) * 99 // 100] * 1e3, 2),
        "wait_max_ms": round(waits[-1] * 1e3, 2),
        "draft_us": round(drafting * 1e6, 1),
        "verify_canonical_per_second": round(verified[False]),
        "verify_stored_bytes_per_second": round(verified[True]),
        "bytes_per_record": round(place.path.stat().st_size / len(waits)),
    }


def _drafting(audit: TenantAudit, rounds: int = 2_000) -> float:
    pairs = [events(number) for number in range(rounds)]
    began = time.perf_counter()
    for pair in pairs:
        for event in pair:
            audit.draft(event)
    return (time.perf_counter() - began) / (2 * rounds)


def _verification(place: Place, key: VerifierKey, *, fast: bool) -> float:
    """Return records per second, the best of three."""
    rates = []
    for _ in range(3):
        with opened(place.path) as material:
            report = verify(
                material, [key], read(place.anchor) if place.anchor else None, tenant="wilgenhof", fast=fast
            )
        if report.verdict is not Verdict.OK:
            raise RuntimeError("the ledger does not verify")
        rates.append(report.records / report.seconds)
    return max(rates)


def main() -> None:
    """Print what was measured."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--folder", type=Path, default=Path.cwd())
    asked.add_argument("--callers", type=int, default=64)
    asked.add_argument("--seconds", type=float, default=5.0)
    asked.add_argument("--json", action="store_true")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(Path(folder), options.callers, options.seconds)
    print(json.dumps(found) if options.json else "\n".join(f"{name:24} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
