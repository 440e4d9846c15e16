"""One visit to one source: token, patient, the PZP queries, what they point at. Our own server needs no token."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ..exchange import Inquiry, Signer, Source
from ..fhir.bundle import Resource, read_bundle
from ..fhir.issues import trouble
from ..fhir.request import FhirRequest
from ..fhir.version import Version, fhir_version
from ..forwarding.port import FhirAnswer, FhirServer, Speaking
from ..forwarding.turns import Turn
from ..house import Consulting
from ..outcome import Deny, Gap, Gathered, Outcome, Stop, Unavailable, Unknown
from ..overview.stu3 import is_stu3
from ..reasons import Reason
from .harvest import Harvest
from .patient import patients_in
from .queries import PZP, RESOLVED, Query, Try, patient_by_bsn, read
from .queries_stu3 import PZP_STU3, capabilities
from .references import unresolved

PAGES = 20
"""Pages of one query followed at most; more is a gap, never silence."""

AT_ONCE = 9
"""Requests of one visit at the same time: every query about one patient (ADR 0097)."""

ALTOGETHER = 300
"""Requests of one consultation at the same time; where very many sources are asked, each gets some less."""

LISTEN = 2.0
"""Seconds that a source has to say which FHIR version it speaks, once an hour, when it knows the patient."""

RESOLVE = 20
"""References read one by one at most."""

BYTES = 16 * 1024 * 1024
"""Of all answers of one visit together; a source that sends more is cut off there, with a gap."""

RESOURCES = 4_000
"""Of all answers of one visit together: reading them takes time from everybody else; more is a gap."""

RECORDS = 5
"""Patient records of one person at one source that are asked about; more is a gap."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What every source of a consultation is asked, with which traceparent, and how many requests at the same time."""

    inquiry: Inquiry
    trace: str
    at_once: int

    @classmethod
    def to(cls, sources: int, inquiry: Inquiry, trace: str, taken: int = 0) -> Errand:
        """Return the errand to so many sources. `taken`: what those asked before may have in hand at the same time."""
        return cls(inquiry, trace, max(1, min(AT_ONCE, (ALTOGETHER - taken) // max(1, sources))))


@dataclass(frozen=True, slots=True)
class _Traced:
    """A signer that also sends the traceparent."""

    signer: Signer
    trace: str

    async def __call__(self, method: str, url: str, /, *, fresh: bool = False) -> Outcome[Mapping[str, str]]:
        headers = await self.signer(method, url, fresh=fresh)
        if isinstance(headers, Deny | Unknown | Unavailable) or not self.trace:
            return headers
        return {**headers, "traceparent": self.trace}


async def visit(house: Consulting, source: Source, errand: Errand, harvest: Harvest, turn: Turn) -> None:
    """Ask one source everything; what it gives and what it does not goes into the harvest as it comes."""
    inquiry = errand.inquiry
    server = await _server(house, source, inquiry, errand.trace)
    if isinstance(server, Deny | Unknown | Unavailable):
        harvest.gap("token", server)
        return
    call = _Calls(server, harvest, turn, errand.at_once)

    harvest.stage = "turn"
    async with turn.gate:
        harvest.stage = "patient"
        found = await call.search(patient_by_bsn(inquiry.bsn))
    patients = patients_in(found, inquiry)
    if isinstance(patients, Deny | Unknown | Unavailable):
        harvest.gap("patient", patients)
        return
    if len(patients) > RECORDS:
        harvest.gap("patient", Unavailable(Reason.SOURCE_TRUNCATED, detail=f"more than {RECORDS} patient records"))
        patients = patients[:RECORDS]
    harvest.bring(patients)

    if patients:
        await call.listen()
    queries = _queries(turn.spoken.version or _named(server), patients)
    if isinstance(queries, Unavailable):
        harvest.gap("version", queries)
        return
    harvest.open = {query.name for query in queries} if patients else set()
    await asyncio.gather(*(call.ask(query, patient.id) for patient in patients for query in queries))
    harvest.open, harvest.stage = set(), "references"
    await call.resolve()


def _queries(version: Version | None, patients: tuple[Resource, ...]) -> tuple[Query, ...] | Unavailable:
    """Return what to ask a source that speaks this version; one that does not say is judged by its Patient, else R4."""
    if version == "other":
        return Unavailable(Reason.SOURCE_VERSION)
    if version == "stu3" or (version is None and any(is_stu3(one.type, one.raw) for one in patients)):
        return PZP_STU3
    return PZP


def _named(server: FhirServer) -> Version | None:
    """What the operator says of our own server, where it does not say so itself."""
    return server.speaks if isinstance(server, Speaking) else None


async def _server(house: Consulting, source: Source, inquiry: Inquiry, trace: str) -> Outcome[FhirServer]:
    """Our own organization is never dialled over the network, whatever a directory says of it."""
    if source.own:
        return house.own or Deny(Reason.ADDRESS_NONE, detail="this tenant has no FHIR server of its own to read")
    signer = await house.credentials.grant(source, inquiry)
    if isinstance(signer, Deny | Unknown | Unavailable):
        return signer
    return house.connector.to(source.base, _Traced(signer, trace))


def _asked_too_much(attempt: Try, stop: Stop) -> bool:
    """True for a refusal that leaves nothing open where another wording was answered."""
    return stop.reason is Reason.SOURCE_QUERY or (attempt.beyond and isinstance(stop, Deny))


class _Calls:
    """The requests of one visit, so many at once."""

    def __init__(self, server: FhirServer, harvest: Harvest, turn: Turn, at_once: int) -> None:
        self._server, self._harvest, self._turn = server, harvest, turn
        self._gate = asyncio.Semaphore(at_once)
        self._room, self._places = BYTES, RESOURCES

    async def ask(self, query: Query, patient_id: str) -> None:
        """Try each wording until one finds something.

        A gap when none was answered, or when one was refused for any reason but not being known: a source that answers
        one dialect of a query need not know the other.
        """
        harvest = self._harvest
        stop: Stop | None = None
        answered = False
        for number, attempt in enumerate(query.tries):
            if number and not attempt.after_empty and stop is None:
                continue
            async with self._gate, self._turn.gate:
                found = await self.search(attempt.about(patient_id))
            harvest.bring(found.items)
            stop = found.gaps[0].stop if found.gaps else None
            answered = answered or stop is None
            if found.items or (stop is not None and stop.reason is not Reason.SOURCE_QUERY):
                break
        if stop is not None and not (answered and _asked_too_much(attempt, stop)):
            harvest.gap(query.name, stop)
        harvest.open.discard(query.name)

    async def listen(self) -> None:
        """Learn which FHIR version the source speaks, when that is not known. It need not say, nor is it waited for."""
        spoken, answer = self._turn.spoken, None
        if spoken.known:
            return
        async with self._gate, self._turn.gate:
            try:
                async with asyncio.timeout(LISTEN):
                    answer = await self._server.send(capabilities())
            except TimeoutError:
                pass
        spoken.learn(fhir_version(answer.body) if isinstance(answer, FhirAnswer) else None)

    async def search(self, request: FhirRequest) -> Gathered[Resource]:
        """Send a search and follow its pages; what came before a failing page is kept beside the gap."""
        items: tuple[Resource, ...] = ()
        given, totals = 0, []
        for _ in range(PAGES):
            answer = await self._server.send(request)
            if isinstance(answer, Deny | Unknown | Unavailable):
                self._harvest.heard(answer)
                return Gathered(items, (Gap(request.resource_type, answer),))
            self._harvest.heard(None)
            self._harvest.base = self._harvest.base or answer.base
            self._room -= len(answer.body)
            if self._room < 0:
                return Gathered(items, (Gap(request.resource_type, Unavailable(Reason.SOURCE_TOO_BIG)),))
            page = read_bundle(answer.body, self._harvest.base)
            if isinstance(page, Deny | Unknown | Unavailable):
                return Gathered(items, (Gap(request.resource_type, page),))
            self._places -= len(page.resources)
            if self._places < 0:
                return Gathered(items, (Gap(request.resource_type, Unavailable(Reason.SOURCE_TOO_BIG)),))
            items += tuple(resource for resource in page.resources if resource.mode != "outcome")
            if stop := trouble(resource.raw for resource in page.resources if resource.mode == "outcome"):
                return Gathered(items, (Gap(request.resource_type, stop),))
            given += len(page.resources)
            totals.append(page.total)
            if answer.next is None:
                short = all(total is not None and total > given for total in totals)
                return Gathered(items, (self._cut(request),) if short else ())
            request = FhirRequest(
                request.interaction, request.resource_type, params=request.params, via="GET", continuation=answer.next
            )
        return Gathered(items, (self._cut(request),))

    @staticmethod
    def _cut(request: FhirRequest) -> Gap:
        """More pages than are followed, or fewer resources than the search says to have found."""
        return Gap(request.resource_type, Unavailable(Reason.SOURCE_TRUNCATED))

    async def resolve(self) -> None:
        """Read what resources point at and the source did not include. A refusal is no gap: the display text stays."""
        harvest = self._harvest
        wanted = unresolved(harvest.resources, harvest.base, RESOLVED)[:RESOLVE]
        await asyncio.gather(*(self._fetch(resource_type, logical_id) for resource_type, logical_id in wanted))

    async def _fetch(self, resource_type: str, logical_id: str) -> None:
        async with self._gate, self._turn.gate:
            answer = await self._server.send(read(resource_type, logical_id))
        if isinstance(answer, Deny | Unknown | Unavailable):
            return
        page = read_bundle(answer.body, self._harvest.base)
        if not isinstance(page, Deny | Unknown | Unavailable):
            mine = tuple(one for one in page.resources if (one.type, one.id) == (resource_type, logical_id))
            self._harvest.bring(mine)
