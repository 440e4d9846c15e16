"""From a policy bundle's CapabilityStatement to a Capability: what may be asked at all. Pure.

Trusts the statement as reviewed code (design D5); read at start, so a mistake refuses the start. It is an allow-list:
interactions other than read and search-type grant nothing here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from .version import Speech, fhir_version


@dataclass(frozen=True, slots=True)
class ResourceCapability:
    """What may be asked of one resource type. `post_only`: search by POST only (Patient)."""

    interactions: frozenset[str]
    params: frozenset[str]
    includes: frozenset[str]
    post_only: bool = False


@dataclass(frozen=True, slots=True)
class Capability:
    """What the policy bundle's CapabilityStatement lists, by resource type. `sha256` is of the statement's bytes."""

    resources: dict[str, ResourceCapability]
    sha256: str
    version: Speech = "r4"
    """In which FHIR is asked and answered: what belongs to another is refused by that name (ADR 0038)."""
    mixed: bool = False
    """A policy with a statement of another FHIR takes part: codes of either may be asked, and the policy decides."""
    sealed_ids: bool = False
    """Every id was made here and is bound to one patient and one caller, as at the facade (ADR 0088): types without a
    patient may be read by it, and a Patient is searched by BSN and birth date."""


class NotACapability(ValueError):
    """The bytes are not a CapabilityStatement of one FHIR server."""


def read_capability(statement: bytes, post_only: frozenset[str] = frozenset()) -> Capability:
    """Return what a JSON CapabilityStatement lists under its one server `rest`, by resource type.

    A search parameter's name is as it is sent, modifier included (`description:in`). `post_only` names the types that
    are searched by POST only; Patient always is (spec decision-api 3.8). What says no `fhirVersion` of STU3 is R4.
    Raises NotACapability on anything else.
    """
    posted = post_only | {"Patient"}
    try:
        document = json.loads(statement)
        if document["resourceType"] != "CapabilityStatement":
            raise NotACapability("not a CapabilityStatement")
        rests = [rest for rest in document["rest"] if rest["mode"] == "server"]
        if len(rests) != 1:
            raise NotACapability("not exactly one rest of mode server")
        resources = [(str(resource["type"]), _resource(resource, posted)) for resource in rests[0]["resource"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, NotACapability):
            raise
        raise NotACapability(f"not a CapabilityStatement: {type(error).__name__}") from error
    if len({name for name, _ in resources}) != len(resources):
        raise NotACapability("a resource type listed twice")
    spoken: Speech = "stu3" if fhir_version(statement) == "stu3" else "r4"
    return Capability(dict(resources), hashlib.sha256(statement).hexdigest(), spoken)


def _resource(resource: dict[str, object], posted: frozenset[str]) -> ResourceCapability:
    return ResourceCapability(
        interactions=_strings(resource, "interaction", "code"),
        params=_strings(resource, "searchParam", "name"),
        includes=_strings(resource, "searchInclude", None),
        post_only=resource["type"] in posted,
    )


def _strings(resource: dict[str, object], name: str, key: str | None) -> frozenset[str]:
    listed = resource.get(name, [])
    if not isinstance(listed, list):
        raise NotACapability(f"{name} is not a list")
    found = [one[key] if key else one for one in listed]
    if not all(isinstance(one, str) for one in found):
        raise NotACapability(f"{name} holds something that is not text")
    return frozenset(found)
