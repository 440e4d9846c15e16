"""Each fault does what its name says, and only while it is on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from nuts_pzp.sandbox.fhir_server import Faults
from nuts_pzp.sandbox.fhir_server.control import control_app

Clients = Callable[..., Any]
QUERY = "/Consent?patient=Patient/1"


async def test_down_is_a_503_that_is_not_fhir(clients: Clients) -> None:
    client = clients()
    client.twin.faults.set("down", True)
    answer = await client.get(QUERY)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/plain; charset=utf-8")
    client.twin.faults.set("down", False)
    assert (await client.get(QUERY)).status_code == 200


async def test_wrong_patient_gives_anothers_resources_with_a_straight_face(clients: Clients) -> None:
    client = clients()
    client.twin.faults.set("wrong-patient", True)
    found = await client.found(QUERY)
    assert found == ["Consent/2-1", "Consent/2-2", "Consent/2-3", "Consent/2-4"]


async def test_an_outcome_with_status_200(clients: Clients) -> None:
    client = clients()
    client.twin.faults.set("outcome-200", True)
    answer = await client.get(QUERY)
    assert (answer.status_code, answer.json()["resourceType"]) == (200, "OperationOutcome")


async def test_big_is_above_eight_mebibytes(clients: Clients) -> None:
    client = clients()
    client.twin.faults.set("big", True)
    assert len((await client.get(QUERY)).content) > 8 * 1024 * 1024
    client.twin.faults.set("big", False)
    assert len((await client.get(QUERY)).content) < 100_000


async def test_a_lying_next_link_leaves_the_server(clients: Clients) -> None:
    client = clients()
    client.twin.faults.set("lying-next", True)
    links = {link["relation"]: link["url"] for link in (await client.get(QUERY)).json()["link"]}
    assert links["next"].startswith("https://elsewhere.example/")


async def test_malformed_stops_half_way(clients: Clients) -> None:
    client = clients()
    client.twin.faults.set("malformed", True)
    answer = await client.get(QUERY)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


async def test_unsupported_knows_the_patient_and_the_form_only(clients: Clients) -> None:
    client = clients("form")
    client.twin.faults.set("unsupported", True)
    assert (await client.get(QUERY)).status_code == 404
    assert (await client.get("/QuestionnaireResponse?subject=Patient/1")).status_code == 200


async def test_consents_only_forbids_the_rest(clients: Clients) -> None:
    client = clients()
    client.twin.faults.set("consents-only", True)
    assert (await client.get(QUERY)).status_code == 200
    assert (await client.get("/Goal?patient=Patient/1")).status_code == 403


async def test_the_control_port_switches_faults_and_contents(clients: Clients) -> None:
    client = clients()
    transport = httpx.ASGITransport(app=control_app(client.twin))
    async with httpx.AsyncClient(transport=transport, base_url="http://control.test") as control:
        assert (await control.post("/faults", json={"fault": "down", "on": True})).json() == {"faults": ["down"]}
        assert (await client.get(QUERY)).status_code == 503
        assert (await control.post("/faults", json={"fault": "bad mood", "on": True})).status_code == 400
        await control.post("/faults", json={"fault": "down", "on": False})
        made = {"resourceType": "Goal", "id": "new", "subject": {"reference": "Patient/1"}}
        assert (await control.post("/resources", json=made)).status_code == 201
        assert "Goal/new" in await client.found("/Goal?patient=Patient/1")
        assert (await control.delete("/resources/Goal/new")).status_code == 204
        assert (await control.delete("/resources/Goal/new")).status_code == 404
        asked = (await control.get("/asked")).json()
        assert asked[-1] == {"method": "GET", "path": "/fhir/Goal", "parameters": [["patient", "Patient/1"]]}
        assert (await control.get("/")).json() == {"faults": [], "patients": 2}


def test_a_fault_that_does_not_exist_cannot_be_set() -> None:
    with pytest.raises(KeyError):
        Faults().set("bad-mood", True)
