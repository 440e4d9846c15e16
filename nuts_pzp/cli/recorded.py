"""What commands that put something on record share: which references they take, and how they say what they did."""

from __future__ import annotations

import json
import re

import typer

from ..identity import eleven_test
from .tenancy import refuse

_REFERENCE = re.compile(r"[A-Za-z0-9._:/-]{1,80}", re.ASCII)


def reference(evidence: str) -> str:
    """Return a reference that is fit for the audit log; refuse names and BSNs."""
    if not _REFERENCE.fullmatch(evidence) or any(eleven_test(part) for part in re.findall("[0-9]{9}", evidence)):
        refuse("--evidence: a reference of letters, digits and . _ : / - only, and no BSN")
    return evidence


def say(schema: str, id: str, effect: str, counts: bool, until: str, as_json: bool) -> None:
    """Say what was recorded; `counts` is whether it does already, or only when the audit log has it."""
    if as_json:
        document = {"schema": schema, "id": id, "effect": effect, "counts": counts, "until": until}
        typer.echo(json.dumps(document))
        return
    typer.echo(f"Recorded: {effect}, {id}{f', until {until}' if until else ''}")
    if not counts:
        typer.echo("It counts when the gateway has it in its audit log: no gateway has taken it yet.", err=True)
