"""The gateway's own CapabilityStatement: what the policy bundle lists, in this tenant's name. Public, no patient."""

from __future__ import annotations

import orjson

from .. import __version__
from ..fhir.form import MEDIA
from ..house import Holding


def statement(house: Holding) -> bytes:
    """Return the CapabilityStatement as FHIR JSON. It lists exactly what parsing enforces."""
    resources = []
    stu3 = house.policies.capability.version == "stu3"
    for resource_type, offered in sorted(house.policies.capability.resources.items()):
        resources.append(
            {
                "type": resource_type,
                "interaction": [{"code": code} for code in sorted(offered.interactions)],
                "searchInclude": sorted(offered.includes),
                "searchParam": [{"name": name, "type": _kind(name)} for name in sorted(offered.params)],
            }
        )
    return orjson.dumps(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": "2026-11-22",
            "kind": "instance",
            "software": {"name": "nuts-pzp", "version": __version__},
            "implementation": {"description": house.tenant.organization.name, "url": house.base},
            "fhirVersion": "3.0.2" if stu3 else "4.0.1",
            # What STU3 demands and R4 no longer has.
            **({"acceptUnknown": "no"} if stu3 else {}),
            "format": list(MEDIA.values()),
            "rest": [
                {
                    "mode": "server",
                    "documentation": "Patient is searched by POST on BSN only. Every answer is about one patient.",
                    "resource": [{key: value for key, value in one.items() if value} for one in resources],
                }
            ],
        }
    )


def _kind(parameter: str) -> str:
    """The search parameter's type."""
    if parameter in ("patient", "subject", "questionnaire"):
        return "reference"
    return "reference" if parameter == "reason-reference" else "token"
