"""Sandbox: how the NVI knows a patient. It opens the sealed token with its own key, unblinds, and keeps an HMAC."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from ..prs import Recipient
from ..prs.oprf import unblind

LIFE = 300


class BadToken(ValueError):
    """The patient token cannot be used. Says why, never what."""


class PatientTokens:
    """Turns a patient token into the key of a row."""

    def __init__(self, organization: str, scope: str, *, single_use: bool, clock: Callable[[], float]) -> None:
        """Make the key that tokens are sealed to, and the secret of the HMAC."""
        self._key = RSAKey.generate_key(2048)
        self._secret = secrets.token_bytes(32)
        self._single_use, self._clock = single_use, clock
        self._spent: dict[bytes, float] = {}
        public = RSAKey.import_key(self._key.as_dict(private=False))
        self.recipient = Recipient(organization, scope, str(self._key.thumbprint()), public)

    def open(self, token: str) -> bytes:
        """Return the row key of this patient, 32 bytes; raises BadToken."""
        try:
            parts = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            factor = _bytes(parts["blind_factor"])
            sealed = str(parts["evaluated_output"])
        except (ValueError, KeyError, TypeError):
            raise BadToken("not a patient token") from None
        claims = self._claims(sealed)
        prefix, _, evaluated = str(claims.get("subject", "")).rpartition(":")
        if prefix != "pseudonym:eval":
            raise BadToken("not an evaluation")
        self._spend(sealed, claims)
        try:
            return hmac.digest(self._secret, unblind(factor, _bytes(evaluated)), "sha256")
        except ValueError:
            raise BadToken("cannot be unblinded") from None

    def _claims(self, sealed: str) -> dict[str, Any]:
        algorithms = ["RSA-OAEP", "RSA-OAEP-256", "A256GCM"]
        try:
            opened = jwe.decrypt_compact(sealed, self._key, algorithms=algorithms).plaintext
            claims = json.loads(opened or b"")
        except (JoseError, ValueError):
            raise BadToken("cannot be opened") from None
        if not isinstance(claims, dict) or claims.get("aud") != self.recipient.organization:
            raise BadToken("meant for another recipient")
        if claims.get("scope") != self.recipient.scope:
            raise BadToken("meant for another scope")
        return claims

    def _spend(self, sealed: str, claims: dict[str, Any]) -> None:
        """A token lives five minutes and is good for one request."""
        now = self._clock()
        expires = claims.get("exp")
        if not isinstance(expires, int) or expires <= now:
            raise BadToken("expired")
        self._spent = {digest: until for digest, until in self._spent.items() if until > now}
        digest = hashlib.sha256(sealed.encode()).digest()
        if self._single_use and digest in self._spent:
            raise BadToken("used before")
        self._spent[digest] = now + LIFE


def _bytes(text: object) -> bytes:
    return base64.urlsafe_b64decode(str(text) + "=" * (-len(str(text)) % 4))
