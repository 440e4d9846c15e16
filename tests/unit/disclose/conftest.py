"""A holder made of fakes: one fake per port, a journal of everything that happened, and two people in its records."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from nuts_pzp.accounted import Receipt
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.authorization.policies import Policies
from nuts_pzp.disclose.flow import Reply, disclose
from nuts_pzp.exchange import Caller, Presented
from nuts_pzp.fhir.capability import Capability, ResourceCapability
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.house import Holding
from nuts_pzp.identity import BSN_SYSTEM, Organization, Professional, Purpose, Tenant, Ura
from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.reasons import Reason

BASE = "https://gateway.example/meerwijck/fhir"
INSIDE = "http://10.1.2.3:8080/fhir"
NOW = 1_790_000_000.0

OWN = "900012341"
"""The BSN of the patient that requests are about, at the holder known as `p1`."""
SOMEONE_ELSE = "999911120"
"""The BSN of another patient of this holder, `p2`."""

BOTH = frozenset({"read", "search-type"})


def _listed(params: str, includes: str = "", interactions: frozenset[str] = BOTH) -> ResourceCapability:
    return ResourceCapability(interactions, frozenset(params.split()), frozenset(includes.split()))


CAPABILITY = Capability(
    {
        "Patient": replace(_listed("identifier"), post_only=True),
        "Procedure": _listed("patient code", "Procedure:encounter"),
        "Encounter": _listed("patient reason-reference:Procedure.code", "Encounter:reason-reference"),
        "Consent": _listed("patient scope category", "Consent:actor"),
        "Goal": _listed("patient category description:in"),
        "Observation": _listed("patient code"),
        "DeviceUseStatement": _listed("patient device.type:in", "DeviceUseStatement:device"),
        "Device": _listed("", interactions=frozenset({"read"})),
        "RelatedPerson": _listed("", interactions=frozenset({"read"})),
        "Communication": _listed("patient reason-code"),
        "CommunicationRequest": _listed("patient category"),
        "QuestionnaireResponse": _listed("patient subject questionnaire"),
    },
    "0" * 64,
)


def patient(logical_id: str, bsn: str | None, **more: Any) -> dict[str, Any]:
    marks = [{"system": BSN_SYSTEM, "value": bsn}] if bsn else []
    return {"resourceType": "Patient", "id": logical_id, "identifier": marks, "birthDate": "1951-04-03"} | more


def consent(logical_id: str, owner: str, **more: Any) -> dict[str, Any]:
    about = {"patient": {"reference": owner}, "status": "active"}
    return {"resourceType": "Consent", "id": logical_id, "meta": {"versionId": "3"}} | about | more


def searchset(*entries: dict[str, Any], base: str = INSIDE, **more: Any) -> bytes:
    """A searchset of resources, or of ready entries (recognized by their key `resource`)."""
    listed = [
        one
        if "resource" in one
        else {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in entries
    ]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)} | more
    if listed:
        bundle["entry"] = listed
    return json.dumps(bundle, separators=(",", ":")).encode()


@dataclass
class Records:
    """The holder's own FHIR server. `answers` overrides what it says to a `Type/id` or a `Type` search."""

    journal: list[str]
    resources: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[FhirRequest] = field(default_factory=list)

    async def send(self, request: FhirRequest, /) -> Any:
        where = f"{request.resource_type}/{request.id}" if request.id else request.resource_type
        if request.continuation:
            where = f"page {request.continuation}"
        self.journal.append(f"records {where}")
        self.asked.append(request)
        if where in self.answers:
            return given(self.answers[where])
        if request.interaction == "read":
            found = [
                one for one in self.resources if (one["resourceType"], one["id"]) == (request.resource_type, request.id)
            ]
            return answer(json.dumps(found[0]).encode()) if found else Deny(Reason.NOT_FOUND)
        return answer(searchset(*[one for one in self.resources if self._matches(one, request)]))

    def _matches(self, one: dict[str, Any], request: FhirRequest) -> bool:
        if one["resourceType"] != request.resource_type:
            return False
        if request.resource_type == "Patient":
            ((wanted,),) = request.values("identifier")
            return any(f"{mark['system']}|{mark['value']}" == wanted for mark in one["identifier"])
        ((owner,),) = request.values("patient") + request.values("subject")
        return owner in (one.get("patient", {}).get("reference"), one.get("subject", {}).get("reference"))


