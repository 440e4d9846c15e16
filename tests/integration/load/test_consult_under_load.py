"""Twenty consultations a second of ten sources that fail at random: nothing leaks, nothing is lost, nobody is mixed up.

A gateway process with every adapter real, a regional file as register and directory; sources over TLS in a process of
their own; tokens from the region's Nuts nodes. A machine too busy for the rate sees refusals (503) and late sources:
they are counted and recorded like anything else, and what is claimed here holds for them too.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from staging import Visitor

from nuts_pzp.audit.verify import Verdict
from nuts_pzp.cli.stage import Stage
from nuts_pzp.identity import eleven_test
from nuts_pzp.reasons import Reason

pytestmark = pytest.mark.asyncio(loop_scope="session")

RATE, SOURCES, PEOPLE, PROFESSIONALS = 20, 10, 300, 5
REFUSALS = {Reason.CONSULT_BUSY.code, Reason.NOT_RECORDED.code}
"""Too many at once, and a ledger that was not done in time: then nothing leaves, and what is on record may be half."""
FILES_AT_REST = 200
"""Open files of a gateway that nobody asks: a kept connection that is never let go of shows within minutes."""

HERE = Path(__file__).parent


def bsn_of(number: int) -> str:
    """A test BSN with the patient's number in it; the last digit but one to spare makes the eleven-test fit."""
    for prefix in ("9000", "9001", "9999"):
        for last in range(10):
            if eleven_test(bsn := f"{prefix}{number:04d}{last}"):
                return bsn
    raise AssertionError("no BSN with this number")


@dataclass
class Tally:
    """What came of every consultation."""

    statuses: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    codes: dict[str, str] = field(default_factory=dict)
    """By meldcode: the reason of a refusal, empty for an overview."""
    slowest: float = 0.0
    foreign: list[str] = field(default_factory=list)

    def add(self, number: int, status: int, meldcode: str, text: str, answer: dict[str, Any], seconds: float) -> None:
        self.codes[meldcode] = "" if status == 200 else answer["code"]
        self.outcomes[str(status)] += 1
        self.slowest = max(self.slowest, seconds)
        tags = set(re.findall(r"tag-([0-9]+)-", text))
        if not tags <= {str(number)} or (status == 200 and answer["patient"]["bsn"] != bsn_of(number)):
            self.foreign.append(f"{number}: {sorted(tags)}")
        if status == 200:
            self.statuses.update(row["status"] for row in answer["sources"])
        else:
            self.outcomes[answer["code"]] += 1


@dataclass
class Load:
    visitor: Visitor
    port: int
    pid: int

    async def ask(self, number: int, tally: Tally) -> None:
        body = {
            "patient": {"bsn": bsn_of(number), "birthDate": "1950-01-01"},
            "professional": {"id": f"k-{number % PROFESSIONALS}", "name": "P. Vos", "role": "huisarts"},
            "purpose": "treatment",
            "deadline_ms": 4000,
        }
        began = time.monotonic()
        try:
            answer = await self.visitor.consultation(json=body)
        except httpx.TransportError:  # a door that has no time for a connection closes it
            tally.outcomes["closed"] += 1
            return
        took = time.monotonic() - began
        tally.add(number, answer.status_code, answer.headers["x-meldcode"], answer.text, answer.json(), took)

    async def for_seconds(self, seconds: float, tally: Tally) -> None:
        """Ask at the rate, whether or not earlier answers came."""
        asking: list[asyncio.Task[None]] = []
        began = time.monotonic()
        for turn in range(int(seconds * RATE)):
            await asyncio.sleep(max(0.0, began + turn / RATE - time.monotonic()))
            asking.append(asyncio.create_task(self.ask(turn % PEOPLE, tally)))
        await asyncio.gather(*asking)

    @property
    def megabytes(self) -> float:
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        found = re.search(r"^Pss:\s+([0-9]+) kB", text, re.MULTILINE)
        assert found
        return int(found[1]) / 1000

    @property
    def cpu_seconds(self) -> float:
        ticks = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    @property
    def files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


def _settings(stage: Stage, port: int, at_once: int) -> None:
    """Let the out-of-hours post find and address ten sources by a regional file; the rest stays as it is."""
    region = stage.region
    folder = region.gateways["kade"].folder / "tenants"
    listed = [
        {
            "ura": f"9100{number:04d}",
            "types": ["V6"],
            "name": f"Bron {number}",
            "phone": f"0570-55{number:04d}",
            "fhir_base": f"https://127.0.0.1:{port}/s{number}/fhir",
            "authorization_server": region.nodes["meerwijck"].twin.issuer,
            "asked": True,
        }
        for number in range(SOURCES)
    ]
    table = {"owner": "load", "review_before": "2099-01-01", "organizations": listed}
    (folder / "region-table").write_text(yaml.safe_dump(table), "utf-8")
    settings = yaml.safe_load((folder / "kade.yaml").read_text("utf-8"))
    settings["addressing"] = {"kind": "regional_file", "file": "region-table"}
    settings["consult"]["localization"] = [{"kind": "regional_file", "file": "region-table"}]
    settings["consult"]["source_deadline_seconds"] = 2.0
    settings["consult"]["at_once"] = at_once
    (folder / "kade.yaml").write_text(yaml.safe_dump(settings), "utf-8")


