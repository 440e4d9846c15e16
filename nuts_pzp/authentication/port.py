"""Authentication: who speaks to us (Gatekeeper), in whose name we speak (Credentials). Nuts pilot guide, RFC021."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ..exchange import Caller, ClientCertificate, Inquiry, Presented, Signer, Source
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
