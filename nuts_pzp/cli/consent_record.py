"""`nuts-pzp consent record` and `revoke`: a patient's choice, kept by the holder itself, accounted for by the gateway.

An objection and the end of a permission count from that moment; a permission and the end of an objection count when the
ledger has their record: within a second while the gateway runs, else from its next start (ADR 0055).
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from ..accounted import Administered
from ..consent.choice import Users
from ..consent.voice import Voice, last_day, refuses
from ..identity import Bsn, NotAnIdentifier, Professional, Ura, organization_type
from ..systems.local_consent.record import Choice, Withdrawal, Word
from ..systems.local_consent.registry import Refused, Registry
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

_SCHEMA = "nuts-pzp-consent-choice/1"


class OneChoice(TyperCommand):
    """A command in which a choice is made once: of `--permit --objection` the last would count."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line."""
        if {"--permit", "--objection"} <= set(args):
            refuse("--permit or --objection, not both")
        return super().parse_args(ctx, args)


class Form(Enum):
    """How it was said."""

    VERBAL = "verbal"
    WRITTEN = "written"
    DIGITAL = "digital"


_Voice = Annotated[Voice, typer.Option(help="On whose word")]
_Relation = Annotated[str, typer.Option(help="Of a representative: curator, mentor, proxy, partner, parent, ...")]
_Form = Annotated[Form, typer.Option(help="How it was said")]
_Evidence = Annotated[str, typer.Option(help="Where the form is kept: a reference, no names")]
_Identity = Annotated[Path | None, typer.Option(help="File that says who the representative is; sealed, never shown")]
_Gone = Annotated[bool, typer.Option("--earlier-gone", help="Whoever goes before this representative is not there now")]
_Birth = Annotated[str, typer.Option("--birth-date", help="The patient's, YYYY-MM-DD")]


def record(
    tenant: TenantId,
    permit: Annotated[bool, typer.Option("--permit/--objection", help="What the patient chose")],
    voice: _Voice,
    form: _Form,
    evidence: _Evidence,
    birth_date: _Birth,
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    relation: _Relation = "",
    representative_file: _Identity = None,
    earlier_gone: _Gone = False,
    user_type: Annotated[list[str] | None, typer.Option(help="Type of organization that may (not) look")] = None,
    user_ura: Annotated[list[str] | None, typer.Option(help="URA of an organization that may (not) look")] = None,
    since: Annotated[str, typer.Option(help="First day, YYYY-MM-DD; today when left out")] = "",
    until: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD")] = "",
    bsn_file: BsnFile = None,
    as_json: AsJson = False,
) -> None:
    """Record a permission or an objection of a patient."""
    who = operator_of(operator, operator_name, operator_role)
    word = _spoken(_word(who, voice, relation, form, evidence), representative_file)
    users = _users(user_type or [], user_ura or [])
    if permit and users.everyone:
        refuse("a permission names types of organizations (--user-type) or organizations (--user-ura)")
    birth, today = day_of(birth_date, "--birth-date"), datetime.now(UTC).date()
    first, last = (day_of(since, "--since") if since else today), (day_of(until, "--until") if until else None)
    if permit:
        if why := refuses(voice, relation, birth, today):
            refuse(why)
        limits = [day for day in (last, last_day(voice, birth, today)) if day]
        last = min(limits, default=None)
    if last and last < first:
        refuse("--until: that choice would be over before it begins")
    choice = Choice(str(uuid.uuid4()), permit, users, word, first.isoformat(), last.isoformat() if last else "")
    bsn = bsn_of(bsn_file)
    event = Administered("sharing_consent.recorded", choice.id, bsn, who, (*_told(choice), *_told_gone(earlier_gone)))
    with tenancy(config, tenant) as place:
        counts = asyncio.run(_record(place, bsn, birth.isoformat(), choice, event, earlier_gone))
    say(_SCHEMA, choice.id, _effect(permit), counts or not permit, choice.until, as_json)


