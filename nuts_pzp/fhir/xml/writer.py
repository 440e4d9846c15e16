"""From FHIR JSON to FHIR XML: the same resource, every letter of every value, in the order of the definitions. Pure.

Trusts nothing of the JSON. What has no place in XML (an element that is not in the definitions, a value of another kind
than defined, a character that XML cannot carry) makes the whole Unwritable: nothing is left out, mended or guessed.
"""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import Any, NoReturn

from ..version import Speech
from .elements import Definitions, Element, Type, definitions
from .narrative import Unfit, checked

DEEPEST = 200
"""Elements in each other; common XML parsers stop at 256."""

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_NAMESPACE = ' xmlns="http://hl7.org/fhir"'
_SPECIAL = re.compile('[&<>"\x00-\x1f\ud800-\udfff\ufffe\uffff]')
_NEVER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)
_WORD = re.compile(r"_?[A-Za-z]{1,40}", re.ASCII)


class Unwritable(Exception):
    """The JSON cannot be said in XML. Carries words without content."""


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def to_xml(body: bytes, spoken: Speech) -> bytes:
    """Return a resource in JSON as an XML document in UTF-8. Raises Unwritable."""
    try:
        resource = json.loads(
            body.decode("utf-8"),
            parse_float=_Number,
            parse_int=_Number,
            parse_constant=_no_number,
            object_pairs_hook=_once,
        )
        writing = _Writing(definitions(spoken))
        writing.resource(resource, 1, _NAMESPACE)
        return (_HEAD + "".join(writing.out)).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Unwritable(f"not JSON that can be read ({type(error).__name__})") from None
    except Unfit as unfit:
        raise Unwritable(str(unfit)) from None


def _no_number(_: str) -> NoReturn:
    raise Unwritable("a number that is none")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise Unwritable("a repeated key")
    return read


class _Writing:
    """One document under way. Every method appends to `out`; `depth` counts elements in each other."""

    def __init__(self, known: Definitions) -> None:
        self._known = known
        self.out: list[str] = []

    def resource(self, given: Any, depth: int, attributes: str = "") -> None:
        """A resource, in an element that is called as its type."""
        if type(given) is not dict:
            raise Unwritable("a resource that is no object")
        name = given.pop("resourceType", None)
        kind = self._known.resources.get(name) if type(name) is str else None
        if kind is None:
            raise Unwritable("a resource type that is not among those that are written")
        self._object(kind.name, given, kind, depth, attributes)

    def _object(self, tag: str, given: dict[str, Any], kind: Type, depth: int, attributes: str) -> None:
        if depth > DEEPEST:
            raise Unwritable("elements that go too deep")
        for name in kind.attributes:
            if (value := given.get(name)) is not None:
                attributes += f' {name}="{_string(value)}"'
        places = kind.places
        try:
            found = sorted({places[key] for key in given})
        except KeyError as unknown:
            key = str(unknown.args[0])
            what = key if _WORD.fullmatch(key) else "an element"
            raise Unwritable(f"{what} of {kind.name} is not in the definitions") from None
        out = self.out
        begin = len(out)
        out.append(f"<{tag}{attributes}>")
        for place in found:
            element = kind.elements[place]
            if element.name in kind.attributes:
                continue
            value, beside = given.get(element.name), given.get(element.beside)
            if element.many:
                self._all(element, value, beside, depth + 1)
            elif beside is not None:
                self._with(element, value, beside, depth + 1)
            elif value is not None:
                self._one(element, value, depth + 1)
        if len(out) > begin + 1:
            out.append(f"</{tag}>")
        elif attributes:
            out[begin] = f"<{tag}{attributes}/>"
        else:
            raise Unwritable(f"a {kind.name} with nothing in it")

    def _all(self, element: Element, value: Any, beside: Any, depth: int) -> None:
        """Every value of a list, and what stands beside each; null and an empty list say that there are none."""
        values, besides = _list(value, element), _list(beside, element)
        if not besides:
            for one in values:
                self._one(element, one, depth)
            return
        for one, beside in zip_longest(values, besides):
            self._with(element, one, beside, depth)

    def _one(self, element: Element, value: Any, depth: int) -> None:
        name = element.name
        if element.kind == "string":
            self.out.append(f'<{name} value="{_string(value)}"/>')
        elif element.kind == "type":
            if type(value) is not dict:
                raise Unwritable(f"{name} is no object")
            self._object(name, value, element.of, depth, "")
        elif element.kind == "resource":
            self.out.append(f"<{name}>")
            self.resource(value, depth + 1)
            self.out.append(f"</{name}>")
        elif element.kind == "xhtml":
            self.out.append(checked(_plain(value, str, name), DEEPEST - depth))
        else:
            self.out.append(f'<{name} value="{_primitive(value, element)}"/>')

    def _with(self, element: Element, value: Any, beside: Any, depth: int) -> None:
        """A primitive with an id or extensions, with or without a value."""
        if beside is None:
            self._one(element, value, depth)
        elif type(beside) is dict and beside:
            written = "" if value is None else f' value="{_primitive(value, element)}"'
            self._object(element.name, beside, self._known.element, depth, written)
        else:
            raise Unwritable(f"what stands beside {element.name} is no object with something in it")


def _list(given: Any, element: Element) -> list[Any]:
    if given is None:
        return []
    if type(given) is not list:
        raise Unwritable(f"{element.name} is no list")
    return given


def _primitive(value: Any, element: Element) -> str:
    if element.kind == "string":
        return _string(value)
    if element.kind == "number":
        return str(_plain(value, _Number, element.name))
    return "true" if _plain(value, bool, element.name) else "false"


def _plain(value: Any, kind: type, name: str) -> Any:
    if type(value) is not kind:
        raise Unwritable(f"{name} is of another kind than defined")
    return value


def _string(value: Any) -> str:
    """Text as it may stand between quotes."""
    if type(value) is not str:
        raise Unwritable("something that is no text where text is defined")
    if _SPECIAL.search(value) is None:
        return value
    if _NEVER.search(value):
        raise Unwritable("a character that XML cannot carry")
    return value.translate(_ESCAPES)
