"""`nuts-pzp serve`: run the gateway. Exit 0 after SIGTERM, 2 when the settings refuse the start."""

from __future__ import annotations

from pathlib import Path

import typer

from .. import telemetry
from ..crew.supervisor import Supervisor
from ..gateway import Gateway, Served
from ..gateway import run as serving
from ..loops import run_on_uvloop
from ..settings import Deployment, SettingsError, read_deployment
from .options import Config


def run(config: Config = Path("deployment.yaml")) -> None:
    """Run the gateway until SIGTERM; SIGHUP reloads the tenant files."""
    try:
        deployment = read_deployment(config)
        telemetry.configure(deployment.log.level)
        run_on_uvloop(serving(_gateway(deployment, config)))
    except SettingsError as error:
        typer.echo(f"nuts-pzp does not start: {error}", err=True)
        raise typer.Exit(2) from None


def _gateway(deployment: Deployment, config: Path) -> Served:
    """One process with everything in it, or a supervisor of several."""
    folder = config.resolve().parent
    return Supervisor(deployment, folder) if deployment.workers > 1 else Gateway(deployment, folder)
