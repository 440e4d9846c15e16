"""Pure FHIR language: requests, bundles, outcomes. No I/O, no models, no policy."""
