"""The EHR listener is what its OpenAPI document says: requests made from the document, answers held to it."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from prometheus_client import CollectorRegistry
from schemathesis.specs.openapi import checks as openapi_checks

from nuts_pzp.house import House
from nuts_pzp.schemas import api
from nuts_pzp.web.ehr import EhrDoor
from nuts_pzp.web.meter import Meter

EXAMPLES = 15
"""For each of the operations; the whole takes some seconds."""

CHECKS = [
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]


@pytest.fixture
def listener(region: Any, with_tokens: Any) -> Any:
    """The door of one tenant, asked by an EHR whose certificate TLS has seen; nobody knows the patient.

    It keeps no state, so an idempotency key is a documented 503.
    """
    house = House(with_tokens.tenant, None, with_tokens)
    door = EhrDoor({"kade": house}.get, region, "https://gw", Meter(CollectorRegistry()))

    async def from_an_ehr(scope: Any, receive: Any, send: Any) -> None:
        await door({**scope, "client_certificate": b"der"}, receive, send)

    return from_an_ehr


def _probed(operation: Any) -> set[int]:
    """Send requests that the document allows, hold each answer to it, and return the statuses seen."""
    seen: set[int] = set()

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
        response = case.call(base_url="http://gw/kade")
        seen.add(response.status_code)
        assert response.status_code != 500
        case.validate_response(response, checks=CHECKS)

    holds()
    return seen


def test_whatever_is_sent_is_answered_as_the_document_says(listener: Any, region: Any) -> None:
    schema = schemathesis.openapi.from_asgi("/kade/pzp/v1/openapi.json", listener)
    operations = [found.ok() for found in schema.get_all_operations()]
    tried = {f"{operation.method.upper()} {operation.path}": _probed(operation) for operation in operations}
    documented = {
        f"{method.upper()} {path}" for path, item in api()["paths"].items() for method in item if method != "parameters"
    }
    assert set(tried) == documented - {"GET /pzp/v1/openapi.json"}, "its own description is not tried"
    assert 200 in tried["POST /pzp/v1/consultations"], "some of the questions are answered"
    assert region.events, "what is answered is on record"
