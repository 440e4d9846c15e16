"""At 14:05 a patient refuses hospitals: what was permitted a minute ago, a promised page, an answer on its way.

De Wilgenhof discloses by two gateway processes that share its state; Mitz tells one of them. The hospital Meerwijck and
the out-of-hours post De Kade ask. Real processes, real sockets (issue: consent, complete; spec consent 3.3, 3.4).
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from staging import Visitor, issue_of

from nuts_pzp.audit import reading
from nuts_pzp.audit.verify import Verdict
from nuts_pzp.sandbox.gateways import Gateway
from nuts_pzp.sandbox.mitz import Choice, Fault
from nuts_pzp.sandbox.mitz.channel import Delivered
from nuts_pzp.sandbox.ports import Reservations

pytestmark = pytest.mark.asyncio(loop_scope="session")

PATIENT, ID = "900101635", "10"
HOLDER, HOSPITALS = "90000111", "RPZAC104"
OBJECTION, MITZ_DENIES = "PZP-CONSENT-004", "PZP-CONSENT-010"


@dataclass
class Afternoon:
    """The two gateways of De Wilgenhof, and who asks at them."""

    visitor: Visitor
    second: Gateway

    @property
    def mitz(self) -> Any:
        return self.visitor.stage.region.mitz

    async def choose(self, user: str, effect: Any) -> list[Delivered]:
        found: list[Delivered] = await self.mitz.choose(Choice(PATIENT, HOLDER, "GGC002", user, effect))
        return found

    async def hospital(self) -> str:
        """A token of one more physician of the hospital."""
        return await self.visitor.token("wilgenhof", user="meerwijck", role="klinisch geriater")

    async def post(self) -> str:
        """A token of one more doctor of the out-of-hours post."""
        return await self.visitor.token("wilgenhof")

    async def ask(self, token: str, *, second: bool = False) -> httpx.Response:
        """Ask the first or the second gateway for the patient's directives."""
        base = (
            self.second.fhir_base("wilgenhof")
            if second
            else self.visitor.stage.region.gateway_of("wilgenhof").fhir_base("wilgenhof")
        )
        return await self.get(f"{base}/Consent?patient=Patient/{ID}&scope={SCOPE}&category={CATEGORY}", token)

    async def get(self, url: str, token: str) -> httpx.Response:
        client = self.visitor.client(self.visitor.stage.region.gateways["kade"].client)
        return await client.get(url, headers={"accept": "application/fhir+json", "authorization": f"Bearer {token}"})

    def reason(self, answer: httpx.Response, *, second: bool = False) -> str:
        """Why, by the log of the gateway that answered: of the last record of that answer."""
        gateway = self.second if second else self.visitor.stage.region.gateway_of("wilgenhof")
        ledger = gateway.folder / "state" / "ledger.sqlite"
        return str(list(reading.records(ledger, "wilgenhof", answer.headers["x-meldcode"]))[-1].reason)


SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope%7Ctreatment"
CATEGORY = "http://snomed.info/sct%7C129125009"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second(visitor: Visitor) -> AsyncIterator[Gateway]:
    """One more gateway process of De Wilgenhof: doors and a ledger of its own, the same state."""
    stage = visitor.stage
    first = stage.region.gateways["providers"]
    ports = Reservations()
    other = replace(
        first, name="providers-b", folder=first.folder.parent / "providers-b",
        network=ports.take(), ehr=ports.take(), operations=ports.take(),
    )  # fmt: skip
    ports.release()
    settings = yaml.safe_load(first.deployment_file.read_text("utf-8"))
    settings["name"] = other.name
    settings["listeners"]["network"] |= {"port": other.network, "url": other.network_url}
    settings["listeners"].pop("ehr", None)
    settings["listeners"]["operations"]["port"] = other.operations
    settings["audit"]["anchor"]["path"] = f"../../anchors/{other.name}.jsonl"
    settings["state"] = str(first.folder / "state")
    settings["tenants"] = "tenants"
    (other.folder / "tenants").mkdir(parents=True)
    shutil.copy(first.folder / "tenants" / "wilgenhof.yaml", other.folder / "tenants")
    other.deployment_file.write_text(yaml.safe_dump(settings), "utf-8")
    stage.region.gateways[other.name] = other
    await stage.start_gateways(other.name)
    yield other
    await stage.stop_gateways(other.name)
    del stage.region.gateways[other.name]


@pytest_asyncio.fixture(loop_scope="session")
async def afternoon(visitor: Visitor, second: Gateway) -> AsyncIterator[Afternoon]:
    """The patient permits hospitals and GPs, and is subscribed since a GP looked."""
    one = Afternoon(visitor, second)
    assert (await one.ask(await one.post())).status_code == 200
    async with asyncio.timeout(20):
        while not one.mitz.book.matching(PATIENT, HOLDER):
            await asyncio.sleep(0.05)
    await one.choose(HOSPITALS, "permit")
    yield one
    one.mitz.faults.clear()
    one.mitz.channel.manner.down = False
    one.mitz.channel.waiting.clear()
    visitor.stage.region.fault("wilgenhof", "slow", False)
    await one.choose(HOSPITALS, "permit")


