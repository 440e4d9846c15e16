"""A whole region with its gateways, for the demo, the end-to-end tests and the benchmarks: real processes, real TLS.

The region's twins run in this process; every gateway is a process of its own, started as a region's IT team would.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from ..identity import Bsn
from ..sandbox.gateways import GATEWAYS, Gateway
from ..sandbox.people import Person as Patient
from ..sandbox.region import Region
from ..sandbox.services import Hospice
from .asking import Door, Person, Question, ask

PROFESSIONAL = Person("k-17", "M. Okker", "waarnemend huisarts")
"""Who asks on this stage: an employee of the out-of-hours post."""

Say = Callable[[str], None]


class StageFailed(Exception):
    """A gateway did not come up: which one, and the last lines it wrote."""


class Stage:
    """`async with Stage(folder) as stage:` brings everything up; `stage.consult(person)` asks as the GP post's EHR."""

    def __init__(
        self,
        folder: Path,
        *,
        say: Say = lambda words: None,
        hospice: Hospice = "hangs",
        gateways: tuple[str, ...] = tuple(GATEWAYS),
    ) -> None:
        """Everything is written below `folder`. `gateways`: which of them to start; the rest of the region is whole."""
        self.folder, self._say, self._hospice, self._names = folder, say, hospice, gateways
        self._processes: dict[str, Process] = {}

    async def __aenter__(self) -> Stage:
        """Start the region and every gateway; raise StageFailed with words when one does not come up."""
        started = time.monotonic()
        self.region = Region(self.folder, hospice=self._hospice)
        await self.region.__aenter__()
        self._say(f"The region is up: 5 organisations and 4 national services ({time.monotonic() - started:.1f} s)")
        try:
            await self.start_gateways()
        except BaseException:
            await self.__aexit__()
            raise
        self._say(f"{len(self._processes)} gateways are ready ({time.monotonic() - started:.1f} s)")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything."""
        await self.stop_gateways()
        await self.region.__aexit__()

    async def start_gateways(self, *names: str) -> None:
        """Start these gateways, or all that this stage has; return when each is ready."""
        gateways = [self.region.gateways[name] for name in names or self._names]
        await asyncio.gather(*(self._launch(gateway) for gateway in gateways))
        await asyncio.gather(*(self._ready(gateway) for gateway in gateways))

    async def stop_gateways(self, *names: str) -> None:
        """Ask these gateways, or all, to end, so that each ledger is closed and anchored; kill what does not."""
        processes = {name: self._processes.pop(name) for name in names or tuple(self._processes)}
        for process in processes.values():
            if process.returncode is None:
                process.terminate()
        for process in processes.values():
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                await process.wait()

    def pid(self, name: str) -> int:
        """The process id of a gateway that runs."""
        return self._processes[name].pid

    def reload(self, name: str) -> None:
        """Let a gateway read its tenant files anew, as an operator does: SIGHUP."""
        self._processes[name].send_signal(signal.SIGHUP)

    def log_file(self, name: str) -> Path:
        """Where a gateway's own log lines go."""
        return self.region.gateways[name].folder / "gateway.log"

    def ledger(self, name: str) -> Path:
        """A gateway's audit ledger."""
        return self.region.gateways[name].folder / "state" / "ledger.sqlite"

    def keys(self, name: str) -> Path:
        """The folder with the public keys of a gateway's logs."""
        return self.region.gateways[name].folder / "state" / "keys"

    def anchor(self, name: str) -> Path:
        """The file with a gateway's signed checkpoints."""
        return self.folder / "anchors" / f"{name}.jsonl"

    def patient(self, slug: str) -> Patient:
        """Return a test person; raises KeyError."""
        found = {person.slug: person for person in self.region.people}
        return found[slug]

    def door(self, slug: str = "kade") -> Door:
        """The consultation door of a tenant, with its EHR's certificate."""
        client = self.region.ehr_clients[slug]
        url = self.region.gateway_of(slug).consultations(slug)
        return Door(url, self.region.authority.root_file, client.certificate_file, client.key_file)

    async def consult(self, patient: Patient, *, by: str = "kade", **extra: Any) -> dict[str, Any]:
        """Ask for one patient; the overview as data. Raises NoAnswer."""
        question = Question(Bsn(patient.bsn.value), patient.birth_date.isoformat(), PROFESSIONAL, extra=extra)
        return await ask(self.door(by), question)

    async def _launch(self, gateway: Gateway) -> None:
        with self.log_file(gateway.name).open("ab") as log:
            self._processes[gateway.name] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "nuts_pzp", "serve", "--config", str(gateway.deployment_file),
                stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip

    async def _ready(self, gateway: Gateway, seconds: float = 45.0) -> None:
        deadline = time.monotonic() + seconds
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            while time.monotonic() < deadline:
                process = self._processes[gateway.name]
                if process.returncode is not None:
                    break
                try:
                    if (await client.get(f"{gateway.operations_url}/ready")).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.05)
        tail = self.log_file(gateway.name).read_text("utf-8", "replace")[-2000:]
        raise StageFailed(f"the gateway {gateway.name} did not come up; its last words:\n{tail}")
