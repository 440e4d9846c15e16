"""From the settings of sharing consent to what stands in the house: the legal basis, said aloud, and the glass."""

from __future__ import annotations

import structlog

from .consent.profile import STRICT
from .consent_settings import ConsentSettings, EmergencySettings
from .emergency.claim import Rule, plain
from .emergency.desk import Desk
from .emergency.glass import Glass
from .emergency.register import Register
from .identity import Tenant
from .outcome import Outcome

LEGAL = "consent.profile"
"""The slot under which `check` and readiness show the legal profile."""

_log = structlog.get_logger("nuts_pzp.consent")


class LegalBasis:
    """Says at the start, and whenever asked, which profile stands and who decided on it."""

    def __init__(self, tenant: str, chosen: ConsentSettings) -> None:
        self._tenant, self._chosen = tenant, chosen

    async def start(self) -> None:
        """Log it; a profile that takes more than explicit consent, and own permissions over Mitz, as a warning."""
        chosen = self._chosen
        said = {"tenant": self._tenant, "profile": chosen.profile, "legal": chosen.legal}
        if chosen.profile == STRICT and not chosen.local_permit_overrides_mitz_deny:
            _log.info("consent.legal-profile", **said)
            return
        _log.warning("consent.legal-profile", **said, owner=chosen.legal_basis_owner, decided_on=str(chosen.decided_on))

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def health(self) -> Outcome[str]:
        """Say it in one line."""
        return self._chosen.legal


def glass(chosen: EmergencySettings | None, tenant: Tenant, register: Register, desk: Desk) -> Glass | None:
    """Return who judges emergency claims of this tenant, or None where emergency access is off."""
    if chosen is None:
        return None
    rule = Rule(frozenset(plain(role) for role in chosen.roles), chosen.types, chosen.reasons, chosen.resources)
    return Glass(tenant.id, rule, register, chosen.after, chosen.most, float(chosen.within_seconds), wake=desk.wake)
