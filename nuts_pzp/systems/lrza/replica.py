"""The replica itself: newest version of every entry, in memory, with the few look-ups that addressing makes.

Idempotent: an older version never overwrites a newer one (spec 3.4, AD-15). References may dangle (AD-12).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import msgspec

from ...addressing.choose import Endpoint
from .reading import Door, Entry, Listing, Offering

FORMAT = "nuts-pzp-lrza-replica/1"
MOST = 1_000_000
"""Entries that are kept at most."""
_DEEPEST = 5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A replica on disk. `origin` is the directory it was copied from; times are Unix seconds."""

    format: str
    origin: str
    since: str
    loaded: float
    listings: tuple[Listing, ...]
    offerings: tuple[Offering, ...]
    doors: tuple[Door, ...]


class Replica:
    """Organizations, HealthcareServices and Endpoints by id, organisations also by URA."""

    def __init__(self) -> None:
        self._listings: dict[str, Listing] = {}
        self._offerings: dict[str, Offering] = {}
        self._doors: dict[str, Door] = {}
        self._by_ura: defaultdict[str, set[str]] = defaultdict(set)
        self._by_provider: defaultdict[str, set[str]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._listings) + len(self._offerings) + len(self._doors)

    @property
    def organizations(self) -> int:
        """How many organisations have an active listing with a URA."""
        return sum(1 for listing in self._listings.values() if listing.active and listing.ura)

    def put(self, entry: Entry) -> None:
        """Keep this version unless a newer one is held, or the replica is full."""
        if isinstance(entry, Listing):
            held = self._listings.get(entry.id)
            if self._newer(entry, held):
                self.remove("Organization", entry.id)
                self._listings[entry.id] = entry
                if entry.ura:
                    self._by_ura[entry.ura].add(entry.id)
        elif isinstance(entry, Offering):
            if self._newer(entry, self._offerings.get(entry.id)):
                self.remove("HealthcareService", entry.id)
                self._offerings[entry.id] = entry
                self._by_provider[entry.provider].add(entry.id)
        elif self._newer(entry, self._doors.get(entry.id)):
            self._doors[entry.id] = entry

    def remove(self, kind: str, identity: str) -> None:
        """Forget an entry; nothing happens when it is not held."""
        if kind == "Organization" and (listing := self._listings.pop(identity, None)):
            self._by_ura.get(listing.ura, set()).discard(identity)
        elif kind == "HealthcareService" and (offering := self._offerings.pop(identity, None)):
            self._by_provider[offering.provider].discard(identity)
        elif kind == "Endpoint":
            self._doors.pop(identity, None)

    def listings(self, ura: str) -> tuple[Listing, ...]:
        """Return the active top-level listings with this URA, by id. More than one: two organisations claim it."""
        active = {i: each for i in self._by_ura.get(ura, ()) if (each := self._listings[i]).active}
        return tuple(active[i] for i in sorted(active) if active[i].parent not in active)

    def endpoints(self, listing: Listing) -> tuple[Endpoint, ...]:
        """Return the endpoints of an organisation and of its services; without any, those of what it is part of.

        Climbs only to a part without a URA of its own: another organisation's endpoint is not ours to use.
        """
        here: Listing | None = listing
        for _ in range(_DEEPEST):
            if here is None or not here.active or here.ura not in ("", listing.ura):
                break
            found = self._own_endpoints(here)
            if found:
                return found
            here = self._listings.get(here.parent)
        return ()

    def dump(self, origin: str, since: str, loaded: float) -> bytes:
        """Return the replica as JSON, for a restart without the directory."""
        kept = (tuple(self._listings.values()), tuple(self._offerings.values()), tuple(self._doors.values()))
        return msgspec.json.encode(Snapshot(FORMAT, origin, since, loaded, *kept))

    def _own_endpoints(self, listing: Listing) -> tuple[Endpoint, ...]:
        named = list(listing.endpoints)
        for identity in sorted(self._by_provider.get(listing.id, ())):
            if self._offerings[identity].active:
                named += self._offerings[identity].endpoints
        return tuple(self._doors[each].endpoint for each in dict.fromkeys(named) if each in self._doors)

    def _newer(self, entry: Entry, held: Entry | None) -> bool:
        return len(self) < MOST if held is None else entry.stamp >= held.stamp


def restore(content: bytes, origin: str) -> tuple[Replica, Snapshot] | None:
    """Return what a snapshot of this very directory holds; None when it is another's, damaged, or of another format."""
    try:
        snapshot = msgspec.json.decode(content, type=Snapshot)
    except (msgspec.DecodeError, RecursionError):
        return None
    if snapshot.format != FORMAT or snapshot.origin != origin:
        return None
    replica = Replica()
    held: tuple[Entry, ...] = (*snapshot.listings, *snapshot.offerings, *snapshot.doors)
    for entry in held:
        replica.put(entry)
    return replica, snapshot
