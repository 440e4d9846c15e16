"""A region's signed file of choices (kind `regional_consent`; spec consent 7.2): where to begin without a register.

Serves consent. Trusts the region's key for who chose what, the store for the highest serial seen, and its own clock.
"""

from .source import RegionalConsent, build

__all__ = ["RegionalConsent", "build"]
