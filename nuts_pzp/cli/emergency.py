"""`nuts-pzp emergency`: the queue of emergency accesses (Te beoordelen spoedinzages), and the officer's verdicts.

Shows who looked, when and why, and the meldcode by which the audit log has the rest; never about whom. Exit 0 done; 1
nothing was changed; 2 the call is wrong.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from ..accounted import Administered
from ..emergency.register import Judgment, Refused, Register, Review, Verdict
from ..identity import Professional
from ..telemetry import mask
from .options import Config
from .recorded import reference
from .tenancy import AsJson, OperatorId, OperatorName, OperatorRole, Tenancy, TenantId, operator_of, refuse, tenancy

app = typer.Typer(help="Emergency access: the review queue and its verdicts.", no_args_is_help=True)


@app.callback()
def emergency() -> None:
    """Emergency access: the review queue and its verdicts."""


@app.command("list")
def list_queue(
    tenant: TenantId,
    every: Annotated[bool, typer.Option("--all", help="Also those that were judged")] = False,
    config: Config = Path("deployment.yaml"),
    as_json: AsJson = False,
) -> None:
    """Show the emergency accesses that wait for a verdict (Te beoordelen spoedinzages), oldest first."""
    with tenancy(config, tenant) as place:
        found = asyncio.run(_queue(place, every))
    if as_json:
        typer.echo(json.dumps({"schema": "nuts-pzp-emergency-queue/1", "reviews": [as_dict(one) for one in found]}))
    else:
        _show(found, every)


@app.command("judge")
def judge(
    tenant: TenantId,
    id: Annotated[str, typer.Option("--id", help="Of the emergency access: `emergency list` shows it")],
    verdict: Annotated[Verdict, typer.Option(help="navraag keeps it in the queue")],
    evidence: Annotated[str, typer.Option(help="Where the reasons are kept: a reference, no names")],
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    as_json: AsJson = False,
) -> None:
    """Judge one: rechtmatig, navraag or onrechtmatig. A verdict is not changed; all of them stay, and are audited."""
    who = operator_of(operator, operator_name, operator_role)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    judgment = Judgment(str(uuid.uuid4()), verdict, f"{who.id} {who.role}", at, reference(evidence))
    with tenancy(config, tenant) as place:
        try:
            judged, accounted = asyncio.run(_judge(place, id, judgment, who))
        except Refused as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps({"schema": "nuts-pzp-emergency-judged/1", **as_dict(judged), "accounted": accounted}))
        return
    typer.echo(f"{verdict.value.capitalize()}: {id}{' (blijft in de wachtrij)' if judged.open else ''}")
    if not accounted:
        typer.echo("The audit log gets it when a gateway runs: none has taken it yet.", err=True)


async def _queue(place: Tenancy, every: bool) -> list[Review]:
    return [one async for one in Register(_offered(place).vault).reviews() if every or one.open]


async def _judge(place: Tenancy, id: str, judgment: Judgment, who: Professional) -> tuple[Review, bool]:
    judged = await Register(_offered(place).vault).judge(id, judgment)
    detail = (
        ("emergency", id),
        ("meldcode", judged.alert.meldcode),
        ("verdict", judgment.verdict.value),
        ("evidence", judgment.evidence),
    )
    event = Administered("emergency.judged", judgment.id, judged.bsn, who, detail)
    await place.outbox.put(event)
    return judged, await place.accounted(event.id)


def _offered(place: Tenancy) -> Tenancy:
    if place.settings.disclose is None:
        refuse("this tenant discloses nothing")
    return place


def as_dict(one: Review) -> dict[str, Any]:
    """Return the documented JSON object. No BSN, no name of a patient."""
    return {
        **one.alert.written(),
        "professional": {"id": one.professional_id, "name": one.professional_name},
        "text": mask(one.text),
        "open": one.open,
        "judgments": [
            {"verdict": verdict.verdict.value, "by": verdict.by, "at": verdict.at, "evidence": verdict.evidence}
            for verdict in one.judgments
        ],
    }


def _show(found: list[Review], every: bool) -> None:
    console = Console()
    console.print(f"{'Spoedinzages' if every else 'Te beoordelen spoedinzages'}: {len(found)}")
    if not found:
        return
    # What is typed over is never cut off, however narrow the terminal.
    typed = Column("id", no_wrap=True), Column("meldcode", no_wrap=True)
    others = (Column(name, overflow="fold") for name in ("wanneer", "organisatie", "functie", "reden", "oordeel"))
    table = Table(*typed, *others, box=None)
    for one in found:
        alert = one.alert
        verdict = one.judgments[-1].verdict.value.capitalize() if one.judgments else ""
        who = f"{alert.organization} ({alert.type} {alert.ura})"
        table.add_row(alert.id, alert.meldcode, alert.at.replace("T", " "), who, alert.role, alert.reason, verdict)
    console.print(table)
