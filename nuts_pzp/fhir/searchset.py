"""A searchset for who passes it on: what stands around its resources typed, the resources raw. Pure; hot path.

Trusts nothing: an element that is not here is refused, and what is inside a resource is not looked at.
"""

from __future__ import annotations

import msgspec


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


class GivenEntry(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An entry without what `Entry` does not know."""

    fullUrl: str | None = None
    resource: msgspec.Raw
    search: GivenSearch | None = None


class GivenBundle(msgspec.Struct, omit_defaults=True):
    """A searchset without what `Bundle` does not know."""

    resourceType: str
    id: str | None = None
    meta: GivenMeta | None = None
    type: str | None = None
    timestamp: str | None = None
    total: int | None = None
    link: list[GivenLink] | None = None
    entry: list[GivenEntry] | None = None


class Search(GivenSearch, forbid_unknown_fields=True, gc=False):
    """Nothing else stands beside it."""


class Link(GivenLink, forbid_unknown_fields=True, gc=False):
    """Nothing else stands beside it."""


class Meta(GivenMeta, forbid_unknown_fields=True):
    """Nothing else stands beside it."""


class Entry(msgspec.Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An entry; its resource stays as it came."""

    fullUrl: str | None = None
    resource: msgspec.Raw
    search: Search | None = None


class Bundle(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A searchset in the order in which it is written again; an element that is not here cannot leave."""

    resourceType: str
    id: str | None = None
    meta: Meta | None = None
    type: str | None = None
    timestamp: str | None = None
    total: int | None = None
    link: list[Link] | None = None
    entry: list[Entry] | None = None


_GIVEN = msgspec.json.Decoder(GivenBundle)
_BUNDLE = msgspec.json.Decoder(Bundle)
_WRITER = msgspec.json.Encoder()


def strictly(body: bytes) -> Bundle:
    """Read a searchset. Raises msgspec.ValidationError when it holds more than is known here, else DecodeError."""
    found: Bundle = _BUNDLE.decode(body)
    return found


def stripped(body: bytes) -> bytes:
    """Return a searchset without what is not known here. Raises msgspec.DecodeError for what is none."""
    return _WRITER.encode(_GIVEN.decode(body))


def written(bundle: Bundle) -> bytes:
    """Write a searchset anew."""
    return _WRITER.encode(bundle)
