"""Who may ask for decisions: enforcement points by their certificate, or whatever runs on this machine.

Trusts the listener for having verified a certificate against its roots; the list says which of them, and for whom.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from ..outcome import Deny
from ..reasons import Reason
from .door import Scope


@dataclass(frozen=True, slots=True)
class Enforcer:
    """An enforcement point, as the log names it. `tenants` for whom it may ask; None means all of this deployment."""

    name: str
    tenants: frozenset[str] | None = None

    def may_ask_for(self, slug: str) -> bool:
        """True when this tenant's decisions are its business."""
        return self.tenants is None or slug in self.tenants


class Guard:
    """Knows the enforcement points of a deployment."""

    def __init__(self, listed: Mapping[str, Enforcer]) -> None:
        """`listed` by lower-case hex SHA-256 of the certificate. Nobody listed: this machine's own loopback only."""
        self._listed = dict(listed)

    def admit(self, scope: Scope) -> Enforcer | Deny:
        """Return who asks; Deny CERTIFICATE_ABSENT or CERTIFICATE_UNLISTED."""
        if not self._listed:
            return Enforcer("loopback") if _on_this_machine(scope) else Deny(Reason.CERTIFICATE_ABSENT)
        certificate = scope.get("client_certificate")
        if not certificate:
            return Deny(Reason.CERTIFICATE_ABSENT)
        found = self._listed.get(sha256(certificate).hexdigest())
        return found or Deny(Reason.CERTIFICATE_UNLISTED, detail="no enforcement point of this deployment")


def _on_this_machine(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        return client is not None and ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False
