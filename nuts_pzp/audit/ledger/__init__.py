"""The ledger: per tenant a Merkle log with signed checkpoints, in one SQLite file with one writer."""