def revoke(
    tenant: TenantId,
    id: Annotated[str, typer.Option("--id", help="Of the choice: `consent record` and `consent explain` show it")],
    voice: _Voice,
    form: _Form,
    evidence: _Evidence,
    birth_date: _Birth,
    operator: OperatorId,
    operator_name: OperatorName,
    operator_role: OperatorRole,
    config: Config = Path("deployment.yaml"),
    relation: _Relation = "",
    representative_file: _Identity = None,
    earlier_gone: _Gone = False,
    bsn_file: BsnFile = None,
    as_json: AsJson = False,
) -> None:
    """End a recorded permission or objection. Nothing is erased: the choice stays, with who ended it."""
    who = operator_of(operator, operator_name, operator_role)
    word = _spoken(_word(who, voice, relation, form, evidence), representative_file)
    withdrawal = Withdrawal(str(uuid.uuid4()), word)
    birth, bsn = day_of(birth_date, "--birth-date"), bsn_of(bsn_file)
    with tenancy(config, tenant) as place:
        permitted, counts = asyncio.run(_revoke(place, bsn, birth, id, withdrawal, who, earlier_gone))
    say(_SCHEMA, withdrawal.id, "revoked", counts or permitted, "", as_json)


async def _record(
    place: Tenancy, bsn: Bsn, birth_date: str, choice: Choice, event: Administered, earlier_gone: bool
) -> bool:
    registry = _registry(place)
    try:
        await registry.record(bsn, birth_date, choice, event, earlier_gone=earlier_gone)
    except Refused as error:
        refuse(str(error))
    return await place.accounted(choice.id)


async def _revoke(
    place: Tenancy, bsn: Bsn, birth: date, id: str, withdrawal: Withdrawal, who: Professional, earlier_gone: bool
) -> tuple[bool, bool]:
    registry = _registry(place)
    dossier = await registry.dossier(bsn)
    found = next((one for one in dossier.choices if one.id == id), None) if dossier else None
    if dossier is None or found is None or dossier.birth_date != birth.isoformat():
        refuse("no choice with that id stands for this patient")
    word = withdrawal.word
    if not found.permits and (
        why := refuses(Voice(word.voice), word.relation, birth, datetime.now(UTC).date())
    ):  # whoever ends an objection widens access, and must be who may permit
        refuse(why)
    told = (("choice", id), ("effect", _effect(found.permits)), *_told_word(word), *_told_gone(earlier_gone))
    event = Administered("sharing_consent.revoked", withdrawal.id, bsn, who, told)
    try:
        await registry.withdraw(bsn, id, withdrawal, event, earlier_gone=earlier_gone)
    except Refused as error:
        refuse(str(error))
    return found.permits, await place.accounted(withdrawal.id)


def _registry(place: Tenancy) -> Registry:
    if not place.sources("local"):
        refuse("this tenant has no consent source of kind local: nobody would read what is recorded")
    return Registry(place.vault)


def _word(who: Professional, voice: Voice, relation: str, form: Form, evidence: str) -> Word:
    if (voice is Voice.REPRESENTATIVE) != bool(relation):
        refuse("--relation goes with --voice representative")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Word(f"{who.id} {who.role}", at, voice.value, relation, form.value, reference(evidence))


def _spoken(word: Word, file: Path | None) -> Word:
    """Add who the representative is. From a file, as a BSN is: never an argument, never in a log."""
    if file is None:
        return word
    if word.voice != Voice.REPRESENTATIVE.value:
        refuse("--representative-file goes with --voice representative")
    try:
        text = " ".join(file.read_text("utf-8").split())
    except (OSError, UnicodeDecodeError):
        refuse("--representative-file: cannot be read")
    if not 0 < len(text) <= 500 or not text.isprintable():
        refuse("--representative-file: 1 to 500 printable characters")
    return replace(word, identity=text)


def _told_gone(earlier_gone: bool) -> tuple[tuple[str, str], ...]:
    return (("earlier_gone", "yes"),) if earlier_gone else ()


def _users(types: list[str], uras: list[str]) -> Users:
    if not all(organization_type(one) for one in types):
        refuse("--user-type: a code such as Z3 or V6, in capitals")
    try:
        return Users(frozenset(Ura.parse(one).value for one in uras), frozenset(types))
    except NotAnIdentifier as error:
        refuse(f"--user-ura: {error}")


def _effect(permits: bool) -> Literal["permit", "objection"]:
    return "permit" if permits else "objection"


def _told(choice: Choice) -> tuple[tuple[str, str], ...]:
    return (
        ("effect", _effect(choice.permits)),
        ("since", choice.since),
        ("until", choice.until),
        ("user_types", " ".join(sorted(choice.users.types))),
        ("user_uras", " ".join(sorted(choice.users.uras))),
        *_told_word(choice.word),
    )


def _told_word(word: Word) -> tuple[tuple[str, str], ...]:
    return (
        ("voice", word.voice),
        ("relation", word.relation),
        ("identity", "kept" if word.identity else "not kept"),
        ("form", word.form),
        ("evidence", word.evidence),
    )
