"""Sandbox: signing and reading compact JWS, and the P-256 keys the twin signs with. No claim is checked here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt import PyJWS
from jwt.algorithms import ECAlgorithm
from jwt.exceptions import PyJWTError
from jwt.utils import base64url_encode

ALGORITHMS = ("ES256", "EdDSA", "ES384", "ES512", "PS256", "PS384", "PS512")
"""What the node of version 6.2 accepts; RS256 came later."""

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_WEB_SIGNATURES = PyJWS(algorithms=[*ALGORITHMS, "RS256"])


class NotSigned(ValueError):
    """The text is no compact JWS with a JSON object in it, or its signature is wrong."""


@dataclass(frozen=True, slots=True)
class Jws:
    """A parsed, not verified, compact JWS."""

    raw: str = field(repr=False)
    header: Mapping[str, Any]
    claims: Mapping[str, Any] = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The `alg` of the header, empty when it is not text."""
        value = self.header.get("alg")
        return value if isinstance(value, str) else ""

    @property
    def key_id(self) -> str:
        """The `kid` of the header, empty when it is not text."""
        value = self.header.get("kid")
        return value if isinstance(value, str) else ""

    def verify(self, key: PublicKey) -> None:
        """Raise NotSigned unless the key made this signature with a supported algorithm."""
        if self.algorithm not in ALGORITHMS:
            raise NotSigned("unsupported algorithm")
        try:
            _WEB_SIGNATURES.decode_complete(self.raw, key, algorithms=[self.algorithm])
        except (PyJWTError, TypeError, ValueError):
            raise NotSigned("invalid signature") from None


def parse(text: str) -> Jws:
    """Read a compact JWS; raises NotSigned."""
    try:
        parts = _WEB_SIGNATURES.decode_complete(text, options={"verify_signature": False})
        claims = json.loads(parts["payload"])
    except (PyJWTError, ValueError, RecursionError):
        raise NotSigned("not a compact JWS") from None
    if not isinstance(claims, dict):
        raise NotSigned("not a JSON object")
    return Jws(text, parts["header"], claims)


def sign(key: PrivateKey, claims: Mapping[str, Any], *, algorithm: str, header: Mapping[str, Any]) -> str:
    """Return a compact JWS of these claims."""
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return _WEB_SIGNATURES.encode(payload, key, algorithm=algorithm, headers=dict(header))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A P-256 key with the DID URL it goes by."""

    id: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def make(cls, key_id: str) -> SigningKey:
        """Make a new key."""
        return cls(key_id, ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as a JWK."""
        return public_jwk(self.private.public_key())

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Return a compact ES256 JWS; members of `header` are added to `alg`."""
        return sign(self.private, claims, algorithm="ES256", header=header)


def public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """Return kty, crv, x and y."""
    jwk = ECAlgorithm.to_jwk(key, as_dict=True)
    return {name: jwk[name] for name in ("kty", "crv", "x", "y")}


def public_key(jwk: object) -> ec.EllipticCurvePublicKey:
    """Read an EC public key from a JWK; raises NotSigned."""
    if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or "d" in jwk:
        raise NotSigned("not an EC public key")
    try:
        key = ECAlgorithm.from_jwk(jwk)
    except (PyJWTError, ValueError, TypeError):
        raise NotSigned("not an EC public key") from None
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the JWK thumbprint of an EC key (RFC 7638, SHA-256, base64url)."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    return digest(json.dumps(members, separators=(",", ":"), sort_keys=True).encode())


def digest(data: bytes) -> str:
    """Return base64url of SHA-256, without padding."""
    return base64url_encode(sha256(data).digest()).decode()
