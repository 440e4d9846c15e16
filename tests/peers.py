"""What the environment says of real counterparts, for every test that asks them; skipped, and said so, without."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from dataclasses import dataclass
from typing import Any

import pytest

from nuts_pzp.exchange import Source
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outside import Outbound

NODES = {
    "user": "NUTS_PZP_INTEROP_NUTS_USER",
    "subject": "NUTS_PZP_INTEROP_NUTS_USER_SUBJECT",
    "holder": "NUTS_PZP_INTEROP_NUTS_HOLDER",
    "issuer": "NUTS_PZP_INTEROP_NUTS_HOLDER_ISSUER",
    "ura": "NUTS_PZP_INTEROP_NUTS_URA",
    "type": "NUTS_PZP_INTEROP_NUTS_TYPE",
}
FHIR, FHIR_STU3 = "NUTS_PZP_INTEROP_FHIR_URL", "NUTS_PZP_INTEROP_FHIR_STU3_URL"
LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))


@dataclass(frozen=True)
class Nodes:
    """What the environment says of the two nodes."""

    user: str
    subject: str
    holder: str
    issuer: str
    ura: str
    type: str

    @property
    def organization(self) -> Organization:
        return Organization(Ura(self.ura), self.type, "")

    def source(self, server: str | None = None) -> Source:
        return Source(Organization(Ura("90000222"), "V6", ""), "https://pep.example.org/fhir", server or self.issuer)


def real_nodes() -> Nodes:
    """The two nodes, or a skip that names what is not set."""
    missing = [name for name in NODES.values() if not os.environ.get(name)]
    if missing:
        pytest.skip(f"NOT RUN against real Nuts nodes: set {', '.join(missing)}")
    return Nodes(**{key: os.environ[name] for key, name in NODES.items()})


def real_fhir(variable: str = FHIR) -> str:
    """The base of the real FHIR server, without a slash at its end, or a skip that names what is not set."""
    url = os.environ.get(variable, "").rstrip("/")
    if not url:
        pytest.skip(f"NOT RUN against a real FHIR server: {variable} is not set")
    return url


def moved(resource: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Give a resource an id, and its references, that no other source on the same server has."""
    text = json.dumps(resource)
    found: dict[str, Any] = json.loads(re.sub(r'"reference": "(\w+)/([^"]+)"', rf'"reference": "\1/{prefix}\2"', text))
    return found | {"id": prefix + found["id"]}


def transaction(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """A Bundle that writes these under their own ids, all at once: an Encounter and a Procedure name each other."""
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
