"""A call of the decision API that is allowed, to be changed one thing at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.authorization.offline import Loaded
from nuts_pzp.systems.regorus import RegorusJudge

CALL: dict[str, Any] = {
    "subject": {
        "client_id": "did:web:kade",
        "scope": "pzp-gf",
        "user_id": "e-17",
        "user_role": "SEH-arts",
        "organization_ura": "90000444",
        "organization_name": "Huisartsenpost De Kade",
        "organization_facility_type": "N6",
    },
    "request": {
        "method": "GET",
        "protocol": "HTTP/1.1",
        "path": "/Consent",
        "query": "patient=Patient/p1&scope=http://terminology.hl7.org/CodeSystem/consentscope|treatment"
        "&category=http%3A%2F%2Fsnomed.info%2Fsct%7C129125009&_include=Consent:actor",
        "header": {"Accept": ["application/fhir+json"]},
        "body": "",
    },
    "context": {
        "connection_type_code": "hl7-fhir-rest",
        "data_holder_organization_id": "90000111",
        "data_holder_facility_type": "Z3",
        "patient_bsn": "999911120",
        "patient_id": "p1",
        "mitz_consent": True,
    },
}


@pytest.fixture
def call() -> Callable[..., dict[str, Any]]:
    """Return the call with changes per part; a value of None takes the key away."""

    def changed(**parts: dict[str, Any]) -> dict[str, Any]:
        made = copy.deepcopy(CALL)
        for part, changes in parts.items():
            made[part].update(changes)
            made[part] = {name: value for name, value in made[part].items() if value is not None}
        return {"input": made}

    return changed


@pytest.fixture(scope="module")
def loaded() -> dict[str, Loaded]:
    bundle = load(shipped())
    return {"pzp": Loaded(bundle, RegorusJudge(bundle))}
