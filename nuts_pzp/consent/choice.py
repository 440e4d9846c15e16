"""Recorded choices of a patient, whoever keeps them: whom they cover, how specific they are, which one counts.

The GF rule for several consents (spec consent 7): the more specific supersedes, an objection is a negative consent, and
between equals the objection wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..identity import Organization
from ..outcome import Deny, Evidence, Permit, Unknown
from ..reasons import Reason
from .port import Verdict

HOLDER = 1
"""What naming this one holder adds: every choice kept here does."""
CONTEXT = 1
"""What naming a purpose or a kind of data adds."""
HIGHEST = 4


@dataclass(frozen=True, slots=True)
class Users:
    """Which organizations may look, or may not: by URA (eight digits), by type code, or with neither: all."""

    uras: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()

    @property
    def everyone(self) -> bool:
        """True when nobody is named. Never the users of a permit."""
        return not self.uras and not self.types

    def specificity(self, organization: Organization) -> int | None:
        """Return 2 when it is named, 1 when its type is, 0 when all are meant, None when it is not covered."""
        if organization.ura.value in self.uras:
            return 2
        if organization.type in self.types:
            return 1
        return 0 if self.everyone else None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one recorded choice says about one access. `specificity` is 0 to 4."""

    permits: bool
    specificity: int
    evidence: Evidence


SILENT = Verdict(Unknown(Reason.CONSENT_NONE), explicit=False, specificity=0)
"""No choice that was recorded is about this access."""


def verdict(findings: Iterable[Finding]) -> Verdict:
    """Return what the most specific finding says; the objection of equals; SILENT without findings."""
    counting = max(findings, key=lambda one: (one.specificity, not one.permits), default=None)
    if counting is None:
        return SILENT
    specificity = min(counting.specificity, HIGHEST)
    if counting.permits:
        basis = f"explicit-consent:{counting.evidence.source}"
        return Verdict(Permit(basis, (counting.evidence,)), explicit=True, specificity=specificity)
    return Verdict(Deny(Reason.CONSENT_OBJECTION, (counting.evidence,)), explicit=True, specificity=specificity)
