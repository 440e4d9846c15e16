"""Forwarding: send a canonical request to a FHIR server."""