def answer(body: bytes, further: str | None = None) -> FhirAnswer:
    return FhirAnswer(200, body, further, INSIDE)


def given(value: Any) -> Any:
    """What a fake was told to do: raise an exception, or return the value."""
    if isinstance(value, BaseException):
        raise value
    return value


@dataclass
class Room:
    """A fake for a port with one question; it answers what it was told to."""

    journal: list[str]
    name: str
    says: Any
    capability: Capability = CAPABILITY
    digest: str = "f" * 64
    rests: Any = None
    seen: list[Any] = field(default_factory=list)

    async def _answer(self, *asked: Any) -> Any:
        self.journal.append(self.name)
        self.seen.append(asked)
        return given(self.says)

    verify = organization = ask = evaluate = _answer

    def resting(self, *_: Any) -> Any:
        return given(self.rests)


@dataclass
class Ledger:
    """Takes records until it is told not to: `fails_at` counts from 1."""

    journal: list[str]
    fails_at: int = 0
    events: list[Any] = field(default_factory=list)

    async def append(self, event: Any, /) -> Receipt[Any]:
        if len(self.events) + 1 == self.fails_at:
            self.journal.append("audit refused")
            raise NotRecorded
        self.events.append(event)
        self.journal.append(f"audit {type(event).__name__}")
        return Receipt(event, len(self.events), f"r{len(self.events)}")


HOSPITAL = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
POST = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
CALLER = Caller(
    organization=POST,
    professional=Professional("h-12", "01.015", "A. de Wit"),
    scopes=frozenset({"pzp-gf"}),
    purpose=Purpose.TREATMENT,
    emergency_reason=None,
    claims={},
    means="nuts-dpop",
    token_digest=b"t" * 32,
    expires=NOW + 600,
)
PRESENTED = Presented(
    "MELD12345678", "DPoP secret-token", "proof", None, "GET", f"{BASE}/Consent", "192.0.2.7", "00-trace"
)


class Holder:
    """A house whose rooms are fakes that say yes until told otherwise."""

    def __init__(self) -> None:
        self.journal: list[str] = []
        own = [patient("p1", OWN), patient("p2", SOMEONE_ELSE)]
        own += [consent("c1", "Patient/p1"), consent("c2", "Patient/p1"), consent("c9", "Patient/p2")]
        self.records = Records(self.journal, own)
        self.network = Room(self.journal, "network", CALLER)
        self.directory = Room(self.journal, "directory", POST)
        self.consent = Room(self.journal, "consent", Permit("explicit-consent:mitz"))
        self.policy = Room(self.journal, "policy", Permit("policy:pzp"))
        self.audit = Ledger(self.journal)
        self.now = NOW

    @property
    def house(self) -> Holding:
        return Holding(
            Tenant("meerwijck", HOSPITAL),
            BASE,
            b"k" * 32,
            self.network,
            self.directory,
            self.records,
            self.consent,  # type: ignore[arg-type]
            Policies({"pzp": self.policy}),
            self.audit,
        )

    async def disclose(self, raw: RawRequest) -> Reply:
        return await disclose(self.house, PRESENTED, raw, lambda: self.now)


def get(path: str, query: str = "", *headers: tuple[str, str], body: bytes = b"", method: str = "GET") -> RawRequest:
    return RawRequest(method, path, query, (("host", "gateway.example"), *headers), body)


FORM = ("content-type", "application/x-www-form-urlencoded")


def post(path: str, body: str | bytes, *headers: tuple[str, str], query: str = "") -> RawRequest:
    content = body if isinstance(body, bytes) else body.encode()
    return RawRequest("POST", path, query, (("host", "gateway.example"), *(headers or (FORM,))), content)


@pytest.fixture
def holder() -> Holder:
    return Holder()


class Fakes:
    """What test files share, as one fixture: importing a conftest is not possible."""

    BASE, INSIDE, NOW, OWN, SOMEONE_ELSE = BASE, INSIDE, NOW, OWN, SOMEONE_ELSE
    CAPABILITY, CALLER, PRESENTED, HOSPITAL, POST = CAPABILITY, CALLER, PRESENTED, HOSPITAL, POST
    Holder, Room = Holder, Room
    patient, consent, searchset = staticmethod(patient), staticmethod(consent), staticmethod(searchset)
    answer, get, post = staticmethod(answer), staticmethod(get), staticmethod(post)


@pytest.fixture(scope="session")
def fakes() -> type[Fakes]:
    return Fakes
