"""What the facade can be asked: the searches of the IKNL guide in both R4 dialects, and reads of what they returned.

The CapabilityStatement is made from the same table that parsing enforces, so it cannot promise more or less.
"""

from __future__ import annotations

from typing import Any

from ... import __version__
from ...fhir.capability import Capability, ResourceCapability

_EITHER = ("patient", "subject")
_REFERENCES = frozenset({"patient", "subject"})
_URIS = frozenset({"questionnaire", "description:in", "device.type:in"})

_SEARCHED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Communication": ((*_EITHER, "reason-code"), ()),
    "CommunicationRequest": ((*_EITHER, "category"), ()),
    "Consent": (("patient", "scope", "category"), ("Consent:actor",)),
    "DeviceUseStatement": ((*_EITHER, "device.type:in"), ("DeviceUseStatement:device",)),
    "Encounter": ((*_EITHER, "reason-reference:Procedure.code"), ("Encounter:reason-reference",)),
    "Goal": ((*_EITHER, "category", "description:in"), ()),
    "Observation": ((*_EITHER, "code"), ()),
    "Patient": (("identifier", "birthdate"), ()),
    "Procedure": ((*_EITHER, "code"), ("Procedure:encounter",)),
    "QuestionnaireResponse": ((*_EITHER, "questionnaire"), ()),
}
_READ_ONLY = ("Device", "Location", "Organization", "Practitioner", "PractitionerRole", "RelatedPerson")

SERVED = frozenset((*_SEARCHED, *_READ_ONLY))
"""Types that the facade knows at all; what a source gives of another type is counted, and stays out."""


def _capability() -> Capability:
    resources = {
        kind: ResourceCapability(
            frozenset({"read", "search-type"}), frozenset(params), frozenset(includes), post_only=kind == "Patient"
        )
        for kind, (params, includes) in _SEARCHED.items()
    }
    only = ResourceCapability(frozenset({"read"}), frozenset(), frozenset())
    return Capability(resources | dict.fromkeys(_READ_ONLY, only), "", sealed_ids=True)


CAPABILITY = _capability()

_WORDS = {
    "Patient": "Search by POST only, on one BSN (identifier) and the birth date, both needed. The search asks all "
    "sources. The one match is the question itself, under an id that lives ten minutes; what sources hold of the "
    "patient is included.",
    "Goal": "category and description:in select the same goals, of both dialects.",
    "DeviceUseStatement": "device.type:in takes the value set of the guide.",
    "QuestionnaireResponse": "Either canonical of the R4 form selects forms of both dialects.",
}


def statement(base: str, name: str) -> dict[str, Any]:
    """Return the CapabilityStatement of the facade at `base`, in the name of its organization."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-29",
        "kind": "instance",
        "software": {"name": "nuts-pzp", "version": __version__},
        "implementation": {"description": f"{name}: PZP of all sources", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "PZP of all sources that are known for a patient, unmerged: each resource as its "
                "source gave it, with meta.source and a tag. A source that is missing is an issue in every answer.",
                "resource": [_resource(kind) for kind in sorted(CAPABILITY.resources)],
            }
        ],
    }


def _resource(kind: str) -> dict[str, Any]:
    offered = CAPABILITY.resources[kind]
    content = {
        "type": kind,
        "documentation": _WORDS.get(kind),
        "interaction": [{"code": code} for code in sorted(offered.interactions)],
        "searchInclude": sorted(offered.includes),
        "searchParam": [{"name": name, "type": _kind(name)} for name in sorted(offered.params)],
    }
    return {key: value for key, value in content.items() if value}


def _kind(parameter: str) -> str:
    if parameter == "birthdate":
        return "date"
    if parameter in _REFERENCES:
        return "reference"
    return "uri" if parameter in _URIS else "token"
