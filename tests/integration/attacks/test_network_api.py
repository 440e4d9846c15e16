"""The network door is what its OpenAPI document says: requests made from the document, at the real listener."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from nuts_pzp.authorization.bundle import SHIPPED, load, shipped
from nuts_pzp.protection.guard import GENEROUS, Guard, Refusals
from nuts_pzp.reasons import Face

ROOT = Path(__file__).parents[3]
_SPEC = importlib.util.spec_from_file_location("network_api", ROOT / "tools/network_api.py")
assert _SPEC
assert _SPEC.loader
network_api = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(network_api)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
TOKEN = {"authorization": "Bearer aaaaaaaaaaaaaaaaaaaaaaaa"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(network_api.PAGES["pzp"].read_text("utf-8"))
    return found


@pytest.mark.parametrize("policy", SHIPPED)
def test_each_document_is_made_from_a_policy_we_ship(policy: str) -> None:
    assert network_api.PAGES[policy].read_text("utf-8") == network_api.page(policy)


def test_every_face_of_the_network_door_is_in_it(document: dict[str, Any]) -> None:
    told = {int(status) for status in document["paths"]["/Consent"]["get"]["responses"]}
    elsewhere = {Face.MISDIRECTED, Face.UNPROCESSABLE}
    assert told - {200} == {face.status for face in Face} - {face.status for face in elsewhere}


@pytest.mark.parametrize("policy", SHIPPED)
def test_it_lists_what_parsing_lets_through_and_no_more(policy: str) -> None:
    stated = load(shipped(policy)).stated
    assert stated is not None
    document = json.loads(network_api.PAGES[policy].read_text("utf-8"))
    for kind, listed in stated.resources.items():
        assert (f"/{kind}/{{id}}" in document["paths"]) is ("read" in listed.interactions)
        form = document["paths"].get(f"/{kind}/_search", {}).get("post")
        if form is not None:
            names = set(form["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"])
            assert names - {"_count", "_format", "_include"} == listed.params
    assert "/Patient" not in document["paths"]


def probed(document: dict[str, Any], port: int, rounds: int, **fixed: Any) -> dict[str, set[int]]:
    """Call every operation so many times with requests that the document allows; return the statuses seen.

    `fixed` is part of every request of an operation that takes a patient in its query.
    """
    seen: dict[str, set[int]] = {}
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = result.ok()
        bound = any(one.name == "patient" for one in operation.query)
        if fixed and not bound:
            continue
        label = f"{operation.method.upper()} {operation.path}"
        seen[label] = set()
        strategy = operation.as_strategy(**fixed)
        _run(strategy, f"http://127.0.0.1:{port}/meerwijck/fhir", rounds, seen[label].add)
    return seen


def _run(strategy: Any, base: str, rounds: int, note: Callable[[int], None]) -> None:
    @given(case=strategy)
    @settings(max_examples=rounds, deadline=None, database=None, derandomize=True, suppress_health_check=[*HealthCheck])
    def probe(case: Any) -> None:
        response = case.call(base_url=base, headers=TOKEN)
        note(response.status_code)
        case.validate_response(response, checks=CHECKS)

    probe()


@pytest.fixture
def patient(wire: Any) -> Any:
    """A wire that does not mind who tries many patients: the document allows any."""
    guard = Guard("meerwijck", replace(GENEROUS, refusals=Refusals(0, 1.0, 1.0)))
    plain = wire.house

    def house(slug: str) -> Any:
        found = plain(slug)
        if found is None or found.holding is None:
            return found
        return replace(found, holding=replace(found.holding, guard=guard))

    wire.door._house = house
    return wire


async def ask(wire: Any, document: dict[str, Any], rounds: int, **fixed: Any) -> dict[str, set[int]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return await asyncio.to_thread(probed, document, wire.port, rounds, **fixed)


async def test_requests_made_from_the_document_are_answered_as_it_says(patient: Any, document: dict[str, Any]) -> None:
    """What is refused is refused in the form and with the headers that are promised; nothing breaks."""
    seen = await ask(patient, document, 6)
    assert seen["GET /metadata"] == {200}
    assert seen["GET /Consent/{id}"] == {403}
    assert all(status in (200, 400, 403) for statuses in seen.values() for status in statuses)
    assert len(seen) > 40


async def test_about_a_patient_who_is_known_they_are_answered_with_a_bundle(
    patient: Any, document: dict[str, Any]
) -> None:
    seen = await ask(patient, document, 8, query={"patient": "Patient/p1"})
    assert {"GET /Consent", "HEAD /Consent", "GET /Goal", "GET /Procedure"} <= seen.keys()
    assert [label for label, statuses in seen.items() if 200 not in statuses] == []
    asked = [one for one in patient.holder.records.asked if one.interaction == "search-type"]
    assert {values for one in asked for values in one.values("patient")} == {("Patient/p1",)}
