"""Forwarding: send a canonical request to a FHIR server; bounded, no redirects, cancel closes (design D1, D13)."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ..exchange import Signer
from ..fhir.request import FhirRequest
from ..fhir.searchset import Bundle
from ..fhir.version import Speech
from ..outcome import Outcome
from ..values import Value


class FhirAnswer(Value, frozen=True):
    """A 2xx answer: UTF-8 JSON bytes, at most 8 MiB, and the continuation of a further page, relative to the base.

    `next` is what `FhirRequest.continuation` takes; it is None when there is no further page. A next link to another
    origin or outside the base never gets here: it is a Stop.
    """

    hidden = frozenset({"body", "next", "base", "searchset"})

    status: int
    body: bytes
    next: str | None = None
    base: str = ""
    """The server's FHIR base, no trailing slash: absolute references are held against it and never leave with it."""
    searchset: Bundle | None = None
    """A searchset as it was read on arrival, when kept. Who uses it holds it against `body`, and may write in it."""


class FhirServer(Protocol):
    """One base URL: the tenant's own server, or another holder's gateway with its signer."""

    async def send(self, request: FhirRequest, /) -> Outcome[FhirAnswer]:
        """Non-2xx, an OperationOutcome body, wrong media type, oversize, timeout: each its own Stop, never a raise."""
        ...


@runtime_checkable
class Speaking(Protocol):
    """A server whose FHIR version the operator named, or that is held to R4; a server that is not Speaking is R4."""

    @property
    def speaks(self) -> Speech:
        """The version in which it may be asked; what it says itself is held against that before any data is asked."""
        ...


def spoken_by(server: FhirServer) -> Speech:
    """Return the version in which a tenant's own server may be asked."""
    return server.speaks if isinstance(server, Speaking) else "r4"


class Connector(Protocol):
    """Makes FhirServers for addresses found at run time."""

    def to(self, base: str, signer: Signer, /) -> FhirServer:
        """The address is checked against `outbound.allowed_networks` before anything is dialled."""
        ...
