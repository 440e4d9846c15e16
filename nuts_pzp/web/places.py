"""How many connections a listener holds, in all and from one address, so that one client cannot keep others out.

A place is taken when a connection is accepted, before anything is said on it, TLS included.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass


class Places:
    """Counts who is in. An address beyond its share, or anybody beyond the whole, is not let in."""

    def __init__(self, whole: int = 1000, each: int = 250) -> None:
        """`whole` counts in what a process may have open (`descriptors`): ledger and way out never want for one."""
        self._whole, self._each = whole, each
        self._held: Counter[str] = Counter()

    def enter(self, address: str) -> Place | None:
        """Take a place; None when there is none for this address."""
        whose = _household(address)
        if self._held.total() >= self._whole or self._held[whose] >= self._each:
            return None
        self._held[whose] += 1
        return Place(self, whose)

    def leave(self, whose: str) -> None:
        """Give a place back; for `Place` only."""
        self._held[whose] -= 1
        if self._held[whose] <= 0:
            del self._held[whose]


@dataclass(slots=True)
class Place:
    """One connection's; given back once, however often it is left."""

    _places: Places
    _whose: str
    _left: bool = False

    def leave(self) -> None:
        """Give it back."""
        if not self._left:
            self._left = True
            self._places.leave(self._whose)


def _household(address: str) -> str:
    """Whose share an address has: of IPv6 the network of 64 bits, for one client has all of its addresses."""
    if ":" not in address:
        return address
    try:
        found = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))
