"""The state of emergency access: the count per organization, the review queue, and the alerts that wait.

One tenant's, sealed in the store that all processes share, so that a restart or a second process counts on. One
emergency is one token about one patient: its requests are one line in the queue and one of the count.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import structlog

from ..exchange import Access
from ..identity import Bsn, Ura
from ..store.port import StoreFailed
from ..store.vault import Vault
from .port import Alert

COUNT, REVIEW, ALERT = "emergency-count", "emergency-review", "emergency-alert"
_TRIES = 20

_log = structlog.get_logger("nuts_pzp.emergency")


class Verdict(Enum):
    """How the officer judges an emergency access. While it is inquired into it stays in the queue."""

    LAWFUL = "rechtmatig"
    INQUIRY = "navraag"
    UNLAWFUL = "onrechtmatig"


class Refused(Exception):
    """Nothing was changed: why, in words without personal data."""


@dataclass(frozen=True, slots=True)
class Judgment:
    """One verdict: who, when (RFC 3339 UTC), and where the reasons are kept."""

    id: str
    verdict: Verdict
    by: str
    at: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Review:
    """One emergency access in the queue. `text` and the names are sealed with the rest."""

    alert: Alert
    bsn: Bsn
    professional_id: str
    professional_name: str
    text: str
    judgments: tuple[Judgment, ...] = ()

    @property
    def open(self) -> bool:
        """True until it is judged lawful or unlawful."""
        return not self.judgments or self.judgments[-1].verdict is Verdict.INQUIRY

    @property
    def unlawful(self) -> bool:
        """True once it is judged so: then its token opens nothing any more."""
        return bool(self.judgments) and self.judgments[-1].verdict is Verdict.UNLAWFUL

    def written(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "alert": self.alert.written(),
            "bsn": self.bsn.value,
            "professional": [self.professional_id, self.professional_name],
            "text": self.text,
            "judgments": [[one.id, one.verdict.value, one.by, one.at, one.evidence] for one in self.judgments],
        }

    @classmethod
    def read(cls, document: dict[str, Any]) -> Review:
        """Read what `written` made; KeyError, TypeError or ValueError for anything else."""
        judgments = [Judgment(id, Verdict(word), by, at, proof) for id, word, by, at, proof in document["judgments"]]
        id, name = document["professional"]
        return cls(Alert.read(document["alert"]), Bsn(document["bsn"]), id, name, document["text"], tuple(judgments))


class Register:
    """One tenant's. Raises StoreFailed when the state cannot be read or written."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def id(self, access: Access) -> str:
        """Return the id of the emergency that this access belongs to: this token, about this patient."""
        parts = access.caller.token_digest.hex(), self._vault.pseudonym(access.patient.bsn)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]

    async def count(self, ura: Ura, id: str, now: float, *, most: int, seconds: float) -> int:
        """Count this emergency of an organization, once; return how many that makes, or 0 when there is no room.

        `now` is Unix time. Those of the last `seconds` count, and so do any that a clock says are yet to come.
        """
        for _ in range(_TRIES):
            document, version = await self._vault.get(COUNT, ura.value)
            held = {str(key): float(at) for key, at in (document or {}).get("held", {}).items()}
            recent = {key: at for key, at in held.items() if at > now - seconds}
            if id in recent:
                return list(recent).index(id) + 1
            if len(recent) >= most:
                return 0
            recent[id] = now
            if await self._vault.put(COUNT, ura.value, {"held": recent}, version):
                return len(recent)
        raise StoreFailed("somebody else keeps counting this organization's emergencies")

    async def queue(self, review: Review) -> None:
        """Put the alert, then the review: what stands in the queue has been, or will be, told."""
        id = review.alert.id
        if await self.review(id) is not None:
            return
        _, version = await self._vault.get(ALERT, id)
        if not version:
            await self._vault.put(ALERT, id, {"alert": review.alert.written(), "told": []}, 0)
        _, version = await self._vault.get(REVIEW, id)
        if not version:
            await self._vault.put(REVIEW, id, review.written(), 0)

    async def review(self, id: str) -> Review | None:
        """Return one, judged or not; None when there is none of that id."""
        return (await self._review(id))[0]

    async def reviews(self) -> AsyncIterator[Review]:
        """Yield all, oldest first; what cannot be opened is told and passed over."""
        found = []
        async for key in self._vault.keys(REVIEW):
            try:
                review = await self.review(key)
                if review:
                    found.append(review)
            except StoreFailed as error:
                _log.error("emergency.review-unreadable", error=str(error), alarm="operations")
        for one in sorted(found, key=lambda review: (review.alert.at, review.alert.nth)):
            yield one

    async def judge(self, id: str, judgment: Judgment) -> Review:
        """Add a verdict to one that is open; Refused when it is not there or was judged before."""
        for _ in range(_TRIES):
            found, version = await self._review(id)
            if found is None:
                raise Refused("no emergency access with that id")
            if not found.open:
                raise Refused("it was judged before: a verdict is not changed")
            judged = replace(found, judgments=(*found.judgments, judgment))
            if await self._vault.put(REVIEW, id, judged.written(), version):
                return judged
        raise StoreFailed("somebody else keeps judging this one")

    async def waiting(self) -> AsyncIterator[tuple[Alert, frozenset[str]]]:
        """Yield each alert that somebody has not been told, and who has; what cannot be opened is told of."""
        async for key in self._vault.keys(ALERT):
            try:
                document, version = await self._vault.get(ALERT, key)
                if version and document:
                    yield Alert.read(document["alert"]), frozenset(document["told"])
            except (StoreFailed, KeyError, TypeError) as error:
                _log.error("emergency.alert-unreadable", error=type(error).__name__, alarm="operations")

    async def told(self, alert: Alert, channel: str, everybody: frozenset[str]) -> None:
        """Keep that this channel has it; once all of `everybody` have, the alert waits no more."""
        for _ in range(_TRIES):
            document, version = await self._vault.get(ALERT, alert.id)
            if document is None:
                return
            told = {*document["told"], channel}
            left = None if everybody <= told else {**document, "told": sorted(told)}
            if await self._vault.put(ALERT, alert.id, left, version):
                return
        raise StoreFailed("somebody else keeps telling of this one")

    async def _review(self, id: str) -> tuple[Review | None, int]:
        document, version = await self._vault.get(REVIEW, id)
        try:
            return (Review.read(document) if document else None), version
        except (KeyError, TypeError, ValueError):
            raise StoreFailed("an emergency access that cannot be read") from None
