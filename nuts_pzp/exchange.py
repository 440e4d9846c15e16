"""The values that travel from room to room. They belong to no room, so no room imports another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple, Protocol

from .fhir.bundle import Resource
from .fhir.request import FhirRequest
from .identity import Bsn, Organization, Patient, Professional, Purpose, Ura
from .outcome import Gathered, Outcome
from .values import Value

Headers = Mapping[str, str]


class Signer(Protocol):
    """Authorizes calls to one source, one at a time. A callable, because the node holds the DPoP key."""

    async def __call__(self, method: str, url: str, /, *, fresh: bool = False) -> Outcome[Headers]:
        """Return the headers for that one call to that absolute URL; awaited again, it makes a fresh proof.

        `fresh` asks for a new token: say so once, after the source answered 401. A Stop means: do not send.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client certificate as the record keeps it: hex SHA-256, who it names, its URA if it has one."""

    sha256: str
    subject: str = ""
    """CN, O and serialNumber of its subject, cut short."""
    common_name: str = ""
    ura: str = ""


class Caller(Value, frozen=True):
    """A verified requester. `claims` are the token's extra claims, for the policy only; `token_digest` is SHA-256."""

    hidden = frozenset({"claims", "token_digest", "emergency_text"})

    organization: Organization
    professional: Professional | None
    scopes: frozenset[str]
    purpose: Purpose
    emergency_reason: str | None
    claims: Mapping[str, str]
    means: str
    """How the caller proved itself: `nuts-bearer`, `nuts-dpop`, `mtls`. For the audit."""
    token_digest: bytes = b""
    expires: float = 0.0
    """Unix time after which nothing may be served on this token; 0 for means without one."""
    certificate: str = ""
    """Hex SHA-256 of the client certificate, empty without one."""
    emergency_text: str = ""
    """What the professional added to the coded reason of an emergency; free text, sealed in the audit."""


class Generation(NamedTuple):
    """What the state holds of one patient, by number: as long as both are the same, nothing about it changed."""

    learnt: int
    """Of what registers told, and of whatever makes decide anew (ADR 0059)."""
    choices: int
    """Of the choices that were recorded here; 0 when there are none."""


class Access(Value, frozen=True):
    """One verified caller asks one canonical request about one patient. What consent, policy and audit see."""

    hidden = frozenset({"seen"})

    caller: Caller
    request: FhirRequest
    patient: Patient
    correlation: str = ""
    """The meldcode of the request, by which an alert and the audit log find each other."""
    presumed: bool = False
    """The holder itself has evidence of a relation and its profile lets consent be presumed (spec consent 4.4)."""
    seen: Generation | None = None
    """What was seen when consent began to be asked. A source may rest on it, for who asks looks again afterwards."""


class Attempt(Value, frozen=True):
    """What is known when a request stops half way; only the audit takes it."""

    correlation: str
    caller: Caller | None = None
    request: FhirRequest | None = None
    patient: Patient | None = None
    address: str = ""
    """The peer's IP address, for the audit."""
    trace: str = ""
    """W3C traceparent, as received or made."""
    flow: Literal["disclose", "consult"] = "disclose"
    enforced_by: str = ""
    """The enforcement point that asks for a decision only, and forwards itself; empty where this gateway forwards."""
    certificate: ClientCertificate | None = None
    """What the connection showed, whatever came of it."""


@dataclass(frozen=True, slots=True)
class Relation:
    """The treatment relation as the user declares it. Logged as declared, never as verified (design D6)."""

    kind: str
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the EHR wrote in its request; parsed, nothing verified against who it is."""

    bsn: Bsn
    birth_date: date
    professional: Professional
    purpose: Purpose
    reason: str | None
    relation: Relation | None
    targets: tuple[Ura, ...]
    deadline: float
    """Seconds for the whole consultation."""
    context: str = ""
    explanation: str = field(repr=False, default="")
    """What is added to the coded reason of an emergency."""
    localize: bool = False
    """Ask the registers as well as the named targets; without targets they are always asked."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A data user's question, held against who it proved to be."""

    caller: Caller
    professional: Professional
    bsn: Bsn
    birth_date: date = field(repr=False)
    purpose: Purpose
    emergency_reason: str | None
    relation: Relation | None
    targets: tuple[Ura, ...]
    deadline: float
    context: str = ""
    emergency_text: str = field(repr=False, default="")
    """What the professional added to the coded reason of an emergency."""
    localize: bool = False


class Presented(Value, frozen=True):
    """What came in at a door: credentials only, nothing verified. `certificate` is DER."""

    hidden = frozenset({"authorization", "dpop", "certificate", "url"})

    correlation: str
    authorization: str
    dpop: str | None
    certificate: bytes | None
    method: str
    url: str
    """The external URL from settings plus the path; never from Host. No query."""
    address: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """A candidate: may have data. Never clearance, never an address."""

    ura: Ura
    found_by: str


@dataclass(frozen=True, slots=True)
class Source:
    """A holder with a checked address. `base` is its FHIR base without trailing slash.

    `own`: our own organization, read at its own FHIR server, which knows its base itself; it is never dialled.
    """

    holder: Organization
    base: str
    authorization_server: str | None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source gave. Failed: gaps only. Empty: neither. Partial: both."""

    source: Source
    got: Gathered[Resource]
    seconds: float = 0.0

    @property
    def references(self) -> tuple[str, ...]:
        """`Type/id/_history/version` (or `Type/id`) of each resource, in the order received."""
        return tuple([resource.reference for resource in self.got.items])
