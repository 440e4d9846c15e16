"""`nuts-pzp consent explain`: what would be decided about one patient and one user, source by source, and why.

A dry run: nothing is disclosed, nothing is reused. Mitz is not asked unless told to: the citizen sees every question.
Who looks is sealed into the outbox before anything is looked at, and goes into the audit log.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ..accounted import Administered
from ..consent.notice import Corresponding
from ..consent.port import Bounded, Presuming
from ..consent.profile import Ranked, SharingConsent
from ..disclose.patient import patient_of
from ..exchange import Access, Caller
from ..fhir.request import FhirRequest
from ..identity import (
    BSN_SYSTEM,
    Bsn,
    NotAnIdentifier,
    Organization,
    Patient,
    Professional,
    Purpose,
    Standing,
    Ura,
    organization_type,
)
from ..outcome import Deny, Evidence, Outcome, Permit, Stop
from ..outside import Living
from ..reasons import Reason
from ..settings import MITZ, TOLD, DiscloseSettings, SettingsError
from ..slots import CONSENT, RECORDS, RELATION
from ..store.outbox import Outbox
from ..systems.local_consent.record import Choice
from ..systems.local_consent.registry import Registry
from ..systems.local_consent.source import LocalConsent
from .consent_witness import BoundedWitness, DryGlass, Looked, MitzWitness, Witness
from .options import Config
from .tenancy import (
    AsJson,
    BsnFile,
    OperatorId,
    OperatorName,
    OperatorRole,
    Tenancy,
    TenantId,
    bsn_of,
    operator_of,
    refuse,
    tenancy,
)

_STANDING = {Standing.UNKNOWN: Reason.PATIENT_UNKNOWN, Standing.DECEASED: Reason.PATIENT_DECEASED}
_PURPOSES = {"treatment": Purpose.TREATMENT, "emergency": Purpose.EMERGENCY}


@dataclass(slots=True)
class Explained:
    """What came of it. `depends` is true when only an answer of Mitz could tell."""

    outcome: Outcome[Permit]
    witnesses: list[tuple[Witness, Ranked]] = field(default_factory=list)
    looked: list[Looked] = field(default_factory=list)
    choices: tuple[tuple[Choice, bool, bool | None], ...] = ()
    """Those the holder recorded itself, whether the ledger has each, and whether it counts for this user now."""

    @property
    def depends(self) -> bool:
        """True when Mitz would be asked next and was not."""
        return any(one.source is None and one.said is not None for one, _ in self.witnesses)


def explain(
    tenant: TenantId,
    user_ura: Annotated[str, typer.Option(help="URA of the organization that would look")],
    user_type: Annotated[str, typer.Option(help="Its type, such as N6; not held against the directory here")],
    role: Annotated[str, typer.Option(help="Role of the professional who would look, as that organization words it")],
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    professional: Annotated[str, typer.Option(help="Id of that professional; Mitz wants one")] = "explain",
    purpose: Annotated[str, typer.Option(help="treatment or emergency")] = "treatment",
    ask_mitz: Annotated[bool, typer.Option("--ask-mitz", help="Ask Mitz too: the citizen sees the question")] = False,
    config: Config = Path("deployment.yaml"),
    bsn_file: BsnFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be decided, and why, without disclosing anything. Exit 0: permitted; 1: not."""
    who = operator_of(operator, operator_name, operator_role)
    if purpose not in _PURPOSES:
        refuse("--purpose: treatment or emergency")
    if not organization_type(user_type):
        refuse("--user-type: a code such as Z3 or V6, in capitals")
    try:
        user = Organization(Ura.parse(user_ura), user_type, "")
    except NotAnIdentifier as error:
        refuse(f"--user-ura: {error}")
    caller = Caller(user, Professional(professional, role), frozenset(), _PURPOSES[purpose], None, {}, "explain")
    bsn = bsn_of(bsn_file)
    with tenancy(config, tenant) as place:
        if user.ura == place.around.tenant.organization.ura:
            refuse("--user-ura: the holder itself, which is no exchange: nothing is decided about it")
        found = asyncio.run(_explain(place, bsn, caller, who, ask_mitz))
    if as_json:
        typer.echo(json.dumps(as_dict(found)))
    else:
        _show(found)
    raise typer.Exit(0 if isinstance(found.outcome, Permit) else 1)


