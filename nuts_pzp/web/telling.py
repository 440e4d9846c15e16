"""How a consultation is told at the EHR door: as JSON, as a FHIR searchset, or source by source as an event stream.

One consult path serves all three: JSON and FHIR take its end, the stream each step. Whatever is told has a receipt.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any

import orjson

from ..consult.flow import Arrived, Complete
from ..exchange import Answer, Asked
from ..fhir.operation_outcome import FHIR_JSON
from ..outcome import Deny, Unavailable, Unknown
from ..overview.fhir_answer import all_failed, failure, searchset
from ..overview.merge import as_bytes, merge
from ..overview.shape import Overview
from . import door
from .problem import problem

JSON = "application/json"
EVENTS = "text/event-stream"

Flow = AsyncGenerator[Arrived | Complete, None]
Events = AsyncGenerator[bytes, None]


def wanted(accept: str) -> str | None:
    """Return the media type to answer in; None when the EHR accepts none of ours. No preference means JSON."""
    offered = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    if not offered:
        return JSON
    for one in offered:
        if one in (JSON, FHIR_JSON, EVENTS):
            return one
        if one in ("*/*", "application/*"):
            return JSON
    return None


async def told_whole(flow: Flow, code: str, media_type: str) -> door.Response:
    """Take the end: the overview as JSON or FHIR, or the problem."""
    given: list[Answer] = []
    async with aclosing(flow):
        async for step in flow:
            if isinstance(step, Arrived):
                given.append(step.answer)
                continue
            if isinstance(step.content, Deny | Unknown | Unavailable):
                return problem(step.content, code)
            if media_type == FHIR_JSON:
                return _as_fhir(given, step.content)
            return door.Response(200, _whole(step.content, given, code), media_type=JSON)
    raise AssertionError("a consultation ends with Complete")


async def told_as_it_comes(flow: Flow, question: Asked, now: datetime, code: str) -> door.Response | Events:
    """Wait for the first step: a refusal is a problem as always, anything else begins the stream."""
    first = await anext(flow)
    if isinstance(first, Complete) and isinstance(first.content, Deny | Unknown | Unavailable):
        await flow.aclose()
        return problem(first.content, code)
    return _events(first, flow, question, now, code)


async def _events(first: Arrived | Complete, flow: Flow, question: Asked, now: datetime, code: str) -> Events:
    """Yield server-sent events: `source` with each source's own overview, then `overview` or `problem`.

    A source by itself is not held against cross-checks: some of them speak of what no source says.
    """
    given: list[Answer] = []
    async with aclosing(flow):
        step: Arrived | Complete | None = first
        while step is not None:
            if isinstance(step, Arrived):
                given.append(step.answer)
                own = merge([step.answer], (), now=now, asked=(question.bsn, question.birth_date), checks=False)
                yield _event("source", _whole(own, [step.answer], code))
            elif isinstance(step.content, Deny | Unknown | Unavailable):
                yield _event("problem", problem(step.content, code).body)
            else:
                yield _event("overview", _whole(step.content, given, code))
            step = await anext(flow, None)


def _whole(overview: Overview, given: list[Answer], code: str) -> bytes:
    """The overview with two members more, written once: it can be a megabyte."""
    more = orjson.dumps({"meldcode": code, "timings": _timings(given)})
    return as_bytes(overview)[:-1] + b"," + more[1:]


def _timings(given: list[Answer]) -> list[dict[str, Any]]:
    spent = sorted((answer.source.holder.ura.value, answer.seconds) for answer in given)
    return [{"ura": ura, "seconds": round(seconds, 3)} for ura, seconds in spent]


def _as_fhir(given: list[Answer], overview: Overview) -> door.Response:
    """A partial answer is an answer; when every source failed there is none (design section 5)."""
    if all_failed(overview):
        return door.Response(502, failure(overview))
    return door.Response(200, searchset(given, overview))


def _event(name: str, content: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + content + b"\n\n"
