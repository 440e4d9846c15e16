"""FHIR server twin: what it reads of a request besides its address."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from .bundles import MAX_PAGE
from .search import Pairs, Refused

_FORM = "application/x-www-form-urlencoded"


def count(pairs: Pairs, default: int) -> int:
    """Return the page size that was asked for, bounded; raises Refused when it is no number."""
    text = dict(pairs).get("_count")
    if text is None:
        return default
    if not text.isdecimal():
        raise Refused(400, f"HAPI-0375: Invalid _count value: {text}")
    return min(int(text), MAX_PAGE)


async def form(request: Request) -> list[tuple[str, str]]:
    """The body's parameters. A body of another media type is ignored, as HAPI does: the search is then unbounded."""
    body = await request.body()
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True) if media == _FORM else []


async def let_go(receive: Any, closing: asyncio.Event) -> bool:
    """Wait until the caller hangs up (False) or the server closes (True)."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    waiting = [asyncio.create_task(gone()), asyncio.create_task(closing.wait())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
    return closing.is_set()
