"""The narrative of a resource: XHTML that becomes part of a document, so it is looked at before. Pure.

Trusts nothing. What passes stands in the document as it was sent, letter for letter.
"""

from __future__ import annotations

import re
from xml.parsers import expat

XHTML = "http://www.w3.org/1999/xhtml"

_LISTED = (
    "a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img "
    "li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var"
)
_AS_HARMLESS = "address bdo del ins kbd s strike u"
_ELEMENTS = frozenset(f"{_LISTED} {_AS_HARMLESS}".split())
"""What FHIR's rule txt-1 lists, and what is met beside it."""
_LISTED_ATTRIBUTES = (
    "abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset "
    "cite class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel "
    "rev rowspan rules scope shape span src start style summary tabindex title type valign value vspace width"
)
_ATTRIBUTES = frozenset(_LISTED_ATTRIBUTES.split())
"""What FHIR's rule txt-1 lists."""
_XML = "http://www.w3.org/XML/1998/namespace"
_OF_XML = frozenset({f"{_XML} lang", f"{_XML} space"})
_ADDRESSES = frozenset({"cite", "href", "longdesc", "src"})
_SCHEME = re.compile(r"[^/?#]*?:")
_SCHEMES = frozenset({"http:", "https:", "mailto:", "tel:", "urn:"})
_PICTURE = re.compile(r"data:image/(?:gif|jpeg|png);base64,[a-z0-9+/=]*", re.ASCII)
_BLANK = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_ACTIVE_STYLE = re.compile(r"\\|/\*|expression\s*\(|script:|behavior\s*:|-moz-binding", re.IGNORECASE)


class Unfit(Exception):
    """This is no narrative that may become part of a document. Carries words without content."""


def checked(text: str, room: int) -> str:
    """Return the `div` as it may stand in the document, without blanks around it. `room`: elements in each other.

    Raises Unfit on what is not well-formed, has a document type, an entity, a processing instruction or an XML
    declaration, or an element, attribute or address beyond FHIR's rules for narratives.
    """
    look = _Look(room)
    try:
        look.parser.Parse(text.encode("utf-8"), True)
    except (expat.ExpatError, UnicodeEncodeError):
        raise Unfit("a narrative that is not well-formed XML") from None
    return text.strip(" \t\r\n")


class _Look:
    """One look at one narrative."""

    def __init__(self, room: int) -> None:
        self._room, self._depth = room, 0
        self.parser = parser = expat.ParserCreate("utf-8", " ")
        parser.StartElementHandler = self._begins
        parser.EndElementHandler = self._ends
        parser.StartDoctypeDeclHandler = self._never
        parser.ProcessingInstructionHandler = self._never
        parser.XmlDeclHandler = self._never

    def _begins(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > self._room:
            raise Unfit("a narrative that goes too deep")
        namespace, _, local = name.rpartition(" ")
        if namespace != XHTML or local not in _ELEMENTS or (self._depth == 1 and local != "div"):
            raise Unfit("a narrative with an element that may not stand there")
        for key, value in attributes.items():
            if key not in _ATTRIBUTES and key not in _OF_XML:
                raise Unfit("a narrative with an attribute that may not stand there")
            if key in _ADDRESSES and not _leads_nowhere_strange(value):
                raise Unfit("a narrative with an address that may not stand there")
            if key == "style" and _ACTIVE_STYLE.search(value):
                raise Unfit("a narrative with a style that may not stand there")

    def _ends(self, _: str) -> None:
        self._depth -= 1

    def _never(self, *_: object) -> None:
        raise Unfit("a narrative with a document type, an XML declaration or a processing instruction")


def _leads_nowhere_strange(address: str) -> bool:
    """True for a relative address, one of a known scheme, and a picture in itself; read as a browser reads it."""
    plain = _BLANK.sub("", address).lower()
    scheme = _SCHEME.match(plain)
    return scheme is None or scheme[0] in _SCHEMES or _PICTURE.fullmatch(plain) is not None
