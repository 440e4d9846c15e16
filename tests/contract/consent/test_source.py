"""What every source of sharing consent promises (consent port, spec consent 7): the real adapter and a fake alike."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from nuts_pzp.consent.port import ConsentSource, Repeatable, Verdict
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny, Evidence, Permit, Unavailable, Unknown
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.mitz import Choice, Fault, MitzTwin, Switches
from nuts_pzp.systems.mitz.consent import build
from nuts_pzp.values import replace
from nuts_pzp.web.server import Server

YES, NO, SILENT = "999912008", "999912021", "999912033"
HOLDER, USER = "90000222", "90000444"


class Harness(Protocol):
    """A source in which YES is permitted to the user, NO is not, and of SILENT nothing is known."""

    source: ConsentSource

    def break_down(self) -> None:
        """From now on the outside does not answer."""

    def hang(self) -> None:
        """From now on the outside takes its time."""

    def mend(self) -> None:
        """The outside works again."""


@dataclass
class FakeConsent:
    """The fake of the port: choices in a table."""

    choices: dict[tuple[str, str], bool]
    down: bool = False
    hanging: bool = False
    asked: list[Access] = field(default_factory=list)

    async def ask(self, access: Access) -> Verdict:
        self.asked.append(access)
        if self.hanging:
            await asyncio.sleep(30)
        if self.down:
            return Verdict(Unavailable(Reason.CONSENT_STATIC_INVALID), False, 4)
        choice = self.choices.get((access.patient.bsn.value, access.caller.organization.ura.value))
        if choice is None:
            return Verdict(Unknown(Reason.CONSENT_NONE), False, 0)
        proof = (Evidence("table", "1", "00" * 32),)
        if choice:
            return Verdict(Permit("explicit-consent:table", proof), True, 3)
        return Verdict(Deny(Reason.CONSENT_OBJECTION, proof), True, 3)


class FakeHarness:
    def __init__(self) -> None:
        self.source = FakeConsent({(YES, USER): True, (NO, USER): False})

    def break_down(self) -> None:
        self.source.down = True

    def hang(self) -> None:
        self.source.hanging = True

    def mend(self) -> None:
        self.source.hanging = self.source.down = False


class MitzHarness:
    def __init__(self, twin: MitzTwin, source: Any) -> None:
        self._twin, self.source = twin, source

    def break_down(self) -> None:
        self._twin.faults.set(Fault("drop"))

    def hang(self) -> None:
        self._twin.faults.set(Fault("delay", seconds=30))

    def mend(self) -> None:
        self._twin.faults.clear()


@pytest.fixture(params=["fake", "mitz", "local", "fhir_consent", "regional_consent"])
async def harness(
    request: pytest.FixtureRequest, tmp_path: Path, own_sources: dict[str, Any]
) -> AsyncIterator[Harness]:
    if request.param == "fake":
        yield FakeHarness()
        return
    if request.param in own_sources:
        async with own_sources[request.param](tmp_path) as own:
            yield own
        return
    choices = [Choice(YES, HOLDER, "GGC002", USER, "permit"), Choice(NO, HOLDER, "GGC002", USER, "deny")]
    twin = MitzTwin("", choices, switches=Switches(mutual_tls=False))
    server = Server(twin.app, host="127.0.0.1", port=0)
    twin.url = f"http://127.0.0.1:{await server.start()}"
    holder = Tenant("meerwijck", Organization(Ura(HOLDER), "V6", "Ziekenhuis Meerwijck"))
    outbound = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
    settings = {"url": twin.url, "roles": {"huisarts": "01.015"}, "professional_id_root": "2.16.528.1.1007.3.1"}
    source = build(settings, Surroundings(holder, outbound, tmp_path, tmp_path))
    yield MitzHarness(twin, source)
    await source.stop()
    await server.stop(grace=0.1)


def access(bsn: str = YES, ura: str = USER) -> Access:
    caller = Caller(
        Organization(Ura(ura), "N6", "Huisartsenpost De Kade"),
        Professional("000012345", "huisarts"),
        frozenset({"pzp-gf"}),
        Purpose.TREATMENT,
        None,
        {},
        "nuts-bearer",
        token_digest=b"t" * 32,
    )
    return Access(
        caller,
        FhirRequest("search-type", "Consent"),
        Patient(Bsn(bsn), f"p-{(YES, NO, SILENT).index(bsn)}", Standing.KNOWN),
    )


async def test_a_permit_is_explicit_and_comes_with_evidence(harness: Harness) -> None:
    verdict = await harness.source.ask(access())
    assert isinstance(verdict.outcome, Permit)
    assert verdict.explicit
    assert verdict.outcome.basis == f"explicit-consent:{verdict.outcome.evidence[0].source}"
    assert verdict.outcome.evidence[0].reference
    assert len(verdict.outcome.evidence[0].digest) == 64


@pytest.mark.parametrize("bsn", [NO, SILENT])
async def test_no_and_nothing_known_do_not_permit(bsn: str, harness: Harness) -> None:
    verdict = await harness.source.ask(access(bsn))
    assert isinstance(verdict.outcome, Deny | Unknown)


async def test_a_choice_for_one_organization_is_not_one_for_another(harness: Harness) -> None:
    verdict = await harness.source.ask(access(YES, "90000333"))
    assert isinstance(verdict.outcome, Deny | Unknown)


async def test_weight_is_within_bounds(harness: Harness) -> None:
    for bsn in (YES, NO, SILENT):
        assert 0 <= (await harness.source.ask(access(bsn))).specificity <= 4


async def test_broken_outside_is_unavailable_and_never_reused(harness: Harness) -> None:
    harness.break_down()
    verdict = await harness.source.ask(access())
    assert isinstance(verdict.outcome, Unavailable)
    assert not verdict.explicit
    assert verdict.cacheable_for == 0.0


async def test_a_cancelled_question_leaves_the_source_working(harness: Harness) -> None:
    harness.hang()
    waiting = asyncio.create_task(harness.source.ask(access()))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    harness.mend()
    assert isinstance((await harness.source.ask(access())).outcome, Permit)


async def test_two_questions_at_once_keep_their_own_answers(harness: Harness) -> None:
    yes, no = await asyncio.gather(harness.source.ask(access(YES)), harness.source.ask(access(NO)))
    assert isinstance(yes.outcome, Permit)
    assert isinstance(no.outcome, Deny)


async def test_no_verdict_shows_the_patient(harness: Harness) -> None:
    for bsn in (YES, NO, SILENT):
        assert bsn not in repr(await harness.source.ask(access(bsn)))


async def test_sameness_ignores_the_request_and_separates_patients(harness: Harness) -> None:
    if not isinstance(harness.source, Repeatable):
        assert (await harness.source.ask(access())).cacheable_for == 0.0
        return
    other = replace(access(), request=FhirRequest("search-type", "Goal"))
    assert harness.source.sameness(access()) == harness.source.sameness(other)
    assert harness.source.sameness(access()) != harness.source.sameness(access(NO))
