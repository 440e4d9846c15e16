"""Relations in the holder's own FHIR server (kind `fhir_relation`): care teams, referrals, episodes and transfers.

Serves consent, as the holder's own evidence. Trusts what the holder's staff wrote there, not that the server answers
what was asked: patient, organization, state and dates are read here.
"""

from .source import FhirRelation, build

__all__ = ["FhirRelation", "build"]
