"""Capability: what of a request a policy's CapabilityStatement lists (spec decision-api 2 and 3.4).

Room: authorization. Trusts the statement of a loaded bundle, nothing else. A parameter with a modifier or a chain is
listed by its whole name (`description:in`, `reason-reference:Procedure.code`).
"""

from __future__ import annotations

from ..fhir.capability import Capability, ResourceCapability
from ..fhir.request import FhirRequest

RESULT_PARAMETERS = frozenset({"_include", "_revinclude", "_format", "_pretty", "_summary", "_elements", "_count"})
"""Parameters that shape the answer and select nothing; the parser bounds them, no statement lists them."""


def joined(first: Capability, second: Capability) -> Capability:
    """Return what either lists: the grammar for a policy that judges capability itself. POST-only stays POST-only.

    The first says in which FHIR that is.
    """
    resources = dict(first.resources)
    for name, listed in second.resources.items():
        resources[name] = _union(resources[name], listed) if name in resources else listed
    mixed = first.mixed or second.mixed or first.version != second.version
    return Capability(resources, second.sha256, first.version, mixed)


def _union(known: ResourceCapability, more: ResourceCapability) -> ResourceCapability:
    return ResourceCapability(
        known.interactions | more.interactions,
        known.params | more.params,
        known.includes | more.includes,
        known.post_only or more.post_only,
    )


def unlisted(capability: Capability, request: FhirRequest) -> tuple[str, ...]:
    """Name what of this request the statement does not list; empty means `capability_checked`. Holds no values."""
    listed = capability.resources.get(request.resource_type)
    if listed is None:
        return ("resource type",)
    missing: list[str] = []
    if request.interaction not in listed.interactions:
        missing.append("interaction")
    for name, values in request.params:
        if name == "_include":
            missing.extend("include" for value in values if value not in listed.includes)
        elif name == "_revinclude":
            missing.append("revinclude")
        elif name not in RESULT_PARAMETERS and name not in listed.params:
            missing.append("search parameter")
    return tuple(dict.fromkeys(missing))
