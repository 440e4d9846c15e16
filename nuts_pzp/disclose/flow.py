"""Disclose (beschikbaar stellen): decide, account, forward, minimize, account, reply. (The PEP.)

Trusts its rooms for their values only; what leaves has a receipt (design section 2, rule 4).
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from ..accounted import Allowed, Denied, Disclosed, Receipt
from ..audit.port import NotRecorded
from ..authentication.certificate import described
from ..exchange import Attempt, Caller, Generation, Presented
from ..fhir.envelope import RawRequest
from ..house import Holding
from ..identity import Standing
from ..outcome import Deny, Outcome, Stop
from ..reasons import Reason
from ..values import Value, replace
from .addresses import Outside
from .as_xml import as_xml
from .decide import Consented, consent_of, decide, internal
from .minimize import Minimized, minimize
from .paging import page_url

_log = structlog.get_logger("nuts_pzp.disclose")

_DECISIONS = 3
"""Times that one answer is decided about anew because the patient's choice changed meanwhile."""


class Reply(Value, frozen=True):
    """What may leave by the network door. Without a receipt there is none."""

    receipt: Receipt[Disclosed] | Receipt[Denied]
    content: Outcome[Minimized]
    broke_glass: bool = False
    """It was let through as an emergency, which stands in the holder's review queue."""


async def disclose(
    house: Holding, presented: Presented, raw: RawRequest, clock: Callable[[], float] = time.time
) -> Reply:
    """Answer one FHIR request of another organization. Raises NotRecorded, and then nothing may leave.

    `clock` gives Unix time in seconds.
    """
    attempt = Attempt(
        presented.correlation,
        address=presented.address,
        trace=presented.trace,
        certificate=described(presented.certificate),
    )
    caller = await verified(house, presented)
    decision = await decide(house, attempt, caller, raw, clock())

    if isinstance(decision, Denied):
        await watched(house, decision)
        _alarm(house, decision.stop, presented)
        _died(house, decision)
        return Reply(await house.audit.append(decision), decision.stop)

    allowed = await house.audit.append(decision)
    allowed, content = await still(house, allowed, await fetch(house, allowed, clock()))
    _alarm(house, content, presented)
    receipt = await house.audit.append(_disclosed(decision.attempt, content))
    _has(house, decision, content)
    return Reply(receipt, content, allowed.event.broke_glass)


async def watched(house: Holding, denied: Denied) -> None:
    """Record the incident that a refusal makes. One whose record failed is recorded at the next refusal."""
    incidents = house.guard.memory.incidents
    if (incident := house.guard.refused(denied)) is not None:
        incidents.append(incident)
    while incidents:
        incident = incidents.popleft()
        try:
            await house.audit.append(incident)
        except BaseException:
            incidents.appendleft(incident)
            raise


def _died(house: Holding, denied: Denied) -> None:
    """Let the register know of whom the own server says that he or she died."""
    patient = denied.attempt.patient
    if house.correspondence is not None and patient is not None and patient.standing is Standing.DECEASED:
        with _besides(denied.attempt):
            house.correspondence.interested.died(patient)


def _has(house: Holding, allowed: Allowed, content: Outcome[Minimized]) -> None:
    """Let the register know that there is something about this patient, once something went out."""
    if house.correspondence is None or not isinstance(content, Minimized):
        return
    if any(not reference.startswith("Patient/") for reference in content.references):
        with _besides(allowed.attempt):
            house.correspondence.interested.has(allowed.access.patient)


@contextmanager
def _besides(attempt: Attempt) -> Iterator[None]:
    """What the register is told changes neither the answer nor its record."""
    try:
        yield
    except Exception as error:
        internal(error, attempt.correlation)


async def verified(house: Holding, presented: Presented) -> Outcome[Caller]:
    """Nobody is who they say when verifying breaks."""
    try:
        return await house.network.verify(presented)
    except Exception as error:
        return internal(error, presented.correlation)


async def fetch(house: Holding, allowed: Receipt[Allowed], now: float) -> Outcome[Minimized]:
    """Ask the tenant's own server, minimize, write; takes the receipt, so nothing is fetched unaccounted."""
    access = allowed.event.access
    try:
        answer = await house.records.send(access.request)
        if isinstance(answer, Stop):
            return _uniform(answer)
        further = page_url(house, access, answer.next, now)
        if isinstance(further, Stop):
            return further
        content = minimize(answer, access, Outside(house.base, further))
        return content if access.request.form == "json" else await as_xml(content, house.policies.capability.version)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        return internal(error, allowed.event.attempt.correlation)


async def still(
    house: Holding, allowed: Receipt[Allowed], content: Outcome[Minimized]
) -> tuple[Receipt[Allowed], Outcome[Minimized]]:
    """Return the content while the choice it was allowed by still stands; else what a new question says.

    Beside it what it leaves by: a permit in the stead of the one that is gone is recorded first, as that one was. The
    last thing before the result is recorded: what changes after that was disclosed before the change. When looking
    breaks, that is the result: who was allowed, and about whom, stays on record with it.
    """
    if isinstance(content, Stop):
        return allowed, content
    try:
        return await _still(house, allowed, content)
    except (asyncio.CancelledError, NotRecorded):
        raise
    except Exception as error:
        return allowed, internal(error, allowed.event.attempt.correlation)


async def _still(
    house: Holding, allowed: Receipt[Allowed], content: Minimized
) -> tuple[Receipt[Allowed], Outcome[Minimized]]:
    access, generation = allowed.event.access, allowed.event.generation
    for _ in range(_DECISIONS):
        now = await house.generations.generation(access.patient.bsn)
        if not isinstance(now, Generation):
            return allowed, now
        if now == generation:
            return allowed, content
        consented = await consent_of(house, access)
        if not isinstance(consented, Consented):
            return allowed, consented
        generation, (former, *others) = consented.generation, allowed.event.grounds
        if consented.permit != former:
            grounds = (consented.permit, *others)
            allowed = await house.audit.append(replace(allowed.event, grounds=grounds, generation=generation))
    return allowed, Deny(Reason.CONSENT_CONFLICT, detail="changed-while-answering")


def _uniform(stop: Stop) -> Stop:
    """What is gone since it was decided about looks like what may not be seen (spec decision-api 3.9)."""
    if stop.reason is Reason.NOT_FOUND:
        return Deny(Reason.PATIENT_UNKNOWN, stop.evidence, detail="it was there a moment ago")
    return stop


def _alarm(house: Holding, content: object, presented: Presented) -> None:
    """Say aloud that the own server answered for somebody else: the record of it is the result itself."""
    if isinstance(content, Stop) and content.reason is Reason.SOURCE_OTHER_PATIENT:
        house.guard.memory.counts["other-patient"] += 1
        _log.error("disclose.other-patient", tenant=house.tenant.id, meldcode=presented.correlation)


def _disclosed(attempt: Attempt, content: Outcome[Minimized]) -> Disclosed:
    if isinstance(content, Minimized):
        digest = hashlib.sha256(content.body).hexdigest()
        return Disclosed(attempt, content.references, content.withheld, None, digest)
    return Disclosed(attempt, (), (), content)
