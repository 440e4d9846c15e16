"""Writers as processes of their own, so that they can be killed, limited and locked out for real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WRITER = """
import asyncio, resource, signal, sys
from pathlib import Path
import structlog
from nuts_pzp.accounted import Allowed, Disclosed, Kept
from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.exchange import Access, Attempt, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Permit

structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
place = Place(folder / "audit.db", folder / "keys", "gw.example", folder / "anchor" / "notes", 0.02,
              accept_any_filesystem=True, thresholds=Thresholds(0.0, 0.0, 0, 0))
ledger = Ledger.open(place)
audit = ledger.of(Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")))
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
kade = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
caller = Caller(kade, None, frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-bearer")
request = FhirRequest("search-type", "Goal")
patient = Patient(Bsn("999900006"), "p1", Standing.KNOWN)

async def call(number):
    turn = 0
    while True:
        turn += 1
        attempt = Attempt(f"{number}-{turn}", caller, request, patient)
        for event in (Allowed(attempt, Access(caller, request, patient), (Permit("policy:pzp"),)),
                      Disclosed(attempt, ("Goal/1",), (), None)):
            try:
                receipt = await audit.append(event)
            except NotRecorded:
                sys.stdout.write("refused\\n")
                sys.stdout.flush()
                await asyncio.sleep(0.05)
                if limit:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                continue
            sys.stdout.write(f"{receipt.index} {receipt.record_id}\\n")
            sys.stdout.flush()

async def main():
    await asyncio.gather(*(call(number) for number in range(8)))

sys.stdout.write("ready\\n")
sys.stdout.flush()
asyncio.run(main())
"""


@pytest.fixture
def writer() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start writers on a folder; `limit` is the largest file in bytes they may write at first."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, limit: int = 0) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(limit)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
