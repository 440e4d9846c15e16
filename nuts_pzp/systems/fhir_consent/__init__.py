"""Sharing consents on the holder's own FHIR R4 server (kind `fhir_consent`; spec consent 7.1, IHE PCF).

Serves consent. Trusts the server for what patients chose, not that it answers what was asked. Clinical Consents of PZP
(treatment and advance directives) are never read as sharing consent.
"""

from .source import FhirConsent, build

__all__ = ["FhirConsent", "build"]
