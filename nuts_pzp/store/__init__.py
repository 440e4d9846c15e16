"""Store: small durable state of a tenant, and how it is sealed. Never clinical data."""
