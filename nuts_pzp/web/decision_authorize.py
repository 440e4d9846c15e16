"""A decision for servers that can only ask yes or no about headers: `auth_request` of nginx and its like. Pure.

The request stands in `X-Original-Method` and `X-Original-URI`, which the server sets itself; a body is not seen, so a
posted search cannot be decided here. A yes says in `X-Decided-Target` what to forward in its stead.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..accounted import Allowed
from ..disclose.stated import Stated
from ..fhir.envelope import RawRequest
from ..fhir.request import encode
from ..outcome import Deny
from ..reasons import Face, Reason
from ..values import replace
from . import door
from .decision_dialects import Question, Ruled
from .problem import problem

_AS_IT_IS = frozenset({Face.UNAUTHENTICATED, Face.THROTTLED, Face.BROKEN, Face.DOWN, Face.SLOW})
"""Faces whose status says something to the server that asks; every other no is 403."""


def beheld(scope: door.Scope, base: str) -> Question | Deny:
    """Return the question that the headers ask, about a request below the FHIR base; Deny when they ask none."""
    method, target = door.header(scope, b"x-original-method"), door.header(scope, b"x-original-uri")
    if not method or not target.startswith("/"):
        return Deny(Reason.BODY_MALFORMED, detail="X-Original-Method and X-Original-URI say what is asked, once each")
    path, _, query = target.partition("?")
    root = urlsplit(base).path
    if not path.startswith(f"{root}/"):
        return Deny(Reason.REQUEST_MALFORMED, detail="not below the FHIR base of the settings")
    accept = door.header(scope, b"accept")
    raw = RawRequest(method, path[len(root) :], query, (("accept", accept),) if accept else (), b"")
    shown = door.header(scope, b"authorization")
    return Question(raw, Stated(), None, shown, door.header(scope, b"dpop") or None)


def authorized(ruled: Ruled, code: str) -> door.Response:
    """Return 200 with what to forward, 401 or 403, or the status of what could not be asked."""
    event, stop = ruled.receipt.event, ruled.stop
    if stop is None:
        assert isinstance(event, Allowed)
        written = encode(event.access.request)
        target = f"{written.path}?{written.query}" if written.query else written.path
        headers = [(b"x-decided-method", written.method.encode()), (b"x-decided-target", target.encode())]
        headers += [(b"x-break-glass", b"recorded")] if event.broke_glass else []
        return door.Response(200, b"{}", tuple(headers), "application/json")
    face = stop.reason.face
    outward = (b"x-outward-status", str(face.status).encode())
    said = replace(problem(stop, code), status=face.status if face in _AS_IT_IS else 403)
    challenge = ((b"www-authenticate", b'DPoP algs="ES256", Bearer'),) if face is Face.UNAUTHENTICATED else ()
    others = tuple(header for header in said.headers if header[0] != b"www-authenticate")
    return replace(said, headers=(*others, outward, *challenge))
