"""Which endpoint of an organisation is its PZP source (spec generic-functions 3.3). Pure: no clock, no I/O.

Trusts nothing of a directory entry: an address that may not be dialled, or that another organisation vouches for,
is refused. The choice among several is the same every time, on every replica.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..exchange import Source
from ..fhir.version import RELEASES
from ..identity import Organization
from ..outcome import Deny
from ..reasons import Reason

Coding = tuple[str, str]
"""(system, code)."""

FHIR_REST: Coding = ("http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "hl7-fhir-rest")
NUTS_OAUTH: Coding = (
    "http://minvws.github.io/generiekefuncties-docs/CodeSystem/nl-gf-authorization-server-cs",
    "oauth-nuts",
)
_CAPABILITIES = "http://nuts-foundation.github.io/nl-generic-functions-ig/CodeSystem/nl-gf-data-exchange-capabilities"
NUTS_OAUTH_CAPABILITY: Coding = (_CAPABILITIES, "Nuts-OAuth")
PZP_CAPABILITY: Coding = (
    _CAPABILITIES,
    "https://api.iknl.nl/docs/pzp/r4/CapabilityStatement/ACP-CapabilityStatementProvider",
)
ADVANCE_DIRECTIVE: Coding = (
    "http://minvws.github.io/generiekefuncties-docs/CodeSystem/nl-gf-data-categories-cs",
    "AdvanceDirective",
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A directory's Endpoint, as far as it matters here. Times are Unix seconds; `end` None is open."""

    id: str
    status: str
    connection: Coding
    payloads: tuple[Coding, ...]
    mime_types: tuple[str, ...]
    address: str
    start: float = 0.0
    end: float | None = None
    vendor: str = ""
    """managingOrganization: who runs it. Never who owns it."""
    custodian: str = ""
    """The URA that vouches for the entry, eight digits; empty when the entry names none."""

    def usable(self, now: float) -> bool:
        """True when active and within its period; both ends belong to the period."""
        return self.status == "active" and self.start <= now and (self.end is None or now <= self.end)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a PZP source looks like. `payloads`: best first, so the most specific code wins over the general one.

    `fhir_versions`: what a consultation can read, best first; a holder that offers both is asked in the first.
    """

    payloads: tuple[Coding, ...] = (PZP_CAPABILITY, ADVANCE_DIRECTIVE)
    fhir_versions: tuple[str, ...] = tuple(RELEASES.values())


Refuses = Callable[[str], str | None]
"""Says why an address may not be dialled, or None (`Outbound.refuses`)."""


def choose(
    holder: Organization, endpoints: Sequence[Endpoint], wanted: Wanted, now: float, refuses: Refuses
) -> Source | Deny:
    """Return the holder's source, or Deny ADDRESS_NONE (nothing fits) or ADDRESS_REFUSED (only what may not be used).

    Several fit: the FHIR version listed first in `wanted`, then the payload listed first, then the latest start of its
    period (a cutover), then the smallest id. Authorization servers alike, but one of the same vendor comes first. No
    authorization server at all is allowed: the node may know it by discovery. One that may not be dialled refuses the
    source.
    """
    current = [endpoint for endpoint in endpoints if endpoint.usable(now)]
    fitting = sorted(
        (endpoint for endpoint in current if _rank(endpoint, wanted) is not None),
        key=lambda endpoint: (_rank(endpoint, wanted), -endpoint.start, endpoint.id),
    )
    if not fitting:
        return Deny(Reason.ADDRESS_NONE, detail="no active, current FHIR endpoint for PZP")
    troubles = [_trouble(endpoint, holder, refuses) for endpoint in fitting]
    if all(troubles):
        return Deny(Reason.ADDRESS_REFUSED, detail=f"FHIR endpoint: {troubles[0]}")
    chosen = fitting[troubles.index(None)]
    servers = sorted(
        (endpoint for endpoint in current if _is_authorization_server(endpoint)),
        key=lambda endpoint: (endpoint.vendor != chosen.vendor, -endpoint.start, endpoint.id),
    )
    if servers and (why := _trouble(servers[0], holder, refuses)):
        return Deny(Reason.ADDRESS_REFUSED, detail=f"authorization server: {why}")
    server = servers[0].address.rstrip("/") if servers else None
    return Source(holder, chosen.address.rstrip("/"), server)


def _rank(endpoint: Endpoint, wanted: Wanted) -> tuple[int, int] | None:
    """Return the places of its best version and payload in `wanted`; None when it is not a PZP source at all."""
    if endpoint.connection != FHIR_REST or _is_authorization_server(endpoint):
        return None
    places = [wanted.payloads.index(payload) for payload in endpoint.payloads if payload in wanted.payloads]
    if not places:
        return None
    versions = {_fhir_version(mime) for mime in endpoint.mime_types} - {""}
    if not versions and PZP_CAPABILITY in endpoint.payloads:
        # The PZP capability names its FHIR version in its own address, so it may leave the media type's version out.
        versions = {RELEASES["r4"]}
    spoken = [wanted.fhir_versions.index(version) for version in versions if version in wanted.fhir_versions]
    return (min(spoken), min(places)) if spoken else None


def _fhir_version(mime: str) -> str:
    """Return the fhirVersion parameter of a FHIR JSON media type, or ""."""
    kind, *parameters = (part.strip() for part in mime.split(";"))
    if kind.lower() not in ("application/fhir+json", "application/json"):
        return ""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "fhirversion":
            return value.strip().strip('"')
    return ""


def _is_authorization_server(endpoint: Endpoint) -> bool:
    return endpoint.connection == NUTS_OAUTH or NUTS_OAUTH_CAPABILITY in endpoint.payloads


def _trouble(endpoint: Endpoint, holder: Organization, refuses: Refuses) -> str | None:
    """Say why this endpoint may not be used for this holder, or None."""
    if endpoint.custodian and endpoint.custodian != holder.ura.value:
        return "another organisation vouches for it"
    return refuses(endpoint.address)
