"""One gateway of several processes: a supervisor, one audit writer, and workers that answer (ADR 0022, 0023)."""
