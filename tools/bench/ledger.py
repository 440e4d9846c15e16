"""The ledger on this machine's disk: durable appends by one and by many callers, and the speed of verification."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from pathlib import Path

from stand import Stand
from table import Effort, Row, middle

from nuts_pzp.accounted import Allowed, Disclosed
from nuts_pzp.audit import anchors
from nuts_pzp.audit.cores import every
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.tenant import TenantAudit
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.verify import Verdict, verify
from nuts_pzp.exchange import Access, Attempt, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Evidence, Permit

CALLERS = 64
TENANT = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof"))


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


async def _appended(audit: TenantAudit, callers: int, seconds: float) -> list[float]:
    """Let that many callers append decision and result, each waiting for its record; return the waits in seconds."""
    waits: list[float] = []
    until = time.perf_counter() + seconds
    made = [events(number) for number in range(callers * 8)]

    async def call(caller: int) -> None:
        for event in itertools.chain.from_iterable(itertools.cycle(made[caller::callers])):
            began = time.perf_counter()
            if began > until:
                return
            await audit.append(event)
            waits.append(time.perf_counter() - began)

    await asyncio.gather(*(call(caller) for caller in range(callers)))
    return sorted(waits)


async def rows(stand: Stand, effort: Effort) -> list[Row]:
    """Append alone, append with many, then verify what was written."""
    folder = stand.place("ledger")
    place = Place(
        folder / "audit.db", folder / "keys", "bench.example", folder / "anchor.json", version="bench",
        accept_any_filesystem=True,
    )  # fmt: skip
    ledger = await asyncio.to_thread(Ledger.open, place)
    try:
        audit = await asyncio.to_thread(ledger.of, TENANT)
        drafting = _drafting(audit)
        alone = await _appended(audit, 1, effort.appending / 4)
        began = time.perf_counter()
        waits = await _appended(audit, CALLERS, effort.appending)
        rate = len(waits) / (time.perf_counter() - began)
    finally:
        await ledger.aclose()
    p99 = waits[len(waits) * 99 // 100] * 1e3
    one = middle(alone) * 1e3
    return [
        Row(
            "audit.append",
            f"audit, group commit, {CALLERS} callers, SQLite",
            f"{rate:,.0f} records/s durable, p99 wait {p99:.1f} ms",
            ">= 10 000/s, p99 <= 25 ms",
            {"rate": rate, "p99_ms": p99},
        ),
        Row(
            "audit.record",
            "what one durable record costs",
            f"{one:.2f} ms waiting alone (of which {drafting:.0f} us writing it down); "
            f"{1e6 / rate:.0f} us each at {CALLERS} callers",
            "",
            {"alone_ms": one, "draft_us": drafting, "shared_us": 1e6 / rate},
        ),
        _disk(folder, effort.appending / 2),
        *_verified(place.path, folder),
    ]


def _disk(folder: Path, seconds: float) -> Row:
    """Sync one page of a prepared file again and again: what the disk alone takes, whoever else uses it."""
    waits: list[float] = []
    descriptor = os.open(folder / "disk", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, bytes(65_536), 0)
        os.fsync(descriptor)
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            os.pwrite(descriptor, bytes(4_096), 0)
            os.fdatasync(descriptor)
            waits.append(time.perf_counter() - began)
            time.sleep(0.002)
    finally:
        os.close(descriptor)
    waits.sort()
    p50, p99 = (waits[len(waits) * part // 100] * 1e3 for part in (50, 99))
    shown = f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, at most {waits[-1] * 1e3:.0f} ms"
    return Row("disk", "the disk alone: one sync of one page", shown, "", {"p50_ms": p50, "p99_ms": p99})


def _drafting(audit: TenantAudit, rounds: int = 1_000) -> float:
    """Return the microseconds that writing one record down takes, before it is queued."""
    pairs = [events(number) for number in range(rounds)]
    began = time.perf_counter()
    for event in itertools.chain.from_iterable(pairs):
        audit.draft(event)
    return (time.perf_counter() - began) / (2 * rounds) * 1e6


def _verified(ledger: Path, folder: Path) -> list[Row]:
    """Verify the whole file twice: the stored bytes, and that they are the one canonical spelling as well."""
    keys = [VerifierKey.parse(file.read_text("ascii")) for file in folder.glob("keys/*/audit-*.pub")]
    anchor = anchors.read(folder / "anchor.json")
    rates: dict[str, float] = {}
    records = 0
    for name, fast in (("stored", True), ("canonical", False)):
        with opened(ledger) as material:
            report = verify(material, keys, anchor, fast=fast, among=every)
        if report.verdict is not Verdict.OK:
            raise AssertionError(f"the log that was just written is {report.verdict.name}")
        rates[name], records = report.records / report.seconds, report.records
    shown = f"{rates['stored']:,.0f} records/s on stored bytes, {rates['canonical']:,.0f} with canonical re-check"
    goal = ">= 400 000 and >= 150 000"
    return [Row("audit.verify", f"audit verify, {records:,} records", shown, goal, rates)]
