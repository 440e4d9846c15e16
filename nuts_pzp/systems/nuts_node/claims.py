"""From what the node says of a token to a Caller: every check of spec nuts-node 9. Pure.

`active` and a scope are never enough: a token may come from another subject of the same node, or lack the claims that
its presentation definition was meant to demand. `client_id` is whatever the client wrote, and no identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ...exchange import Caller
from ...identity import Organization, Professional, Purpose, Ura
from ...outcome import Deny
from ...reasons import Reason
from .settings import ClaimNames

MAX_LIFE = 3600
"""Seconds; the node's tokens live 900."""
SKEW = 60

_RESERVED = frozenset({"active", "iss", "client_id", "scope", "iat", "exp", "cnf", "aud", "sub", "nbf", "jti"})
_URA = re.compile(r"[0-9]{8}", re.ASCII)
_FACILITY = re.compile(r"[A-Z][A-Z0-9]{1,3}", re.ASCII)
_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say to be one of ours."""

    issuer: str
    scopes: Mapping[str, Purpose]
    claims: ClaimNames
    scope_claims: Mapping[str, ClaimNames] = field(default_factory=dict)
    """Names in the tokens of one scope, where its presentation definition words them in another way."""

    def granted(self, said: Mapping[str, Any]) -> frozenset[str]:
        """Return which of the configured scopes a token has."""
        scope = said.get("scope")
        return frozenset(scope.split(" ") if isinstance(scope, str) else ()) & self.scopes.keys()

    def names(self, said: Mapping[str, Any]) -> ClaimNames:
        """Return what the claims of this token are called, by its one configured scope."""
        granted = self.granted(said)
        return self.scope_claims.get(next(iter(granted)), self.claims) if len(granted) == 1 else self.claims


@dataclass(frozen=True, slots=True)
class Introspected:
    """A token that is good; `thumbprint` names the key it is bound to. Whether that key was shown is another check."""

    caller: Caller
    thumbprint: str | None


class _Refused(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.deny = Deny(reason, detail=detail)


def read(said: Mapping[str, Any], expected: Expected, *, digest: bytes, now: float) -> Introspected | Deny:
    """Return the caller the node vouches for; `now` is Unix time, `digest` the SHA-256 of the token.

    Denies: not active or out of time (TOKEN_INVALID), issued by another subject (TOKEN_ISSUER), no or more than one
    configured scope (TOKEN_SCOPE), a mandatory claim that is absent, null, no string or malformed (TOKEN_CLAIMS).
    """
    try:
        if said.get("active") is not True:
            raise _Refused(Reason.TOKEN_INVALID, "the node does not know the token, or no longer")
        if said.get("iss") != expected.issuer:
            raise _Refused(Reason.TOKEN_ISSUER, "the token was not issued by this tenant's authorization server")
        expires = _expires(said, now)
        scope = _scope(said, expected)
        caller = _caller(said, expected, scope, digest=digest, expires=expires)
        return Introspected(caller, _thumbprint(said))
    except _Refused as refused:
        return refused.deny


def _expires(said: Mapping[str, Any], now: float) -> float:
    """Return the end of the token: `iat` and `exp` in whole seconds, not in the future, not past, not far apart.

    The node says no `nbf`; a token that has one is none before it.
    """
    issued, expires = _moment(said.get("iat")), _moment(said.get("exp"))
    if issued is None or expires is None:
        raise _Refused(Reason.TOKEN_INVALID, "the token has no iat or exp")
    begins = _moment(said["nbf"]) if said.get("nbf") is not None else issued
    if begins is None or max(issued, begins) > now + SKEW or expires <= now:
        raise _Refused(Reason.TOKEN_INVALID, "the token is not valid at this moment")
    if not 0 < expires - issued <= MAX_LIFE:
        raise _Refused(Reason.TOKEN_INVALID, "the token lives longer than a token may")
    return float(expires)


def _moment(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _scope(said: Mapping[str, Any], expected: Expected) -> str:
    """Return the one configured scope. Two would leave the purpose to choice, and a purpose is not shopped for."""
    granted = expected.granted(said)
    if len(granted) != 1:
        raise _Refused(Reason.TOKEN_SCOPE, f"{len(granted)} of the configured scopes were granted, not one")
    return next(iter(granted))


def _caller(said: Mapping[str, Any], expected: Expected, scope: str, *, digest: bytes, expires: float) -> Caller:
    names, purpose = expected.names(said), expected.scopes[scope]
    organization = Organization(
        Ura(_form(said, names.organization_ura, _URA)),
        _form(said, names.organization_facility_type, _FACILITY),
        _words(said, names.organization_name, 256),
    )
    professional = Professional(
        _words(said, names.employee_identifier, 128),
        _words(said, names.employee_role, 128),
        _words(said, names.employee_name, 256),
    )
    reason, text = _emergency(said, names) if purpose is Purpose.EMERGENCY else (None, "")
    hidden = _RESERVED | {names.emergency_text}
    extra = {name: value for name, value in said.items() if name not in hidden and isinstance(value, str)}
    return Caller(
        organization=organization,
        professional=professional,
        scopes=frozenset({scope}),
        purpose=purpose,
        emergency_reason=reason,
        claims=MappingProxyType(extra),
        means="nuts-dpop" if "cnf" in said else "nuts-bearer",
        token_digest=digest,
        expires=expires,
        emergency_text=text,
    )


def _emergency(said: Mapping[str, Any], names: ClaimNames) -> tuple[str, str]:
    """Return code and text of an emergency; the purpose must be said too, and the text may be absent (null)."""
    if _words(said, names.purpose_of_use, 64) != Purpose.EMERGENCY.value:
        raise _Refused(Reason.TOKEN_CLAIMS, f"claim {names.purpose_of_use} says another purpose than the scope")
    text = _words(said, names.emergency_text, 400) if said.get(names.emergency_text) is not None else ""
    return _form(said, names.emergency_reason, _CODE), text


def _words(said: Mapping[str, Any], name: str, most: int) -> str:
    """Return a claim of one to `most` printable characters without spaces around it."""
    value = said.get(name)
    if not isinstance(value, str):
        raise _Refused(Reason.TOKEN_CLAIMS, f"claim {name} is absent or not a string")
    if not 0 < len(value) <= most or not value.isprintable() or value != value.strip():
        raise _Refused(Reason.TOKEN_CLAIMS, f"claim {name} is malformed")
    return value


def _form(said: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = _words(said, name, 64)
    if not pattern.fullmatch(value):
        raise _Refused(Reason.TOKEN_CLAIMS, f"claim {name} is malformed")
    return value


def _thumbprint(said: Mapping[str, Any]) -> str | None:
    """Return `cnf.jkt`; a `cnf` of any other kind binds the token to something that cannot be checked here."""
    if "cnf" not in said:
        return None
    confirmation = said["cnf"]
    value = confirmation.get("jkt") if isinstance(confirmation, dict) else None
    if not isinstance(value, str) or not _THUMBPRINT.fullmatch(value):
        raise _Refused(Reason.TOKEN_INVALID, "the token is bound to something other than a key thumbprint")
    return value
