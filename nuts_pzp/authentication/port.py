"""Authentication: who speaks to us (Gatekeeper), in whose name we speak (Credentials). Nuts pilot guide, RFC021."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from ..exchange import Caller, ClientCertificate, Inquiry, Presented, Signer, Source
from ..identity import Professional, Purpose
from ..outcome import Outcome


@dataclass(frozen=True, slots=True)
class Admitted:
    """A certificate that may speak, and for which organizations (URA); None for any."""

    certificate: ClientCertificate
    organizations: frozenset[str] | None = None


class Gatekeeper(Protocol):
    """Says who is at the door, or Deny. Never permits on an error: what could not be checked is Unavailable."""

    async def verify(self, presented: Presented, /) -> Outcome[Caller]:
        """Return the caller whose every mandatory claim was present, well formed and issued for this tenant."""
        ...


class Admission(Protocol):
    """Says whether a client certificate may speak at a tenant's network door, beside whatever token it shows."""

    async def admit(self, certificate: bytes | None, /) -> Outcome[Admitted]:
        """Return what a DER certificate is good for. Deny: absent, not of these authorities, not listed, revoked.

        Unavailable when revocation cannot be told. Never permits on an error.
        """
        ...


@runtime_checkable
class Vouching(Protocol):
    """What a gatekeeper of the network door may also do: judge what its authority said of a token, asking nobody."""

    def vouched(self, said: Mapping[str, Any], /, *, instead: str = "") -> Outcome[Caller]:
        """Return the caller whose every mandatory claim is in this introspection answer, by the rules of `verify`.

        `instead`: a scope of the token that is not configured; it then counts as its only one, and means treatment.
        """
        ...


class Credentials(Protocol):
    """Gets an access token at a source's authorization server for one inquiry; never shares one between users."""

    async def grant(self, source: Source, inquiry: Inquiry, /) -> Outcome[Signer]:
        """Return a signer for calls to that source. Deny: that server said no; Unavailable: it could not be asked."""
        ...


@runtime_checkable
class Scoped(Protocol):
    """What credentials may also do: say for which purposes they have a scope to ask."""

    @property
    def purposes(self) -> frozenset[Purpose]:
        """The purposes that a token can be asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token for the tenant's own EHR, and what is accounted for before it leaves."""

    token: str = field(repr=False)
    seconds: int
    scope: str
    client: str
    professional: Professional
    jti: str


@runtime_checkable
class TokenIssuer(Protocol):
    """The gateway as authorization server of the tenant's own EHR (design D7; RFC 7523, 9068, 8414).

    A Gatekeeper that takes what it issued is one too. Never issues on an error, and never twice on one assertion.
    """

    async def issue(self, presented: Presented, form: Mapping[str, str], /) -> Outcome[Issued]:
        """Return a token for the person of the assertion; Deny names what is wrong, Unavailable what cannot be told."""
        ...

    def keys(self) -> dict[str, Any]:
        """Return the JSON Web Key Set that the tokens are checked with: public keys only."""
        ...

    def metadata(self) -> dict[str, Any]:
        """Return what a client must know (RFC 8414)."""
        ...
