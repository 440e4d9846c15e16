"""The operations listener is what its OpenAPI document says: every path, every answer, whatever is sent."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from prometheus_client import CollectorRegistry
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from nuts_pzp.schemas import operations_api
from nuts_pzp.web.decision import ROUTES, DecisionDoor
from nuts_pzp.web.decision_clients import Guard
from nuts_pzp.web.meter import Meter
from nuts_pzp.web.operations import Check, operations

PLAIN = ("/health", "/ready", "/metrics", "/openapi.json")
EXAMPLES = 20
"""For each of the operations; the whole takes some fifteen seconds."""

CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
]


class Client:
    """Asks an ASGI app, one request at a time, from this machine."""

    def __init__(self, app: Any) -> None:
        self._app, self._runner = app, asyncio.Runner()

    def __enter__(self) -> Client:
        self._runner.__enter__()
        return self

    def __exit__(self, *why: Any) -> None:
        self._runner.__exit__(*why)

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, client=("127.0.0.1", 9))
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.request(method, path, **how)

        return self._runner.run(asked())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, **how: Any) -> httpx.Response:
        return self.request("POST", path, **how)


async def looked() -> list[Check]:
    return [Check("audit", True, "room on disk: 4 GB", critical=True), Check("meerwijck: policy.pzp", False, "overdue")]


@pytest.fixture
def listener(decision_api: Any) -> Any:
    """The whole listener, asked from this machine."""
    door = DecisionDoor(
        decision_api, Guard({}), decision_api.system, Meter(CollectorRegistry()), lambda: 1_790_000_000.0
    )
    app = operations(looked, CollectorRegistry(), lambda: door)

    async def from_here(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": ("127.0.0.1", 9)}, receive, send)

    return from_here


def test_the_document_names_every_path_and_no_other() -> None:
    assert set(operations_api()["paths"]) == {*PLAIN, *ROUTES}


def test_its_parts_are_schemas_and_its_references_lead_somewhere() -> None:
    document = operations_api()
    for part in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(part)
    for found in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        node = document
        for step in found.split("/"):
            node = node[step]


def test_operation_ids_are_each_given_once() -> None:
    ids = [
        one["operationId"]
        for item in operations_api()["paths"].values()
        for one in item.values()
        if "operationId" in one
    ]
    assert len(ids) == len(set(ids)) == len(operations_api()["paths"])


def test_the_listener_serves_its_own_document(listener: Any) -> None:
    with Client(listener) as client:
        assert client.get("/openapi.json").json() == operations_api()


def test_whatever_is_sent_is_answered_as_the_document_says(listener: Any) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", listener)
    tried = set()
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def holds(case: Any) -> None:
            case.call_and_validate(checks=CHECKS)

        holds()
        tried.add(operation.path)
    assert tried == set(operations_api()["paths"]) - {"/openapi.json"}, "its own description is not tried"


def test_the_example_is_a_question_that_is_allowed(listener: Any, decision_api: Any) -> None:
    document = operations_api()
    shown = document["paths"]["/pdp"]["post"]["requestBody"]["content"]["application/json"]["examples"]["search"][
        "value"
    ]
    with Client(listener) as client:
        assert client.post("/pdp", json=shown).json()["allow"] is True
    assert decision_api.events[-1].attempt.enforced_by == "loopback"


def test_bytes_that_are_no_question_are_answered_as_the_document_says(listener: Any) -> None:
    paths = [route.replace("{tenant}", "meerwijck") for route in ROUTES if not route.endswith("authorize")]
    values = some.recursive(
        some.none() | some.booleans() | some.integers() | some.text(max_size=20),
        lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=12), inner, max_size=4),
        max_leaves=12,
    )
    words = some.sampled_from(["input", "subject", "request", "context", "token", "action", "resource", "properties"])
    bodies = some.binary(max_size=200) | (some.dictionaries(words, values, max_size=5)).map(
        lambda one: json.dumps(one).encode()
    )
    document = operations_api()

    with Client(listener) as client:

        @settings(max_examples=200, deadline=None, database=None, derandomize=True)
        @given(some.sampled_from(paths), bodies)
        def holds(path: str, body: bytes) -> None:
            answer = client.post(path, content=body, headers={"content-type": "application/json"})
            assert answer.status_code in (200, 400)
            said = answer.json()
            assert said.get("allow", said.get("decision", False)) is False
            template = path.replace("/meerwijck", "/{tenant}")
            assert str(answer.status_code) in document["paths"][template]["post"]["responses"]

        holds()


def test_while_the_gateway_starts_nothing_is_decided() -> None:
    app = operations(looked, CollectorRegistry(), lambda: None)
    with Client(app) as client:
        answer = client.post("/pdp", json={})
        assert (answer.status_code, answer.json(), answer.headers["retry-after"]) == (503, {"status": "starting"}, "5")
        assert client.get("/health").status_code == 200


def test_without_the_setting_there_is_no_decision_api() -> None:
    with Client(operations(looked, CollectorRegistry())) as client:
        for route in ROUTES:
            assert client.post(route.replace("{tenant}", "meerwijck"), json={}).status_code == 404


def test_two_calls_at_once_have_each_their_own_record(decision_api: Any) -> None:
    async def both() -> list[Any]:
        return await asyncio.gather(*(decision_api.ask("/pdp", {"input": {}}) for _ in range(20)))

    answers = asyncio.run(both())
    codes = {answer.headers["x-meldcode"] for answer in answers}
    assert len(codes) == 20
    assert {event.attempt.correlation for event in decision_api.system.events} == codes
