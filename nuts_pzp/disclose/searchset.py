"""A searchset twice: decoded to be judged, and decoded raw to be written again. The wire of minimization; hot path."""

from __future__ import annotations

import msgspec

from .belonging import Head


class GivenSearch(msgspec.Struct, omit_defaults=True):
    mode: str | None = None
    score: float | None = None


class GivenLink(msgspec.Struct):
    relation: str
    url: str


class GivenMeta(msgspec.Struct, omit_defaults=True):
    """What a Bundle may say of itself; labels can hold text about anybody, so they stay inside."""

    versionId: str | None = None
    lastUpdated: str | None = None
    profile: list[str] | None = None


class Search(GivenSearch, forbid_unknown_fields=True):
    """Nothing else stands beside it."""


class Link(GivenLink, forbid_unknown_fields=True):
    """Nothing else stands beside it."""


class Meta(GivenMeta, forbid_unknown_fields=True):
    """Nothing else stands beside it."""


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """An entry to judge: what its resource is and whose."""

    resource: Head
    fullUrl: str | None = None
    search: Search | None = None


class Bundle(msgspec.Struct, forbid_unknown_fields=True):
    """A searchset to judge; an element that is not here cannot leave."""

    resourceType: str
    type: str | None = None
    id: str | None = None
    meta: Meta | None = None
    timestamp: str | None = None
    total: int | None = None
    link: list[Link] | None = None
    entry: list[Entry] | None = None


class RawEntry(msgspec.Struct, omit_defaults=True):
    """An entry to write again: its resource stays as it came."""

    fullUrl: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    search: GivenSearch | None = None


class RawBundle(msgspec.Struct, omit_defaults=True):
    """A searchset in the order in which it is written again, without what `Bundle` does not know."""

    resourceType: str
    id: str | None = None
    meta: GivenMeta | None = None
    type: str | None = None
    timestamp: str | None = None
    total: int | None = None
    link: list[GivenLink] | None = None
    entry: list[RawEntry] | None = None


TO_JUDGE = msgspec.json.Decoder(Bundle)
TO_WRITE = msgspec.json.Decoder(RawBundle)
