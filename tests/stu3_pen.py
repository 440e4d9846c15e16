"""Consents as STU3 (zib2017) writes them, for tests of the overview. Authored, as all test people are."""

from __future__ import annotations

from typing import Any

BASE = "http://nictiz.nl/fhir/StructureDefinition/"
TREATMENT, PERMITTED = f"{BASE}zib-TreatmentDirective-Treatment", f"{BASE}zib-TreatmentDirective-TreatmentPermitted"


def yes_but(**more: Any) -> dict[str, Any]:
    """STU3's "ja, maar": `except.type` says deny, only the modifier tells the truth."""
    return {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "11291000146105"}]}],
        "patient": {"reference": "Patient/p"},
        "dateTime": "2025-01-01",
        "extension": [{"url": TREATMENT, "valueCodeableConcept": {"coding": [{"code": "89666000"}]}}],
        "modifierExtension": [{"url": PERMITTED, "valueCodeableConcept": {"coding": [{"code": "JA_MAAR"}]}}],
        "except": [{"type": "deny"}],
        **more,
    }
