"""Open files: a connection is one, in or out, and the ledger needs some when all of them are taken."""

from __future__ import annotations

import resource
from contextlib import suppress

MOST = 65_536
"""What is asked for at most: more is of no use to one process."""
PLACES = 1_000
"""Connections that a listener takes in (web.places)."""
OUTWARD = 512 + 200
"""Connections to the sources of one tenant and to its own server, at their most."""
RESERVE = 300
"""The ledger, the state, keys, lists that are read, tokens that are asked for."""


def widen() -> int:
    """Raise what this process may have open to the hard limit, at most MOST; return what holds from then on.

    A limit that is higher already stays; one that may not be raised stays too, and readiness says what that means.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return allowed()


def allowed() -> int:
    """Return how many files this process may have open."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if soft == resource.RLIM_INFINITY else soft


def needed(listeners: int) -> int:
    """Return how many a process with so many listeners needs at its busiest, as far as one tenant's sources go."""
    return listeners * PLACES + OUTWARD + RESERVE
