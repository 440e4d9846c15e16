"""What an EHR signs: who it is (a client assertion) and who logged in (an employee assertion). RFC 7523 section 3.

Checks every claim itself: a library's defaults are not a policy. Says what is wrong, never the value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import jwt

from ...identity import Assurance, NotAnIdentifier, Professional, Ura

LONGEST = 8_192
"""Characters of an assertion."""
MOST_SECONDS = 600
SKEW = 30
"""Seconds that clocks may differ."""

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]{0,39}", re.ASCII)
_JTI = re.compile(r"[\x21-\x7e]{8,128}", re.ASCII)
_RELATION = re.compile(r"[a-z][a-z-]{0,39}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_OURS = dict.fromkeys([f"verify_{claim}" for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")], False)
"""What the library leaves to us: it would call a claim of another kind a signature that does not hold."""
_LAST = 2**53
"""Seconds: no moment lies beyond it, and what lies beyond cannot be counted with."""


class Refused(Exception):
    """The assertion does not hold; the text says why, without values."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The claims of an assertion whose signature, issuer, audience and time hold. `until` is Unix time."""

    claims: Mapping[str, Any]
    jti: str
    until: float


@dataclass(frozen=True, slots=True)
class Employee:
    """Who logged in, as the EHR vouches."""

    professional: Professional
    relation_kind: str = ""
    relation_since: str = ""


def signed(text: str, keys: Mapping[str, jwt.PyJWK], client: str, audiences: tuple[str, ...], now: float) -> Signed:
    """Return the claims of an assertion of this client for us; Refused otherwise."""
    if len(text) > LONGEST:
        raise Refused("too long")
    try:
        header = jwt.get_unverified_header(text)
        key = keys.get(header.get("kid", "")) if isinstance(header.get("kid", ""), str) else None
        if key is None and len(keys) == 1 and "kid" not in header:
            key = next(iter(keys.values()))
        if key is None:
            raise Refused("kid: not one of this client's keys")
        claims = jwt.decode(text, key, algorithms=[key.algorithm_name], options=_OURS)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Refused("the signature does not hold, or it is no JWT") from None
    if claims.get("iss") != client:
        raise Refused("iss: not this client")
    audience = claims.get("aud")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or audience not in audiences:
        raise Refused("aud: this tenant's issuer and nobody else")
    return Signed(claims, _jti(claims), _until(claims, now))


def _jti(claims: Mapping[str, Any]) -> str:
    jti = claims.get("jti")
    if not isinstance(jti, str) or not _JTI.fullmatch(jti):
        raise Refused("jti: 8 to 128 visible characters")
    return jti


def _until(claims: Mapping[str, Any], now: float) -> float:
    issued, expires = _moment(claims.get("iat")), _moment(claims.get("exp"))
    begins = _moment(claims.get("nbf", 0))
    if not 0 < expires - issued <= MOST_SECONDS:
        raise Refused(f"exp: after iat, by at most {MOST_SECONDS} seconds")
    if not (issued <= now + SKEW and begins <= now + SKEW and now < expires):
        raise Refused("iat, nbf, exp: not valid now")
    return float(expires)


def _moment(said: object) -> int | float:
    if type(said) not in (int, float):
        raise Refused("iat and exp: are missing or no numbers")
    assert isinstance(said, int | float)
    if not abs(said) < _LAST:
        raise Refused("iat, nbf, exp: no moment")
    return said


def employee(claims: Mapping[str, Any], own: Ura) -> Employee:
    """Return the person whom the claims name; Refused when a mandatory one is missing or another organization's."""
    try:
        ura = Ura.parse(claims.get("organization_ura", ""))
    except (NotAnIdentifier, TypeError):
        raise Refused("organization_ura: a URA") from None
    if ura != own:
        raise Refused("organization_ura: another organization")
    login = claims.get("login_means")
    if not isinstance(login, str) or not _WORD.fullmatch(login):
        raise Refused("login_means: a word that says how the person logged in")
    person = Professional(
        id=_text(claims, "sub", 128),
        role=_text(claims, "employee_role", 200),
        name=_text(claims, "employee_name", 200),
        assurance=Assurance.EHR_TOKEN,
        login=login,
    )
    return Employee(person, *_relation(claims.get("relation")))


def _text(claims: Mapping[str, Any], name: str, most: int) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= most or not value.isprintable():
        raise Refused(f"{name}: 1 to {most} printable characters")
    return value.strip()


def _relation(said: Any) -> tuple[str, str]:
    if said is None:
        return "", ""
    if not isinstance(said, dict) or not set(said) <= {"kind", "since"}:
        raise Refused("relation: kind, and perhaps since")
    kind, since = said.get("kind"), said.get("since")
    if not isinstance(kind, str) or not _RELATION.fullmatch(kind):
        raise Refused("relation.kind: a short word of a-z and -")
    if "since" not in said:
        return kind, ""
    try:
        if not isinstance(since, str) or not _DATE.fullmatch(since):
            raise ValueError("another form")
        return kind, date.fromisoformat(since).isoformat()
    except ValueError:
        raise Refused("relation.since: a date that exists, as YYYY-MM-DD") from None
