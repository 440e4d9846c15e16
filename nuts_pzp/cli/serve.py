"""`nuts-pzp serve`: run the gateway. Exit 0 after SIGTERM, 2 when the settings refuse the start."""

from __future__ import annotations

from pathlib import Path

import typer

from .. import telemetry
from ..gateway import Gateway
from ..settings import SettingsError, read_deployment
from .loops import run_on_uvloop
from .options import Config


def run(config: Config = Path("deployment.yaml")) -> None:
    """Run the gateway until SIGTERM; SIGHUP reloads the tenant files."""
    try:
        deployment = read_deployment(config)
        telemetry.configure(deployment.log.level)
        run_on_uvloop(Gateway(deployment, config.resolve().parent).run())
    except SettingsError as error:
        typer.echo(f"nuts-pzp does not start: {error}", err=True)
        raise typer.Exit(2) from None
