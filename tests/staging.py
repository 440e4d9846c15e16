"""A region with its gateways for tests that need the whole, one for each test process, and a visitor to its doors."""

from __future__ import annotations

import asyncio
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml

from nuts_pzp.audit import anchors, reading
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.verify import Report, verify
from nuts_pzp.cli.asking import Person
from nuts_pzp.cli.stage import Stage
from nuts_pzp.sandbox.authority import Issued

BSN = "http://fhir.nl/fhir/NamingSystem/bsn"
FHIR = {"accept": "application/fhir+json"}
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope|treatment"
CATEGORY = "http://snomed.info/sct|129125009"
SOURCE_SECONDS = 20.0
"""What a source may take that is not asked to be quicker: a machine may be busy."""


@dataclass(frozen=True)
class Raw:
    """An answer read from a plain socket."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Visitor:
    """Knocks at the doors of a stage's gateways: as another organisation, as an EHR, as an operator, as nobody."""

    stage: Stage
    _clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    async def close(self) -> None:
        for client in self._clients.values():
            await client.aclose()

    def client(self, issued: Issued | None) -> httpx.AsyncClient:
        """A client with this certificate, or with none."""
        name = issued.sha256 if issued else ""
        if name not in self._clients:
            tls = self.context(issued)
            self._clients[name] = httpx.AsyncClient(verify=tls, trust_env=False, timeout=30)
        return self._clients[name]

    def context(self, issued: Issued | None) -> ssl.SSLContext:
        tls = ssl.create_default_context(cafile=str(self.stage.region.authority.root_file))
        if issued:
            tls.load_cert_chain(issued.certificate_file, issued.key_file)
        return tls

    async def token(
        self,
        holder: str,
        *,
        issuer: str = "",
        user: str = "kade",
        role: str = "huisarts",
        person: str = "",
        emergency: dict[str, str] | None = None,
        expect: int = 200,
    ) -> str:
        """A Bearer token of one employee of the user for a holder, fresh for every call unless `person` is named.

        `emergency`: what the employee credential says besides, for a token of scope `pzp-spoed`.
        """
        node = self.stage.region.nodes[user]
        employee = {
            "@context": ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"],
            "type": ["VerifiableCredential", "NutsEmployeeCredential"],
            "credentialSubject": {"identifier": person or uuid.uuid4().hex[:12], "name": "P. Vos", "roleName": role}
            | (emergency or {}),
        }
        body = {
            "authorization_server": issuer or self.stage.region.nodes[holder].twin.issuer,
            "scope": "pzp-gf" if emergency is None else "pzp-spoed",
            "token_type": "Bearer",
            "credentials": [employee],
        }
        url = f"{node.internal_url}/internal/auth/v2/{user}/request-service-access-token"
        answer = await self.client(None).post(url, json=body)
        assert answer.status_code == expect, answer.text
        return str(answer.json().get("access_token", ""))

    async def fhir(self, holder: str, path: str, token: str | None = None, **how: Any) -> httpx.Response:
        """One request at a holder's network door, with the certificate of the out-of-hours post's gateway."""
        region = self.stage.region
        headers = {**FHIR, **({"authorization": f"Bearer {token}"} if token else {}), **how.pop("headers", {})}
        method = how.pop("method", "GET")
        return await self.client(region.gateways["kade"].client).request(
            method, region.gateway_of(holder).fhir_base(holder) + path, headers=headers, **how
        )

    async def patient(self, holder: str, bsn: str, token: str | None, **how: Any) -> httpx.Response:
        """Search a Patient as the guides ask: posted, with the BSN in the body."""
        form = {"identifier": f"{BSN}|{bsn}"}
        return await self.fhir(holder, "/Patient/_search", token, method="POST", data=form, **how)

    async def directives(self, holder: str, patient_id: str, token: str | None, **how: Any) -> httpx.Response:
        """Search the treatment directives of one patient."""
        query = {"patient": f"Patient/{patient_id}", "scope": SCOPE, "category": CATEGORY, "_include": "Consent:actor"}
        return await self.fhir(holder, "/Consent", token, params=query, **how)

    async def consultation(self, slug: str = "kade", *, by: Issued | None = None, **how: Any) -> httpx.Response:
        """One request at the consultation door of a tenant, with the certificate of its own EHR or another."""
        region = self.stage.region
        issued = by or region.ehr_clients[slug]
        url = how.pop("url", region.gateway_of(slug).consultations(slug))
        return await self.client(issued).request(how.pop("method", "POST"), url, **how)

    async def operations(self, gateway: str, path: str) -> httpx.Response:
        return await self.client(None).get(self.stage.region.gateways[gateway].operations_url + path)

    async def ready(self, gateway: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """Status of /ready, and its checks by what they are about."""
        answer = await self.operations(gateway, "/ready")
        return answer.status_code, {check["what"]: check for check in answer.json()["checks"]}

    async def raw(self, port: int, sent: bytes, *, issued: Issued | None = None, tls: bool = True) -> Raw | None:
        """Send bytes as they are; None when the connection closes without an answer."""
        context = self.context(issued) if tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        try:
            writer.write(sent)
            await writer.drain()
            return await asyncio.wait_for(_answer(reader), 10)
        except (ConnectionError, asyncio.IncompleteReadError):
            return None
        finally:
            writer.transport.abort()

    def records(self, gateway: str, tenant: str, meldcode: str | None = None) -> list[reading.Entry]:
        return list(reading.records(self.stage.ledger(gateway), tenant, meldcode))

    def recorded(self, holder: str, answer: httpx.Response) -> list[reading.Entry]:
        """The records of one answer in the log of the holder."""
        return self.records(self.stage.region.gateway_of(holder).name, holder, answer.headers["x-meldcode"])

    def joined(self, entries: list[reading.Entry], holder: str) -> list[reading.Entry]:
        """The records in a holder's log that carry the trace of these."""
        traces = {trace_of(one) for one in entries} - {""}
        gateway = self.stage.region.gateway_of(holder).name
        return [one for one in self.records(gateway, holder) if trace_of(one) in traces]

    def verified(self, gateway: str) -> Report:
        """Verify every log of a gateway with its published keys and its anchor."""
        keys = [
            VerifierKey.parse(line)
            for file in sorted(self.stage.keys(gateway).rglob("*.pub"))
            for line in file.read_text("utf-8").splitlines()
        ]
        with opened(self.stage.ledger(gateway)) as material:
            return verify(material, keys, anchors.read(self.stage.anchor(gateway)))

    async def consult(self, slug: str, *, by: str = "kade", **extra: Any) -> tuple[int, dict[str, Any]]:
        """Ask about a test person as another employee each time, so that no token or consent is reused."""
        response = await self.consultation(by, json=self.question(slug, **extra))
        return response.status_code, response.json()

    def question(self, slug: str, **extra: Any) -> dict[str, Any]:
        """The body of one consultation."""
        patient = self.stage.patient(slug)
        person = extra.pop("professional", None) or self.person(uuid.uuid4().hex[:12])
        return {
            "patient": {"bsn": patient.bsn.value, "birthDate": patient.birth_date.isoformat()},
            "professional": {"id": person.id, "name": person.name, "role": person.role},
            "purpose": "treatment",
            **extra,
        }

    @staticmethod
    def person(name: str) -> Person:
        """A professional who asks more than once."""
        return Person(name, "P. Vos", "huisarts")


def trace_of(entry: reading.Entry) -> str:
    """The trace-id part of a record's traceparent; empty for a record of no request."""
    return str(entry.record.get("trace", {}).get("traceparent", "-")).split("-")[1]


def items_of(overview: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The items of an overview by key."""
    return {item["key"]: item for section in overview["sections"] for item in section["items"]}


_LETTERS = {"90000111": "W", "90000222": "M", "90000333": "L", "90000555": "A"}


def told(item: Mapping[str, Any]) -> dict[str, Any]:
    """What an item says, as the table of the test people writes it: a letter for a source, nothing for what is absent.

    `with`: who says the same; `beside`: whose texts stand side by side; `before`: history, newest first.
    """
    letter = {None: ""} | _LETTERS
    conflict = item["conflict"]
    said = {
        "state": item["state"],
        "display": item["display"],
        "date": item["date"],
        "from": letter[item["source"]["id"] if item["source"] else None],
        "comment": item["comment"],
        "with": "".join(sorted({letter[one["source"]["id"]] for one in item["corroboratedBy"]})),
        "beside": "".join(letter[one["source"]["id"]] for one in item["parallel"]),
        "before": [_entry(one)[:3] for one in item["history"]],
        "rivals": [_entry(one) for one in conflict["candidates"]] if conflict else [],
        "severity": conflict["severity"] if conflict else "",
    }
    return {name: value for name, value in said.items() if value}


def _entry(one: Mapping[str, Any]) -> tuple[Any, ...]:
    mark = (one["date"], _LETTERS[one["source"]["id"]], one["value"]["display"])
    return (*mark, one["comment"]) if one["comment"] else mark


async def _answer(reader: asyncio.StreamReader) -> Raw:
    head = await reader.readuntil(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    length = headers.get("content-length")
    body = await (reader.read(200_000) if length is None else reader.readexactly(int(length)))
    return Raw(int(status.split(" ")[1]), headers, body)


def issue_of(answer: httpx.Response | Raw) -> dict[str, Any]:
    """The one issue of an OperationOutcome."""
    content = json.loads(answer.content if isinstance(answer, httpx.Response) else answer.body)
    assert content["resourceType"] == "OperationOutcome"
    [issue] = content["issue"]
    return dict(issue)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """A region and its gateways, which log all they can and have time for their sources; the hospice answers."""
    async with Stage(folder, hospice="answers", gateways=()) as up:
        for gateway in up.region.gateways.values():
            assert _set(gateway.deployment_file, "level: warning", "level: debug")
        only_consults = up.region.gateways["kade"].deployment_file
        assert _set(only_consults, "log:\n", "decision_api:\n  loopback: true\nlog:\n")  # it must know of nobody
        give_time(up)
        await up.start_gateways(*up.region.gateways)
        yield up


def give_time(stage: Stage) -> None:
    """Let the gateways that are yet to start allow whoever they ask more time: a machine may stall for seconds."""
    for file in [file for one in stage.region.gateways.values() for file in one.folder.glob("tenants/*.yaml")]:
        settings = yaml.safe_load(file.read_text("utf-8"))
        if disclose := settings.get("disclose"):
            disclose["records"]["connect_seconds"] = SOURCE_SECONDS  # of ten in all, after which a holder says why
            disclose["authentication"]["timeout"] = SOURCE_SECONDS
        if consult := settings.get("consult"):
            consult["source_deadline_seconds"] = SOURCE_SECONDS
            consult["connector"] |= {"connect_seconds": SOURCE_SECONDS, "total_seconds": SOURCE_SECONDS}
            consult["credentials"]["timeout"] = SOURCE_SECONDS
            for register in consult["localization"]:
                register["timeout_seconds"] = SOURCE_SECONDS
        file.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), "utf-8")


def _set(file: Path, was: str, now: str) -> bool:
    """Change what settings say; say whether they said it."""
    settings = file.read_text("utf-8")
    file.write_text(settings.replace(was, now), "utf-8")
    return was in settings


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """One for all tests of a process that leave it as they found it. Who wants a source silent says so."""
    async with staged(tmp_path_factory.mktemp("stage")) as up:
        yield up


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def visitor(stage: Stage) -> AsyncIterator[Visitor]:
    one = Visitor(stage)
    yield one
    await one.close()