async def _explain(place: Tenancy, bsn: Bsn, caller: Caller, who: Professional, ask_mitz: bool) -> Explained:
    settings = place.settings.disclose
    if settings is None:
        refuse("this tenant discloses nothing")
    user = caller.organization
    detail = (("user", f"{user.ura} {user.type}"), ("asked_mitz", "yes" if ask_mitz else "no"))
    await Outbox(place.vault).put(Administered("consent.explained", str(uuid.uuid4()), bsn, who, detail))
    living: list[object] = []
    try:
        patient = await _patient(place, settings, bsn, living)
        if isinstance(patient, Stop):
            return Explained(patient, choices=await _choices(place, bsn, None))
        witnesses = [
            (witness, Ranked(witness, *weight))
            for one, weight in settings.consent.weighed
            for witness in (_witness(place, one, living, silent=one.kind == MITZ and not ask_mitz),)
        ]
        witnesses = [(told, Ranked(told, *TOLD)) for told in _told(living)] + witnesses
        chosen = settings.consent
        looked = [_looked(place, one, living) for one in (chosen.implied.sources if chosen.implied else ())]
        consent = SharingConsent(
            chosen.profile,
            tuple(ranked for _, ranked in witnesses),
            grounds=tuple(looked),
            implied_over_deny=chosen.implied is not None and chosen.implied.on_mitz_deny == "allow",
            emergency=DryGlass(chosen.emergency.after) if chosen.emergency else None,
        )
        access = Access(caller, FhirRequest("search-type", "Consent"), patient)
        outcome = await consent.ask(access)
        return Explained(outcome, witnesses, looked, await _choices(place, bsn, access))
    except SettingsError as error:
        refuse(str(error))
    finally:
        await asyncio.gather(*(one.stop() for one in living if isinstance(one, Living)))


async def _patient(place: Tenancy, settings: DiscloseSettings, bsn: Bsn, living: list[object]) -> Outcome[Patient]:
    """Look the patient up at the holder's own server, as the gateway does before it asks any source."""
    records = RECORDS.fill(settings.records, place.around, frozenset(place.deployment.adapters), place.settings)
    living.append(records)
    named = (("identifier", (f"{BSN_SYSTEM}|{bsn.value}",)),)
    found = await patient_of(FhirRequest("search-type", "Patient", params=named, via="POST"), records, "")
    if isinstance(found, Patient) and found.standing is not Standing.KNOWN:
        return Deny(_STANDING[found.standing])
    return found


def _witness(place: Tenancy, one: Any, living: list[object], *, silent: bool) -> Witness:
    source = CONSENT.fill(one, place.around, frozenset(place.deployment.adapters), place.settings)
    living.append(source)
    asked = None if silent else source
    if isinstance(source, Bounded) and isinstance(source, Presuming):
        return MitzWitness(one.kind, asked, highest_permit=source.highest_permit)
    if isinstance(source, Bounded):
        return BoundedWitness(one.kind, asked, highest_permit=source.highest_permit)
    return Witness(one.kind, asked)


def _looked(place: Tenancy, one: Any, living: list[object]) -> Looked:
    source = RELATION.fill(one, place.around, frozenset(place.deployment.adapters), place.settings)
    living.append(source)
    return Looked(one.kind, source)


def _told(sources: Iterable[object]) -> list[Witness]:
    """A witness before what a register told: it objects as a source of its own."""
    letters = [one.correspondence for one in sources if isinstance(one, Corresponding)]
    return [Witness(f"{MITZ}-notified", one.told) for one in letters if one is not None]


