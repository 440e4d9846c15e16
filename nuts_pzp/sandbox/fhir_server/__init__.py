"""Sandbox: the FHIR R4 server twin."""

from __future__ import annotations

from .faults import NAMES, Faults
from .twin import AskedOf, Behavior, FhirServerTwin

__all__ = ["NAMES", "AskedOf", "Behavior", "Faults", "FhirServerTwin"]
