"""From an HTTP answer to a FhirAnswer or a Stop: status, media type, what it is, where it goes on.

Trusts nothing that a server says. A next link is followed only on the server's own origin, below its own base.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from ...fhir.request import FhirRequest, stays_below
from ...fhir.searchset import Bundle, Link, strictly
from ...fhir.version import Speech
from ...forwarding.port import FhirAnswer
from ...outcome import Deny, Outcome, Unavailable
from ...outside import Heard, Trouble
from ...reasons import Reason

_JSON = frozenset({"application/fhir+json", "application/json", "application/json+fhir"})
_GONE = frozenset({404, 410})
_NOT_UNDERSTOOD = frozenset({400, 404, 410, 422})
_LABELS: Mapping[Speech | None, re.Pattern[str]] = {
    "r4": re.compile(r"; *fhirversion=\"?4\.0"),
    "stu3": re.compile(r"; *fhirversion=\"?3\.0"),
    None: re.compile(r"; *fhirversion=\"?[34]\.0"),
}
_PORTS = {"http": 80, "https": 443}


_TROUBLES = {
    Trouble.ADDRESS: Reason.ADDRESS_REFUSED,
    Trouble.NAME: Reason.SOURCE_DOWN,
    Trouble.REFUSED: Reason.SOURCE_DOWN,
    Trouble.TLS: Reason.SOURCE_TLS,
    Trouble.TIMEOUT: Reason.SOURCE_TIMEOUT,
    Trouble.OVERSIZE: Reason.SOURCE_TOO_BIG,
}


class _Link(msgspec.Struct):
    relation: str = ""
    url: str = ""


class _Head(msgspec.Struct):
    resourceType: str
    link: list[_Link] = []


class _Type(msgspec.Struct):
    resourceType: str


_HEAD = msgspec.json.Decoder(_Head)
_TYPE = msgspec.json.Decoder(_Type)


def answered(
    request: FhirRequest, reply: Heard, base: str, speaks: Speech | None = None, *, keep: bool = False
) -> Outcome[FhirAnswer]:
    """Return the answer to a request, or the Stop that its status or content is. `base` has no trailing slash.

    `speaks`: the version that a label must name when there is one; None for either, where both are read. `keep` a
    searchset as it was read.
    """
    if reply.status != 200:  # a part (206), or one that is yet to come (202), is no answer either
        return _refused(request, reply.status)
    if reply.media_type not in _JSON:
        return Unavailable(Reason.SOURCE_BROKEN, detail="not JSON by its media type")
    if "fhirversion" in (kind := reply.headers["content-type"].lower()) and not _LABELS[speaks].search(kind):
        return Unavailable(Reason.SOURCE_VERSION, detail="an answer in another FHIR version")
    searched = request.interaction == "search-type"
    expected = "Bundle" if searched else request.resource_type
    kept: Bundle | None = None
    try:
        if not reply.body.isascii():
            reply.body.decode("utf-8")
        if searched and keep:
            kept = _strictly(reply.body)
        head = kept or (_HEAD if searched else _TYPE).decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unavailable(Reason.SOURCE_BROKEN, detail="not a FHIR resource in JSON")
    if head.resourceType != expected:
        return Unavailable(Reason.SOURCE_BROKEN, detail=_surprise(head.resourceType))
    if isinstance(head, _Type):
        return FhirAnswer(reply.status, reply.body, None, base)
    further = _further(head.link or [], base)
    if isinstance(further, Unavailable):
        return further
    return FhirAnswer(reply.status, reply.body, further, base, kept)


def _strictly(body: bytes) -> Bundle | None:
    """Read a searchset, None when it holds more than may be passed on."""
    try:
        return strictly(body)
    except msgspec.ValidationError:
        return None


def unreached(trouble: Trouble) -> Unavailable:
    """Return the Stop of a call that brought no answer."""
    return Unavailable(_TROUBLES.get(trouble, Reason.SOURCE_BROKEN), detail=trouble.value)


def _refused(request: FhirRequest, status: int) -> Deny | Unavailable:
    """Which Stop a status is. Only a 403 and a resource that is not there are a no; the rest could not be asked."""
    detail = f"HTTP {status}"
    if status == 403:
        return Deny(Reason.SOURCE_REFUSED, detail=detail)
    if status in _GONE and request.interaction == "read":
        return Deny(Reason.NOT_FOUND, detail=detail)
    if status == 401:
        return Unavailable(Reason.SOURCE_UNAUTHENTICATED, detail=detail)
    if status in _NOT_UNDERSTOOD:
        return Unavailable(Reason.SOURCE_QUERY, detail=detail)
    if status in (429, 503):
        return Unavailable(Reason.SOURCE_DOWN, detail=detail)
    if status == 504:
        return Unavailable(Reason.SOURCE_TIMEOUT, detail=detail)
    return Unavailable(Reason.SOURCE_BROKEN, detail=detail)


def _surprise(resource_type: str) -> str:
    return "an OperationOutcome with a 2xx status" if resource_type == "OperationOutcome" else "another resource type"


def _further(links: Sequence[_Link | Link], base: str) -> str | Unavailable | None:
    """Return the next page relative to the base, None when there is none, a Stop when it may not be followed."""
    found = [link.url for link in links if link.relation == "next"]
    if not found:
        return None
    below = relative(found[0], base) if len(found) == 1 else None
    return Unavailable(Reason.SOURCE_LINK, detail="a next link outside the base") if below is None else below


def relative(url: str, base: str) -> str | None:
    """Return what of a link comes after the base, or None when the link does not stay on its origin and below it.

    A link may be absolute, or relative to the base as FHIR has it (`Consent?page=2`, `?page=2`).
    """
    if not url.isascii() or not url.isprintable():
        return None  # urlsplit would drop line breaks silently
    try:
        parts, own = urlsplit(url), urlsplit(base)
        same = not parts.scheme or _origin(url) == _origin(base)
    except ValueError:
        return None
    if not same or parts.fragment or (parts.netloc and not parts.scheme) or "\\" in url:
        return None
    path = parts.path
    if parts.scheme:
        if path != own.path and not path.startswith(f"{own.path}/"):
            return None
        path = path[len(own.path) :]
    elif path.startswith("/"):
        return None
    elif path:
        path = f"/{path}"
    below = f"{path}?{parts.query}" if parts.query else path
    return below if below and stays_below(below) else None


def _origin(url: str) -> tuple[str, str, int | None, str | None]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, parts.hostname or "", parts.port or _PORTS.get(scheme), parts.username