@pytest_asyncio.fixture(loop_scope="session")
async def load(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Load]:
    async with Stage(tmp_path, hospice="answers", gateways=()) as stage:
        issued = stage.region.authority.server("load")
        words = [str(HERE / "sources.py"), str(issued.certificate_file), str(issued.key_file)]
        process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
        try:
            assert process.stdout
            port = int(await asyncio.wait_for(process.stdout.readline(), 20))
            _settings(stage, port, request.param)
            await stage.start_gateways("kade")
            visitor = Visitor(stage)
            yield Load(visitor, port, stage.pid("kade"))
            await visitor.close()
        finally:
            process.kill()
            await process.wait()


FEW, DEFAULT = 12, 40
"""Consultations at once: so few that some are refused on any machine, and what a tenant has without settings."""


@pytest.mark.parametrize(
    ("load", "seconds"),
    [
        pytest.param(FEW, 20, id="short"),
        pytest.param(DEFAULT, 300, marks=[pytest.mark.long, pytest.mark.timeout(600)], id="long"),
    ],
    indirect=["load"],
)
async def test_nothing_leaks_is_lost_or_mixed_up(load: Load, seconds: int) -> None:
    tally, idle = Tally(), load.cpu_seconds
    await load.for_seconds(seconds / 2, tally)
    before = load.megabytes
    await load.for_seconds(seconds / 2, tally)
    after = load.megabytes
    spent = load.cpu_seconds - idle
    asked = int(seconds / 2 * RATE) * 2
    told = f"{seconds} s: {dict(tally.outcomes)} {dict(tally.statuses)}; slowest {tally.slowest:.2f} s"
    sys.stdout.write(f"\n{told}; {before:.0f} -> {after:.0f} MB PSS; {1000 * spent / asked:.0f} ms CPU each\n")

    assert tally.foreign == [], "somebody saw another patient's words"
    assert set(tally.outcomes) <= {"200", "503", "closed", *REFUSALS}
    assert sum(tally.outcomes[status] for status in ("200", "503")) > asked * 0.99, "everybody got an answer"
    assert tally.outcomes[Reason.NOT_RECORDED.code] < asked * 0.01, "the ledger keeps up"
    assert tally.outcomes["200"] > 40, "a machine this busy shows nothing"
    assert {"ok", "failed", "partial"} <= set(tally.statuses), "sources of every kind"
    assert after < before * 1.10 + 10, "memory stays flat"

    assert len(tally.codes) == asked - tally.outcomes["closed"], "every answer has a meldcode of its own"
    await _recovered(load, tally)
    stage = load.visitor.stage
    await stage.stop_gateways("kade")
    _all_on_record(load.visitor, tally.codes)
    assert {log.verdict for log in load.visitor.verified("kade").logs} == {Verdict.OK}


async def _recovered(load: Load, tally: Tally) -> None:
    """Once nothing fails any more a consultation is whole, and connections of the load are let go of."""
    answer = await load.visitor.client(None).get(f"https://127.0.0.1:{load.port}/quiet")
    assert answer.status_code == 200
    for _ in range(40):
        quiet = Tally()
        await load.ask(7, quiet)
        tally.codes |= quiet.codes
        if dict(quiet.statuses) == {"ok": SOURCES}:
            break
        await asyncio.sleep(1)
    assert dict(quiet.statuses) == {"ok": SOURCES}, "every source is back"
    for _ in range(25):
        if load.files < FILES_AT_REST:
            break
        await asyncio.sleep(1)
    assert load.files < FILES_AT_REST, "connections are let go of when nobody uses them"


def _all_on_record(visitor: Visitor, codes: dict[str, str]) -> None:
    """Each consultation has its intent, its sources, what came of each of them, and its result; each refusal its no."""
    found: dict[str, Counter[str]] = {code: Counter() for code in codes}
    for one in visitor.records("kade", "kade"):
        if one.correlation in found:
            found[one.correlation][one.code] += 1
    whole = {"consult.intent": 1, "consult.sources": 1, "consult.received": SOURCES, "consult.result": 1}
    must = {"": whole, Reason.CONSULT_BUSY.code: {"consult.result": 1}}
    wrong = {
        code: dict(counted)
        for code, counted in found.items()
        if (reason := codes[code]) != Reason.NOT_RECORDED.code and dict(counted) != must[reason]
    }
    assert wrong == {}
