"""One look at the state serves a whole question; what another process puts meanwhile is seen by the look after.

Real state, real sources over it and a stand-in for Mitz; another process is a second opening of the same file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.accounted import Administered, Allowed, Denied, Receipt
from nuts_pzp.consent.cache import Reuse
from nuts_pzp.consent.choice import Users
from nuts_pzp.consent.notice import Change, Notice
from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.disclose.flow import Reply, disclose
from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.request import RawRequest
from nuts_pzp.identity import Bsn, Professional, Tenant
from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.reasons import Reason
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
    """Permits; `meanwhile` happens while it is asked."""

    meanwhile: list[Callable[[], Any]] = field(default_factory=list)
    asked: int = 0

    async def ask(self, access: Access, /) -> Verdict:
        self.asked += 1
        if self.meanwhile:
            await self.meanwhile.pop(0)()
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


def gathering(ward: Ward, act: Callable[[], Any]) -> None:
    """Do something while the own server gathers the answer."""
    send = ward.holder.records.send

    async def sending(request: Any) -> Any:
        answer = await send(request)
        if request.interaction == "search-type":
            await act()
        return answer

    ward.holder.records.send = sending


async def test_a_warm_request_looks_three_times_and_waits_for_no_thread(ward: Ward) -> None:
    await ward.ask()
    ward.reads.clear()
    assert isinstance((await ward.ask()).content, Minimized)
    assert ward.mitz.asked == 1
    assert ward.reads == {"look": 3}


async def test_that_a_choice_was_recorded_here_costs_no_thread_either(ward: Ward) -> None:
    await ward.elsewhere.permits()
    await ward.ask()
    ward.reads.clear()
    reply = await ward.ask()
    assert isinstance(reply.content, Minimized)
    assert ward.holder.audit.events[-2].grounds[0].basis == "explicit-consent:local"
    assert ward.reads == {"look": 3}


async def test_choices_that_were_read_before_serve_until_another_process_adds_one(ward: Ward) -> None:
    await ward.elsewhere.permits()
    assert isinstance((await ward.ask()).content, Minimized)
    await ward.elsewhere.objects_as_well()
    reply = await ward.ask()
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.CONSENT_OBJECTION


async def test_an_objection_recorded_after_its_source_was_passed_stops_the_decision(ward: Ward) -> None:
    ward.mitz.meanwhile = [ward.elsewhere.objects]
    reply = await ward.ask()
    assert isinstance(reply.receipt.event, Denied)
    assert reply.receipt.event.stop.reason is Reason.CONSENT_OBJECTION
    assert "records Consent" not in ward.holder.journal


async def test_a_refusal_told_after_its_source_was_passed_stops_the_decision(ward: Ward) -> None:
    ward.mitz.meanwhile = [ward.elsewhere.refuses]
    reply = await ward.ask()
    assert isinstance(reply.receipt.event, Denied)
    assert reply.receipt.event.stop.reason is Reason.CONSENT_OBJECTION
    assert "records Consent" not in ward.holder.journal


@pytest.mark.parametrize("change", ["objects", "refuses"])
async def test_a_change_between_the_first_look_and_a_kept_verdict_is_seen_by_the_look_after(
    ward: Ward, change: str
) -> None:
    """All is warm, so nothing is awaited between the looks: the change comes with the first of them."""
    await ward.ask()
    seen = ward.house.generations.generation
    changes = [getattr(ward.elsewhere, change)]

    async def looking(bsn: Bsn, /) -> Any:
        found = await seen(bsn)
        while changes:
            await changes.pop()()
        return found

    object.__setattr__(ward.house, "generations", type("Looking", (), {"generation": staticmethod(looking)})())
    reply = await ward.ask()
    assert isinstance(reply.receipt.event, Denied)
    assert reply.receipt.event.stop.reason is Reason.CONSENT_OBJECTION


@pytest.mark.parametrize("change", ["objects", "refuses"])
async def test_a_change_while_the_answer_is_gathered_keeps_it_here(ward: Ward, change: str) -> None:
    gathering(ward, getattr(ward.elsewhere, change))
    reply = await ward.ask()
    assert isinstance(ward.holder.audit.events[0], Allowed)
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.CONSENT_OBJECTION


async def test_a_new_generation_while_mitz_is_asked_asks_it_once_more(ward: Ward) -> None:
    ward.mitz.meanwhile = [ward.elsewhere.begins_anew]
    assert isinstance((await ward.ask()).content, Minimized)
    assert ward.mitz.asked == 2
