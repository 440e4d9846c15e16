"""One source, asked: token, patient, the PZP queries; and all sources, as they answer.

Each source has its own deadline; what came before it is kept, what did not is a gap. Nothing waits for the slowest
source longer than the consultation allows, and nothing keeps running after it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..accounted import Addressed, Receipt
from ..exchange import Answer, Inquiry, Signer, Source
from ..fhir.bundle import Resource, read_bundle
from ..fhir.request import FhirRequest
from ..forwarding.port import FhirServer
from ..house import Consulting
from ..outcome import Deny, Gap, Gathered, Outcome, Stop, Unavailable, Unknown
from ..reasons import Reason
from .patient import patients_in
from .queries import PZP, RESOLVED, Query, patient_by_bsn, read
from .references import unresolved

T = TypeVar("T")

PAGES = 20
"""Pages of one query followed at most; more is a gap, never silence."""

AT_ONCE = 6
"""Requests to one source at the same time."""

RESOLVE = 20
"""References read one by one at most."""


async def answers(
    house: Consulting, addressed: Receipt[Addressed], account: Callable[[Answer], Awaitable[T]], until: float = math.inf
) -> AsyncGenerator[T, None]:
    """Yield each source once, in the order in which they finish; a late one with what it gave and a gap.

    `account` takes each answer as it comes and its result is what is yielded: answers that come together are recorded
    together. `until` is when the consultation ends, in monotonic seconds: what finding the sources took is not given
    twice.
    """
    event = addressed.event
    seconds = max(0.0, min(house.source_deadline, event.inquiry.deadline, until - time.monotonic()))

    async def one(source: Source) -> T:
        return await account(await _within(house, source, event.inquiry, seconds, event.attempt.trace))

    tasks = [asyncio.create_task(one(source)) for source in event.sources]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _within(house: Consulting, source: Source, inquiry: Inquiry, seconds: float, trace: str) -> Answer:
    """Ask one source; at its deadline keep what it gave."""
    started = time.monotonic()
    harvest = _Harvest()
    try:
        async with asyncio.timeout(seconds):
            await _ask(house, source, inquiry, _Visit(harvest, trace))
    except TimeoutError:
        harvest.miss(harvest.stage, Unavailable(Reason.SOURCE_TIMEOUT))
    except Exception as bug:  # one source's bug must not cost the others their answer
        harvest.miss(harvest.stage, Unavailable(Reason.INTERNAL, detail=type(bug).__name__))
    return Answer(source, harvest.gathered(), time.monotonic() - started)


class _Harvest:
    """What came so far, so that a deadline loses nothing."""

    def __init__(self) -> None:
        self.stage = "token"
        self._items: dict[tuple[str, str, bytes], Resource] = {}
        self._gaps: list[Gap] = []
        self.open: set[str] = set()

    def bring(self, resources: tuple[Resource, ...]) -> None:
        for resource in resources:
            self._items.setdefault((resource.url, resource.version, resource.raw), resource)

    def miss(self, where: str, stop: Stop) -> None:
        for name in sorted(self.open) or [where]:
            self._gaps.append(Gap(name, stop))

    def gap(self, where: str, stop: Stop) -> None:
        self._gaps.append(Gap(where, stop))

    def gathered(self) -> Gathered[Resource]:
        return Gathered(tuple(self._items.values()), tuple(self._gaps))

    @property
    def resources(self) -> tuple[Resource, ...]:
        return tuple(self._items.values())


@dataclass(frozen=True, slots=True)
class _Visit:
    """One visit to one source: what it yields, and the trace that joins both ledgers."""

    harvest: _Harvest
    trace: str


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


async def _ask(house: Consulting, source: Source, inquiry: Inquiry, visit: _Visit) -> None:
    harvest = visit.harvest
    signer = await house.credentials.grant(source, inquiry)
    if isinstance(signer, Deny | Unknown | Unavailable):
        harvest.gap("token", signer)
        return
    server = house.connector.to(source.base, _Traced(signer, visit.trace))

    harvest.stage = "patient"
    found = await _search(server, source.base, patient_by_bsn(inquiry.bsn))
    patients = patients_in(found, inquiry)
    if isinstance(patients, Deny | Unknown | Unavailable):
        harvest.gap("patient", patients)
        return
    harvest.bring(patients)

    gate = asyncio.Semaphore(AT_ONCE)
    harvest.open = {query.name for query in PZP} if patients else set()
    await asyncio.gather(
        *(_query(server, source.base, query, patient.id, visit, gate) for patient in patients for query in PZP)
    )
    harvest.open, harvest.stage = set(), "references"
    await _resolve(server, source.base, harvest, gate)


async def _query(
    server: FhirServer, base: str, query: Query, patient_id: str, visit: _Visit, gate: asyncio.Semaphore
) -> None:
    """Try each wording until one finds something.

    A gap when none was answered, or when one was refused for any reason but not being known: a source that answers one
    dialect of a query need not know the other.
    """
    harvest = visit.harvest
    stop: Stop | None = None
    answered = False
    for number, attempt in enumerate(query.tries):
        if number and not attempt.after_empty and stop is None:
            continue
        async with gate:
            found = await _search(server, base, attempt.about(patient_id))
        harvest.bring(found.items)
        stop = found.gaps[0].stop if found.gaps else None
        answered = answered or stop is None
        if found.items or (stop is not None and stop.reason is not Reason.SOURCE_QUERY):
            break
    if stop is not None and not (answered and stop.reason is Reason.SOURCE_QUERY):
        harvest.gap(query.name, stop)
    harvest.open.discard(query.name)


async def _search(server: FhirServer, base: str, request: FhirRequest) -> Gathered[Resource]:
    """Send a search and follow its pages; what came before a failing page is kept beside the gap."""
    items: tuple[Resource, ...] = ()
    for _ in range(PAGES):
        answer = await server.send(request)
        if isinstance(answer, Deny | Unknown | Unavailable):
            return Gathered(items, (Gap(request.resource_type, answer),))
        page = read_bundle(answer.body, base)
        if isinstance(page, Deny | Unknown | Unavailable):
            return Gathered(items, (Gap(request.resource_type, page),))
        items += tuple(resource for resource in page.resources if resource.mode != "outcome")
        if answer.next is None:
            return Gathered(items)
        request = FhirRequest(
            request.interaction, request.resource_type, params=request.params, via="GET", continuation=answer.next
        )
    return Gathered(items, (Gap(request.resource_type, Unavailable(Reason.SOURCE_TRUNCATED)),))


async def _resolve(server: FhirServer, base: str, harvest: _Harvest, gate: asyncio.Semaphore) -> None:
    """Read what resources point at and the source did not include. A refusal is no gap: the display text stays."""

    async def fetch(resource_type: str, logical_id: str) -> None:
        async with gate:
            answer = await server.send(read(resource_type, logical_id))
        if isinstance(answer, Deny | Unknown | Unavailable):
            return
        page = read_bundle(answer.body, base)
        if not isinstance(page, Deny | Unknown | Unavailable):
            harvest.bring(tuple(one for one in page.resources if (one.type, one.id) == (resource_type, logical_id)))

    wanted = unresolved(harvest.resources, base, RESOLVED)[:RESOLVE]
    await asyncio.gather(*(fetch(resource_type, logical_id) for resource_type, logical_id in wanted))
