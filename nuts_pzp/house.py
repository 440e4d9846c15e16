"""A tenant's house: its rooms, furnished. Built by assembly, looked up once at the door."""

from __future__ import annotations

from dataclasses import dataclass, field

from .addressing.phones import PhoneList
from .addressing.port import Directory
from .audit.port import Audit
from .authentication.port import Credentials, Gatekeeper, TokenIssuer, Vouching
from .authorization.policies import Policies
from .consent.generation import SINGLE, Generations
from .consent.notice import Correspondence
from .consent.profile import SharingConsent
from .forwarding.port import Connector, FhirServer
from .forwarding.recent import RecentPatients
from .forwarding.turns import Turns
from .identity import Tenant
from .localization.port import Locator
from .protection.guard import Guard
from .store.once import Once


@dataclass(frozen=True, slots=True)
class Holding:
    """What disclose needs. `base` is this tenant's external FHIR base, `page_key` seals its page tokens (32 bytes)."""

    tenant: Tenant
    base: str
    page_key: bytes
    network: Gatekeeper
    directory: Directory
    records: FhirServer
    consent: SharingConsent
    policies: Policies
    audit: Audit
    recent: RecentPatients = field(default_factory=RecentPatients, repr=False, compare=False)
    generations: Generations = field(default=SINGLE, repr=False, compare=False)
    guard: Guard = field(default_factory=Guard, repr=False, compare=False)
    correspondence: Correspondence | None = field(default=None, repr=False, compare=False)
    """With the register of choices that this holder is in, if it wants one."""

    def __repr__(self) -> str:
        return f"Holding({self.tenant.id})"


@dataclass(frozen=True, slots=True)
class Deciding:
    """What a decision for another enforcement point needs: the holder's rooms, with that point's FHIR base."""

    holding: Holding
    vouching: Vouching


@dataclass(frozen=True, slots=True)
class Consulting:
    """What consult needs."""

    tenant: Tenant
    ehr: Gatekeeper
    locator: Locator
    directory: Directory
    credentials: Credentials
    connector: Connector
    audit: Audit
    source_deadline: float = 8.0
    """Seconds that one source gets at most."""
    cross_checks: bool = True
    """Whether the overview holds items against each other (X1 to X7); X8 always stands."""
    emergency: bool = False
    """Whether this tenant lets its people claim an emergency (spoedinzage) at other holders."""
    roles: frozenset[str] = frozenset()
    """The roles that the region's holders map, case folded; empty when nobody said. Another one is told of."""
    own: FhirServer | None = None
    """The tenant's own FHIR server, read without a network hop and without a token; None when it holds nothing."""
    phones: PhoneList = field(default_factory=PhoneList)
    turns: Turns = field(default_factory=Turns, repr=False, compare=False)
    """What bounds this tenant's consultations, together and per source."""
    issuer: TokenIssuer | None = None
    """Gives the tenant's own EHR its tokens, where the EHR door takes those."""
    once: Once | None = field(default=None, repr=False)
    """Which idempotency keys were taken; without it none is."""
    facade_key: bytes = field(default=b"", repr=False)
    """Seals the ids of the FHIR facade (32 bytes), alike in all processes; without it there is no facade."""


@dataclass(frozen=True, slots=True)
class House:
    """One tenant. A consult-only tenant has no Holding and nothing demands one."""

    tenant: Tenant
    holding: Holding | None
    consulting: Consulting | None
    deciding: Deciding | None = None
    """Only of a holder that offers decisions to its own enforcement points."""
