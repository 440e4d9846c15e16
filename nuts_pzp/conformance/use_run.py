"""Run the data-user side: serve the prepared sources, have the target ask them once, judge what arrived.

A target with our consultation API is asked by the kit (`ask`). Any other is asked by its own user while the kit watches
(`watch`): then only the requests are judged, and the rules about the answer are not applicable.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import httpx

from . import use_answer
from .rules import Finding, Rule, Said, unmet
from .run import Unreachable
from .tokens import Employee
from .use_requests import USE_CHECKS, Watched
from .use_sources import PERSON, URAS, Sources
from .wire import MOST_BYTES, cause

__all__ = ["GROUPS", "ask", "judge", "watch"]

GROUPS = (use_answer,)
"""Imported for what it registers."""
_LETTING_GO = 2.0
"""Seconds after the answer in which a target may let go of a source that hangs."""


async def ask(
    sources: Sources,
    target: str,
    client: httpx.AsyncClient,
    who: Employee,
    *,
    servers: Mapping[str, str],
    deadline: float = 8.0,
) -> Watched:
    """Ask the target's consultation API about the prepared patient at the prepared sources; raise Unreachable."""
    body = {
        "patient": {"bsn": PERSON.bsn.value, "birthDate": PERSON.birth_date.isoformat()},
        "professional": {"id": who.id, "name": who.name, "role": who.role},
        "purpose": "treatment",
        "sources": list(URAS.values()),
        "deadline_ms": int(deadline * 1000),
    }
    began = time.monotonic()
    try:
        content = await _posted(client, target, body, deadline + 20)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unreachable(f"no consultation ({cause(error)[1]})") from None
    return await _watched(sources, servers, content, time.monotonic() - began, deadline)


async def _posted(client: httpx.AsyncClient, target: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The JSON object with which the consultation is answered; raises Unreachable."""
    whole = bytearray()
    async with client.stream(
        "POST", target, json=body, headers={"accept": "application/json"}, timeout=seconds
    ) as answer:
        if answer.status_code != 200:
            raise Unreachable(f"the consultation was answered {answer.status_code}")
        async for part in answer.aiter_bytes():
            whole += part
            if len(whole) > MOST_BYTES:
                raise Unreachable("the consultation was answered with more than 8 MiB")
    try:
        content: Any = json.loads(whole)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Unreachable("the consultation was answered without a JSON object")
    return content


async def watch(sources: Sources, *, servers: Mapping[str, str], seconds: float) -> Watched:
    """Watch for this long while somebody asks about the prepared patient in the target's own way."""
    await asyncio.sleep(seconds)
    if not sources.arrived:
        raise Unreachable("nothing arrived at the prepared sources")
    return await _watched(sources, servers, None, 0.0, 0.0)


async def _watched(
    sources: Sources, servers: Mapping[str, str], overview: dict[str, Any] | None, seconds: float, deadline: float
) -> Watched:
    await sources.quiet(_LETTING_GO)
    return Watched(
        tuple(sources.arrived), len(sources.trapped), sources.open, overview, seconds, deadline, dict(servers)
    )


def judge(watched: Watched, rules: Iterable[Rule], *, told: Callable[[Finding], None] | None = None) -> list[Finding]:
    """Judge one consultation by these data-user rules, in their order."""
    findings = []
    for rule in rules:
        said = _said(watched, rule)
        findings.append(Finding(rule, said.judged(rule.level), said.seen))
        if told is not None:
            told(findings[-1])
    return findings


def _said(watched: Watched, rule: Rule) -> Said:
    try:
        return USE_CHECKS[rule.id](watched)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        return unmet(f"an answer of a shape that cannot be judged ({type(error).__name__})")
