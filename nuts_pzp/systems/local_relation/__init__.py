"""Relations that the holder recorded itself (kind `local_relation`): a clerk's statement, with where its proof is kept.

Serves consent, as the holder's own evidence. Trusts the operator for what was stated, and the ledger's receipt for its
having been accounted for: without it no statement counts (ADR 0055).
"""

from .source import LocalRelation, build

__all__ = ["LocalRelation", "build"]
