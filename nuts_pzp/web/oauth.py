"""The authorization server of the tenant's own EHR, as the EHR listener shows it: token, keys, metadata (design D7).

Errors are those of RFC 6749 section 5.2 with a meldcode; each refusal and each token is on record before it leaves.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

import orjson

from ..accounted import TokenIssued
from ..authentication.port import TokenIssuer
from ..exchange import Attempt
from ..outcome import Deny, Outcome, Stop, Unavailable, Unknown
from ..reasons import Reason
from . import door
from .call import Call, refused
from .telling import JSON

TOKEN, JWKS, METADATA = "/oauth/token", "/oauth/jwks.json", "/.well-known/oauth-authorization-server"
METHODS = {TOKEN: ("POST",), JWKS: ("GET", "HEAD"), METADATA: ("GET", "HEAD")}
FORM = "application/x-www-form-urlencoded"
BODY_LIMIT = 64 * 1024
_MOST_FIELDS = 20

_ERRORS = {
    Reason.CLIENT_UNKNOWN: "invalid_client",
    Reason.ASSERTION_INVALID: "invalid_grant",
    Reason.GRANT_UNSUPPORTED: "unsupported_grant_type",
    Reason.TOKEN_SCOPE: "invalid_scope",
    Reason.THROTTLED: "temporarily_unavailable",
}


def placed(path: str) -> str:
    """Return the path under its tenant: RFC 8414 puts the well-known part before the issuer's own path."""
    ahead = f"{METADATA}/"
    return f"/{path.removeprefix(ahead)}{METADATA}" if path.startswith(ahead) else path


async def served(call: Call, issuer: TokenIssuer, below: str) -> door.Response:
    """Answer at one of the three addresses."""
    if below == TOKEN:
        return await _token(call, issuer)
    content = issuer.keys() if below == JWKS else issuer.metadata()
    return door.Response(200, json.dumps(content).encode(), media_type=JSON)


async def _token(call: Call, issuer: TokenIssuer) -> door.Response:
    form = await _form(call)
    issued = form if isinstance(form, Deny | Unknown | Unavailable) else await issuer.issue(call.presented, form)
    if isinstance(issued, Deny | Unknown | Unavailable):
        await refused(call.house.audit, call.presented, issued)
        return _error(issued, call.code)
    came = call.presented
    attempt = Attempt(came.correlation, address=came.address, trace=came.trace, flow="consult")
    await call.house.audit.append(TokenIssued(attempt, issued.client, issued.professional, issued.jti))
    content = {
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.seconds,
        "scope": issued.scope,
    }
    return door.Response(200, orjson.dumps(content), media_type=JSON)


async def _form(call: Call) -> Outcome[dict[str, str]]:
    if not call.carries(FORM):
        return Deny(Reason.REQUEST_MEDIA_TYPE, detail=f"content-type: {FORM} is expected, not encoded")
    if call.scope["query_string"]:
        return Deny(Reason.REQUEST_AMBIGUOUS, detail="the request stands in the body, not in the URL")
    try:
        content = (await door.body(call.receive, BODY_LIMIT)).decode("ascii")
        pairs = parse_qsl(
            content, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except door.BodyTooBig:
        return Deny(Reason.REQUEST_TOO_BIG)
    except ValueError:
        return Deny(Reason.REQUEST_MALFORMED, detail="the body is no form")
    form = dict(pairs)
    if len(form) != len(pairs):
        return Deny(Reason.REQUEST_MALFORMED, detail="a parameter stands twice")
    return form


def _error(stop: Stop, code: str) -> door.Response:
    status = 503 if isinstance(stop, Unavailable) else stop.reason.face.status
    name = _ERRORS.get(stop.reason, "temporarily_unavailable" if status == 503 else "invalid_request")
    if name == "invalid_scope":
        status = 400  # RFC 6749 5.2
    said = stop.reason.text("it", "en") + (f" ({stop.detail})" if stop.detail else "")
    headers = ((b"retry-after", b"30"),) if status in (429, 503) else ()
    content = {"error": name, "error_description": said, "meldcode": code}
    return door.Response(status, orjson.dumps(content), headers, JSON)
