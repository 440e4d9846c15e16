"""FHIR server twin: its CapabilityStatement, written from the parameters that it really knows."""

from __future__ import annotations

from typing import Any

from .search import Known

_TYPES = {"token": "token", "reference": "reference", "uri": "uri", "id": "token"}


def statement(known: Known, date: str, version: str = "4.0.1") -> dict[str, Any]:
    """Return the CapabilityStatement of a server with these search parameters."""
    resources = [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "search-type"}],
            "versioning": "versioned",
            "searchInclude": [f"{kind}:{name}" for name, one in sorted(parameters.items()) if one.kind == "reference"],
            "searchParam": [{"name": name, "type": _TYPES[one.kind]} for name, one in sorted(parameters.items())],
        }
        for kind, parameters in sorted(known.items())
    ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "nuts-pzp sandbox FHIR server"},
        "fhirVersion": version,
        "format": ["application/fhir+json", "json"],
        "rest": [{"mode": "server", "resource": resources}],
    }
