"""Fakes of the ports that consult asks, and a patient of our own."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from nuts_pzp.accounted import Event, Intended, Receipt
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.exchange import Asked, Caller, Holder, Inquiry, Presented, Signer, Source
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.house import Consulting
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Organization, Professional, Purpose, Tenant, Ura
from nuts_pzp.outcome import Deny, Gathered, Outcome
from nuts_pzp.reasons import Reason

BSN = "999900006"
BORN = datetime.date(1941, 3, 9)
KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")

NOW = datetime.datetime(2026, 11, 22, 3, 0, tzinfo=datetime.UTC)

Answering = Callable[[FhirRequest], Any]


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def patient(bsn: str = BSN, born: str = "1941-03-09", local_id: str = "1") -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": local_id,
        "identifier": [{"system": BSN_SYSTEM, "value": bsn}],
        "birthDate": born,
    }


@dataclass
class FakeServer:
    """Answers by a function of the request: a resource or Bundle as a dict, a Stop, or a coroutine of either."""

    answering: Answering
    log: list[FhirRequest] = field(default_factory=list)
    base: str = ""

    async def send(self, request: FhirRequest) -> Outcome[FhirAnswer]:
        self.log.append(request)
        answer = self.answering(request)
        if asyncio.iscoroutine(answer):
            answer = await answer
        return FhirAnswer(200, orjson.dumps(answer), base=self.base) if isinstance(answer, dict) else answer


@dataclass
class Region:
    """Every port of a Consulting house, and what was asked of each, in order."""

    answering: dict[str, Answering] = field(default_factory=dict)
    holders: Gathered[Holder] = field(default_factory=Gathered)
    caller: Outcome[Caller] | None = None
    grants: dict[str, Outcome[Signer]] = field(default_factory=dict)
    phone: str = "0570-1"
    fail_at: int = 0
    events: list[Event] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def source(self, ura: str, answering: Answering, name: str = "bron") -> None:
        self.answering[ura] = answering
        self.holders += Gathered((Holder(Ura(ura), "test"),))

    async def append(self, event: Any) -> Receipt[Any]:
        if self.fail_at and len(self.events) + 1 >= self.fail_at:
            raise NotRecorded
        self.events.append(event)
        return Receipt(event, len(self.events) - 1, f"record-{len(self.events)}")

    async def verify(self, presented: Presented) -> Outcome[Caller]:
        return self.caller or Caller(
            KADE, None, frozenset({"consult"}), Purpose.TREATMENT, None, {}, "mtls", certificate="ab"
        )

    async def locate(self, intended: Receipt[Intended]) -> Gathered[Holder]:
        self.asked.append("locate")
        return self.holders

    async def organization(self, ura: Ura) -> Outcome[Organization]:
        return Deny(Reason.ORGANIZATION_UNKNOWN)

    async def sources(self, holders: tuple[Holder, ...]) -> Gathered[Source]:
        return Gathered(
            tuple(
                Source(
                    Organization(one.ura, "V6", f"bron {one.ura}", self.phone), f"https://{one.ura}.example/fhir", "as"
                )
                for one in holders
            )
        )

    async def grant(self, source: Source, inquiry: Inquiry) -> Outcome[Signer]:
        self.asked.append(f"grant {source.holder.ura}")

        async def sign(method: str, url: str, *, fresh: bool = False) -> Outcome[Mapping[str, str]]:
            return {"authorization": "Bearer t"}

        return self.grants.get(source.holder.ura.value, sign)

    def to(self, base: str, signer: Signer) -> FakeServer:
        ura = base.removeprefix("https://").partition(".")[0]
        self.asked.append(f"connect {ura}")
        return FakeServer(self.answering[ura])

    def house(self, deadline: float = 30.0, cross_checks: bool = True) -> Consulting:
        rooms: Any = (self,) * 6
        return Consulting(Tenant("kade", KADE), *rooms, deadline, cross_checks)


def directive(decision: str, day: str, local_id: str = "c") -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": local_id,
        "status": "active",
        "scope": {"coding": [{"code": "treatment"}]},
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "129125009"}]}],
        "patient": {"reference": "Patient/1"},
        "dateTime": day,
        "provision": {"type": decision, "code": [{"coding": [{"code": "89666000"}]}]},
    }


def holding(decision: str, day: str) -> Any:
    found = {"Patient": bundle(patient()), "Consent": bundle(directive(decision, day))}
    return lambda request: found.get(request.resource_type, bundle())


def owning(region: Region, answering: Any) -> tuple[Consulting, FakeServer]:
    own = FakeServer(answering, base="http://own.example/fhir")
    return replace(region.house(), own=own), own


@pytest.fixture
def region() -> Region:
    return Region()


@pytest.fixture
def question() -> Asked:
    return Asked(Bsn(BSN), BORN, Professional("k-17", "huisarts", "M. Okker"), Purpose.TREATMENT, None, None, (), 5.0)


@pytest.fixture
def presented() -> Presented:
    return Presented("CODE12345678", "", None, b"der", "POST", "https://gw.example/kade/pzp/v1/consultations")
