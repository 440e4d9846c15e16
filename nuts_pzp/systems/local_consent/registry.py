"""Recording and withdrawing, for the command line; reading, for the source. Every change is one compare-and-set.

A change is put into the patient's dossier first and into the outbox next. What restricts counts from that moment; what
widens counts when the ledger's receipt is there (ADR 0055).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from ...accounted import Administered
from ...consent.voice import Voice, comes_before
from ...exchange import Generation
from ...identity import Bsn
from ...store.outbox import Outbox
from ...store.patients import CHOICES, Patients
from ...store.port import StoreFailed
from ...store.vault import Vault
from .record import MOST, Choice, Dossier, Withdrawal, Word

_TRIES = 20
_KEPT = 1_000
"""Patients whose choices are kept in memory, at most."""


class Refused(Exception):
    """Nothing was changed: why, in words without personal data."""


class Registry:
    """The dossiers of one tenant."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.outbox = Outbox(vault)
        self._patients = Patients(vault)
        self._kept: OrderedDict[Bsn, tuple[int, Dossier]] = OrderedDict()

    async def dossier(self, bsn: Bsn, seen: Generation | None = None) -> Dossier | None:
        """Return what is kept about this patient as it is now, or as it was `seen`; StoreFailed when it is unreadable.

        Of most patients nothing is, and one number says so: a document takes a thread of the store. That number also
        says whether what was read before is still what is there.
        """
        if seen is None:
            (version,) = await self._vault.versions(self._vault.pseudonym(bsn), CHOICES)
        else:
            version = seen.choices
        if not version:
            return None
        kept = self._kept.get(bsn)
        if kept is not None and kept[0] == version:
            return kept[1]
        found, version = await self._read(bsn)
        if found is not None:
            self._kept[bsn] = version, found
            self._kept.move_to_end(bsn)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    async def record(
        self, bsn: Bsn, birth_date: str, choice: Choice, event: Administered, *, earlier_gone: bool = False
    ) -> None:
        """Add a choice; Refused for another birth date than before or too many choices.

        A representative does not permit where one who goes before spoke for this patient, unless that one is gone.
        """

        def added(found: Dossier | None) -> Dossier:
            if found and found.birth_date != birth_date:
                raise Refused("another birth date was given when the first choice of this patient was recorded")
            if found and len(found.choices) >= MOST:
                raise Refused(f"more than {MOST} choices of one patient")
            if found and choice.permits and not earlier_gone:
                _in_order(found, choice.word)
            return Dossier(birth_date, (*(found.choices if found else ()), choice))

        await self._change(bsn, added)
        await self.outbox.put(event)

    async def withdraw(
        self, bsn: Bsn, id: str, withdrawal: Withdrawal, event: Administered, *, earlier_gone: bool = False
    ) -> None:
        """End a choice; Refused when it is not there or already ended, or, of an objection, out of order as above."""

        def ended(found: Dossier | None) -> Dossier:
            standing = [one for one in found.choices if one.id == id and one.withdrawn is None] if found else []
            if not found or not standing:
                raise Refused("no choice with that id stands for this patient")
            if not standing[0].permits and not earlier_gone:
                _in_order(found, withdrawal.word)
            choices = tuple(replace(one, withdrawn=withdrawal) if one.id == id else one for one in found.choices)
            return replace(found, choices=choices)

        await self._change(bsn, ended)
        await self.outbox.put(event)

    async def counts(self, choice: Choice) -> bool:
        """False for what does not count (yet), a permission without a receipt, and for what ended.

        The end of a permission needs no receipt, that of an objection does.
        """
        if choice.permits:
            return choice.withdrawn is None and await self.outbox.settled(choice.id)
        return choice.withdrawn is None or not await self.outbox.settled(choice.withdrawn.id)

    async def _change(self, bsn: Bsn, change: Callable[[Dossier | None], Dossier]) -> None:
        for _ in range(_TRIES):
            found, version = await self._read(bsn)
            if await self._vault.put(CHOICES, self._vault.pseudonym(bsn), change(found).written(), version):
                await self._patients.advance(bsn)  # answers on their way are decided anew
                return
        raise StoreFailed("somebody else keeps changing this patient's choices")

    async def _read(self, bsn: Bsn) -> tuple[Dossier | None, int]:
        document, version = await self._vault.get(CHOICES, self._vault.pseudonym(bsn))
        try:
            return (Dossier.read(document) if document is not None else None), version
        except (KeyError, TypeError, ValueError):
            raise StoreFailed("a patient's choices that cannot be read") from None


def _in_order(dossier: Dossier, word: Word) -> None:
    """Hold a representative against those who spoke before (BW 7:465); Refused when one of them goes before."""
    if word.voice != Voice.REPRESENTATIVE.value:
        return
    spoke = [one.word.relation for one in dossier.choices if one.word.voice == Voice.REPRESENTATIVE.value]
    if first := next((one for one in spoke if comes_before(one, word.relation)), None):
        raise Refused(f"a {first} spoke for this patient before and goes first; say so when there is none any more")
