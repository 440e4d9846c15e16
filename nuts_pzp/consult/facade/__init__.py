"""The FHIR facade: all sources of one consultation as if they were one FHIR server (ADR 0088 to 0090)."""