async def _choices(place: Tenancy, bsn: Bsn, access: Access | None) -> tuple[tuple[Choice, bool, bool | None], ...]:
    if not place.sources("local"):
        return ()
    registry = Registry(place.vault)
    dossier = await registry.dossier(bsn)
    if dossier is None:
        return ()
    found = await LocalConsent(registry).findings(access) if access else []
    count = {one.evidence.reference for one in found}
    return tuple(
        [(one, await registry.outbox.settled(one.id), one.id in count if access else None) for one in dossier.choices]
    )


def as_dict(found: Explained) -> dict[str, Any]:
    """Return the documented JSON object. No BSN, no names."""
    return {
        "schema": "nuts-pzp-consent-explained/1",
        "decision": "depends-on-mitz" if found.depends else _word(found.outcome),
        **_because(found.outcome),
        "sources": [
            {
                "kind": one.kind,
                "required": ranked.required,
                "authoritative": ranked.authoritative,
                "yields": ranked.yields,
                **_heard(one),
            }
            for one, ranked in found.witnesses
        ],
        "relations": [
            {"kind": one.kind, **({"said": "not-asked"} if one.found is None else _found(one.found))}
            for one in found.looked
        ],
        "choices": [
            {
                "id": one.id,
                "effect": "permit" if one.permits else "objection",
                "user_uras": sorted(one.users.uras),
                "user_types": sorted(one.users.types),
                "since": one.since,
                "until": one.until,
                "withdrawn": one.withdrawn is not None,
                "accounted": accounted,
                "counts": counts,
            }
            for one, accounted, counts in found.choices
        ],
    }


def _heard(one: Witness) -> dict[str, Any]:
    if one.said is None:
        return {"said": "not-asked", "why": "nothing it could say would change the outcome"}
    if one.source is None:
        return {"said": "not-asked", "why": "--ask-mitz asks; the citizen sees the question"}
    verdict = one.said
    return {
        "said": _word(verdict.outcome),
        "explicit": verdict.explicit,
        "specificity": verdict.specificity,
        **_because(verdict.outcome),
    }


def _found(outcome: Outcome[Permit]) -> dict[str, Any]:
    return {"said": _word(outcome), **_because(outcome)}


def _word(outcome: Outcome[Permit]) -> str:
    return type(outcome).__name__.lower()


def _because(outcome: Outcome[Permit]) -> dict[str, Any]:
    evidence = _references(outcome.evidence)
    if isinstance(outcome, Permit):
        return {"basis": outcome.basis, "evidence": evidence}
    return {"reason": outcome.reason.code, "detail": outcome.detail, "evidence": evidence}


def _references(evidence: Iterable[Evidence]) -> list[str]:
    return [f"{one.source}: {one.reference}" for one in evidence]


def _show(found: Explained) -> None:
    console, data = Console(), as_dict(found)
    table = Table("source", "says", "rank", "because", box=None)
    for one in data["sources"]:
        because = one.get("basis") or one.get("reason") or one.get("why", "")
        parts = (because, one.get("detail", ""), *one.get("evidence", ()))
        table.add_row(
            one["kind"], one["said"], str(one.get("specificity", "")), " ".join(part for part in parts if part)
        )
    for one in data["relations"]:
        table.add_row(f"relation: {one['kind']}", one["said"], "", one.get("basis") or one.get("reason", ""))
    console.print(table)
    for one in data["choices"]:
        users = ", ".join((*one["user_uras"], *one["user_types"])) or "everybody"
        state = "withdrawn" if one["withdrawn"] else ("accounted for" if one["accounted"] else "not accounted for yet")
        state += {True: ", counts", False: ", does not count", None: ""}[one["counts"]]
        console.print(
            f"choice {one['id']}: {one['effect']}, {users}, from {one['since']} to {one['until'] or '...'}, {state}"
        )
    reason = data.get("basis") or f"{data['reason']} {data['detail']}".strip()
    console.print(f"decision: {data['decision']} ({reason})")
