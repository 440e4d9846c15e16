"""A registry in a store of its own, and short ways to fill it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nuts_pzp.accounted import Administered, Receipt
from nuts_pzp.consent.choice import Users
from nuts_pzp.consent.port import Verdict
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.systems.local_consent.record import Choice, Withdrawal, Word
from nuts_pzp.systems.local_consent.registry import Registry
from nuts_pzp.systems.local_consent.source import LocalConsent
from nuts_pzp.values import replace

HOLDER = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
POST = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
BSN = Bsn("999912008")
CLERK = Professional("m-3", "doktersassistent", "T. Hofstra")
WORD = Word("m-3 doktersassistent", "2026-11-22T08:00:00+00:00", "patient", "", "written", "form/17")
POST_ITSELF, GP_POSTS, EVERYONE = Users(frozenset({"90000444"})), Users(types=frozenset({"N6"})), Users()


@dataclass
class Desk:
    """Records, withdraws and accounts as the command and the gateway do; asks as the gateway does."""

    vault: Vault
    now: datetime = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
    access: Access = field(init=False)

    def __post_init__(self) -> None:
        self.registry = Registry(self.vault)
        self.source = LocalConsent(self.registry, lambda: self.now)
        caller = Caller(
            POST, Professional("k-17", "huisarts"), frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-bearer"
        )
        self.access = Access(caller, FhirRequest("search-type", "Consent"), Patient(BSN, "1", Standing.KNOWN))

    async def record(
        self, permits: bool, users: Users, *, since: str = "2026-11-01", until: str = "", accounted: bool = True
    ) -> str:
        choice = Choice(str(uuid.uuid4()), permits, users, WORD, since, until)
        event = Administered("sharing_consent.recorded", choice.id, BSN, CLERK)
        await self.registry.record(BSN, "1950-03-04", choice, event)
        if accounted:
            await self.account()
        return choice.id

    async def withdraw(self, id: str, *, accounted: bool = True) -> None:
        withdrawal = Withdrawal(str(uuid.uuid4()), WORD)
        event = Administered("sharing_consent.revoked", withdrawal.id, BSN, CLERK)
        await self.registry.withdraw(BSN, id, withdrawal, event)
        if accounted:
            await self.account()

    async def account(self) -> None:
        async for event in self.registry.outbox.waiting():
            await self.registry.outbox.settle(Receipt(event, 7, "record"))

    async def ask(self, user: Organization = POST, **patient: object) -> Verdict:
        caller = replace(self.access.caller, organization=user)
        who = replace(self.access.patient, **patient)  # type: ignore[arg-type]
        return await self.source.ask(replace(self.access, caller=caller, patient=who))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def desk(store: SqliteStore) -> Desk:
    return Desk(Vault(store.of(HOLDER), b"k" * 32, HOLDER.id))
