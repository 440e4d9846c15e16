"""`nuts-pzp trace CODE`: what happened to the request with this meldcode, in words, without patient data.

Reads the ledgers of a deployment, also while the gateway runs. Exit 0 found, 1 not found, 2 wrong use.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from ..audit import reading
from ..audit.material import Unreadable, opened
from ..reasons import Reason
from ..settings import SettingsError, read_deployment
from .options import Config

_BETWEEN = re.compile(r"[\s\-\u2010-\u2015]")
"""What people and word processors put between the parts of a code: white space and dashes."""
_CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{12}", re.ASCII)


def run(
    code: Annotated[str, typer.Argument(help="The meldcode: twelve letters and digits")],
    config: Config = Path("deployment.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="As data")] = False,
) -> None:
    """Explain one request by its meldcode."""
    wanted = _BETWEEN.sub("", code).upper().replace("O", "0").replace("I", "1").replace("L", "1")
    if not _CODE.fullmatch(wanted):
        typer.echo("A meldcode is twelve letters and digits; I, L, O and U do not occur in it", err=True)
        raise typer.Exit(2)
    try:
        ledger = config.resolve().parent / read_deployment(config).audit.path
        found = _steps(ledger, wanted)
    except (SettingsError, Unreadable) as error:
        where = "audit.path: " if isinstance(error, Unreadable) else ""
        typer.echo(f"{where}{error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps({"schema": "nuts-pzp-trace/1", "code": wanted, "steps": found}, ensure_ascii=False))
    else:
        _tell(wanted, found)
    raise typer.Exit(0 if found else 1)


def _steps(ledger: Path, code: str) -> list[dict[str, Any]]:
    with opened(ledger) as material:
        tenants = [log.tenant for log in material.logs()]
    return [_step(tenant, entry) for tenant in tenants for entry in reading.records(ledger, tenant, code)]


def _step(tenant: str, entry: reading.Entry) -> dict[str, Any]:
    reason = next((one for one in Reason if one.code == entry.reason), None)
    return {
        "tenant": tenant,
        "index": entry.index,
        "at": entry.ts,
        "event": entry.code,
        "word": entry.word,
        "requester": entry.requester,
        "responder": entry.responder,
        "role": entry.role,
        "resources": len(entry.references),
        "reason": entry.reason,
        "means": reason.text("it", "nl") if reason else "",
        "means_en": reason.text("it", "en") if reason else "",
    }


def _tell(code: str, found: list[dict[str, Any]]) -> None:
    if not found:
        typer.echo(f"{code}: geen regel met deze meldcode in dit logboek (een andere gateway, of een andere omgeving?)")
    for step in found:
        who = " -> ".join(part for part in (step["requester"], step["responder"]) if part)
        typer.echo(f"{step['at']}  {step['tenant']}#{step['index']}  {step['event']}: {step['word']}  {who}".rstrip())
        if step["reason"]:
            typer.echo(f"    {step['reason']}: {step['means']}")
        elif step["resources"]:
            typer.echo(f"    {step['resources']} gegevens")
