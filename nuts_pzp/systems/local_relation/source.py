"""The source: reads through to the store at every question, keeps nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from ...consent.period import NotAMoment
from ...exchange import Access
from ...keys import BadKeyFile, secret_or_new
from ...outcome import Evidence, Outcome, Permit, Unavailable, Unknown
from ...outside import Surroundings
from ...reasons import Reason
from ...store.port import StoreFailed
from ...store.vault import STORE_KEY, Vault
from .statements import KINDS, Relations, Statement

Clock = Callable[[], datetime]


class LocalRelationSettings(BaseModel):
    """`{kind: local_relation}`: nothing to set."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LocalRelation:
    """What was stated here about this patient and this very organization, while it surely holds."""

    def __init__(self, relations: Relations, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._relations, self._clock = relations, clock

    async def ground(self, access: Access, /) -> Outcome[Permit]:
        """Return the newest statement that holds; Unavailable when the store cannot be read."""
        now = self._clock()
        try:
            standing = await self._relations.standing(access.patient.bsn, access.caller.organization.ura)
            holding = [one for one in standing if one.kind in KINDS and one.period.surely(now)]
        except (StoreFailed, NotAMoment) as error:
            return Unavailable(Reason.RELATION_UNKNOWN, detail=str(error))
        if not holding:
            return Unknown(Reason.CONSENT_NONE)
        return Permit(f"implied:{holding[-1].kind}", (_evidence(holding[-1]),))

    async def start(self) -> None:
        """Nothing runs."""

    async def stop(self) -> None:
        """Nothing to let go of: the store is the deployment's."""

    async def health(self) -> Outcome[str]:
        """Say that the state can be read and its key opens it."""
        try:
            async for _ in self._relations.outbox.waiting():
                return "readable; some are to be accounted for"
        except StoreFailed as error:
            return Unavailable(Reason.RELATION_UNKNOWN, detail=str(error))
        return "readable"


def _evidence(one: Statement) -> Evidence:
    written = orjson.dumps(one.written(), option=orjson.OPT_SORT_KEYS)
    return Evidence("local_relation", one.id, hashlib.sha256(written).hexdigest())


def build(settings: Mapping[str, Any], around: Surroundings) -> LocalRelation:
    """Make the source of one tenant; ValidationError for a key it does not know, ValueError for a bad key file."""
    LocalRelationSettings.model_validate(dict(settings))
    if around.store is None:
        raise ValueError("this deployment keeps no state")
    try:
        vault = Vault(around.store, secret_or_new(around.state / STORE_KEY), around.tenant.id)
    except BadKeyFile as error:
        raise ValueError(str(error)) from None
    return LocalRelation(Relations(vault))
