"""The canonical FHIR request: parsed once, re-encoded from here (design D1, spec decision-api 3). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..outcome import Outcome

Interaction = Literal["search-type", "read", "capabilities"]
Parameter = tuple[str, tuple[str, ...]]
"""(name with modifier, values joined by OR, unescaped). A repeated name (AND) is a further Parameter."""


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came: raw origin-form path below the FHIR base, raw query, header pairs (lower case), body."""

    method: str
    path: str = field(repr=False)
    query: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)


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


@dataclass(frozen=True, slots=True)
class FhirRequest:
    """One request, one meaning. `repr` shows no parameter values: they can hold a BSN."""

    interaction: Interaction
    resource_type: str
    id: str | None = None
    params: tuple[Parameter, ...] = field(default=(), repr=False)
    via: Literal["GET", "POST"] = "GET"
    """How a search travels: POST `_search` keeps parameters out of URLs; Patient searches are POST only."""
    continuation: str | None = field(default=None, repr=False)
    """A further page: the upstream's own next link, relative to its base. Only a gateway or server room sets it."""

    def values(self, name: str) -> tuple[tuple[str, ...], ...]:
        """All OR-lists given for that parameter name (outer = AND)."""
        return tuple(values for key, values in self.params if key == name)


def parse(raw: RawRequest, capability: Capability, base: str) -> Outcome[FhirRequest]:
    """Deny ambiguity and whatever the capability does not list. `base` is the tenant's own external FHIR base."""
    raise NotImplementedError


def encode(request: FhirRequest) -> RawRequest:
    """Write the request anew; `path` starts with `/` and is relative to the FHIR base."""
    raise NotImplementedError


def template(request: FhirRequest) -> str:
    """The request for the audit and for logs: values of identifier, patient, subject, _id and ids become `#patient`."""
    raise NotImplementedError
