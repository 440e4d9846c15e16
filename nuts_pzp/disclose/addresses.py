"""Addresses as seen from outside: the own server's internal address never leaves (design D2).

Trusts the tenant's external FHIR base from settings. Entry URLs, references and document links are rewritten;
canonical URLs and extension URLs are names, not addresses, and stay.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..fhir.request import FhirRequest, encode
from ..values import Value, replace
from .belonging import Head
from .one_reading import Broken


class Outside(Value, frozen=True):
    """How an answer looks from outside: the tenant's external FHIR base, and the URL of a further page or None."""

    hidden = frozenset({"further"})

    base: str
    further: str | None = None


class Addresses:
    """The own server's addresses: that of settings, and one more that its entries may be published under."""

    def __init__(self, inside: str, outside: str, published: str | None = None) -> None:
        self.outside = outside
        self.bases = tuple({f"{base}/": None for base in (published, inside, outside) if base})
        self._hidden = tuple(base[:-1] for base in self.bases if base != f"{outside}/")
        self._plain = tuple(b'"' + base.encode() for base in self._hidden)
        self._escaped = tuple(_escaped(base) for base in self._hidden)

    def full_url(self, url: str | None, short: str) -> str | None:
        """Return an entry's URL as seen from outside; Broken when it says that the resource is another server's."""
        if url is None or url.startswith("urn:"):
            return url
        for base in self.bases:
            if url == base + short:
                return f"{self.outside}/{short}"
        raise Broken("an entry from elsewhere")

    def hidden_in(self, body: bytes) -> bool:
        """True when a JSON string of the bytes begins with an internal address."""
        for base in self._plain:
            if base in body:
                return True
        return b"\\" in body and any(base in body for base in self._escaped)

    def readdressed(self, raw: bytes) -> bytes:
        """Return the bytes with internal addresses made external; the very same object when there is none."""
        if self.hidden_in(raw):
            for base in self._hidden:
                raw = _written(base).sub(lambda found: found[1] + self.outside.encode(), raw)
        return raw


@lru_cache(maxsize=256)
def addresses(inside: str, outside: str, published: str | None = None) -> Addresses:
    """Return the addresses of one server, made once."""
    return Addresses(inside, outside, published)


def published_base(url: str | None, found: Head) -> str | None:
    """Return the base that an entry's URL ends its resource in, or None for none or a `urn:`."""
    if url is None or url.startswith("urn:") or "://" not in url:
        return None
    tail = f"/{found.resourceType}/{found.id}"
    return url[: -len(tail)] if url.endswith(tail) else None


def self_url(request: FhirRequest, base: str) -> str:
    """Return the self link of a search; a posted one shows no parameters, for they can hold a BSN."""
    asked = encode(request if request.continuation is None else replace(request, continuation=None))
    where = f"{base}/{request.resource_type}"
    return f"{where}?{asked.query}" if asked.method == "GET" and asked.query else where


def plainly(raw: bytes) -> bytes:
    r"""Return JSON bytes in which plain letters are not written as `\u00..`: so no address or key hides from bytes.

    The meaning is the same; the very same object when there is no such escape.
    """
    return _NEEDLESS.sub(_letter, raw) if b"\\" in raw and b"\\u00" in raw else raw


_NEEDLESS = re.compile(rb"\\(?:u00([2-7][0-9A-Fa-f])|.)", re.DOTALL)


def _letter(found: re.Match[bytes]) -> bytes:
    letter = bytes([int(found[1], 16)]) if found[1] else b""
    return found[0] if letter in (b"", b'"', b"\\", b"\x7f") else letter


def _escaped(base: str) -> bytes:
    r"""An address as some servers write it in JSON: `\/` for a slash."""
    return base.replace("/", "\\/").encode()


@lru_cache(maxsize=256)
def _written(base: str) -> re.Pattern[bytes]:
    """The address where it is one: in a reference to a resource, or in the link to a document (Binary)."""
    here = rb"(?:" + re.escape(base.encode()) + rb"|" + re.escape(_escaped(base)) + rb")"
    slash = rb"\\?/"
    resource = slash + rb"[A-Z][A-Za-z]+" + slash + rb"[A-Za-z0-9.-]+"
    document = slash + rb"Binary" + slash
    return re.compile(
        rb'("reference"\s*:\s*"(?=' + here + resource + rb')|"url"\s*:\s*"(?=' + here + document + rb"))" + here
    )
