"""How a consultation is told at the EHR door: as JSON, as a FHIR searchset, or source by source as an event stream.

One consult path serves all of them: JSON and FHIR take its end, the stream each step. Whatever is told has a receipt.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec
import orjson

from ..consult.flow import Arrived, Complete
from ..exchange import Answer
from ..fhir.operation_outcome import FHIR_JSON
from ..outcome import Deny, Stop, Unavailable, Unknown
from ..overview.fhir_answer import all_failed, failure, searchset
from ..overview.merge import as_bytes, merge
from ..overview.shape import Json, Overview, PatientShown, SourceRow
from ..reasons import Language, Reason
from . import door
from .asked import Question, Wrong, unfit_keys
from .hints import hints
from .problem import problem

JSON = "application/json"
EVENTS = "text/event-stream"
BY_SOURCE = "nuts-pzp-sources/1"

Flow = AsyncGenerator[Arrived | Complete, None]
Events = AsyncGenerator[bytes, None]


class BySource(Json, frozen=True):
    """Every source's own overview, unmerged and without cross-checks; beside them what is missing, as in the whole."""

    schema: str
    patient: PatientShown
    generated: str
    complete: bool
    banner: tuple[str, ...]
    sources: tuple[SourceRow, ...]
    per_source: tuple[Overview, ...]


@dataclass(frozen=True, slots=True)
class Manner:
    """How one consultation is to be told: its question, the moment, its meldcode, language and media type."""

    question: Question
    now: datetime
    code: str
    language: Language = "nl"
    media_type: str = JSON
    roles: frozenset[str] = frozenset()
    """The roles that the region's holders know, as far as the tenant's settings say; empty when they do not."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What may leave: one source's part, or the end. `response` is there at the end only."""

    name: Literal["source", "overview", "problem"]
    event: bytes
    response: door.Response | None = None
    stop: Stop | None = None
    """Why there is no whole, with `problem`."""


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


async def told_refused(flow: Flow, code: str, language: Language, wrong: Wrong | None) -> door.Response:
    """Take the end of a consultation that cannot begin. Who asks comes first: a stranger is told nothing of `wrong`."""
    async with aclosing(flow):
        async for step in flow:
            if isinstance(step, Complete) and isinstance(step.content, Deny | Unknown | Unavailable):
                faults = wrong.faults if wrong and step.content == wrong.stop else ()
                return problem(step.content, code, language, faults)
    raise AssertionError("a question that is none is refused")


async def told_whole(flow: Flow, manner: Manner) -> door.Response:
    """Take the end: the overview as JSON or FHIR, or the problem."""
    given: list[Arrived] = []
    async with aclosing(flow):
        async for step in flow:
            if isinstance(step, Arrived):
                given.append(step)
            elif isinstance(step.content, Deny | Unknown | Unavailable):
                return _refusal(step.content, step, manner)
            else:
                return _shown(step.content, given, manner)
    raise AssertionError("a consultation ends with Complete")


def _refusal(stop: Stop, step: Complete, manner: Manner) -> door.Response:
    """The problem; of a question that can be read and yet is wrong, with each wrong key."""
    faults = unfit_keys(manner.question.asked, manner.now) if stop.reason is Reason.BODY_MALFORMED else ()
    return problem(stop, manner.code, manner.language, faults, phone=step.phone)


async def told_as_it_comes(flow: Flow, manner: Manner) -> door.Response | Events:
    """Wait for the first step: a refusal is a problem as always, anything else begins the stream."""
    first = await anext(flow)
    if isinstance(first, Complete) and isinstance(first.content, Deny | Unknown | Unavailable):
        await flow.aclose()
        return _refusal(first.content, first, manner)
    return _events(first, flow, manner)


async def _events(first: Arrived | Complete, flow: Flow, manner: Manner) -> Events:
    async with aclosing(pieces(flow, manner, first)) as told:
        async for piece in told:
            yield piece.event


async def pieces(flow: Flow, manner: Manner, first: Arrived | Complete | None = None) -> AsyncGenerator[Piece, None]:
    """Yield each source's own overview as it comes, then the whole or the problem. `first` was taken already."""
    given: list[Arrived] = []
    async with aclosing(flow):
        step: Arrived | Complete | None = await anext(flow) if first is None else first
        while step is not None:
            if isinstance(step, Arrived):
                given.append(step)
                yield Piece("source", _event("source", _with(_alone(step, manner), [step], manner)))
            elif isinstance(step.content, Deny | Unknown | Unavailable):
                refused = _refusal(step.content, step, manner)
                yield Piece("problem", _event("problem", refused.body), refused, step.content)
            else:
                shown = _shown(step.content, given, manner)
                whole = shown.body if shown.media_type == JSON else _as_json(step.content, given, manner)
                yield Piece("overview", _event("overview", whole), shown)
            step = await anext(flow, None)


def _alone(one: Arrived, manner: Manner) -> Overview:
    """What one source says by itself, not held against cross-checks: some of them speak of what no source says."""
    asked = manner.question.asked
    return merge([one.read], (), now=manner.now, asked=(asked.bsn, asked.birth_date), checks=False)


def _shown(overview: Overview, given: list[Arrived], manner: Manner) -> door.Response:
    """A partial answer is an answer; as FHIR there is none when every source failed (design section 5)."""
    if manner.media_type == FHIR_JSON:
        if all_failed(overview):
            return door.Response(502, failure(overview))
        return door.Response(200, searchset([one.answer for one in given], overview, history=manner.question.history))
    return door.Response(200, _as_json(overview, given, manner), media_type=JSON)


def _as_json(overview: Overview, given: list[Arrived], manner: Manner) -> bytes:
    view = manner.question.view
    if view == "overview":
        return _with(overview, given, manner)
    ordered = sorted(given, key=lambda one: one.answer.source.holder.ura.value)
    alone = tuple(_alone(one, manner) for one in ordered)
    if view == "both":
        return _with(overview, given, manner, b',"perSource":' + msgspec.json.encode(alone))
    unmerged = BySource(
        BY_SOURCE, overview.patient, overview.generated, overview.complete, overview.banner, overview.sources, alone
    )
    return _with(unmerged, given, manner)


def _with(whole: Overview | BySource, given: list[Arrived], manner: Manner, more: bytes = b"") -> bytes:
    """Write it with the members that a consultation adds, once and copied once: it can be a megabyte."""
    answers = [one.answer for one in given]
    added = {
        "meldcode": manner.code,
        "timings": _timings(answers),
        "hints": hints(manner.question.asked, answers, manner.roles, manner.language),
    }
    written = as_bytes(whole) if isinstance(whole, Overview) else msgspec.json.encode(whole)
    return b"".join((memoryview(written)[:-1], more, b",", memoryview(orjson.dumps(added))[1:]))


def _timings(given: list[Answer]) -> list[dict[str, Any]]:
    spent = sorted((answer.source.holder.ura.value, answer.seconds) for answer in given)
    return [{"ura": ura, "seconds": round(seconds, 3)} for ura, seconds in spent]


def _event(name: str, content: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + content + b"\n\n"
