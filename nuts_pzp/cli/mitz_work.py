"""What the `mitz` commands do: over the tenant's own Mitz source, not started, so that only this is sent."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, cast

from ..accounted import Administered
from ..identity import Bsn, Professional
from ..outcome import Outcome
from ..settings import MITZ, SettingsError
from ..slots import CONSENT
from ..store.outbox import Outbox
from ..store.port import StoreFailed
from ..systems.mitz.consent import MitzConsent
from ..systems.mitz.correspondence import Letters
from ..systems.mitz.subscriptions import Subscriptions
from .tenancy import Tenancy, refuse

MOST = 100_000
"""Patients in one list."""


class What(Enum):
    """What can be undone."""

    DEATH = "death"
    OBJECTIONS = "objections"


@asynccontextmanager
async def _source(place: Tenancy) -> AsyncIterator[MitzConsent]:
    """The tenant's Mitz source, not started: nothing is sent of its own accord."""
    chosen = place.sources(MITZ)
    if not chosen:
        refuse("this tenant has no consent source of kind mitz")
    try:
        listed = frozenset(place.deployment.adapters)
        source = cast(MitzConsent, CONSENT.fill(chosen[0], place.around, listed, place.settings))
    except SettingsError as error:
        refuse(str(error))
    try:
        yield source
    finally:
        await source.stop()


@asynccontextmanager
async def _letters(place: Tenancy) -> AsyncIterator[tuple[Letters, Subscriptions]]:
    async with _source(place) as source:
        letters = source.letters
        if letters is None or letters.subscriptions is None:
            refuse("this tenant's mitz source has no subscriptions in its settings")
        try:
            yield letters, letters.subscriptions
        except StoreFailed as error:
            refuse(str(error))


async def ping(place: Tenancy) -> Outcome[str]:
    """Shake hands."""
    async with _source(place) as source:
        return await source.ping()


async def _account(place: Tenancy, code: str, bsn: Bsn | None, who: Professional, *detail: tuple[str, str]) -> str:
    event = Administered(code, str(uuid.uuid4()), bsn, who, detail)
    await Outbox(place.vault).put(event)
    return event.id


async def subscribe(place: Tenancy, patients: tuple[Bsn, ...], born: date | None, who: Professional) -> dict[str, Any]:
    """Want these patients, send what can be sent now, and count."""
    async with _letters(place) as (letters, subscriptions):
        if not letters.subscribes:
            refuse("subscribe_on is never: nobody is subscribed from here")
        for bsn in patients:
            await _account(place, "mitz.subscribed", bsn, who, ("birth_date_told", "yes" if born else "no"))
            await subscriptions.want(bsn, born, again=True)
        await subscriptions.work(len(patients))
        return await _counted(letters, subscriptions)


async def unsubscribe(place: Tenancy, bsn: Bsn, who: Professional) -> dict[str, Any]:
    """End it, and send that."""
    async with _letters(place) as (letters, subscriptions):
        if not await subscriptions.unwant(bsn):
            refuse("this patient is not subscribed from here")
        await _account(place, "mitz.unsubscribed", bsn, who)
        await subscriptions.work()
        return await _counted(letters, subscriptions)


async def reconcile(place: Tenancy, who: Professional) -> dict[str, Any]:
    """Look at all again."""
    async with _letters(place) as (letters, subscriptions):
        found = await subscriptions.reconcile()
        await subscriptions.work(MOST)
        counts = tuple((state, str(number)) for state, number in sorted(found.items()))
        await _account(place, "mitz.reconciled", None, who, *counts)
        return await _counted(letters, subscriptions)


async def status(place: Tenancy) -> dict[str, Any]:
    """Count; nothing about anybody."""
    async with _letters(place) as (letters, subscriptions):
        return await _counted(letters, subscriptions)


async def _counted(letters: Letters, subscriptions: Subscriptions) -> dict[str, Any]:
    states: dict[str, int] = {}
    async for one in subscriptions.all():
        states[one.state.value] = states.get(one.state.value, 0) + 1
    heard = await letters.last_heard()
    return {
        "schema": "nuts-pzp-mitz-status/1",
        "subscriptions": states,
        "to_be_sent": await subscriptions.waiting(),
        "last_notified": datetime.fromtimestamp(heard, UTC).isoformat(timespec="seconds") if heard else None,
    }


async def show(place: Tenancy, bsn: Bsn, who: Professional) -> dict[str, Any]:
    """Gather what is kept of one patient."""
    async with _letters(place) as (letters, subscriptions):
        await _account(place, "mitz.shown", bsn, who)
        one, (objections, death) = await subscriptions.of(bsn), await letters.told.objections(bsn)
        return {
            "schema": "nuts-pzp-mitz-patient/1",
            "subscription": {"state": one.state.value, "why": one.why} if one else None,
            "objections": [{"users": each.users, "data": each.data, "since": each.at} for each in objections],
            "deceased": {"date": death.date, "told_at": death.at, "undone": death.undone} if death else None,
        }


async def undo(place: Tenancy, bsn: Bsn, what: What, who: Professional) -> tuple[int, str]:
    """What widens access waits for its record (ADR 0055)."""
    async with _letters(place) as (letters, _):
        objections, death = await letters.told.objections(bsn)
        standing = len(objections) if what is What.OBJECTIONS else int(death is not None and not death.undone)
        if not standing:
            return 0, "there is nothing to undo"
        id = await _account(place, "mitz.undone", bsn, who, ("what", what.value))
        if not await place.accounted(id):
            return 0, "no gateway has taken the record yet: nothing was undone"
        if what is What.DEATH:
            return int(await letters.told.undo_death(bsn)), ""
        return await letters.told.undo_objections(bsn), ""
