"""Sandbox: DPoP proofs as the node makes and judges them, what it overlooks included (spec nuts-node 1.3, 1.4)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from jwt.utils import base64url_encode

from .jose import ALGORITHMS, Jws, NotSigned, SigningKey, digest, parse, public_key, thumbprint

_INVALID = "invalid DPoP token"
_MAX_JTI = 256
_PATH = "/%:@!$&'()*+,;=~-._"
"""What stays as it is in a path; everything else is escaped before two are compared."""


class NotAProof(ValueError):
    """The text is not a DPoP proof; the message is the node's."""


class Panic(Exception):
    """The node's handler crashes here: the connection drops without an answer."""


def make(key: SigningKey, *, method: str, url: str, token: str | None, now: float) -> str:
    """Return a proof; `url` is put in as it is, `token` is None for a call to a token endpoint."""
    claims: dict[str, Any] = {
        "htm": method,
        "htu": url,
        "jti": base64url_encode(secrets.token_bytes(32)).decode(),
        "iat": int(now),
    }
    if token is not None:
        claims["ath"] = digest(token.encode())
    return key.sign(claims, typ="dpop+jwt", jwk={**key.jwk, "alg": "ES256"})


def read(text: str, now: float) -> Jws:
    """Parse a proof and check its own signature; raises NotAProof. It may be old, never from the future."""
    try:
        proof = parse(text)
    except NotSigned:
        raise NotAProof(_INVALID) from None
    jwk = proof.header.get("jwk")
    for wrong, why in (
        (proof.algorithm not in ALGORITHMS, f"invalid alg: {proof.algorithm}"),
        (proof.header.get("typ") != "dpop+jwt", f"invalid type: {proof.header.get('typ', '')}"),
        (jwk is None, "missing jwk header"),
        (isinstance(jwk, dict) and "d" in jwk, "invalid jwk header"),
    ):
        if wrong:
            raise NotAProof(f"{_INVALID}: {why}")
    try:
        proof.verify(public_key(jwk))
    except NotSigned:
        raise NotAProof(_INVALID) from None
    issued = proof.claims.get("iat")
    if isinstance(issued, int | float) and issued > now:
        raise NotAProof(f'{_INVALID}\n"iat" not satisfied')
    return _complete(proof)


def _complete(proof: Jws) -> Jws:
    for claim in ("iat", "htu", "htm", "jti"):
        if not proof.claims.get(claim):
            raise NotAProof(f"{_INVALID}: missing {claim} claim")
    if len(str(proof.claims["jti"])) > _MAX_JTI:
        raise NotAProof(f"{_INVALID}: jti claim too long")
    return proof


def objection(proof: Jws, asked: Mapping[str, str]) -> str | None:
    """Return the node's reason against the proof, or None; `asked` has thumbprint, method, url and token."""
    claims = proof.claims
    if thumbprint(proof.header["jwk"]) != asked["thumbprint"]:
        return "jkt mismatch"
    if claims["htm"] != asked["method"]:
        return f"method mismatch, token: {claims['htm']}, given: {asked['method']}"
    ours, given = _stripped(claims["htu"]), _stripped(asked["url"])
    if ours != given:
        return f"url mismatch, token: {ours}, given: {given}"
    if "ath" not in claims:
        return "missing ath claim"
    if claims["ath"] != digest(asked["token"].encode()):
        return "ath/token claim mismatch"
    return None


def _stripped(url: str) -> str:
    """Force https, drop port, query and fragment: neither scheme nor port is bound, and IPv6 hosts fall together."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Panic from None
    return f"https://{parts.netloc.split(':')[0]}{quote(parts.path, safe=_PATH)}"
