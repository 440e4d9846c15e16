"""Disclose (beschikbaar stellen): a data holder answers one FHIR request of another organisation."""
