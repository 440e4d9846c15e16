"""`nuts-pzp sandbox`: run the simulated region until Ctrl-C, and say where everything is."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from .. import telemetry
from ..loops import run_on_uvloop
from .options import UNFIT_FOLDER, usable_folder


def run(
    folder: Annotated[Path, typer.Option("--folder", help="Where the region writes its files")] = Path(".sandbox"),
) -> None:
    """Start every outside system of the region on loopback and write `region.json` and gateway settings."""
    try:
        from ..sandbox.region import Region
    except ImportError as error:
        typer.echo(f"The sandbox needs the extra `sandbox` (pip install 'nuts-pzp[sandbox]'): {error.name}", err=True)
        raise typer.Exit(2) from None
    telemetry.configure("warning")
    place = usable_folder(folder)
    if place is None:
        typer.echo(UNFIT_FOLDER, err=True)
        raise typer.Exit(2)
    run_on_uvloop(_until_stopped(Region(place)))


async def _until_stopped(region: object) -> None:
    done = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, done.set)
    async with region as up:  # type: ignore[attr-defined]
        typer.echo(f"The region is up: {up.folder / 'region.json'} says where everything is.")
        typer.echo("Gateways are ready to run from it:")
        for config in sorted(up.folder.glob("gateways/*/deployment.yaml")):
            typer.echo(f"  nuts-pzp serve --config {config}")
        typer.echo("Stop with Ctrl-C.")
        await done.wait()
