"""Only certificates that the operator listed by SHA-256 get in (design D7, D12)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field

from ...exchange import Caller, Presented
from ...identity import Organization, Purpose
from ...outcome import Deny, Outcome
from ...outside import Fingerprint, Surroundings
from ...reasons import Reason


class Client(BaseModel):
    """One EHR: a name for people, and the SHA-256 of its DER certificate, colons allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=100)
    sha256: Fingerprint


class EhrSettings(BaseModel):
    """The EHR door, kind `mtls`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    clients: list[Client] = Field(min_length=1)


class EhrGatekeeper:
    """Gatekeeper of one tenant's EHR listener."""

    def __init__(
        self, organization: Organization, clients: frozenset[str], *, clock: Callable[[], float] = time.time
    ) -> None:
        """`clients` are lower-case hex SHA-256 fingerprints; `clock` gives Unix time."""
        self._organization, self._clients, self._clock = organization, clients, clock

    async def verify(self, presented: Presented, /) -> Outcome[Caller]:
        """Return the tenant itself as the caller when the client certificate is listed and in its time.

        Denies: no certificate (CERTIFICATE_ABSENT); not listed for this tenant, or expired (CERTIFICATE_UNLISTED).
        """
        if not presented.certificate:
            return Deny(Reason.CERTIFICATE_ABSENT)
        fingerprint = sha256(presented.certificate).hexdigest()
        if fingerprint not in self._clients:
            return Deny(Reason.CERTIFICATE_UNLISTED, detail="the certificate is not listed for this tenant")
        if not self._is_in_time(presented.certificate):
            return Deny(Reason.CERTIFICATE_UNLISTED, detail="the listed certificate is not valid at this moment")
        return Caller(
            organization=self._organization,
            professional=None,
            scopes=frozenset({"consult"}),
            purpose=Purpose.TREATMENT,
            emergency_reason=None,
            claims={},
            means="mtls",
            certificate=fingerprint,
        )

    def _is_in_time(self, der: bytes) -> bool:
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            return False
        now = datetime.fromtimestamp(self._clock(), UTC)
        return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def build(settings: Mapping[str, Any], around: Surroundings) -> EhrGatekeeper:
    """Make the gatekeeper from its settings; raises ValidationError for an unknown key or a malformed fingerprint."""
    listed = EhrSettings.model_validate(settings)
    return EhrGatekeeper(around.tenant.organization, frozenset(client.sha256 for client in listed.clients))
