"""All sources, as they answer: each with its own deadline and its own turn.

Nothing waits for the slowest source longer than the consultation allows, and nothing keeps running after it: a visit
that is cut short closes its connections.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from ..accounted import Addressed, Receipt
from ..exchange import Answer, Source
from ..forwarding.turns import Turn
from ..house import Consulting
from ..outcome import Gap, Gathered, Unavailable
from ..reasons import Reason
from .harvest import Harvest
from .visit import Errand, visit

T = TypeVar("T")

OWN = "own"
"""Where our own server stands among the turns: its base is its adapter's affair."""


async def answers(
    house: Consulting,
    addressed: AsyncIterable[Receipt[Addressed]],
    account: Callable[[Answer], Awaitable[T]],
    until: float = math.inf,
) -> AsyncGenerator[T, None]:
    """Yield each source once, in the order in which they finish; a late one with what it gave and a gap.

    The sources of a receipt are asked when it comes, while those of an earlier one may be under way. `account` takes
    each answer as it comes and its result is what is yielded: answers that come together are recorded together. `until`
    is when the consultation ends, in monotonic seconds: what finding the sources took is not given twice.
    """
    running: set[asyncio.Task[tuple[T, ...]]] = set()
    ended: asyncio.Queue[asyncio.Task[tuple[T, ...]]] = asyncio.Queue()

    def run(work: Coroutine[Any, Any, tuple[T, ...]]) -> None:
        task = asyncio.create_task(work)
        running.add(task)
        task.add_done_callback(ended.put_nowait)

    async def ask_all() -> tuple[T, ...]:
        taken = 0
        async for receipt in addressed:
            event = receipt.event
            seconds = max(0.0, min(house.source_deadline, event.inquiry.deadline, until - time.monotonic()))
            errand = Errand.to(len(event.sources), event.inquiry, event.attempt.trace, taken)
            taken += errand.at_once * len(event.sources)
            for source in event.sources:
                run(ask(source, errand, seconds))
        return ()

    async def ask(source: Source, errand: Errand, seconds: float) -> tuple[T, ...]:
        return (await account(await _asked(house, source, errand, seconds)),)

    run(ask_all())
    try:
        while running:
            task = await ended.get()
            running.discard(task)
            for arrived in await task:
                yield arrived
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _asked(house: Consulting, source: Source, errand: Errand, seconds: float) -> Answer:
    """Visit one source, unless it was away the last times; at its deadline keep what it gave."""
    turn = house.turns.at(OWN if source.own else source.base)
    if not turn.breaker.admits():
        return Answer(source, Gathered(gaps=(Gap("source", Unavailable(Reason.SOURCE_RESTING)),)))
    started = time.monotonic()
    harvest = Harvest(source.base)
    try:
        async with asyncio.timeout(seconds):
            await visit(house, source, errand, harvest, turn)
    except TimeoutError:
        harvest.late()
    except asyncio.CancelledError:
        turn.breaker.abandoned()
        raise
    except Exception as bug:  # one source's bug must not cost the others their answer
        harvest.cut(Unavailable(Reason.INTERNAL, detail=type(bug).__name__))
    _learn(turn, harvest)
    return Answer(replace(source, base=harvest.base), harvest.gathered(), time.monotonic() - started)


def _learn(turn: Turn, harvest: Harvest) -> None:
    """Tell the breaker: one answer of any kind proves that the source is there; no token proves nothing."""
    if harvest.reached:
        turn.breaker.succeeded()
    elif harvest.away:
        turn.breaker.failed()
    else:
        turn.breaker.abandoned()
