"""Resources within a resource: found by the references of the one that holds them, and by nobody else.

A reference such as `#dr` means something in its own resource only. It is rewritten to the place of what it names, so
that whoever looks it up later need not know where it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..fhir.bundle import Resource
from .datatypes import Reference
from .structures import Resourced

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
Inner = tuple[str, Resource, Resourced]


class _Head(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    id: str = ""


def open_up(content: Resourced, ref: str, decode: Mapping[str, Callable[[bytes], Any]]) -> list[Inner]:
    """Return what is contained, each with its place (`Consent/1#Practitioner/dr`), and point `#` references there.

    What cannot be decoded is left where it is: a reference to it stays unresolved.
    """
    found: list[Inner] = []
    places: dict[str | None, str] = {}
    for raw in content.contained or ():
        inner = bytes(raw)
        try:
            head = msgspec.json.decode(inner, type=_Head)
            read = decode.get(head.resource_type)
            known = read(inner) if read is not None and head.id else None
        except _BROKEN:
            continue
        if known is not None:
            place = places.setdefault(f"#{head.id}", f"{ref}#{head.resource_type}/{head.id}")
            found.append((place, Resource(head.resource_type, head.id, "", "", "include", inner), known))
    try:
        for one in (content, *(known for _, _, known in found)):
            _point(one, places)
    except RecursionError:
        pass  # references below that depth stay unresolved
    return found


def _point(node: msgspec.Struct, places: Mapping[str | None, str]) -> None:
    if isinstance(node, Reference) and node.reference in places:
        node.reference = places[node.reference]
    for name in node.__struct_fields__:
        below = getattr(node, name)
        for one in below if isinstance(below, list) else (below,):
            if isinstance(one, msgspec.Struct):
                _point(one, places)
