"""The Nuts node next to this gateway: who calls us, and in whose name we call (ports of authentication)."""
