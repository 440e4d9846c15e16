"""What adapters are given, and what those with a life of their own promise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..identity import Tenant
from ..outcome import Outcome
from ..store.port import Store
from .dialling import Outbound


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every adapter's factory gets besides its own settings."""

    tenant: Tenant
    outbound: Outbound
    folder: Path
    """Relative file names in settings are relative to this folder (that of the settings file)."""
    state: Path
    """Where this deployment may keep durable state of its own."""
    store: Store | None = None
    """This tenant's small durable state, shared with the command line; None where there is none."""
    quiet: bool = False
    """The house is only looked at: an adapter sends nothing of its own accord."""

    def path(self, name: str | Path) -> Path:
        """Return the file a settings value names."""
        return self.folder / Path(name).expanduser()


@runtime_checkable
class Living(Protocol):
    """An adapter with a life of its own: connections, a replica, a background task."""

    async def start(self) -> None:
        """Begin; raise only for what a restart cannot mend."""
        ...

    async def stop(self) -> None:
        """Let go of everything; idempotent."""
        ...

    async def health(self) -> Outcome[str]:
        """Say in a word that it works, or the Stop. Sends no BSN."""
        ...
