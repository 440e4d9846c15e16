"""`nuts-pzp report indicators`: one month of consultations in figures, from the audit ledger. Exit 0, 2 wrong use."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from ..audit.counted import counted
from ..audit.material import Unreadable, opened
from ..gateway import placed
from ..settings import SettingsError, read_deployment
from .options import Config

app = typer.Typer()


@app.callback()
def root() -> None:
    """Keep the sub-command named."""


@app.command()
def indicators(
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant's id")],
    config: Config = Path("deployment.yaml"),
    month: Annotated[str, typer.Option("--month", help="YYYY-MM; the current month without it")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="As data")] = False,
) -> None:
    """Count consultations, answers found at acute admission, time to answer and sources that failed."""
    chosen = month or f"{datetime.now(ZoneInfo('Europe/Amsterdam')):%Y-%m}"
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", chosen, re.ASCII):
        typer.echo("--month: YYYY-MM", err=True)
        raise typer.Exit(2)
    if not re.fullmatch(r"[a-z0-9-]{1,40}", tenant, re.ASCII):
        typer.echo("--tenant: not the id of a tenant", err=True)
        raise typer.Exit(2)
    try:
        deployment, folder = read_deployment(config), config.resolve().parent
        place = placed(deployment, folder)
        if not _known(place.path, folder / deployment.tenants, tenant):
            raise SettingsError("--tenant: no tenant of this deployment, and no log of that name")
        told = counted(place.path, place.keys / tenant, tenant, chosen)
    except (SettingsError, Unreadable) as error:
        where = "audit.path: " if isinstance(error, Unreadable) else ""
        typer.echo(f"{where}{error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(told))
    else:
        _tell(told)


def _known(ledger: Path, tenants: Path, tenant: str) -> bool:
    """A tenant that is new has no log yet; one that left has no settings any more."""
    with opened(ledger) as material:
        return any(log.tenant == tenant for log in material.logs()) or (tenants / f"{tenant}.yaml").is_file()


def _tell(told: dict[str, Any]) -> None:
    few = f"minder dan {told['smallest']}, of niet te tellen"

    def figure(value: float | None, unit: str = "") -> str:
        return few if value is None else f"{value}{unit}"

    def share(value: float | None) -> str:
        return few if value is None else f"{value:.1%}"

    acute, seconds = told["acute"], told["seconds"]
    typer.echo(f"Raadplegingen in {told['month']} (zonder testpersonen)")
    typer.echo(f"  raadplegingen                       {figure(told['consultations'])}")
    typer.echo(f"  verschillende patiënten             {figure(told['patients'])}")
    typer.echo(f"  acute opname: patiënten             {figure(acute['patients'])}")
    typer.echo(f"  acute opname: antwoorden gevonden   {share(acute['found_share'])}")
    typer.echo(f"  tijd tot antwoord, mediaan          {figure(seconds['median'], ' s')}")
    typer.echo(f"  tijd tot antwoord, 90% binnen       {figure(seconds['p90'], ' s')}")
    for row in told["sources"]:
        typer.echo(f"  bron {row['ura']}: gevraagd {figure(row['asked'])}, niet volledig {share(row['failed_share'])}")
