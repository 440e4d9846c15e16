"""A DPoP proof, looked at before the node sees it (RFC 9449 4.3, spec nuts-node 1.4 and 9). Pure.

The node checks signature, key, token and reuse, but neither the age of a proof nor scheme and port of its URL, and a
malformed `htu` breaks it. So age, URL and form are checked here; the signature stays with the node.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from jwt.utils import base64url_decode, base64url_encode

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_MAX = 8192
_ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256")
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a key that nobody shows: a private key's, or a shared secret."""
_LONGEST_JTI = 256
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Call:
    """The call a proof must fit: our own method and external URL, the token, Unix time, window in seconds."""

    method: str
    url: str
    token: str
    now: float
    window: float


def objection(proof: str, call: Call) -> str | None:
    """Say what is wrong with the proof, in words without its content, or None when the node may look at it."""
    if len(proof) > _MAX or not _COMPACT.fullmatch(proof):
        return "the proof is not one compact JWT"
    header, claims = (_part(part) for part in proof.split(".")[:2])
    if header is None or claims is None:
        return "the proof is not one compact JWT"
    key = header.get("jwk")
    if (
        header.get("typ") != "dpop+jwt"
        or header.get("alg") not in _ALGORITHMS
        or "crit" in header
        or not isinstance(key, dict)
        or not _SECRET.isdisjoint(key)
    ):
        return "the proof has a wrong type, algorithm or key"
    if claims.get("htm") != call.method:
        return "the proof is for another method"
    if _place(claims.get("htu")) is None or _place(claims.get("htu")) != _place(call.url):
        return "the proof is for another URL"
    if claims.get("ath") != base64url_encode(sha256(call.token.encode()).digest()).decode():
        return "the proof is for another token"
    issued = claims.get("iat")
    if not isinstance(issued, int | float) or isinstance(issued, bool) or not abs(call.now - issued) <= call.window:
        return "the proof was not made just now"
    unique = claims.get("jti")
    if not isinstance(unique, str) or not 0 < len(unique) <= _LONGEST_JTI:
        return "the proof has no jti"
    return None


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
