"""Authentication: who speaks to us (Gatekeeper), in whose name we speak (Credentials). Nuts pilot guide, RFC021."""

from __future__ import annotations

from typing import Protocol

from ..exchange import Caller, Inquiry, Presented, Signer, Source
from ..outcome import Outcome


class Gatekeeper(Protocol):
    """Says who is at the door, or Deny. Never permits on an error: what could not be checked is Unavailable."""

    async def verify(self, presented: Presented, /) -> Outcome[Caller]:
        """Return the caller whose every mandatory claim was present, well formed and issued for this tenant."""
        ...


class Credentials(Protocol):
    """Gets an access token at a source's authorization server for one inquiry; never shares one between users."""

    async def grant(self, source: Source, inquiry: Inquiry, /) -> Outcome[Signer]:
        """Return a signer for calls to that source. Deny: that server said no; Unavailable: it could not be asked."""
        ...
