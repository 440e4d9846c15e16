"""Modifiers inside a resource: in a part that is read, or in one that is not (spec pzp-fhir 3.2).

Those of the resource itself, of a provision and of a question are judged where they are read. A modifier anywhere else
changes the meaning of something too: the resource is then not interpreted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

_NAME = b'"modifierExtension"'
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_JUDGED_ELSEWHERE = {"": ("modifierExtension", "contained"), "provision": ("modifierExtension",)}
_APART = frozenset({"Patient", "Practitioner", "PractitionerRole"})
"""Who people are is told by name, not interpreted; contacts of a Patient are judged one by one."""


def hides_modifier(resource_type: str, raw: bytes) -> bool:
    """Say whether a modifier stands in a part of the resource where no reader looks for one."""
    if _NAME not in raw or resource_type in _APART:
        return False
    try:
        content = msgspec.json.decode(raw)
        return any(_inside(content, "")) if isinstance(content, dict) else False
    except _BROKEN:
        return True


def _inside(node: dict[str, Any], place: str) -> Iterator[bool]:
    skipped = _JUDGED_ELSEWHERE.get(place, ())
    for name, child in node.items():
        if name in skipped:
            continue
        if name == "modifierExtension" and child:
            yield True
        below = name if place == "" else f"{place}.{name}"
        for one in child if isinstance(child, list) else (child,):
            if isinstance(one, dict):
                yield from _inside(one, below)
