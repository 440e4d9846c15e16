"""What is asked of the FHIR facade, before the rules of FHIR read it: what came, or what a page token holds."""

from __future__ import annotations

import re
from urllib.parse import unquote

from ..consult.facade.ids import Bound, Ids
from ..fhir.envelope import RawRequest
from ..fhir.request import FhirRequest
from ..outcome import Deny, Outcome, Unavailable, Unknown
from ..reasons import Reason
from ..values import replace
from .call import Call

_PAGED = re.compile(r"_page=([A-Za-z0-9_-]{64,12288})(&_format=[^&]+)?", re.ASCII)
_TYPED = re.compile(r"/([A-Z][A-Za-z]{1,63})", re.ASCII)
_FORMAT = re.compile(r"_format=([A-Za-z0-9/+.%-]{1,64})", re.ASCII)


def posed(call: Call, rest: str, content: bytes) -> RawRequest:
    """Return the request as it came; `rest` is the path below the FHIR base. A HEAD is the GET that it stands for.

    A client that says its form with every request says it in the URL of a posted search: alone there, it is an Accept.
    """
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in call.scope["headers"])
    method = "GET" if call.scope["method"] == "HEAD" else call.scope["method"]
    query = call.scope["query_string"].decode("latin-1")
    if method == "POST" and (found := _FORMAT.fullmatch(query)):
        form = unquote(found[1])
        accept = ("accept", form if "/" in form else f"application/{form}")
        return RawRequest(method, rest, "", (*(one for one in headers if one[0] != "accept"), accept), content)
    return RawRequest(method, rest, query, headers, content)


def turned(ids: Ids, bound: Bound, raw: RawRequest) -> Outcome[tuple[RawRequest, tuple[str, str, str] | None]]:
    """Return the request as it is, or the one that a page token holds, with where its page begins."""
    if not raw.query.startswith("_page"):
        return raw, None
    path, token = _TYPED.fullmatch(raw.path), _PAGED.fullmatch(raw.query)
    if raw.method != "GET" or path is None or token is None:
        return Deny(Reason.REQUEST_MALFORMED, detail="a page token stands behind a type, with nothing but a _format")
    page = ids.turn(token[1], bound, path[1])
    if isinstance(page, Deny | Unknown | Unavailable):
        return page
    return replace(raw, query=page.query + (token[2] or "")), page.after


def named(request: FhirRequest) -> str:
    """Return the id in the request: of what is read, or of the patient."""
    if request.id is not None:
        return request.id
    [[reference]] = request.values("patient") or request.values("subject")
    return reference.removeprefix("Patient/")
