"""A DPoP proof, judged before the node sees it (RFC 9449 4.3, spec nuts-node 1.4 and 9, ADR 0065). Pure.

Everything is checked here: form, key, signature, method, URL with scheme and port, token, age. The node looks once
more, but neither at the age of a proof nor at scheme and port of its URL, and a malformed `htu` breaks it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError
from jwt.utils import base64url_decode, base64url_encode

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_MAX = 8192
_KEYS = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    **dict.fromkeys(("PS256", "PS384", "PS512", "RS256"), ("RSA", None)),
}
"""Which key goes with an algorithm: a key is never used in another way than its own header says."""
_NAMING = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
"""The members that make a thumbprint, in order (RFC 7638)."""
_MODULUS = range(342, 684)
"""Characters of base64url that 2048 to 4096 bits take; a larger key, or a long exponent, would make checking slow."""
_LONGEST_EXPONENT = 6
_SIGNATURES = PyJWS(algorithms=list(_KEYS))
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a key that nobody shows: a private key's, or a shared secret."""
_LONGEST_JTI = 256
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Call:
    """The call a proof must fit: our own method and external URL, the token, Unix time, window in seconds.

    `thumbprint` names the key that the token is bound to.
    """

    method: str
    url: str = field(repr=False)
    token: str = field(repr=False)
    now: float
    window: float
    thumbprint: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that fits. `id` is what one use of it is remembered by; it serves until `until` (Unix time)."""

    id: bytes
    until: float


def judged(proof: str, call: Call) -> Proof | str:
    """Return the proof when it fits the call, or say what is wrong with it, in words without its content."""
    if len(proof) > _MAX or not _COMPACT.fullmatch(proof):
        return "the proof is not one compact JWT"
    header, claims = (_part(part) for part in proof.split(".")[:2])
    if header is None or claims is None:
        return "the proof is not one compact JWT"
    key = header.get("jwk")
    if header.get("typ") != "dpop+jwt" or "crit" in header or not isinstance(key, dict):
        return "the proof has a wrong type, algorithm or key"
    algorithm, named = header.get("alg"), _thumbprint(key)
    if not isinstance(algorithm, str) or named is None or not _goes_with(key, algorithm):
        return "the proof has a wrong type, algorithm or key"
    if named != call.thumbprint:
        return "the proof is of another key than the token is bound to"
    if why := _misfit(claims, call):
        return why
    if not _signed(proof, json.dumps({name: key[name] for name in _NAMING[key["kty"]]}), algorithm):
        return "the proof was not signed with its own key"
    used = sha256(f"{named} {claims['jti']}".encode("utf-8", "surrogatepass")).digest()
    return Proof(used, claims["iat"] + call.window)


def _misfit(claims: dict[str, Any], call: Call) -> str | None:
    if claims.get("htm") != call.method:
        return "the proof is for another method"
    place = _place(claims.get("htu"))
    if place is None or place != _place(call.url):
        return "the proof is for another URL"
    if claims.get("ath") != base64url_encode(sha256(call.token.encode()).digest()).decode():
        return "the proof is for another token"
    issued = claims.get("iat")
    early, late = call.now - call.window, call.now + call.window
    # Compared, not subtracted: an integer of four hundred digits cannot become a float.
    if not isinstance(issued, int | float) or isinstance(issued, bool) or not early <= issued <= late:
        return "the proof was not made just now"
    unique = claims.get("jti")
    if not isinstance(unique, str) or not 0 < len(unique) <= _LONGEST_JTI:
        return "the proof has no jti"
    return None


def _goes_with(key: dict[str, Any], algorithm: str) -> bool:
    kind, curve = _KEYS.get(algorithm, ("", None))
    if key.get("kty") != kind or key.get("crv") != curve or not _SECRET.isdisjoint(key):
        return False
    return kind != "RSA" or (len(key["n"]) in _MODULUS and len(key["e"]) <= _LONGEST_EXPONENT)


def _thumbprint(key: dict[str, Any]) -> str | None:
    """Return the RFC 7638 thumbprint of a public key; None when it lacks a member."""
    names = _NAMING.get(key["kty"]) if isinstance(key.get("kty"), str) else None
    if names is None or not all(isinstance(key.get(name), str) for name in names):
        return None
    written = json.dumps({name: key[name] for name in names}, separators=(",", ":"))
    return base64url_encode(sha256(written.encode("utf-8", "surrogatepass")).digest()).decode()


def _signed(proof: str, key: str, algorithm: str) -> bool:
    try:
        _SIGNATURES.decode_complete(proof, _loaded(key, algorithm), algorithms=[algorithm])
    except (PyJWTError, ValueError, TypeError, OverflowError):
        return False
    return True


@lru_cache(maxsize=1024)
def _loaded(key: str, algorithm: str) -> PyJWK:
    """A key that proved something is likely to do so again; loading one takes as long as a signature."""
    return PyJWK(json.loads(key), algorithm)


def _part(text: str) -> dict[str, Any] | None:
    """Decode a JSON object that can be read in one way only: the node reads it once more, after us."""
    try:
        value = json.loads(base64url_decode(text), object_pairs_hook=_once, parse_constant=_never)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a repeated member")
    return found


def _never(_: str) -> None:
    raise ValueError("no JSON number")


def _place(url: object) -> tuple[str, str, int | None, str] | None:
    """Return scheme, host, port and path, without query and fragment; None for what is not an absolute http(s) URL."""
    if not isinstance(url, str) or len(url) > 4096 or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, _DEFAULT_PORTS[parts.scheme] if port is None else port, parts.path
