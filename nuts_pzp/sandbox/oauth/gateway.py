"""Sandbox: the verifier in front of NVI and PRS: a token must be signed, for it, and held by who acts (spec 1.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from starlette.requests import Request

from .server import certificate_identity

Jwks = Callable[[], Mapping[str, Any]]


class NotAdmitted(Exception):
    """The verifier refuses; `status` is what it answers."""

    def __init__(self, status: int) -> None:
        super().__init__(f"gateway: {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Identity:
    """What the verifier tells the system behind it. `sub` is the represented organisation, `act_sub` who acts."""

    sub: str
    act_sub: str
    act_cn: str
    scopes: frozenset[str]
    source_id: str
    organization_name: str


class Gateway:
    """Checks bearer tokens for one system."""

    def __init__(self, issuer: str, audience: str, jwks: Jwks) -> None:
        """Take the only issuer and audience that count, and where the keys come from."""
        self.audience = audience
        self._issuer, self._jwks = issuer, jwks

    def admit(self, request: Request) -> Identity:
        """Return who calls; raises NotAdmitted: 401 without a bearer token, 400 for a wrong one or another holder."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or token.count(".") != 2:
            raise NotAdmitted(401)
        claims = self._claims(token)
        act = claims.get("act")
        client = certificate_identity(request.scope.get("client_certificate"))
        if client is None or not isinstance(act, dict) or (act.get("sub"), act.get("cn")) != client:
            raise NotAdmitted(400)
        return Identity(
            sub=str(claims["sub"]),
            act_sub=client[0],
            act_cn=client[1],
            scopes=frozenset(str(claims.get("scope", "")).split()),
            source_id=str(claims.get("source_id", "")),
            organization_name=str(claims.get("organization_name", "")),
        )

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            key = next(key for key in jwt.PyJWKSet.from_dict(dict(self._jwks())).keys if key.key_id == key_id)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["ES256", "RS256"],
                audience=self.audience,
                issuer=self._issuer,
                options={"require": ["exp", "nbf", "iat", "sub"]},
            )
        except (jwt.PyJWTError, StopIteration):
            raise NotAdmitted(400) from None
        return claims
