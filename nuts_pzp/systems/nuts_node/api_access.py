"""Proof of who we are to the node's own internal API, when it asks for one (`token_v2`, spec nuts-node 5)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_encode

_LIFE = 120
"""Seconds: the node does not check for replay, so a short life is the only limit."""


class ApiToken:
    """Mints short-lived tokens with a P-256 key. Raises OSError or ValueError for a file that holds no such key."""

    def __init__(self, key_file: Path, *, issuer: str, audience: str) -> None:
        """Read the key."""
        key = load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise ValueError("the key file of the node's API does not hold a P-256 private key")
        self._key, self._issuer, self._audience = key, issuer, audience
        self._thumbprint = thumbprint(key.public_key())

    def headers(self, now: float) -> Mapping[str, str]:
        """Return the Authorization header for one call at this Unix time."""
        moment = int(now)
        claims = {
            "iss": self._issuer,
            "sub": "nuts-pzp",
            "aud": self._audience,
            "jti": str(uuid.uuid4()),
            "iat": moment,
            "nbf": moment,
            "exp": moment + _LIFE,
        }
        token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._thumbprint})
        return {"authorization": f"Bearer {token}"}

    def __repr__(self) -> str:
        return f"ApiToken({self._issuer})"


def thumbprint(public: ec.EllipticCurvePublicKey) -> str:
    """Return the JWK thumbprint (RFC 7638, SHA-256) by which the node knows the key."""
    jwk = ECAlgorithm.to_jwk(public, as_dict=True)
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return base64url_encode(
        sha256(json.dumps(members, separators=(",", ":"), sort_keys=True).encode()).digest()
    ).decode()
