"""`nuts-pzp mitz`: reach Mitz, tell it of patients, see and undo what it told.

Works beside a running gateway and without one: what is to be sent lies in the store, and whoever comes first sends it.
A BSN comes from a prompt or a file, never from an argument, and who does what about whom goes into the audit log. Exit
codes: 0 done, 1 not, 2 wrong use.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..identity import Bsn, NotAnIdentifier
from . import mitz_work
from .mitz_work import MOST, What
from .options import Config
from .tenancy import (
    AsJson,
    BsnFile,
    OperatorId,
    OperatorName,
    OperatorRole,
    TenantId,
    bsn_of,
    day_of,
    operator_of,
    refuse,
    tenancy,
)

app = typer.Typer(help="Mitz: reach it, subscribe, see and undo what it told.", no_args_is_help=True)


@app.callback()
def mitz() -> None:
    """Mitz: reach it, subscribe, see and undo what it told."""


@app.command("ping")
def ping(tenant: TenantId, config: Config = Path("deployment.yaml"), as_json: AsJson = False) -> None:
    """Connect and shake hands; no question is asked and no BSN is sent. Exit 0: reachable; 1: not."""
    with tenancy(config, tenant) as place:
        found = asyncio.run(mitz_work.ping(place))
    fine = isinstance(found, str)
    why = "" if isinstance(found, str) else f"{found.reason.code} {found.detail}".strip()
    _say({"schema": "nuts-pzp-mitz-ping/1", "reachable": fine, "why": why}, why or "reachable", as_json)
    raise typer.Exit(0 if fine else 1)


@app.command("subscribe")
def subscribe(
    tenant: TenantId,
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    bsn_file: BsnFile = None,
    bsn_list: Annotated[Path | None, typer.Option(help="File with a BSN on each line, mode 0600")] = None,
    verified_birth_date: Annotated[
        str, typer.Option(help="The patient's, YYYY-MM-DD, when it was checked with the BRP; else it is not told")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Tell Mitz that there is something about these patients here, so that it tells us of their choices."""
    who = operator_of(operator, operator_name, operator_role)
    born = day_of(verified_birth_date, "--verified-birth-date") if verified_birth_date else None
    if bsn_list and (bsn_file or born):
        refuse("--bsn-list: alone, without --bsn-file or --verified-birth-date")
    patients = _listed(bsn_list) if bsn_list else (bsn_of(bsn_file),)
    with tenancy(config, tenant) as place:
        found = asyncio.run(mitz_work.subscribe(place, patients, born, who))
    _tell(found, as_json)


@app.command("unsubscribe")
def unsubscribe(
    tenant: TenantId,
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    bsn_file: BsnFile = None,
    as_json: AsJson = False,
) -> None:
    """End a patient's subscription: the dossier ended here, or the patient died."""
    who, bsn = operator_of(operator, operator_name, operator_role), bsn_of(bsn_file)
    with tenancy(config, tenant) as place:
        found = asyncio.run(mitz_work.unsubscribe(place, bsn, who))
    _tell(found, as_json)


@app.command("reconcile")
def reconcile(
    tenant: TenantId,
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    as_json: AsJson = False,
) -> None:
    """Look at every subscription again, as the gateway does once a day, and send what is due."""
    who = operator_of(operator, operator_name, operator_role)
    with tenancy(config, tenant) as place:
        found = asyncio.run(mitz_work.reconcile(place, who))
    _tell(found, as_json)


@app.command("status")
def status(tenant: TenantId, config: Config = Path("deployment.yaml"), as_json: AsJson = False) -> None:
    """Count the subscriptions by state, and say when Mitz last notified. Nothing about anybody."""
    with tenancy(config, tenant) as place:
        found = asyncio.run(mitz_work.status(place))
    _tell(found, as_json)


@app.command("show")
def show(
    tenant: TenantId,
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    bsn_file: BsnFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what is kept of one patient: the subscription, the refusals that were told, a death. Goes into the log."""
    who, bsn = operator_of(operator, operator_name, operator_role), bsn_of(bsn_file)
    with tenancy(config, tenant) as place:
        found = asyncio.run(mitz_work.show(place, bsn, who))
    _tell(found, as_json)


@app.command("undo")
def undo(
    tenant: TenantId,
    what: Annotated[What, typer.Option(help="The death that was told, or the refusals")],
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    bsn_file: BsnFile = None,
    as_json: AsJson = False,
) -> None:
    """Let what Mitz told not count by itself any more: the closed question decides. Only with its record in the log.

    Exit 1: there was nothing to undo, or no gateway has taken the record yet: run it while the gateway runs.
    """
    who, bsn = operator_of(operator, operator_name, operator_role), bsn_of(bsn_file)
    with tenancy(config, tenant) as place:
        undone, why = asyncio.run(mitz_work.undo(place, bsn, what, who))
    _say({"schema": "nuts-pzp-mitz-undo/1", "undone": undone, "why": why}, why or f"{undone} undone", as_json)
    raise typer.Exit(0 if undone else 1)


def _listed(file: Path) -> tuple[Bsn, ...]:
    """Read a list of BSNs; each counts once."""
    try:
        if file.stat().st_mode & 0o077:
            refuse("--bsn-list: others can read it; set its mode to 0600")
        lines = [line.strip() for line in file.read_text("ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        refuse("--bsn-list: cannot be read")
    found: dict[Bsn, None] = {}
    for number, line in enumerate(lines, 1):
        try:
            if line:
                found[Bsn(line)] = None
        except NotAnIdentifier:
            refuse(f"--bsn-list: line {number} is not a BSN")
    if not found or len(found) > MOST:
        refuse(f"--bsn-list: between 1 and {MOST} patients")
    return tuple(found)


def _say(document: dict[str, Any], words: str, as_json: bool) -> None:
    typer.echo(json.dumps(document) if as_json else words)


def _tell(document: dict[str, Any], as_json: bool) -> None:
    lines = [f"{name}: {_words(value)}" for name, value in document.items() if name != "schema"]
    _say(document, "\n".join(lines), as_json)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(_words(one) for one in value) or "none"
    return "none" if value is None else str(value)
