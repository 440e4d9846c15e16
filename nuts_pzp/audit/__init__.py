"""Accountability: every access in a tamper-evident ledger (NEN 7513, RFC 6962, C2SP checkpoints)."""
