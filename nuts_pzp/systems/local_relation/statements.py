"""What is kept about one patient: which organization treats the patient, or was referred to, from when until when.

Nothing is taken out: a statement that was ended stays, with who ended it. Lies sealed in the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ...accounted import Administered
from ...consent.period import Period
from ...identity import Bsn, Ura
from ...store.outbox import Outbox
from ...store.port import StoreFailed
from ...store.vault import Vault

KIND = "treatment-relation"
KINDS = ("treatment", "referral")
MOST = 200
"""Statements about one patient."""
LONGEST_DAYS = 366
"""A relation is looked at again within a year."""
_TRIES = 20


class Refused(Exception):
    """Nothing was changed: why, in words without personal data."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One relation. Dates as `YYYY-MM-DD`, both included. `by`: employee id and role; `evidence`: where proof is."""

    id: str
    kind: str
    ura: str
    since: str
    until: str
    evidence: str
    by: str
    at: str
    ended: str = ""
    """Id of what ended it; empty while it stands."""

    @classmethod
    def read(cls, document: dict[str, Any]) -> Statement:
        """Read what `written` made; KeyError or TypeError for anything else."""
        return cls(**{name: str(document[name]) for name in cls.__slots__})

    def written(self) -> dict[str, str]:
        """Return it as a document."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def period(self) -> Period:
        """When it holds."""
        return Period(self.since, self.until)


class Relations:
    """The statements of one tenant. Every change is one compare-and-set, then goes to the outbox."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.outbox = Outbox(vault)

    async def about(self, bsn: Bsn) -> tuple[Statement, ...]:
        """Return all statements about this patient, oldest first; StoreFailed when that cannot be read."""
        return (await self._read(bsn))[0]

    async def standing(self, bsn: Bsn, ura: Ura) -> tuple[Statement, ...]:
        """Return those about this organization that were not ended and that the ledger has."""
        found = [one for one in await self.about(bsn) if one.ura == ura.value and not one.ended]
        return tuple([one for one in found if await self.outbox.settled(one.id)])

    async def state(self, bsn: Bsn, statement: Statement, event: Administered) -> None:
        """Add a statement; Refused when there are too many."""

        def added(found: tuple[Statement, ...]) -> tuple[Statement, ...]:
            if len(found) >= MOST:
                raise Refused(f"more than {MOST} statements about one patient")
            return (*found, statement)

        await self._change(bsn, added)
        await self.outbox.put(event)

    async def end(self, bsn: Bsn, id: str, event: Administered) -> None:
        """End a statement, at once; Refused when it does not stand."""

        def ended(found: tuple[Statement, ...]) -> tuple[Statement, ...]:
            if not any(one.id == id and not one.ended for one in found):
                raise Refused("no relation with that id stands for this patient")
            return tuple(replace(one, ended=event.id) if one.id == id else one for one in found)

        await self._change(bsn, ended)
        await self.outbox.put(event)

    async def _change(self, bsn: Bsn, change: Callable[[tuple[Statement, ...]], tuple[Statement, ...]]) -> None:
        for _ in range(_TRIES):
            found, version = await self._read(bsn)
            document = {"statements": [one.written() for one in change(found)]}
            if await self._vault.put(KIND, self._vault.pseudonym(bsn), document, version):
                return
        raise StoreFailed("somebody else keeps changing this patient's relations")

    async def _read(self, bsn: Bsn) -> tuple[tuple[Statement, ...], int]:
        document, version = await self._vault.get(KIND, self._vault.pseudonym(bsn))
        try:
            statements = tuple(Statement.read(one) for one in document["statements"]) if document else ()
        except (KeyError, TypeError, ValueError):
            raise StoreFailed("a patient's relations that cannot be read") from None
        return statements, version
