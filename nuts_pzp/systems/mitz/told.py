"""Mitz: what its notifications told about a patient, kept sealed, and as a source that objects and never permits.

A refusal is an explicit objection from the moment it is kept. A later permission ends it and grants nothing: then the
closed question decides again (ADR 0066). Only a newer moment counts, and of equals the refusal, so that repetitions and
another order change nothing (spec consent 3.3, 3.4; design D3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from ...consent.choice import SILENT
from ...consent.notice import Change, Notice
from ...consent.port import Verdict
from ...exchange import Access, Generation
from ...identity import Bsn
from ...outcome import Deny, Evidence, Outcome, Unavailable
from ...reasons import Reason
from ...store.patients import Patients
from ...store.port import StoreFailed
from . import codes
from .notice import ALL

_log = structlog.get_logger("nuts_pzp.mitz")

Clock = Callable[[], datetime]

_CHOICES, _DEATH = "mitz", "deceased"
_OTHER_DATA = codes.CATEGORIES - {codes.TREATMENT_DATA}
"""Narrower than what PZP is: a refusal of these alone says nothing about it."""


@dataclass(frozen=True, slots=True)
class Objection:
    """A refusal that stands: of which users, of which data, since when (RFC 3339), by which notification."""

    users: str
    data: str
    at: str
    digest: str


@dataclass(frozen=True, slots=True)
class Death:
    """What Mitz said of the patient's death, when that arrived, and whether an operator undid it."""

    date: str
    at: str
    undone: bool


class Told:
    """One tenant's. `categories` adds to the table of types what a region is sure of."""

    def __init__(
        self, patients: Patients, categories: Mapping[str, str], clock: Clock = lambda: datetime.now(UTC)
    ) -> None:
        self._patients, self._clock = patients, clock
        self._category_of = {**codes.CATEGORY_OF, **categories}

    async def ask(self, access: Access, /) -> Verdict:
        """Say whether an objection that was told covers this access, or the patient was said to have died."""
        try:
            learnt = await self._patients.learnt(access.patient.bsn, access.seen)
        except StoreFailed as error:
            stop = Unavailable(Reason.CONSENT_STATE_UNREADABLE, detail=str(error))
            return Verdict(stop, explicit=False, specificity=4)
        if not learnt.document:
            return SILENT
        death = _death(learnt.document)
        if death is not None and not death.undone:
            told = Evidence("mitz", "notification: deceased")
            return Verdict(Deny(Reason.PATIENT_DECEASED, (told,)), explicit=True, specificity=4)
        type = access.caller.organization.type
        for one in _objections(learnt.document):
            if self.covers(one, type):
                evidence = Evidence("mitz", f"notification: {one.users} {one.data} {one.at}", one.digest)
                return Verdict(Deny(Reason.CONSENT_OBJECTION, (evidence,)), explicit=True, specificity=4)
        return SILENT

    def covers(self, objection: Objection, type: str) -> bool:
        """True unless it is surely about other users or other data: an unsure type is covered by every category."""
        if objection.data in _OTHER_DATA:
            return False
        if objection.users not in codes.USER_CATEGORIES:
            return True
        own = self._category_of.get(type)
        return own == objection.users if own else objection.users != codes.ABROAD

    async def restrict(self, notice: Notice) -> Outcome[int]:
        """Keep what restricts; a new generation in any case."""
        now = self._now()

        def kept(found: Mapping[str, Any]) -> Mapping[str, Any]:
            refused = [change for change in notice.changes if change.refuses]
            return _with_death(_with(found, refused, notice.digest, now), notice.deceased, now)

        if notice.deceased:
            _log.error("mitz.patient-deceased", digest=notice.digest, alarm="operations")
        return await self._change(notice.bsn, kept)

    async def relax(self, notice: Notice) -> Outcome[int]:
        """End the refusals that a newer permission of the same users and data takes back; a new generation then."""
        permitted = [change for change in notice.changes if not change.refuses and change.at]
        if not permitted:
            found = await self._patients.generation(notice.bsn)
            return found.learnt if isinstance(found, Generation) else found
        now = self._now()
        return await self._change(notice.bsn, lambda found: _with(found, permitted, notice.digest, now))

    async def objections(self, bsn: Bsn) -> tuple[tuple[Objection, ...], Death | None]:
        """Return what stands of a patient; StoreFailed."""
        document = (await self._patients.learnt(bsn)).document
        return tuple(_objections(document)), _death(document)

    async def undo_death(self, bsn: Bsn) -> bool:
        """Let the death that was told not count; False when there is none. The same news does not set it again."""
        if (death := (await self.objections(bsn))[1]) is None or death.undone:
            return False
        await self._patients.change(bsn, lambda found: {**found, _DEATH: {**found[_DEATH], "undone": True}})
        return True

    async def undo_objections(self, bsn: Bsn) -> int:
        """Let the refusals that were told not count by themselves: the closed question decides. Return how many."""
        standing, _ = await self.objections(bsn)
        if standing:
            now = self._now()
            ended = [Change(one.users, one.data, False, now) for one in standing]
            await self._patients.change(bsn, lambda found: _with(found, ended, "", now))
        return len(standing)

    async def _change(self, bsn: Bsn, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Outcome[int]:
        try:
            return await self._patients.change(bsn, change)
        except StoreFailed as error:
            return Unavailable(Reason.CONSENT_STATE_UNREADABLE, detail=str(error))

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="microseconds")


def _with(found: Mapping[str, Any], changes: Iterable[Change], digest: str, now: str) -> Mapping[str, Any]:
    """Return the document with each change that is newer than what is kept about the same users and data.

    A moment in the future is taken as now: it must not outrank what comes after it.
    """
    choices: dict[str, Any] = dict(found.get(_CHOICES, {}))
    for change in changes:
        key, at = f"{change.data}|{change.users}", min(change.at or now, now)
        kept = choices.get(key)
        if kept is None or at > kept["at"] or (at == kept["at"] and change.refuses and not kept["refused"]):
            choices[key] = {"refused": change.refuses, "at": at, "digest": digest}
    return {**found, _CHOICES: choices} if choices else found


def _with_death(found: Mapping[str, Any], deceased: str, now: str) -> Mapping[str, Any]:
    known = _death(found)
    if not deceased or (known is not None and (known.date == deceased or not known.undone)):
        return found
    return {**found, _DEATH: {"date": deceased, "at": now, "undone": False}}


def _objections(document: Mapping[str, Any]) -> Iterable[Objection]:
    for key, kept in document.get(_CHOICES, {}).items():
        if kept["refused"]:
            data, _, users = key.partition("|")
            yield Objection(users, data or ALL, kept["at"], kept["digest"])


def _death(document: Mapping[str, Any]) -> Death | None:
    kept = document.get(_DEATH)
    return Death(kept["date"], kept["at"], kept["undone"]) if kept else None
