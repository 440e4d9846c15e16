"""Where gateways are measured: a sandbox region in this process, gateways and FHIR servers in processes of their own.

The region's twins (Nuts nodes, Mitz, the national services) run in this process; only rows that say so reach them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from processes import listening, python, ready, running

from nuts_pzp.sandbox.gateway_settings import gateway_settings
from nuts_pzp.sandbox.gateways import SCOPE
from nuts_pzp.sandbox.people import PEOPLE, Person
from nuts_pzp.sandbox.ports import Reservations
from nuts_pzp.sandbox.region import Region

HERE = Path(__file__).parent
PATIENT: Person = next(one for one in PEOPLE if one.slug == "postma")
HOLDER = "meerwijck"
USER = "kade"
PROFESSIONAL = {"id": "k-17", "name": "M. Okker", "role": "waarnemend huisarts"}
EMPLOYEE = {"identifier": "k-17", "name": "M. Okker", "roleName": "waarnemend huisarts"}

Settings = dict[str, dict[str, Any]]


def free_port() -> int:
    """Return a port that nobody listens on, outside the range of outgoing connections."""
    ports = Reservations()
    port = ports.take()
    ports.release()
    return port


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is measured: where it listens, and its number."""

    port: int
    pid: int


class Stand:
    """`async with stand(folder) as one:` has the region; gateways and servers are brought up as they are needed."""

    def __init__(self, folder: Path, region: Region) -> None:
        self.folder, self.region = folder, region
        self._made = 0

    def place(self, name: str) -> Path:
        """Make and return a new folder."""
        self._made += 1
        folder = self.folder / f"{self._made}-{name}"
        folder.mkdir()
        return folder

    def settings(self, name: str) -> Settings:
        """Return the sandbox's settings of a gateway, to be changed before `gateway` writes them."""
        found = gateway_settings(self.region, name)
        found["deployment.yaml"]["audit"]["anchor"]["path"] = str(self.folder / "anchors" / f"{name}-{self._made}.json")
        return found

    def write(self, settings: Settings, name: str) -> Path:
        """Write settings files into a folder of their own and return the deployment file."""
        folder = self.place(name)
        for file_name, content in settings.items():
            file = folder / file_name
            file.parent.mkdir(exist_ok=True)
            file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")
        return folder / "deployment.yaml"

    @contextlib.asynccontextmanager
    async def gateway(self, settings: Settings, name: str, listener: str) -> AsyncIterator[Process]:
        """Run a gateway with these settings until it is ready; yield where one of its listeners is."""
        deployment = self.write(settings, name)
        listeners = settings["deployment.yaml"]["listeners"]
        log = deployment.with_name("gateway.log")
        async with running(python("-m", "nuts_pzp", "serve", "--config", deployment), log) as process:
            await ready(process, listeners["operations"]["port"], "/ready", log, status=b"200")
            yield Process(listeners[listener]["port"], process.pid)

    @contextlib.asynccontextmanager
    async def server(
        self, sources: list[Mapping[str, Any]], *, delay: float = 0.0, tls: bool = False, port: int
    ) -> AsyncIterator[Process]:
        """Run prepared FHIR servers in one process; each source has path, base and answers."""
        folder = self.place("upstream")
        file, log = folder / "answers.json", folder / "upstream.log"
        file.write_text(json.dumps({"delay": delay, "sources": sources}), "utf-8")
        words: list[str | Path] = [HERE / "upstream.py", file, "--port", str(port)]
        if tls:
            issued = self.region.authority.server("bench-sources")
            words += ["--certificate", issued.certificate_file, "--key", issued.key_file]
        async with running(python(*words), log) as process:
            await listening(process, port, log)
            yield Process(port, process.pid)
        if said := log.read_text("utf-8").replace(f"{port}\n", ""):
            raise RuntimeError(f"a question that was not expected reached a source: {said[:300]}")

    async def token(self, issuer: str, kind: str = "Bearer") -> str:
        """Get a real access token at an organisation, as the data user's gateway would."""
        credential = {
            "@context": ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"],
            "type": ["VerifiableCredential", "NutsEmployeeCredential"],
            "credentialSubject": EMPLOYEE,
        }
        asked = {
            "authorization_server": issuer,
            "credentials": [credential],
            "scope": SCOPE,
            "token_type": kind,
        }
        path = f"/internal/auth/v2/{USER}/request-service-access-token"
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.post(self.region.nodes[USER].internal_url + path, json=asked)
        answer.raise_for_status()
        return str(answer.json()["access_token"])


@contextlib.asynccontextmanager
async def stand(folder: Path) -> AsyncIterator[Stand]:
    """Bring the region up below a folder, which is to be on the disk that is measured."""
    async with Region(folder, hospice="answers") as region:
        yield Stand(folder, region)
