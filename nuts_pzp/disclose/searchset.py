"""A searchset twice: decoded to be judged, and decoded raw to be written again. The wire of minimization; hot path."""

from __future__ import annotations

import msgspec

from .belonging import Head

_Bytes = msgspec.Raw | msgspec.UnsetType


class Search(msgspec.Struct):
    mode: str | None = None


class Link(msgspec.Struct):
    relation: str
    url: str


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """An entry to judge: what its resource is and whose."""

    resource: Head
    fullUrl: str | None = None
    search: Search | None = None


class Bundle(msgspec.Struct, forbid_unknown_fields=True):
    """A searchset to judge; an element that is not here cannot leave."""

    resourceType: str
    type: str | None = None
    id: _Bytes = msgspec.UNSET
    meta: _Bytes = msgspec.UNSET
    timestamp: _Bytes = msgspec.UNSET
    total: int | None = None
    link: list[Link] | None = None
    entry: list[Entry] | None = None


class RawEntry(msgspec.Struct, omit_defaults=True):
    """An entry to write again: its resource stays as it came."""

    fullUrl: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    search: _Bytes = msgspec.UNSET


class RawBundle(msgspec.Struct, omit_defaults=True):
    """A searchset in the order in which it is written again."""

    resourceType: str
    id: _Bytes = msgspec.UNSET
    meta: _Bytes = msgspec.UNSET
    type: str | None = None
    timestamp: _Bytes = msgspec.UNSET
    total: int | None = None
    link: list[Link] | None = None
    entry: list[RawEntry] | None = None


TO_JUDGE = msgspec.json.Decoder(Bundle)
TO_WRITE = msgspec.json.Decoder(RawBundle)
