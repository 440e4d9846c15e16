"""Sandbox: how the directory lists an organisation: itself, its endpoints, a location, a service (spec 3.2, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...identity import ORGANIZATION_TYPE_SYSTEM, URA_SYSTEM

KVK_SYSTEM = "http://fhir.nl/fhir/NamingSystem/kvk"
VENDOR = "08999999"
"""An invented chamber-of-commerce number: the vendor that runs every endpoint of the sandbox."""

_DIRECTORY = "50000535"
_CATEGORIES = "http://minvws.github.io/generiekefuncties-docs/CodeSystem/nl-gf-data-categories-cs"
_SERVERS = "http://minvws.github.io/generiekefuncties-docs/CodeSystem/nl-gf-authorization-server-cs"
_CONNECTIONS = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"


@dataclass(frozen=True, slots=True)
class ListedOrganization:
    """One care organisation. Without `fhir_base` it is listed but holds nothing to ask for."""

    ura: str
    type: str
    name: str
    phone: str = ""
    fhir_base: str = ""
    authorization_server: str = ""


def listed(organization: ListedOrganization) -> list[dict[str, Any]]:
    """Return its resources; ids are derived from the URA, so a region lists the same every time."""
    endpoints: list[dict[str, Any]] = []
    if organization.fhir_base:
        endpoints.append(_fhir_endpoint(organization))
    if organization.authorization_server:
        endpoints.append(_authorization_endpoint(organization))
    return [_organization(organization, endpoints), _location(organization), _service(organization), *endpoints]


def _organization(organization: ListedOrganization, endpoints: list[dict[str, Any]]) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resourceType": "Organization",
        "id": f"org-{organization.ura}",
        "identifier": [_identifier(URA_SYSTEM, organization.ura, KVK_SYSTEM, _DIRECTORY)],
        "active": True,
        "type": [{"coding": [{"system": ORGANIZATION_TYPE_SYSTEM, "code": organization.type}]}],
        "name": organization.name,
        "endpoint": [{"reference": f"Endpoint/{endpoint['id']}"} for endpoint in endpoints],
    }
    if organization.phone:
        resource["telecom"] = [{"system": "phone", "value": organization.phone, "use": "work"}]
    return resource


def _fhir_endpoint(organization: ListedOrganization) -> dict[str, Any]:
    return {
        **_endpoint(organization, f"fhir-{organization.ura}", organization.fhir_base),
        "connectionType": {"system": _CONNECTIONS, "code": "hl7-fhir-rest"},
        "payloadMimeType": ["application/fhir+json; fhirVersion=4.0"],
    }


def _authorization_endpoint(organization: ListedOrganization) -> dict[str, Any]:
    return {
        **_endpoint(organization, f"oauth-{organization.ura}", organization.authorization_server),
        "connectionType": {"system": _SERVERS, "code": "oauth-nuts"},
    }


def _endpoint(organization: ListedOrganization, identity: str, address: str) -> dict[str, Any]:
    return {
        "resourceType": "Endpoint",
        "id": identity,
        "identifier": [_identifier("urn:ietf:rfc:3986", f"urn:oid:1.{identity}", URA_SYSTEM, organization.ura)],
        "status": "active",
        "managingOrganization": {"identifier": {"system": KVK_SYSTEM, "value": VENDOR}},
        "payloadType": [{"coding": [{"system": _CATEGORIES, "code": "AdvanceDirective"}]}],
        "address": address,
    }


def _location(organization: ListedOrganization) -> dict[str, Any]:
    return {
        "resourceType": "Location",
        "id": f"loc-{organization.ura}",
        "identifier": [_identifier("urn:ietf:rfc:3986", f"urn:loc:{organization.ura}", URA_SYSTEM, organization.ura)],
        "status": "active",
        "name": organization.name,
        "managingOrganization": {"reference": f"Organization/org-{organization.ura}"},
    }


def _service(organization: ListedOrganization) -> dict[str, Any]:
    return {
        "resourceType": "HealthcareService",
        "id": f"svc-{organization.ura}",
        "identifier": [_identifier("urn:ietf:rfc:3986", f"urn:svc:{organization.ura}", URA_SYSTEM, organization.ura)],
        "active": True,
        "name": organization.name,
        "providedBy": {"reference": f"Organization/org-{organization.ura}"},
    }


def _identifier(system: str, value: str, assigner_system: str, assigner: str) -> dict[str, Any]:
    role = {"system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type", "code": "custodian"}
    return {
        "use": "official",
        "system": system,
        "value": value,
        "assigner": {"identifier": {"system": assigner_system, "value": assigner, "type": {"coding": [role]}}},
    }
