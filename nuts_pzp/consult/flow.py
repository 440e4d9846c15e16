"""Consult (raadplegen): account, localize, address, account, ask each source, merge, account, reply.

Slow registers split the middle: whom they are not needed for is accounted for and asked first (ADR 0075).
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from ..accounted import Addressed, Consulted, Denied, Intended, Receipt, Received
from ..exchange import Answer, Asked, Attempt, Caller, Inquiry, Presented
from ..house import Consulting
from ..outcome import Deny, Gap, Outcome, Unavailable, Unknown
from ..overview.merge import RULES, Overview, Prepared, digest, merge, prepare
from .inquiry import inquire
from .source import answers
from .whom import whom


@dataclass(frozen=True, slots=True)
class Arrived:
    """One source's answer, accounted: may be streamed. `read` is what the merge takes of it."""

    receipt: Receipt[Received]
    answer: Answer
    read: Prepared


@dataclass(frozen=True, slots=True)
class Complete:
    """The end of a consultation: the overview, or why there is none."""

    receipt: Receipt[Consulted] | Receipt[Denied]
    content: Outcome[Overview]
    phone: tuple[Gap, ...] = ()
    """Whom to phone when there is no overview: places with a name or a number."""


async def consult(
    house: Consulting, presented: Presented, asked: Outcome[Asked], now: datetime
) -> AsyncGenerator[Arrived | Complete, None]:
    """Yield each source as it arrives, then the whole. A door that does not stream takes the last."""
    began = time.monotonic()
    caller = await house.ehr.verify(presented)
    attempt = _attempt(presented, caller)
    inquiry = _inquiry(caller, asked, now, emergency=house.emergency)
    if isinstance(inquiry, Deny | Unknown | Unavailable):
        yield Complete(await house.audit.append(Denied(attempt, inquiry)), inquiry)
        return

    with house.turns.consultation() as busy:
        if busy is not None:
            yield Complete(await house.audit.append(Denied(attempt, busy)), busy)
            return
        async with aclosing(_admitted(house, attempt, inquiry, began + inquiry.deadline, now)) as steps:
            async for step in steps:
                yield step


async def _admitted(
    house: Consulting, attempt: Attempt, inquiry: Inquiry, until: float, now: datetime
) -> AsyncGenerator[Arrived | Complete, None]:
    """Find whom to ask, ask them, merge; each step is recorded before the next. `until` is monotonic seconds."""
    intended = await house.audit.append(Intended(attempt, inquiry))

    gaps: list[Gap] = []
    received: list[Received] = []
    read: list[Prepared] = []
    account = partial(_arrived, house, intended.event, now)
    async with aclosing(answers(house, _addressed(house, intended, gaps), account, until)) as arriving:
        async for arrived in arriving:
            received.append(arrived.receipt.event)
            read.append(arrived.read)
            yield arrived

    missing = tuple(gaps)
    if not received and (stop := _cannot_tell(missing)):
        yield Complete(await house.audit.append(Denied(attempt, stop)), stop, _to_phone(missing))
        return

    about = (inquiry.bsn, inquiry.birth_date)
    overview = merge(read, missing, now=now, asked=about, checks=house.cross_checks)
    yield Complete(await house.audit.append(_consulted(attempt, inquiry, received, missing, overview)), overview)


async def _addressed(
    house: Consulting, intended: Receipt[Intended], gaps: list[Gap]
) -> AsyncGenerator[Receipt[Addressed], None]:
    """Account for whom we are about to ask, in one part or two (ADR 0075); whom we cannot is added to the gaps."""
    async with aclosing(whom(house, intended)) as parts:
        async for part in parts:
            gaps.extend(part.gaps)
            yield await house.audit.append(part)


def _attempt(presented: Presented, caller: Outcome[Caller]) -> Attempt:
    """What is on record from here on names who asks, once that is known: a wrong question is no failed login."""
    known = caller if isinstance(caller, Caller) else None
    return Attempt(presented.correlation, known, address=presented.address, trace=presented.trace, flow="consult")


def _inquiry(caller: Outcome[Caller], asked: Outcome[Asked], now: datetime, *, emergency: bool) -> Outcome[Inquiry]:
    """Who asks comes first: a stranger is not told what is wrong with the question."""
    if isinstance(caller, Deny | Unknown | Unavailable):
        return caller
    if isinstance(asked, Deny | Unknown | Unavailable):
        return asked
    return inquire(caller, asked, now, emergency=emergency)


def _cannot_tell(missing: tuple[Gap, ...]) -> Unavailable | None:
    """When localization itself failed and no source is known otherwise, the answer is never "no sources".

    A register that refuses us could not be asked either: its no is about us, not about the patient.
    """
    stop = next((gap.stop for gap in missing if gap.where == "localization"), None)
    return None if stop is None else Unavailable(stop.reason, stop.evidence, stop.detail)


def _to_phone(missing: tuple[Gap, ...]) -> tuple[Gap, ...]:
    return tuple(gap for gap in missing if gap.phone)


async def _arrived(house: Consulting, intended: Intended, now: datetime, answer: Answer) -> Arrived:
    """Account for one source's answer, then read it, while others are awaited. It leaves for nobody before that."""
    inquiry = intended.inquiry
    received = Received(intended.attempt, inquiry, answer.source, answer.references, answer.got.gaps)
    receipt = await house.audit.append(received)
    return Arrived(receipt, answer, prepare(answer, now=now, asked=(inquiry.bsn, inquiry.birth_date)))


def _consulted(
    attempt: Attempt, inquiry: Inquiry, received: list[Received], missing: tuple[Gap, ...], overview: Overview
) -> Consulted:
    told = [(event.source.holder.ura.value, event) for event in received]
    incomplete = {ura for ura, event in told if event.gaps} | {gap.where for gap in missing}
    return Consulted(
        attempt,
        inquiry,
        complete=overview.complete,
        references=tuple([f"{ura}:{reference}" for ura, event in told for reference in event.references]),
        missing=tuple(sorted(incomplete)),
        digest=digest(overview),
        rules=RULES,
    )
