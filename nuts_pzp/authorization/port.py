"""Authorization: the policy's answer on an access whose consent is settled (design D5). Rego, reviewed as code."""

from __future__ import annotations

from typing import Protocol

from ..exchange import Access
from ..fhir.capability import Capability
from ..outcome import Outcome, Permit


class Policy(Protocol):
    """One policy bundle, loaded and tested. Any exception of the engine is a Deny."""

    @property
    def capability(self) -> Capability:
        """What may be asked at all; enforced while parsing, before patient, consent and policy (decision-api 3.4)."""
        ...

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the bundle, for the audit record."""
        ...

    async def evaluate(self, access: Access, consent: Permit, /) -> Outcome[Permit]:
        """Permit only when the policy's `allow` is exactly true."""
        ...
