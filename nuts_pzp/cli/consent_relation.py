"""`nuts-pzp consent relate` and `unrelate`: who treats a patient, as the holder itself knows, with where the proof is.

A statement widens access and counts when the ledger has its record (ADR 0055); its end counts from that moment.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from ..accounted import Administered
from ..identity import Bsn, NotAnIdentifier, Professional, Ura
from ..systems.local_relation.statements import LONGEST_DAYS, Refused, Relations, Statement
from .options import Config
from .recorded import reference, say
from .tenancy import (
    AsJson,
    BsnFile,
    OperatorId,
    OperatorName,
    OperatorRole,
    Tenancy,
    TenantId,
    bsn_of,
    day_of,
    operator_of,
    refuse,
    tenancy,
)


class RelationKind(Enum):
    """What the relation is."""

    TREATMENT = "treatment"
    REFERRAL = "referral"


def relate(
    tenant: TenantId,
    kind: Annotated[RelationKind, typer.Option(help="Treated there, or referred there")],
    user_ura: Annotated[str, typer.Option(help="URA of the organization that treats, or was referred to")],
    until: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD; at most a year on")],
    evidence: Annotated[str, typer.Option(help="Where the proof is kept: a reference, no names")],
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    since: Annotated[str, typer.Option(help="First day, YYYY-MM-DD; today when left out")] = "",
    bsn_file: BsnFile = None,
    as_json: AsJson = False,
) -> None:
    """State that an organization treats a patient, or that the patient was referred to it."""
    who = operator_of(operator, operator_name, operator_role)
    first, last = day_of(since, "--since") if since else datetime.now(UTC).date(), day_of(until, "--until")
    if not 0 <= (last - first).days <= LONGEST_DAYS:
        refuse("--until: within a year of the first day")
    try:
        ura = Ura.parse(user_ura)
    except NotAnIdentifier as error:
        refuse(f"--user-ura: {error}")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    statement = Statement(
        str(uuid.uuid4()), kind.value, ura.value, first.isoformat(), last.isoformat(), reference(evidence),
        f"{who.id} {who.role}", at,
    )  # fmt: skip
    bsn = bsn_of(bsn_file)
    with tenancy(config, tenant) as place:
        counts = asyncio.run(_state(place, bsn, statement, who))
    say("nuts-pzp-relation/1", statement.id, "related", counts, statement.until, as_json)


def unrelate(
    tenant: TenantId,
    id: Annotated[str, typer.Option("--id", help="Of the relation: `consent relate` showed it")],
    evidence: Annotated[str, typer.Option(help="Where the reason is kept: a reference, no names")],
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    bsn_file: BsnFile = None,
    as_json: AsJson = False,
) -> None:
    """End a stated relation. Nothing is erased: it stays, with who ended it."""
    who = operator_of(operator, operator_name, operator_role)
    detail = (("relation", id), ("evidence", reference(evidence)))
    bsn = bsn_of(bsn_file)
    event = Administered("treatment_relation.ended", str(uuid.uuid4()), bsn, who, detail)
    with tenancy(config, tenant) as place:
        asyncio.run(_end(place, bsn, id, event))
    say("nuts-pzp-relation/1", event.id, "ended", True, "", as_json)


async def _state(place: Tenancy, bsn: Bsn, statement: Statement, who: Professional) -> bool:
    told = ("kind", "ura", "since", "until", "evidence")
    detail = tuple((name, str(getattr(statement, name))) for name in told)
    event = Administered("treatment_relation.stated", statement.id, bsn, who, detail)
    try:
        await _relations(place).state(bsn, statement, event)
    except Refused as error:
        refuse(str(error))
    return await place.accounted(statement.id)


async def _end(place: Tenancy, bsn: Bsn, id: str, event: Administered) -> None:
    try:
        await _relations(place).end(bsn, id, event)
    except Refused as error:
        refuse(str(error))
    await place.accounted(event.id)


def _relations(place: Tenancy) -> Relations:
    disclose = place.settings.disclose
    implied = disclose.consent.implied if disclose else None
    if implied is None or not any(one.kind == "local_relation" for one in implied.sources):
        refuse("this tenant takes no relations of kind local_relation: nobody would read what is stated")
    return Relations(place.vault)
