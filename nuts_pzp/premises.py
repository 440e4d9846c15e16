"""What a deployment gives each of its tenants before any room is furnished: the small state, and a place on disk."""

from __future__ import annotations

from pathlib import Path

from .keys import BadKeyFile
from .outside import Surroundings
from .settings import Deployment, SettingsError, TenantSettings
from .state_settings import PostgresState
from .store.port import State, StoreFailed
from .store.sqlite import SqliteStore


def open_store(deployment: Deployment, folder: Path) -> State:
    """Open this deployment's small state; SettingsError when it cannot be used. The command line opens it too."""
    chosen = deployment.state
    try:
        if isinstance(chosen, PostgresState):
            from .store.postgres import PostgresStore  # only who has the extra `postgres` can import it

            return PostgresStore(chosen.dsn(folder), folder / chosen.roots_file if chosen.roots_file else None)
        return SqliteStore(folder / chosen / "store.sqlite")
    except ImportError:
        raise SettingsError("state.kind: postgres needs the extra nuts-pzp[postgres]") from None
    except (StoreFailed, BadKeyFile) as error:
        raise SettingsError(f"state: {error}") from None


def surroundings(
    deployment: Deployment, folder: Path, settings: TenantSettings, store: State, *, quiet: bool = False
) -> Surroundings:
    """Return what the adapters of one tenant are given; makes the tenant's folder under `state`."""
    tenant = settings.tenant()
    around = Surroundings(
        tenant=tenant,
        outbound=deployment.outbound.outbound(),
        folder=folder / deployment.tenants,
        state=folder / deployment.state_folder / tenant.id,
        store=store.of(tenant),
        quiet=quiet,
    )
    around.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    return around
