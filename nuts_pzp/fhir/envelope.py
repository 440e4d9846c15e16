"""What surrounds a FHIR request: method, headers, body. Says where the parameters are: in exactly one place. Pure.

Trusts nothing. Media types are parsed, not matched; whatever could make another party read a different request
(a method override, an encoded body, a second length) is refused (spec decision-api 3.1, 3.5, 3.10).
"""

from __future__ import annotations

from ..reasons import Reason
from ..values import Value
from .form import JSON, Form, accepted, media_type, stated
from .version import Speech
from .wire import Refused, pairs

MAX_BODY = 64 * 1024
MAX_QUERY = 16 * 1024

FORM = "application/x-www-form-urlencoded"
_OVERRIDES = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})
_REROUTES = frozenset({"x-original-url", "x-rewrite-url"})
_ONCE = frozenset({"host", "content-type", "content-length", "content-encoding", "transfer-encoding"})
_WRITES = frozenset({"if-match", "if-unmodified-since", "if-none-exist"})
"""Conditions of a change; there is nothing to change here, and a caller that thinks so must hear it (ADR 0034)."""
_WATCHED = _ONCE | _OVERRIDES | _REROUTES | _WRITES


class RawRequest(Value, frozen=True):
    """A request as it came: raw origin-form path below the FHIR base, raw query, header pairs (lower case), body.

    `forms` are those in which the door that it came in by can answer.
    """

    hidden = frozenset({"path", "query", "headers", "body"})

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    forms: frozenset[Form] = JSON


def check(raw: RawRequest) -> None:
    """Refuse methods, headers and sizes that no request of ours has."""
    if len(raw.body) > MAX_BODY or len(raw.query) > MAX_QUERY:
        raise Refused(Reason.REQUEST_TOO_BIG, "more than 64 KiB of body or 16 KiB of query")
    if raw.method not in ("GET", "POST"):
        raise Refused(Reason.REQUEST_METHOD, "only GET, and POST of a search")
    given = _watched(raw)
    if not _OVERRIDES.isdisjoint(given):
        raise Refused(Reason.REQUEST_METHOD, "a method override")
    if not _REROUTES.isdisjoint(given):
        raise Refused(Reason.REQUEST_AMBIGUOUS, "a header that names another URL")
    if not _WRITES.isdisjoint(given):
        raise Refused(Reason.REQUEST_UNSUPPORTED, "the condition of a change")
    _check_body(raw, given)
    if raw.method == "POST" and raw.path.endswith("/_search"):
        _check_form(given.get("content-type", ""))


def asked_form(raw: RawRequest, said: str | None, spoken: Speech) -> Form:
    """Return the form in which the request wants its answer. `said` is its `_format`, which overrides Accept."""
    if said is not None:
        return stated(said, raw.forms)
    accept = [value for name, value in raw.headers if name == "accept"]
    return accepted(",".join(accept), spoken, raw.forms) if accept else "json"


def refused_form(raw: RawRequest, spoken: Speech) -> Form:
    """Return the form in which a refusal is written: the one asked for, JSON where that cannot be told."""
    try:
        said = [value for name, value in given_parameters(raw) if name == "_format"]
    except Refused:
        said = []
    try:
        return asked_form(raw, said[0] if len(said) == 1 else None, spoken)
    except Refused:
        return "json"


def given_parameters(raw: RawRequest) -> list[tuple[str, str]]:
    """Return the decoded pairs from the one place where they may be; anything in the other place is refused."""
    if raw.method == "GET":
        if raw.body:
            raise Refused(Reason.REQUEST_AMBIGUOUS, "a GET with a body")
        return pairs(raw.query, form=False)
    if raw.query:
        raise Refused(Reason.REQUEST_AMBIGUOUS, "a POST search with parameters in its URL")
    try:
        text = raw.body.decode("ascii")
    except UnicodeDecodeError:
        raise Refused(Reason.REQUEST_MALFORMED, "a form body that is not percent-encoded") from None
    return pairs(text, form=True)


def _watched(raw: RawRequest) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in raw.headers:
        if name in _WATCHED:
            if name in found and name in _ONCE:
                raise Refused(Reason.REQUEST_AMBIGUOUS, f"more than one {name} header")
            found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _check_body(raw: RawRequest, given: dict[str, str]) -> None:
    length, transfer = given.get("content-length"), given.get("transfer-encoding")
    if length is not None and transfer is not None:
        raise Refused(Reason.REQUEST_AMBIGUOUS, "a body with two lengths")
    if length is not None and length.strip() != str(len(raw.body)):
        raise Refused(Reason.REQUEST_AMBIGUOUS, "a content length that is not that of the body")
    if transfer is not None and (transfer.strip().lower() != "chunked" or raw.method == "GET"):
        raise Refused(Reason.REQUEST_AMBIGUOUS, "a transfer encoding")
    if given.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refused(Reason.REQUEST_MEDIA_TYPE, "an encoded body")


def _check_form(content_type: str) -> None:
    media, parameters = media_type(content_type)
    if media != FORM:
        raise Refused(Reason.REQUEST_MEDIA_TYPE, f"a search is posted as {FORM}")
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8"):
        raise Refused(Reason.REQUEST_MEDIA_TYPE, "only the charset utf-8")
