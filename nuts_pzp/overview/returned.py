"""What one source returned, each resource once: of several versions the newest that came (spec pzp-fhir 3.6 rule 4).

A resource is its type, its id and where it lives: one file may hold those of two servers. When neither version numbers
nor `lastUpdated` can tell which of two contents is the newer, both are kept: to choose would hide one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..fhir.bundle import Resource
from .dates import read_date

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Meta(msgspec.Struct, rename="camel"):
    last_updated: Any = None


class _Head(msgspec.Struct):
    meta: _Meta | None = None


_HEAD = msgspec.json.Decoder(_Head)


def once(resources: Iterable[Resource]) -> list[Resource]:
    """Return each resource once, sorted, so that the order of arrival cannot matter."""
    kept: dict[tuple[str, str], Resource] = {}
    again: dict[tuple[str, str], list[Resource]] = {}
    whole: list[Resource] = []
    for one in resources:
        if not one.id:
            whole.append(one)
            continue
        key = (one.type, one.id)
        if key in kept:
            again.setdefault(key, [kept[key]]).append(one)
        else:
            kept[key] = one
    for key, several in again.items():
        del kept[key]
        for group in _by_place(several):
            whole += _newest(group)
    if not whole:
        return [kept[key] for key in sorted(kept)]
    apart = {(one.type, one.id, one.url, one.raw): one for one in (*kept.values(), *whole)}
    return [apart[key] for key in sorted(apart)]


def _by_place(several: list[Resource]) -> list[list[Resource]]:
    """Apart by absolute URL; what has none goes with the only place there is."""
    places: dict[str, list[Resource]] = {}
    for one in several:
        url = one.url.partition("/_history/")[0]
        places.setdefault(url if "://" in url else "", []).append(one)
    loose = places.pop("", [])
    if loose and len(places) == 1:
        next(iter(places.values())).extend(loose)
    elif loose:
        places[""] = loose
    return list(places.values())


def _newest(group: list[Resource]) -> list[Resource]:
    """The newest by version number, then by `lastUpdated`; of what is left each content once, a match before others."""
    for order in (_number, _updated):
        known = [order(one) for one in group]
        latest = max((one for one in known if one is not None), default=None)
        if latest is not None and None not in known:
            group = [one for one, value in zip(group, known, strict=True) if value == latest]
    distinct: dict[bytes, Resource] = {}
    for one in sorted(group, key=lambda one: (one.mode != "match", one.url == "", one.raw)):
        distinct.setdefault(_content(one), one)
    return list(distinct.values())


def _number(resource: Resource) -> int | None:
    version = resource.version
    return int(version) if version.isascii() and version.isdigit() and len(version) < 19 else None


def _updated(resource: Resource) -> int | None:
    try:
        meta = _HEAD.decode(resource.raw).meta
    except _BROKEN:
        return None
    when = read_date(meta.last_updated) if meta is not None and isinstance(meta.last_updated, str) else None
    return when.start if when is not None else None


def _content(resource: Resource) -> bytes:
    """The same content however it is spaced and ordered."""
    try:
        return msgspec.json.encode(msgspec.json.decode(resource.raw), order="sorted")
    except (*_BROKEN, msgspec.EncodeError):
        return resource.raw
