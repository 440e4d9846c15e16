"""Store: small documents of one tenant that survive a power cut, changed by compare-and-set (design section 2, D11).

Outbox, recorded permissions, serials, watermarks. Never clinical data, never a BSN in clear (`vault` seals).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from ..identity import Tenant


class StoreFailed(Exception):
    """The state could not be read or written. Says what kind of trouble; whoever asks turns it into an Unavailable."""


class Store(Protocol):
    """One tenant's documents by kind and key. Every process of the deployment sees what another one put, at once."""

    async def get(self, kind: str, key: str, /) -> tuple[bytes, int]:
        """Return the value and its version, empty and 0 when there is none; raise StoreFailed."""
        ...

    async def put(self, kind: str, key: str, value: bytes | None, was: int, /) -> bool:
        """Put the value, or remove with None, if the version is still `was`; False when it is not; raise StoreFailed.

        Durable once it returns True. After StoreFailed it may have been put or not: who cares reads again. No version
        comes twice, also not after a removal; versions are compared for being the same, never for order.
        """
        ...

    async def versions(self, key: str, /, *kinds: str) -> tuple[int, ...]:
        """Return the versions of the documents of these kinds under one key as they are now; raise StoreFailed.

        All as of one moment, 0 where there is none. What `get` says, at the price of one small read: it is asked a few
        times at every request.
        """
        ...

    def scan(self, kind: str, after: str = "", /) -> AsyncIterator[tuple[str, bytes]]:
        """Yield key and value of a kind in order of key, after the given key; raise StoreFailed.

        What is put or removed meanwhile may or may not be seen; nothing is seen twice.
        """
        ...


class State(Protocol):
    """The small state of a whole deployment, as it is opened at the start."""

    def of(self, tenant: Tenant, /) -> Store:
        """Return the part of one tenant: the only one it can see."""
        ...

    def close(self) -> None:
        """Finish what runs and let go; idempotent. Blocks for some seconds at most."""
        ...
