"""Local permission as a source of sharing consent: every question is held against what the store has now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from ...consent.choice import HIGHEST, HOLDER, SILENT, Finding, verdict
from ...consent.period import NotAMoment
from ...consent.port import Verdict
from ...exchange import Access
from ...identity import Organization
from ...keys import BadKeyFile, secret_or_new
from ...outcome import Deny, Outcome, Unavailable
from ...outside import Surroundings
from ...reasons import Reason
from ...store.port import StoreFailed
from ...store.vault import STORE_KEY, Vault
from .record import Choice, Dossier
from .registry import Registry

Clock = Callable[[], datetime]


class LocalSettings(BaseModel):
    """`{kind: local}`: nothing to set. The key lies under `state`, made when it is first needed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LocalConsent:
    """What patients chose here. More specific wins, an objection wins a tie and undoes the permissions before it."""

    highest_permit = 3

    def __init__(self, registry: Registry, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.registry, self._clock = registry, clock

    async def ask(self, access: Access, /) -> Verdict:
        """Say what the patient chose about this organization; an unreadable store is an Unavailable."""
        try:
            found = await self.findings(access)
        except StoreFailed as error:
            stop = Unavailable(Reason.CONSENT_LOCAL_UNREADABLE, detail=str(error))
            return Verdict(stop, explicit=False, specificity=4)
        return _weighed(found) if found else SILENT

    async def findings(self, access: Access) -> list[Finding]:
        """Return what counts of the patient's choices for this access, now; StoreFailed."""
        dossier = await self.registry.dossier(access.patient.bsn, access.seen)
        if dossier is None:
            return []
        now, born = self._clock(), access.patient.birth_date
        user = access.caller.organization
        found = []
        for one in dossier.choices:
            finding = one.finding(user) if _holds(one, now) else None
            if finding is None or not await self.registry.counts(one):
                continue
            if finding.permits and _undone(one, dossier, user, now):
                continue
            if finding.permits and born is not None and born.isoformat() != dossier.birth_date:
                continue  # the holder's own record says otherwise: perhaps another patient was meant
            found.append(finding)
        return found

    async def start(self) -> None:
        """Nothing runs."""

    async def stop(self) -> None:
        """Nothing to let go of: the store is the deployment's."""

    async def health(self) -> Outcome[str]:
        """Say that the state can be read and its key opens it."""
        try:
            waiting = [one async for one in self.registry.outbox.waiting()]
        except StoreFailed as error:
            return Unavailable(Reason.CONSENT_LOCAL_UNREADABLE, detail=str(error))
        return f"{len(waiting)} to be accounted for" if waiting else "readable"


def _weighed(findings: list[Finding]) -> Verdict:
    """An objection to everybody, without an exception here, is not outranked by a permission that is kept elsewhere."""
    found = verdict(findings)
    total = any(not one.permits and one.specificity == HOLDER for one in findings)
    return replace(found, specificity=HIGHEST) if total and isinstance(found.outcome, Deny) else found


def _holds(choice: Choice, now: datetime) -> bool:
    """Permits hold when they surely do, objections when they possibly do; so also with days that cannot be read."""
    try:
        return choice.period.surely(now) if choice.permits else choice.period.possibly(now)
    except NotAMoment:
        return not choice.permits


def _undone(permission: Choice, dossier: Dossier, user: Organization, now: datetime) -> bool:
    """True when an objection about this user came later and has begun, also one that was withdrawn since.

    Who objects takes back what was permitted before; who withdraws the objection has not permitted anything.
    """
    later = dossier.choices[dossier.choices.index(permission) + 1 :]
    return any(not one.permits and one.finding(user) and _holds(replace(one, until=""), now) for one in later)


def vault(around: Surroundings) -> Vault:
    """Return the tenant's sealed documents; ValueError without a store or with a key file that may not be used."""
    if around.store is None:
        raise ValueError("this deployment keeps no state")
    try:
        return Vault(around.store, secret_or_new(around.state / STORE_KEY), around.tenant.id)
    except BadKeyFile as error:
        raise ValueError(str(error)) from None


def build(settings: Mapping[str, Any], around: Surroundings) -> LocalConsent:
    """Make the source of one tenant; ValidationError for a key it does not know, ValueError for a bad key file."""
    LocalSettings.model_validate(dict(settings))
    return LocalConsent(Registry(vault(around)))
