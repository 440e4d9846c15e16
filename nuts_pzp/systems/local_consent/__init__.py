"""Local permission (kind `local`): choices of patients that the holder records itself, acting at once.

Serves consent. Trusts the operator who records for what the patient said, and the ledger's receipt for having been
accounted for: without it nothing that widens access counts (spec consent 5 items 5 and 7, ADR 0055).
"""

from .source import LocalConsent, build

__all__ = ["LocalConsent", "build"]
