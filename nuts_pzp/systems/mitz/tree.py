"""Mitz: FHIR in XML or in JSON as one plain tree, from hostile bytes (spec consent 3.3, 6.5). Pure; no I/O.

Both spellings become the same nodes, so that whatever is read of a notification is read once. XML goes through the scan
of answers; JSON is UTF-8 without repeated names, nulls, or numbers that are none. Narratives are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from .flaw import Flaw, Refusal
from .scan import MAX_DEPTH, Limits, parse

NOTICE = Limits(size=1_048_576, elements=20_000)
"""Bytes and elements of the largest notification that is read."""

_FHIR = "{http://hl7.org/fhir}"
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Node:
    """An element: its value as text when it is a primitive, its children by name in order, its type when a resource."""

    value: str | None = field(default=None, repr=False)
    children: Mapping[str, tuple[Node, ...]] = field(default_factory=dict, repr=False)
    kind: str = ""

    def all(self, *path: str) -> tuple[Node, ...]:
        """Return every node at this path."""
        found: tuple[Node, ...] = (self,)
        for name in path:
            found = tuple(child for node in found for child in node.children.get(name, ()))
        return found

    def texts(self, *path: str) -> tuple[str, ...]:
        """Return the value of every node at this path; Refusal when one has none."""
        values = [node.value for node in self.all(*path)]
        if any(value is None for value in values):
            raise Refusal(Flaw.FHIR)
        return tuple(value or "" for value in values)

    def text(self, *path: str) -> str:
        """Return the only value at this path, empty when there is none; Refusal for more than one."""
        found = self.texts(*path)
        if len(found) > 1:
            raise Refusal(Flaw.FHIR)
        return found[0] if found else ""


def from_xml(body: bytes) -> Node:
    """Read one resource in XML; Refusal."""
    root = parse(body, NOTICE).root
    return _resource(root)


def _resource(element: Element) -> Node:
    if not element.tag.startswith(_FHIR) or element.attrib:
        raise Refusal(Flaw.FHIR)
    return Node(children=_children(element), kind=element.tag.removeprefix(_FHIR))


def _children(element: Element) -> dict[str, tuple[Node, ...]]:
    """Return the children by name; `resource` holds one resource, and `url` and `id` may stand as attributes."""
    if (element.text or "").strip(_SPACE) or any((child.tail or "").strip(_SPACE) for child in element):
        raise Refusal(Flaw.FHIR)
    found: dict[str, list[Node]] = {
        name: [Node(value)] for name, value in element.attrib.items() if name in ("url", "id")
    }
    for child in element:
        if not child.tag.startswith(_FHIR):
            raise Refusal(Flaw.FHIR)
        name = child.tag.removeprefix(_FHIR)
        if name != "text":
            found.setdefault(name, []).append(_held(child) if name == "resource" else _element(child))
    return {name: tuple(nodes) for name, nodes in found.items()}


def _held(element: Element) -> Node:
    if len(element) != 1 or element.attrib:
        raise Refusal(Flaw.FHIR)
    return _resource(element[0])


def _element(element: Element) -> Node:
    if not {"value", "url", "id"}.issuperset(element.attrib):
        raise Refusal(Flaw.FHIR)
    return Node(element.get("value"), _children(element))


def from_json(body: bytes) -> Node:
    """Read one resource in JSON; Refusal."""
    if not body.strip():
        raise Refusal(Flaw.EMPTY)
    if len(body) > NOTICE.size:
        raise Refusal(Flaw.TOO_LARGE)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(Flaw.ENCODING) from None
    if "\x00" in text or text.startswith("\ufeff"):
        raise Refusal(Flaw.ENCODING)
    try:
        loaded = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_number, parse_int=_number
        )
    except RecursionError:
        raise Refusal(Flaw.TOO_DEEP) from None
    except ValueError:
        raise Refusal(Flaw.JSON) from None
    if type(loaded) is not dict:
        raise Refusal(Flaw.JSON)
    return _object(loaded, _Budget(), 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal(Flaw.DUPLICATE_KEY)
    return found


_NUMBER = object()


def _number(_: str) -> Any:
    """A number, of whatever length: nothing of a notification that is read is one."""
    return _NUMBER


def _no_number(_: str) -> Any:
    raise Refusal(Flaw.JSON)


class _Budget:
    """Counts the elements of one document."""

    def __init__(self) -> None:
        self._left = NOTICE.elements

    def take(self, depth: int) -> None:
        self._left -= 1
        if depth > MAX_DEPTH:
            raise Refusal(Flaw.TOO_DEEP)
        if self._left < 0:
            raise Refusal(Flaw.TOO_MANY_ELEMENTS)


def _object(held: dict[str, Any], budget: _Budget, depth: int) -> Node:
    budget.take(depth)
    kind = held.get("resourceType", "")
    if type(kind) is not str:
        raise Refusal(Flaw.FHIR)
    children = {
        _text(name): tuple(_nodes(value, budget, depth + 1))
        for name, value in held.items()
        if name not in ("resourceType", "text") and not name.startswith("_")
    }
    return Node(children=children, kind=_text(kind))


def _nodes(value: Any, budget: _Budget, depth: int) -> Iterator[Node]:
    """Give the elements of a property: one, or those of an array, which holds no arrays."""
    for one in value if type(value) is list else [value]:
        if type(one) is dict:
            yield _object(one, budget, depth)
        elif type(one) is str:
            budget.take(depth)
            yield Node(_text(one))
        elif type(one) is bool:
            budget.take(depth)
            yield Node("true" if one else "false")
        elif one is _NUMBER:
            budget.take(depth)
            yield Node()
        else:
            raise Refusal(Flaw.FHIR)


def _text(text: str) -> str:
    """Refuse half a surrogate pair: JSON can spell one, and nothing else can write it down."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal(Flaw.ENCODING) from None
    return text
