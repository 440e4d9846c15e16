"""Letters of the wire: percent-decoding once and strictly, pairs, FHIR escapes, and back. Pure strings, no FHIR types.

Trusts nothing: whatever could be read in two ways is refused (spec decision-api 3, design D1). No text is echoed.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from ..outcome import Deny
from ..reasons import Reason

MAX_PAIRS = 64
MAX_VALUE = 1024

_WRITTEN = re.compile(r"[A-Za-z0-9._~!$'()*,/:@?|\\=+%-]*")
"""What may stand unescaped in a query; `|` and a backslash as well, because clients write them so."""
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ESCAPE_LEFT = re.compile(r"%[0-9A-Fa-f]{2}")
_TOKENS = re.compile(r"\\[\\|$,]|[^\\]")
_NAME = re.compile(r"[A-Za-z0-9._~:-]+")
_VALUE = re.compile(r"[A-Za-z0-9._~/:,|-]+")
_CANONICAL = re.compile(r"(?:[^\\]|\\[\\|$])+")


class Refused(Exception):
    """Carries a Deny to where a request is parsed; it never leaves the fhir room."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason.code)
        self.stop = Deny(reason, detail=detail)


def decode(text: str) -> str:
    """Percent-decode once; refuse bad escapes, what is not UTF-8, controls, `;` and escapes that hide in escapes."""
    if not _WRITTEN.fullmatch(text):
        raise Refused(Reason.REQUEST_MALFORMED, "a character that must be percent-encoded")
    if "%" not in text:
        return text
    plain = text.replace("%2F", "/").replace("%3A", ":").replace("%7C", "|").replace("%2C", ",")
    return plain if "%" not in plain else _decoded(text)  # nearly every one: these four hide nothing


def _decoded(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise Refused(Reason.REQUEST_MALFORMED, "a bad percent-escape")
    try:
        plain = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(Reason.REQUEST_MALFORMED, "a percent-escape that is not UTF-8") from None
    if not plain.isprintable():
        raise Refused(Reason.REQUEST_MALFORMED, "a control or invisible character")
    if ";" in plain or _ESCAPE_LEFT.search(plain):
        raise Refused(Reason.REQUEST_AMBIGUOUS, "a semicolon or a double percent-escape")
    return plain


def pairs(text: str, *, form: bool) -> list[tuple[str, str]]:
    """Split a query or a form body into decoded (name, value) pairs, in order.

    In a form `+` is a space; in a URL it has two readings and is refused, except in `_format=application/fhir+json`.
    """
    if not text:
        return []
    written = text.split("&")
    if len(written) > MAX_PAIRS:
        raise Refused(Reason.REQUEST_TOO_BIG, "too many parameters")
    return [_pair(one, form) for one in written]


def _pair(text: str, form: bool) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise Refused(Reason.REQUEST_MALFORMED, "a parameter without a name or a value")
    if "+" in text:
        if form:
            name, value = name.replace("+", "%20"), value.replace("+", "%20")
        elif name != "_format":
            raise Refused(Reason.REQUEST_AMBIGUOUS, "a plus sign in a URL")
    name, value = decode(name), decode(value)
    if len(value) > MAX_VALUE * 4:
        raise Refused(Reason.REQUEST_TOO_BIG, "a value that is too long")
    return name, value


def alternatives(text: str) -> tuple[str, ...]:
    r"""Split a parameter value at its unescaped commas.

    `\,` becomes a comma. `\|`, `\$` and `\\` stay as written: so `system|code` and a code that holds a bar differ.
    """
    if "\\" not in text:
        found = text.split(",")
    else:
        found = _unescaped(text)
    for value in found:
        if not value or value != value.strip() or len(value) > MAX_VALUE:
            raise Refused(Reason.REQUEST_MALFORMED, "a value that is empty, padded or too long")
    return tuple(found)


def _unescaped(text: str) -> list[str]:
    found, at = [""], 0
    while at < len(text):
        token = _TOKENS.match(text, at)
        if token is None:
            raise Refused(Reason.REQUEST_MALFORMED, "a backslash that escapes nothing")
        at, letters = token.end(), token.group()
        if letters == ",":
            found.append("")
        else:
            found[-1] += "," if letters == "\\," else letters
    return found


def written(name: str, values: tuple[str, ...]) -> str:
    """Return `name=value,value` percent-encoded, the inverse of `decode` and `alternatives`.

    Raises ValueError on a value that `alternatives` cannot return: that is a bug of the caller.
    """
    escaped = []
    for value in values:
        if not value or ("\\" in value and not _CANONICAL.fullmatch(value)):
            raise ValueError("a parameter value that is not canonical")
        escaped.append(value.replace(",", "\\,") if "," in value else value)
    if not escaped:
        raise ValueError("a parameter without values")
    value = ",".join(escaped)
    if _NAME.fullmatch(name) and _VALUE.fullmatch(value):  # nearly every one: `quote` takes ten times as long
        return f"{name}={value.replace('|', '%7C')}"
    return f"{quote(name, safe=':')}={quote(value, safe='/:,')}"
