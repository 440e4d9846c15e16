"""A server of two patients in each dialect, spoken to without sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from nuts_pzp.sandbox.changes import agreed, during, status
from nuts_pzp.sandbox.fhir_server import Behavior, FhirServerTwin
from nuts_pzp.sandbox.organizations import Dialect
from nuts_pzp.sandbox.resources import Chart

SCT = "http://snomed.info/sct"


def dossier(dialect: Dialect, patient_id: str, bsn: str) -> Chart:
    chart = Chart(dialect, patient_id, f"Patiënt {patient_id}")
    chart.person(bsn, "1950-01-01", "female")
    doctor = chart.clinician("A. Arts", "0100", "huisarts")
    talk = chart.talk("2025-01-01", doctor)
    chart.treatment("89666000", "deny", "2025-01-01", agreed(doctor))
    chart.treatment("305351004", "permit", "2025-01-01")
    chart.treatment("Dialyse, thuis", "deny", "2025-01-01", status("inactive"))
    chart.directive("NR", "2020-01-01")
    chart.goal("713148004", "2025-01-01")
    chart.observation("395091006", None, "2025-01-01", during(talk))
    chart.observation("247751003", "Rust.", "2025-01-01", during(talk))
    chart.icd("2019", "2025-01-01")
    chart.informed("2025-01-01", doctor)
    return chart


def make(dialect: Dialect, behavior: Behavior | None = None) -> FhirServerTwin:
    first, second = dossier(dialect, "1", "999930412"), dossier(dialect, "2", "999930825")
    return FhirServerTwin("/fhir", first.resources + second.resources, dialect, behavior=behavior)


class Client:
    """Asks one twin."""

    def __init__(self, twin: FhirServerTwin) -> None:
        self.twin = twin
        transport = httpx.ASGITransport(app=twin.app)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://fhir.test/fhir")

    async def get(self, target: str, **headers: str) -> httpx.Response:
        return await self.http.get(target, headers=headers)

    async def found(self, target: str, mode: str = "match") -> list[str]:
        answer = await self.http.get(target)
        assert answer.status_code == 200, answer.text
        return references(answer.json(), mode)


def references(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    entries = [entry for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]
    return [f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in entries]


@pytest.fixture
async def clients() -> AsyncIterator[Callable[..., Client]]:
    made: list[Client] = []

    def client(dialect: Dialect = "r4-rc2", behavior: Behavior | None = None) -> Client:
        made.append(Client(make(dialect, behavior)))
        return made[-1]

    yield client
    for one in made:
        await one.http.aclose()
