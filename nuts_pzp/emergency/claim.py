"""Whether an emergency claim is complete (spec consent 6.3, with the changes of design section 8). Pure.

Trusts the token for what it says, and the directory for the type of the organization; nothing of a request's headers.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..exchange import Access
from ..identity import EmergencyReason, Purpose
from ..outcome import Deny
from ..reasons import Reason


@dataclass(frozen=True, slots=True)
class Rule:
    """What this holder demands. `roles` as `plain` makes them."""

    roles: frozenset[str]
    types: frozenset[str]
    reasons: frozenset[EmergencyReason]
    resources: frozenset[str]

    def refuses(self, access: Access) -> Deny | None:
        """Say what a claim lacks, or None when it is complete."""
        caller, who = access.caller, access.caller.professional
        if caller.purpose is not Purpose.EMERGENCY or not caller.token_digest:
            return Deny(Reason.EMERGENCY_INCOMPLETE, detail="no signed claim of an emergency")
        if who is None or not (who.id.strip() and _is_a_name(who.name)):
            return Deny(Reason.EMERGENCY_INCOMPLETE, detail="nobody is named")
        if caller.emergency_reason not in {one.value for one in self.reasons}:
            return Deny(Reason.EMERGENCY_INCOMPLETE, detail="the reason is none of the agreed codes")
        if plain(who.role) not in self.roles:
            return Deny(Reason.EMERGENCY_ROLE)
        if caller.organization.type not in self.types:
            return Deny(Reason.EMERGENCY_TYPE)
        if access.request.resource_type not in self.resources:
            return Deny(Reason.EMERGENCY_BEYOND)
        return None


def _is_a_name(text: str) -> bool:
    """A person has a name of letters: an account number or a blank is none."""
    return sum(letter.isalpha() for letter in text) >= 2


def plain(role: str) -> str:
    """Return a role without surplus spaces and case."""
    return " ".join(role.split()).casefold()
