"""Sandbox: `token_v2`, the node's own lock on its internal API (spec nuts-node 5). Off unless keys are given."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from .answers import problem
from .faults import App
from .jose import NotSigned, parse, public_jwk, thumbprint

_MOST = 24.5 * 3600


class ApiGuard:
    """Lets in who signs with a listed key; `/status` and `/health` stay open."""

    def __init__(self, audience: str, *keys: ec.EllipticCurvePublicKey) -> None:
        """Keys are known by their JWK thumbprint."""
        self._audience = audience
        self._keys = {thumbprint(public_jwk(key)): key for key in keys}

    def around(self, app: App, clock: Callable[[], float]) -> App:
        """Put the lock on an app."""

        async def locked(scope: Any, receive: Any, send: Any) -> None:
            header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            if scope["path"].startswith("/internal/") and not self._admits(header, clock()):
                await problem(401, "Unauthorized", "Unauthorized")(scope, receive, send)
            else:
                await app(scope, receive, send)

        return locked

    def _admits(self, header: str, now: float) -> bool:
        scheme, _, text = header.partition(" ")
        if scheme != "Bearer" or len(text) > 4096:
            return False
        try:
            token = parse(text)
            token.verify(self._keys[token.key_id])
            claims = token.claims
            uuid.UUID(claims["jti"])
            ordered = claims["iat"] <= claims["nbf"] <= now + 1 and now < claims["exp"] <= claims["nbf"] + _MOST
            return bool(ordered and claims["iss"] and claims["sub"] and claims["aud"] == self._audience)
        except (NotSigned, KeyError, TypeError, ValueError, AttributeError):
            return False
