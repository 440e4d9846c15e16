"""Mitz: from hostile bytes to a bounded tree (spec consent 6.5). Trusts nothing; opens nothing.

An expat pre-scan refuses everything that could make two readers see two documents (document types, entities, comments,
processing instructions, CDATA, other encodings) or cost more than a real answer does; only then a tree is built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser
from xml.parsers import expat

from .codes import SOAP, XINCLUDE
from .flaw import Flaw, Refusal

MAX_BYTES = 262_144
MAX_DEPTH = 32
MAX_ELEMENTS = 2_000
MAX_ATTRIBUTES = 32


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a document may be: bytes and elements. Depth and attributes are the same for all."""

    size: int = MAX_BYTES
    elements: int = MAX_ELEMENTS


ANSWER = Limits()

_ERRORS = {
    expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT]: Flaw.TRAILING_DATA,
    expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]: Flaw.ENTITY,
}


def scan(body: bytes, limits: Limits = ANSWER) -> None:
    """Raise Refusal unless the bytes are one plain, small, well-formed UTF-8 document."""
    if not body.strip():
        raise Refusal(Flaw.EMPTY)
    if len(body) > limits.size:
        raise Refusal(Flaw.TOO_LARGE)
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refusal(Flaw.ENCODING)
    if b"\x00" in body:
        raise Refusal(Flaw.CONTROL_CHARACTER)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(Flaw.ENCODING) from None
    parser = expat.ParserCreate("UTF-8")
    _guard(parser, limits.elements)
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise Refusal(_ERRORS.get(error.code, Flaw.NOT_WELL_FORMED)) from None


def _guard(parser: expat.XMLParserType, most: int) -> None:
    depth = elements = 0

    def start(_name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth, elements = depth + 1, elements + 1
        if depth > MAX_DEPTH:
            raise Refusal(Flaw.TOO_DEEP)
        if elements > most:
            raise Refusal(Flaw.TOO_MANY_ELEMENTS)
        if len(attributes) > MAX_ATTRIBUTES:
            raise Refusal(Flaw.TOO_MANY_ATTRIBUTES)

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def declaration(version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise Refusal(Flaw.ENCODING)
        if version != "1.0":
            raise Refusal(Flaw.NOT_WELL_FORMED)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.XmlDeclHandler = declaration
    parser.StartDoctypeDeclHandler = _refusing(Flaw.DOCTYPE)
    parser.EntityDeclHandler = _refusing(Flaw.ENTITY)
    parser.CommentHandler = _refusing(Flaw.COMMENT)
    parser.ProcessingInstructionHandler = _refusing(Flaw.PROCESSING_INSTRUCTION)
    parser.StartCdataSectionHandler = _refusing(Flaw.CDATA)


def _refusing(flaw: Flaw) -> Callable[..., NoReturn]:
    def refuse(*_: Any) -> NoReturn:
        raise Refusal(flaw)

    return refuse


class _Builder(TreeBuilder):
    """Keeps what a QName in the text of a `soap:Value` stands for: ElementTree forgets prefixes."""

    def __init__(self) -> None:
        super().__init__()
        self._scope: dict[str, list[str]] = {}
        self.names: dict[Element, str] = {}

    def start_ns(self, prefix: str | None, uri: str | None) -> None:
        self._scope.setdefault(prefix or "", []).append(uri or "")

    def end_ns(self, prefix: str | None) -> None:
        self._scope[prefix or ""].pop()

    def end(self, tag: str) -> Element:
        element = super().end(tag)
        if tag == f"{{{SOAP}}}Value" and element.text:
            prefix, _, name = element.text.strip(" \t\r\n").rpartition(":")
            if bound := self._scope.get(prefix):
                self.names[element] = f"{{{bound[-1]}}}{name}"
        return element


class Document:
    """A scanned document: its root, and the expanded name that each `soap:Value` holds."""

    __slots__ = ("names", "root")

    def __init__(self, root: Element, names: dict[Element, str]) -> None:
        self.root, self.names = root, names


def parse(body: bytes, limits: Limits = ANSWER) -> Document:
    """Scan, then build the tree; raises Refusal."""
    scan(body, limits)
    builder = _Builder()
    parser = XMLParser(target=builder, encoding="utf-8")  # noqa: S314 (what it warns of was refused by the scan)
    try:
        parser.feed(body)
        root = parser.close()
    except ParseError:
        raise Refusal(Flaw.NOT_WELL_FORMED) from None
    if any(element.tag.startswith(f"{{{XINCLUDE}}}") for element in root.iter()):
        raise Refusal(Flaw.XINCLUDE)
    return Document(root, builder.names)
