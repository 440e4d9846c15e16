"""A fake holder with a real state: real sources over it, a stand-in for Mitz, and another process at the same file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.accounted import Administered, Receipt
from nuts_pzp.consent.cache import Reuse
from nuts_pzp.consent.choice import SILENT, Users
from nuts_pzp.consent.notice import Change, Notice
from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.disclose.flow import Reply, disclose
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.identity import Bsn, Professional, Tenant
from nuts_pzp.outcome import Permit
from nuts_pzp.store.patients import CHOICES, Patients
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.systems.local_consent.record import Choice, Dossier, Word
from nuts_pzp.systems.local_consent.registry import Registry
from nuts_pzp.systems.local_consent.source import LocalConsent
from nuts_pzp.systems.mitz.told import Told

SEARCH = RawRequest("GET", "/Consent", "patient=Patient/p1", (), b"")
NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
WORD = Word("m-3", "2026-11-22T08:00:00+00:00", "patient", "", "written", "form/17")


class Elsewhere:
    """A command, or another worker: its own connections to the state of the same tenant."""

    def __init__(self, state: SqliteStore, tenant: Tenant, bsn: str) -> None:
        self._vault, self._bsn = Vault(state.of(tenant), b"k" * 32, tenant.id), Bsn(bsn)

    async def permits(self) -> None:
        """Record a permission for whoever asks in these tests, and account for it as the gateway does."""
        registry = Registry(self._vault)
        choice = Choice("p-1", True, Users(frozenset({"90000444"})), WORD, "2026-11-01")
        event = Administered("sharing_consent.recorded", choice.id, self._bsn, Professional("m-3", "arts"))
        await registry.record(self._bsn, "1951-04-03", choice, event)
        await registry.outbox.settle(Receipt(event, 1, "r1"))

    async def objects_as_well(self) -> None:
        """Add an objection to the one who has a permission, and die before a new generation is begun."""
        key = self._vault.pseudonym(self._bsn)
        found, version = await self._vault.get(CHOICES, key)
        assert found is not None
        objection = Choice("o-2", False, Users(frozenset({"90000444"})), WORD, "2026-11-01")
        more = {**found, "choices": [*found["choices"], objection.written()]}
        assert await self._vault.put(CHOICES, key, more, version)

    async def objects(self) -> None:
        """Record an objection to everybody, and die before a new generation is begun."""
        found = Dossier("1951-04-03", (Choice("o-1", False, Users(), WORD, "2026-11-01"),))
        assert await self._vault.put(CHOICES, self._vault.pseudonym(self._bsn), found.written(), 0)

    async def refuses(self) -> None:
        """Keep what Mitz told: the patient refuses everybody."""
        notice = Notice(self._bsn, (Change("*", "*", True, ""),), "", "d1")
        assert isinstance(await Told(Patients(self._vault), {}, lambda: NOW).restrict(notice), int)

    async def begins_anew(self) -> None:
        await Patients(self._vault).advance(self._bsn)


@dataclass
class Mitz:
    """Permits until told otherwise; `meanwhile` happens while it is asked."""

    meanwhile: list[Callable[[], Any]] = field(default_factory=list)
    asked: int = 0
    permits: bool = True

    async def ask(self, access: Access, /) -> Verdict:
        self.asked += 1
        if self.meanwhile:
            await self.meanwhile.pop(0)()
        if not self.permits:
            return SILENT
        return Verdict(Permit("explicit-consent:mitz"), explicit=True, specificity=0, cacheable_for=60.0)

    def sameness(self, access: Access, /) -> bytes | None:
        return repr((access.patient.bsn.value, access.caller.organization.ura.value)).encode()


class Ward:
    """The fake holder with a state of its own, and how often that was read."""

    def __init__(self, file: Path, holder: Any, fakes: Any) -> None:
        self.holder, self._presented = holder, fakes.PRESENTED
        tenant = holder.house.tenant
        self.state, self._other = SqliteStore(file), SqliteStore(file)
        self.reads: Counter[str] = Counter()
        self._count("look", "run")
        self.elsewhere = Elsewhere(self._other, tenant, fakes.OWN)
        patients, told, registry = (Patients(self._vault(tenant)) for _ in range(2)), None, None
        generations, of_told = patients
        told, registry = Told(of_told, {}, lambda: NOW), Registry(self._vault(tenant))
        self.mitz = Mitz()
        sources = (
            Ranked(told, required=True, authoritative=False),
            Ranked(LocalConsent(registry, lambda: NOW), required=True, authoritative=True),
            Ranked(self.mitz, required=True, authoritative=True),
        )
        consent = SharingConsent("nl-pzp-strict", sources, Reuse(generations=generations))
        self.house = replace(holder.house, generations=generations, consent=consent)

    def _vault(self, tenant: Tenant) -> Vault:
        return Vault(self.state.of(tenant), b"k" * 32, tenant.id)

    def _count(self, *names: str) -> None:
        for name in names:
            self._counted(name, getattr(self.state, name))

    def _counted(self, name: str, method: Any) -> None:
        def counting(*given: Any) -> Any:
            self.reads[name] += 1
            return method(*given)

        setattr(self.state, name, counting)

    async def ask(self) -> Reply:
        return await disclose(self.house, self._presented, SEARCH, lambda: self.holder.now)

    def close(self) -> None:
        self.state.close()
        self._other.close()


@pytest.fixture
def ward(tmp_path: Path, holder: Any, fakes: Any) -> Iterator[Ward]:
    one = Ward(tmp_path / "store.sqlite", holder, fakes)
    yield one
    one.close()
