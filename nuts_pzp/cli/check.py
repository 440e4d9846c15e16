"""`nuts-pzp check`: what is configured, what can be reached, what is missing. Sends no BSN and opens no door.

Exit 0 when all works, 1 when something does not, 2 when the settings themselves are wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from .. import telemetry
from ..assembly import Estate
from ..audit.ledger.ledger import Ledger, Place
from ..descriptors import widen
from ..gateway import LEDGER_REFUSED
from ..settings import AuditSettings, Deployment, SettingsError, read_deployment
from ..unfit_files import unfit
from ..web.operations import Check
from .options import Config


def run(
    config: Config = Path("deployment.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="As data")] = False,
) -> None:
    """Check settings and reachability; nothing is served and no patient is asked about."""
    telemetry.configure("error")
    try:
        deployment = read_deployment(config)
        widen()
        found = asyncio.run(_look(deployment, config.resolve().parent))
    except (SettingsError, *LEDGER_REFUSED) as error:
        if as_json:
            typer.echo(json.dumps({"schema": "nuts-pzp-check/1", "ok": False, "error": str(error)}))
        else:
            typer.echo(f"Settings: {error}", err=True)
        raise typer.Exit(2) from None
    fine = all(check.ok for check in found)
    if as_json:
        typer.echo(json.dumps({"schema": "nuts-pzp-check/1", "ok": fine, "checks": [asdict(check) for check in found]}))
    else:
        _show(found)
    raise typer.Exit(0 if fine else 1)


async def _look(deployment: Deployment, folder: Path) -> list[Check]:
    """Build every house against a ledger of its own that is thrown away: the real one may be in use."""
    found = [_listener(name, deployment, folder) for name in ("network", "ehr", "operations")]
    found += [_tenants(folder / deployment.tenants), _folders(deployment, folder)]
    found += [_listed(deployment.adapters)] if deployment.adapters else []
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "ledger.sqlite", Path(scratch) / "keys"
        ledger = Ledger.open(Place(*place, deployment.name, accept_any_filesystem=True))
        estate = Estate(deployment, folder, ledger, accounts=False)
        try:
            await estate.reload()
            found += await estate.checks()
            found += [_flows(deployment, estate), *_issuers(deployment, estate), _decisions(deployment, estate)]
        finally:
            await estate.stop()
            await ledger.aclose()
    found.append(_anchor(deployment.audit, folder))
    return [check for check in found if check is not None]


def _anchor(audit: AuditSettings, folder: Path) -> Check:
    """Say whether there is an anchor; its folder is made with the ledger, and never again."""
    if audit.anchor is None:
        return Check("audit.anchor", False, "none: a rollback of the log goes unseen")
    away = (folder / audit.path).exists() and not (folder / audit.anchor.path).parent.is_dir()
    return Check("audit.anchor", not away, "its folder is not there: is the volume mounted?" if away else "a file")


def _listener(name: str, deployment: Deployment, folder: Path) -> Check:
    settings = getattr(deployment.listeners, name)
    if settings is None:
        return Check(f"listeners.{name}", True, "not offered")
    try:
        tls = settings.tls(folder)
        if tls:
            tls.context()
    except OSError as error:
        said = unfit(settings.model_dump(), folder) or f"TLS files: {error.strerror or 'unusable'}"
        return Check(f"listeners.{name}", False, said)
    return Check(f"listeners.{name}", True, "TLS" if tls else "plain http")


def _tenants(folder: Path) -> Check:
    """Say how many tenant files there are: with none nobody is served, and a file of another name is not read."""
    files, others = list(folder.glob("*.yaml")), sorted(folder.glob("*.yml"))
    if others:
        return Check("tenants", False, f"{others[0].name}: is not read; its name must end in .yaml")
    return Check("tenants", bool(files), f"files: {len(files)}" if files else "no *.yaml there: nobody would be served")


def _folders(deployment: Deployment, folder: Path) -> Check:
    """Say whether this user may make or write what the gateway keeps; nothing is made."""
    audit = deployment.audit
    kept = {"audit.path": audit.path, "audit.keys": audit.keys, "state": deployment.state_folder}
    if audit.anchor is not None:
        kept["audit.anchor.path"] = audit.anchor.path
    barred = [key for key, path in kept.items() if not _may_write(folder / path)]
    says = f"this user may not make or write {', '.join(barred)}" if barred else "can be written"
    return Check("folders", not barred, says)


def _may_write(path: Path) -> bool:
    """Ask of the path itself, or of the nearest one above it that is there, which must be a folder."""
    if path.is_file():
        return os.access(path, os.W_OK)
    above = next(one for one in (path, *path.parents) if one.exists())
    return above.is_dir() and os.access(above, os.W_OK | os.X_OK)


def _listed(adapters: tuple[str, ...]) -> Check:
    """Say whether the distributions that may bring adapters are there."""
    absent = sorted(set(adapters) - {one.name for one in distributions()})
    says = f"not installed: {', '.join(absent)}" if absent else f"{len(adapters)} listed"
    return Check("adapters", not absent, says)


def _flows(deployment: Deployment, estate: Estate) -> Check:
    lacking = [
        f"{house.tenant.id} {flow}"
        for house in estate.houses
        for flow, offered, listener in (
            ("discloses", house.holding and not house.deciding, deployment.listeners.network),
            ("consults", house.consulting, deployment.listeners.ehr),
        )
        if offered and listener is None
    ]
    return Check("flows", not lacking, "each has its listener" if not lacking else f"no listener: {', '.join(lacking)}")


def _issuers(deployment: Deployment, estate: Estate) -> list[Check]:
    """Say of each tenant that issues tokens whether the issuer is its address: the metadata sends an EHR there."""
    if deployment.listeners.ehr is None:
        return []
    url, found = deployment.listeners.ehr.url.rstrip("/"), []
    for house in estate.houses:
        if house.consulting is not None and house.consulting.issuer is not None:
            here = f"{url}/{house.tenant.id}"
            fits = house.consulting.issuer.metadata()["issuer"] == here
            says = f"issues tokens as {here}" if fits else f"issuer: {here} is expected, the address at listeners.ehr"
            found.append(Check(f"{house.tenant.id}: consult.ehr", fits, says))
    return found


def _decisions(deployment: Deployment, estate: Estate) -> Check:
    """Say for whom decisions are offered; an offer that nobody may ask for is a mistake, as is the reverse."""
    offered = sorted(house.tenant.id for house in estate.houses if house.deciding)
    if bool(offered) == (deployment.decision_api is not None):
        return Check("decision_api", True, f"offered for {', '.join(offered)}" if offered else "not offered")
    lacking = (
        f"nobody may ask, yet {offered[0]} has disclose.decision" if offered else "no tenant has disclose.decision"
    )
    return Check("decision_api", False, lacking)


def _show(found: list[Check]) -> None:
    table = Table("", Column("what", overflow="fold"), Column("says", overflow="fold"), box=None)
    for check in found:
        table.add_row("[green]ok[/]" if check.ok else "[red]no[/]", check.what, check.says)
    Console().print(table)