async def test_refusal_for_hospitals_stops_everything_that_was_permitted_before(afternoon: Afternoon) -> None:
    region, visitor = afternoon.visitor.stage.region, afternoon.visitor
    twins = (False, True)
    tokens = [await afternoon.hospital() for _ in range(4)]
    open_pages, kept = [], []
    for gateway in twins:  # a cached Permit and an open page token at each gateway
        served = await afternoon.ask(tokens[0], second=gateway)
        assert served.status_code == 200, served.text
        kept.append(served)
        [link] = [one["url"] for one in served.json()["link"] if one["relation"] == "next"]
        open_pages.append(link)
    asked = len(afternoon.mitz.questions)
    assert (await afternoon.ask(tokens[0])).status_code == 200
    assert len(afternoon.mitz.questions) == asked, "the Permit is kept: Mitz is not asked again"
    doctor = await afternoon.post()
    assert (await afternoon.ask(doctor)).status_code == 200

    # A question and an answer that are on their way, at each gateway.
    afternoon.mitz.faults.set(Fault("late", seconds=2.5), PATIENT)
    questions = [asyncio.create_task(afternoon.ask(tokens[1], second=gateway)) for gateway in twins]
    async with asyncio.timeout(10):
        while len(afternoon.mitz.questions) < asked + 3:
            await asyncio.sleep(0.02)
    afternoon.mitz.faults.clear()
    region.fhir["wilgenhof"].faults.slow_seconds = 6.0  # what comes before the refusal may take a busy machine seconds
    region.fault("wilgenhof", "slow", True)
    answers = [asyncio.create_task(afternoon.ask(tokens[0], second=gateway)) for gateway in twins]
    await asyncio.sleep(0.5)

    [told] = await afternoon.choose(HOSPITALS, "deny")
    assert told.status == 200

    region.fault("wilgenhof", "slow", False)
    for gateway in twins:
        again, page = (
            await afternoon.ask(tokens[0], second=gateway),
            await afternoon.get(open_pages[gateway], tokens[0]),
        )
        fresh = await afternoon.ask(tokens[2], second=gateway)
        late, on_its_way = await questions[gateway], await answers[gateway]
        for refused in (again, page, fresh, late, on_its_way):
            assert refused.status_code == 403
            assert issue_of(refused)["code"] == "forbidden"
            by_mitz = {MITZ_DENIES} if refused is late else set()  # the question on its way was asked once more
            assert afternoon.reason(refused, second=gateway) in {OBJECTION} | by_mitz
    assert (await afternoon.ask(doctor)).status_code == 200, "the out-of-hours post still gets data"
    assert (await afternoon.ask(await afternoon.post(), second=True)).status_code == 200

    for served in kept[:1]:
        decision, result = visitor.recorded("wilgenhof", served)
        assert (decision.code, result.code) == ("disclosure.decision", "disclosure.result")
        assert result.record["object"]["references"], "earlier disclosures stay in the ledger"
    async with asyncio.timeout(40):  # each log is anchored within ten seconds, also the one of a gateway just started
        while visitor.verified("providers").verdict is Verdict.INCOMPLETE:
            await asyncio.sleep(0.2)
    assert visitor.verified("providers").verdict is Verdict.OK


async def test_replayed_permit_changes_nothing_and_a_new_one_lets_mitz_decide(afternoon: Afternoon) -> None:
    [permitted] = await afternoon.choose(HOSPITALS, "permit")
    token = await afternoon.hospital()
    assert (await afternoon.ask(token)).status_code == 200
    await afternoon.choose(HOSPITALS, "deny")
    assert (await afternoon.ask(token)).status_code == 403

    replayed = await afternoon.mitz.channel.send(permitted)
    assert replayed.status == 200
    asked = len(afternoon.mitz.questions)
    refused = await afternoon.ask(token)
    assert (refused.status_code, afternoon.reason(refused)) == (403, OBJECTION)
    assert len(afternoon.mitz.questions) == asked, "the objection stands by itself"

    await afternoon.choose(HOSPITALS, "permit")
    assert (await afternoon.ask(token)).status_code == 200
    assert len(afternoon.mitz.questions) == asked + 1, "the closed question decided"


async def test_a_permit_notification_grants_nothing(afternoon: Afternoon) -> None:
    await afternoon.choose(HOSPITALS, "deny")
    [told] = await afternoon.mitz.channel.tell(PATIENT, [Choice(PATIENT, HOLDER, "GGC002", HOSPITALS, "permit")])
    assert told.status == 200
    refused = await afternoon.ask(await afternoon.hospital())
    assert (refused.status_code, afternoon.reason(refused)) == (403, MITZ_DENIES)


@pytest.mark.long
async def test_with_the_channel_down_an_old_permit_lives_at_most_a_minute(afternoon: Afternoon) -> None:
    token = await afternoon.hospital()
    assert (await afternoon.ask(token)).status_code == 200
    afternoon.mitz.channel.manner.down = True
    assert await afternoon.choose(HOSPITALS, "deny") == []
    assert (await afternoon.ask(token)).status_code == 200
    await asyncio.sleep(61)
    refused = await afternoon.ask(token)
    assert (refused.status_code, afternoon.reason(refused)) == (403, MITZ_DENIES)


async def test_the_notification_is_in_the_ledger_and_no_bsn_is_in_a_request_line(afternoon: Afternoon) -> None:
    await afternoon.choose(HOSPITALS, "deny")
    told = [
        one for one in afternoon.visitor.records("providers", "wilgenhof") if one.code == "sharing_consent.notified"
    ]
    assert told[-1].record["detail"]["refused"] == f"GGC002:{HOSPITALS}"
    lines = [line.target for line in afternoon.visitor.stage.region.lines.seen if line.service == "mitz"]
    assert any("abonnementen" in line for line in lines)
    assert not re.search(PATIENT, " ".join(lines))
