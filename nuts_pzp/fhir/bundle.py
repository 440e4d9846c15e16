"""Reading Bundles without models: entries, links, references, raw bytes kept as they came. Pure.

Trusts nothing: whatever the bytes are, the answer is a Bundle or a Stop, never an exception. What is inside a resource
is not looked at beyond its type, id and version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from ..outcome import Outcome, Unavailable
from ..reasons import Reason

Mode = Literal["match", "include", "outcome"]

NESTING = 4
"""Bundles within Bundles that are opened; deeper ones stay closed and are kept as a resource."""


class Resource(msgspec.Struct, frozen=True, gc=False):
    """One resource as a source gave it. `url` is absolute at the source; `raw` is its JSON, byte for byte."""

    type: str
    id: str
    version: str
    url: str
    mode: Mode
    raw: bytes

    def __repr__(self) -> str:
        return f"Resource({self.reference!r}, {self.url!r}, {self.mode!r})"

    @property
    def reference(self) -> str:
        """`Type/id/_history/version`, or `Type/id` when the source gives no version."""
        return f"{self.type}/{self.id}/_history/{self.version}" if self.version else f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one answer holds: its resources in order, its links as (relation, url), its own claim of a total."""

    type: str
    resources: tuple[Resource, ...]
    links: tuple[tuple[str, str], ...] = ()
    total: int | None = None

    def link(self, relation: str) -> str | None:
        """Return the first link of that relation (`self`, `next`)."""
        return next((url for name, url in self.links if name == relation), None)


class _Meta(msgspec.Struct, gc=False):
    versionId: str = ""


class _Known(msgspec.Struct, gc=False):
    """What a resource is, in the shape that FHIR gives it."""

    resourceType: str = ""
    id: str = ""
    meta: _Meta | None = None


class _Search(msgspec.Struct, gc=False):
    mode: str = ""


class _Whole(msgspec.Struct, gc=False):
    """An entry in the shape that FHIR gives it."""

    fullUrl: str = ""
    resource: msgspec.Raw = msgspec.Raw()
    search: _Search | None = None


class _Seen(msgspec.Struct, gc=False):
    """The same entry, of which the resource is looked into."""

    resource: _Known | None = None


class _Sound(msgspec.Struct):
    """A Bundle in the shape that FHIR gives it: read in one go, as nearly every one is."""

    resourceType: Any = None
    type: Any = None
    total: Any = None
    link: Any = None
    entry: list[_Whole] | None = None


class _Heads(msgspec.Struct):
    entry: list[_Seen] | None = None


class _Head(msgspec.Struct):
    """The fields that say what a resource is; anything may be in them."""

    resourceType: Any = None
    id: Any = None
    meta: Any = None


class _Entry(msgspec.Struct):
    fullUrl: Any = None
    resource: msgspec.Raw = msgspec.Raw()
    search: Any = None


class _Body(msgspec.Struct):
    type: Any = None
    total: Any = None
    link: Any = None
    entry: list[msgspec.Raw] | None = None


_SOUND = msgspec.json.Decoder(_Sound)
_HEADS = msgspec.json.Decoder(_Heads)
_HEAD = msgspec.json.Decoder(_Head)
_ENTRY = msgspec.json.Decoder(_Entry)
_BODY = msgspec.json.Decoder(_Body)
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_bundle(raw: bytes, base: str) -> Outcome[Bundle]:
    """Read a Bundle of any type, or a single resource, into a Bundle.

    `base` is the source's FHIR base without trailing slash (empty when unknown): an entry without fullUrl gets its URL
    from it. Nested Bundles are opened. An entry whose resource is no JSON object is kept as a resource without type.
    Unavailable SOURCE_BROKEN when the bytes are no JSON, no FHIR resource, or a Bundle whose entries are no list.
    """
    try:
        sound = _SOUND.decode(raw)
        if sound.resourceType == "Bundle":
            return _sound(sound, _HEADS.decode(raw).entry or [], base)
    except _BROKEN:
        pass  # what is wrong, and whether it is only one entry, is found out below
    try:
        head = _HEAD.decode(raw)
    except msgspec.ValidationError:
        return _broken("not a JSON object")
    except _BROKEN:
        return _broken("not JSON")
    if not isinstance(head.resourceType, str) or not head.resourceType:
        return _broken("no resourceType")
    if head.resourceType != "Bundle":
        return Bundle("", (_resource(raw, None, None, base),))
    try:
        body = _BODY.decode(raw)
    except _BROKEN:
        return _broken("a Bundle whose entries are no list")
    resources: list[Resource] = []
    links = _links(body.link)
    _collect(body, base, 1, resources, links)
    return Bundle(_text(body.type), tuple(resources), tuple(links), _total(body.total))


def _sound(body: _Sound, heads: list[_Seen], base: str) -> Bundle:
    resources: list[Resource] = []
    links = _links(body.link)
    for entry, seen in zip(body.entry or (), heads, strict=True):
        head, search = seen.resource, entry.search
        if head is None:
            continue
        kind, logical_id, meta, raw = head.resourceType, head.id, head.meta, bytes(entry.resource)
        if kind == "Bundle" and (inner := _nested(raw)) is not None:
            links += _links(inner.link)
            _collect(inner, base, 2, resources, links)
            continue
        url = entry.fullUrl or "/".join([part for part in (base, kind, logical_id) if part])
        version = "" if meta is None else meta.versionId
        mode = _mode(kind, "" if search is None else search.mode)
        resources.append(Resource(kind, logical_id, version, url, mode, raw))
    return Bundle(_text(body.type), tuple(resources), tuple(links), _total(body.total))


def _total(given: object) -> int | None:
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _broken(detail: str) -> Unavailable:
    return Unavailable(Reason.SOURCE_BROKEN, detail=detail)


def _collect(body: _Body, base: str, depth: int, into: list[Resource], links: list[tuple[str, str]]) -> None:
    for one in body.entry or ():
        try:
            entry = _ENTRY.decode(one)
        except _BROKEN:
            into.append(Resource("", "", "", "", "match", bytes(one)))
            continue
        given = bytes(entry.resource)
        if given in (b"", b"null"):
            continue
        found = _resource(given, entry.fullUrl, entry.search, base)
        inner = _nested(found.raw) if found.type == "Bundle" and depth < NESTING else None
        if inner is None:
            into.append(found)
        else:
            links += _links(inner.link)
            _collect(inner, base, depth + 1, into, links)


def _nested(raw: bytes) -> _Body | None:
    try:
        return _BODY.decode(raw)
    except _BROKEN:
        return None


def _resource(raw: bytes, full_url: object, search: object, base: str) -> Resource:
    try:
        head = _HEAD.decode(raw)
    except _BROKEN:
        head = _Head()
    kind, logical_id = _text(head.resourceType), _text(head.id)
    version = _text(head.meta.get("versionId")) if isinstance(head.meta, dict) else ""
    url = _text(full_url) or "/".join(part for part in (base, kind, logical_id) if part)
    mode = _mode(kind, search.get("mode") if isinstance(search, dict) else "")
    return Resource(kind, logical_id, version, url, mode, raw)


def _mode(kind: str, given: object) -> Mode:
    """An outcome is known by what it is; everything else was found, unless it is said to be included."""
    if kind == "OperationOutcome":
        return "outcome"
    return "include" if given == "include" else "match"


def _links(given: object) -> list[tuple[str, str]]:
    if not isinstance(given, list):
        return []
    return [(_text(one.get("relation")), _text(one.get("url"))) for one in given if isinstance(one, dict)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
