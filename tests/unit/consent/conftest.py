"""A source that says what it is told, and an access to ask it about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from nuts_pzp.consent.port import Verdict
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Ura
from nuts_pzp.outcome import Unavailable
from nuts_pzp.values import replace


@dataclass
class FakeSource:
    """Gives its verdicts in turn, the last one again and again; waits for `gate` first when there is one."""

    verdicts: list[Verdict]
    gate: asyncio.Event | None = None
    asked: list[Access] = field(default_factory=list)
    raising: Exception | None = None

    async def ask(self, access: Access) -> Verdict:
        self.asked.append(access)
        if self.gate:
            await self.gate.wait()
        if self.raising:
            raise self.raising
        return self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]


@dataclass
class FakeRepeatable(FakeSource):
    """A source whose question is patient, organization, professional and purpose."""

    rests: Unavailable | None = None

    def sameness(self, access: Access) -> bytes | None:
        caller = access.caller
        return repr((access.patient.bsn.value, caller.organization, caller.professional, caller.purpose)).encode()

    def resting(self) -> Unavailable | None:
        return self.rests


@dataclass
class FakeBounded(FakeSource):
    """A source whose permits are general, as Mitz' are."""

    highest_permit: int = 0


@pytest.fixture
def bounded() -> type[FakeBounded]:
    return FakeBounded


@pytest.fixture
def source() -> type[FakeSource]:
    return FakeSource


@pytest.fixture
def repeatable() -> type[FakeRepeatable]:
    return FakeRepeatable


@pytest.fixture
def access() -> Access:
    """The out-of-hours post asks the hospital for one patient's directives."""
    caller = Caller(
        Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"),
        Professional("medewerker-17", "huisarts"),
        frozenset({"pzp-gf"}),
        Purpose.TREATMENT,
        None,
        {},
        "nuts-bearer",
        token_digest=b"t" * 32,
    )
    return Access(caller, FhirRequest("search-type", "Consent"), Patient(Bsn("999912008"), "1", Standing.KNOWN))


@pytest.fixture
def changed(access: Access) -> Callable[..., Access]:
    """The same access with other fields of its caller."""
    return lambda **fields: replace(access, caller=replace(access.caller, **fields))
