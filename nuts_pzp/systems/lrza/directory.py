"""The addressing port over the replica."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from ...addressing.choose import choose
from ...exchange import Holder, Source
from ...identity import Organization, Ura
from ...outcome import Deny, Gap, Gathered, Outcome, Stop, Unavailable
from ...outside import Outbound, Peer, Surroundings, TlsFiles
from ...reasons import Reason
from .feed import Feed
from .loading import Copier
from .reading import Listing
from .replica import Replica
from .settings import LrzaSettings

_PAGE_LIMIT = 16 * 1024 * 1024
_LOOK = 10.0
"""Seconds that a look at the directory waits for a round, at least."""


class Lrza:
    """What the national directory says, from the replica; never asks it about one organisation (AD-2)."""

    def __init__(
        self,
        settings: LrzaSettings,
        own: Ura,
        outbound: Outbound,
        feed: Feed,
        clock: Callable[[], float] = time.time,
        *,
        looked_at: bool = False,
    ) -> None:
        """`looked_at`: it is only asked how it is, so what was copied before says nothing of the directory now."""
        self._settings, self._own, self._outbound, self._feed, self._clock = settings, own, outbound, feed, clock
        self._looked_at = looked_at
        self._started = False

    async def organization(self, ura: Ura, /) -> Outcome[Organization]:
        """Return the organisation with all types it is listed under; Deny when unknown, ambiguous or without a type."""
        found = self._find(ura)
        if not isinstance(found, tuple):
            return found
        _, organization = found
        if not organization.type:
            return Deny(Reason.ORGANIZATION_UNKNOWN, detail="listed without an organisation type")
        return organization

    async def sources(self, holders: tuple[Holder, ...], /) -> Gathered[Source]:
        """Return one source or one gap per holder, each organisation once."""
        unique = dict.fromkeys(holder.ura for holder in holders)
        answers = [(ura, self._source(ura)) for ura in unique]
        return Gathered(
            tuple(answer for _, answer in answers if isinstance(answer, Source)),
            tuple(Gap(ura.value, answer) for ura, answer in answers if not isinstance(answer, Source)),
        )

    async def start(self) -> None:
        """Restore the snapshot and begin refreshing; without a snapshot wait briefly for the first load."""
        if not self._started:
            self._started = True
            patience = self._settings.first_load_seconds
            await self._feed.start(max(patience, _LOOK) if self._looked_at else patience, anew=self._looked_at)

    async def stop(self) -> None:
        """Stop refreshing; idempotent."""
        if self._started:
            self._started = False
            await self._feed.stop()

    async def health(self) -> Outcome[str]:
        """Say how many organisations are known and how old that is; Unavailable without a replica or when too old."""
        replica, age = self._feed.replica, self._feed.age
        if replica is None:
            return _down(self._feed.trouble)
        if age > self._settings.stale_after_seconds:
            return _down(f"replica of {age / 3600:.0f} h ago; {self._feed.trouble}".rstrip("; "))
        words = f"{replica.organizations} organisations, {age / 60:.0f} min old"
        if not self._feed.trouble:
            return words
        words = f"{words}; last round: {self._feed.trouble}"
        return _down(words) if self._looked_at else words

    def _find(self, ura: Ura) -> tuple[Listing, Organization] | Stop:
        if self._feed.replica is None:
            return _down(self._feed.trouble)
        listings = self._feed.replica.listings(ura.value)
        if not listings:
            return Deny(Reason.ORGANIZATION_UNKNOWN, detail="not in the directory")
        if len(listings) > 1:
            return Deny(Reason.ORGANIZATION_UNKNOWN, detail="more than one organisation claims this URA")
        listing = listings[0]
        first, *others = listing.types or ("",)
        phone = self._settings.phones.get(ura.value, listing.phone)
        return listing, Organization(ura, first, listing.name or ura.value, phone, tuple(others))

    def _source(self, ura: Ura) -> Source | Stop:
        found = self._find(ura)
        if not isinstance(found, tuple):
            return found
        listing, organization = found
        replica = self._feed.replica or Replica()
        chosen = choose(
            organization,
            replica.endpoints(listing),
            self._settings.wanted,
            self._clock(),
            self._outbound.refuses,
        )
        return replace(chosen, own=ura == self._own) if isinstance(chosen, Source) else chosen


def _down(detail: str) -> Unavailable:
    return Unavailable(Reason.DIRECTORY_DOWN, detail=f"LRZa: {detail}")


_feeds: WeakValueDictionary[tuple[object, ...], Feed] = WeakValueDictionary()


def build(settings: Mapping[str, Any], around: Surroundings) -> Lrza:
    """Return this tenant's directory; ValidationError on wrong settings, ValueError on an address not to be dialled.

    OSError for TLS files that cannot be used. Tenants share a feed for as long as these hold the same: with a renewed
    certificate a reload begins another one.
    """
    checked = LrzaSettings.model_validate(settings)
    if why := around.outbound.refuses(checked.url):
        raise ValueError(why)
    base, tls = checked.url.rstrip("/"), checked.tls.files(around)
    file = around.state / f"lrza-{hashlib.sha256(base.encode()).hexdigest()[:12]}.json"
    same = (base, tls, _held(tls), around.outbound, file, checked.interval_seconds, checked.timeout_seconds)
    feed = _feeds.get(same)
    if feed is None:
        parts = urlsplit(base)
        origin = f"{parts.scheme}://{parts.netloc}"

        def connect() -> Peer:
            return Peer(origin, around.outbound, tls=tls, total=checked.timeout_seconds, limit=_PAGE_LIMIT)

        feed = Feed(Copier(connect, base), file, interval=checked.interval_seconds)
        _feeds[same] = feed
    return Lrza(checked, around.tenant.organization.ura, around.outbound, feed, looked_at=around.quiet)


def _held(tls: TlsFiles) -> str:
    """Return a digest of what the TLS files hold; OSError when they cannot be used together."""
    if tls == TlsFiles():
        return ""
    tls.context()
    held = [path.read_bytes() for path in (tls.roots, tls.certificate, tls.key) if path]
    return hashlib.sha256(b"\0".join(held)).hexdigest()
