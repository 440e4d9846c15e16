"""Accountability: append returns only when the record is durable, else it raises NotRecorded.

The one room that raises: a value could be ignored, an exception cannot.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from ..accounted import Event, Receipt
from ..identity import Tenant

E = TypeVar("E", bound=Event)


class NotRecorded(Exception):
    """The record is not durable. The door answers the uniform 503 and nothing else."""


class Audit(Protocol):
    """One tenant's ledger. Events of one tenant are ordered as committed."""

    async def append(self, event: E, /) -> Receipt[E]:
        """Return when the record survives a power cut; raise NotRecorded after at most two seconds otherwise."""
        ...


class Logs(Protocol):
    """All logs of a deployment, wherever they are written."""

    async def enter(self, tenant: Tenant, /) -> Audit:
        """Open a tenant's log and return it; raise Damaged, BadKeyFile, StoreFailed, ValueError or NotRecorded."""
        ...
