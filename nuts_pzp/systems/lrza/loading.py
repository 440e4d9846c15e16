"""Copying the directory: first everything page by page, then what changed since (spec 3.4; AD-8 to AD-15, AD-27).

Strictly one request after the other. A page is applied before the next is asked. Links are followed to the
directory's own origin only. The watermark moves when all types have succeeded; `_since` includes its own moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from ...outside import Heard, Peer, Trouble
from .reading import read_instant, read_resource
from .replica import Replica

TYPES = ("Organization", "HealthcareService", "Endpoint")
"""In the order of AD-10. Location and OrganizationAffiliation are not copied: addressing asks nothing of them."""

MOST_PAGES = 20_000
_TRIES = 4
_LONGEST = 3_600.0

Pause = Callable[[float], Awaitable[None]]


class RoundFailed(Exception):
    """This round of copying stopped; what was applied stays, and the next round starts from the same watermark."""


@dataclass(frozen=True, slots=True)
class _Page:
    entries: tuple[dict[str, Any], ...]
    following: str | None
    stamp: str


class Copier:
    """Reads one directory. `connect` opens its origin when first needed; `base` is its FHIR base."""

    def __init__(self, connect: Callable[[], Peer], base: str, *, pause: Pause = asyncio.sleep) -> None:
        self._connect, self._pause = connect, pause
        self._peer: Peer | None = None
        self.base = base.rstrip("/")

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        peer, self._peer = self._peer, None
        if peer is not None:
            await peer.close()

    async def load(self) -> tuple[Replica, str]:
        """Copy everything, then what changed meanwhile; return the replica and its watermark. Raises RoundFailed."""
        replica, first = Replica(), ""
        for kind in TYPES:
            stamp = await self._walk(f"{self.base}/{kind}", replica)
            first = first or stamp
        if not first:
            raise RoundFailed("the first page bears no time")
        return replica, await self.refresh(replica, first)

    async def refresh(self, replica: Replica, since: str) -> str:
        """Apply what changed since the watermark; return the next watermark. Raises RoundFailed."""
        following = ""
        for kind in TYPES:
            stamp = await self._walk(f"{self.base}/{kind}/_history?_since={quote(since, safe='')}", replica)
            following = following or stamp
        return following or since

    async def _walk(self, url: str, replica: Replica) -> str:
        """Apply all pages from here; return the time on the first of them."""
        first, seen = "", set[str]()
        target: str | None = url
        while target is not None:
            if target in seen or len(seen) >= MOST_PAGES:
                raise RoundFailed("pages that do not end")
            seen.add(target)
            page = self._page(await self._get(target), target)
            self._apply(page.entries, replica)
            first = first or page.stamp
            target = page.following
        return first

    async def _get(self, url: str) -> bytes:
        """Ask until it answers, within a few tries; 429 waits as long as it says."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        peer = self._peer = self._peer or self._connect()
        trouble = ""
        for attempt in range(_TRIES):
            heard = await peer.send("GET", path, headers={"accept": "application/fhir+json"})
            if isinstance(heard, Heard) and heard.status == 200:
                return heard.body
            trouble = heard.value if isinstance(heard, Trouble) else str(heard.status)
            if not _passing(heard):
                break
            if attempt < _TRIES - 1:
                await self._pause(_patience(heard, attempt))
        raise RoundFailed(f"answer {trouble}")

    def _page(self, body: bytes, url: str) -> _Page:
        try:
            bundle = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            raise RoundFailed("an answer that is not JSON") from None
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise RoundFailed("an answer that is not a Bundle")
        entries, links, meta = bundle.get("entry", []), bundle.get("link", []), bundle.get("meta")
        if not isinstance(entries, list) or not isinstance(links, list):
            raise RoundFailed("a Bundle without readable entries")
        stamp = meta.get("lastUpdated") if isinstance(meta, dict) else None
        return _Page(
            entries=tuple(entry for entry in entries if isinstance(entry, dict)),
            following=self._following(links, url),
            stamp=stamp if isinstance(stamp, str) and read_instant(stamp) is not None else "",
        )

    def _following(self, links: Iterable[object], url: str) -> str | None:
        for link in links:
            if isinstance(link, dict) and link.get("relation") == "next":
                target = link.get("url")
                if not isinstance(target, str) or (joined := _same_origin(url, target)) is None:
                    raise RoundFailed("a next link to somewhere else")
                return joined
        return None

    def _apply(self, entries: tuple[dict[str, Any], ...], replica: Replica) -> None:
        """Oldest first: history comes newest first, and of two versions with one stamp the later one holds."""
        for entry in reversed(entries):
            removed = _removed(entry)
            if removed is not None:
                replica.remove(*removed)
            elif (value := read_resource(entry.get("resource"), self.base)) is not None:
                replica.put(value)


def _passing(heard: Heard | Trouble) -> bool:
    if isinstance(heard, Heard):
        return heard.status == 429 or heard.status >= 500
    return heard.reached_nobody or heard in (Trouble.TIMEOUT, Trouble.BROKEN)


def _patience(heard: Heard | Trouble, attempt: int) -> float:
    """Return how long to wait: what Retry-After says (at most an hour), else one second doubling."""
    said = heard.headers.get("retry-after", "") if isinstance(heard, Heard) and heard.status in (429, 503) else ""
    if said.isascii() and said.isdigit():
        return min(float(said), _LONGEST)
    if said:
        try:
            moment = parsedate_to_datetime(said)
        except ValueError:
            return float(2**attempt)
        return min(max((moment - datetime.now(moment.tzinfo)).total_seconds(), 0.0), _LONGEST)
    return float(2**attempt)


def _removed(entry: dict[str, Any]) -> tuple[str, str] | None:
    """Return (type, id) of a deletion: the national directory has none, older directories do (spec 3.4)."""
    request = entry.get("request")
    if not isinstance(request, dict) or request.get("method") != "DELETE":
        return None
    named = request.get("url") or entry.get("fullUrl")
    segments = named.partition("?")[0].rstrip("/").split("/") if isinstance(named, str) else []
    return (segments[-2], segments[-1]) if len(segments) >= 2 else None


def _same_origin(here: str, link: str) -> str | None:
    """Return the absolute target of a link; None when it leaves the origin, names a user, or is no URL."""
    try:
        joined = urljoin(here, link)
        target, own = urlsplit(joined), urlsplit(here)
        ports = tuple(parts.port or {"https": 443, "http": 80}.get(parts.scheme) for parts in (target, own))
    except ValueError:
        return None
    same = target.scheme == own.scheme and target.hostname == own.hostname and ports[0] == ports[1]
    return joined if same and target.username is None and not target.fragment else None
