"""Sandbox: both halves of the OPRF and the recipient's part, written apart from the gateway's: each checks the other.

RFC 9497 mode 0, ristretto255 and SHA-512; the last step of the RFC (Finalize) is left out, as the service does.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from itertools import count

from rbcl.rbcl import (
    crypto_core_ristretto255_from_hash,
    crypto_core_ristretto255_is_valid_point,
    crypto_core_ristretto255_scalar_invert,
    crypto_core_ristretto255_scalar_random,
    crypto_scalarmult_ristretto255,
)

SUITE = b"OPRFV1-\x00-ristretto255-SHA512"


def identifier(bsn: str) -> bytes:
    """Return the personal identifier as RFC 8785 writes it."""
    return json.dumps({"landCode": "NL", "type": "BSN", "value": bsn}, separators=(",", ":")).encode()


def hkdf(secret: bytes, info: bytes, length: int = 32) -> bytes:
    """RFC 5869 with SHA-256 and no salt."""
    key = hmac.digest(bytes(32), secret, "sha256")
    block, out = b"", b""
    for number in count(1):
        block = hmac.digest(key, block + info + bytes([number]), "sha256")
        out += block
        if len(out) >= length:
            break
    return out[:length]


def expand(message: bytes, tag: bytes, length: int) -> bytes:
    """expand_message_xmd of RFC 9380 5.3.1 with SHA-512."""
    domain = tag + len(tag).to_bytes(1, "big")
    start = hashlib.sha512(b"\x00" * 128 + message + length.to_bytes(2, "big") + b"\x00" + domain).digest()
    blocks = [hashlib.sha512(start + b"\x01" + domain).digest()]
    while sum(map(len, blocks)) < length:
        mixed = bytes(a ^ b for a, b in zip(start, blocks[-1], strict=True))
        blocks.append(hashlib.sha512(mixed + bytes([len(blocks) + 1]) + domain).digest())
    return b"".join(blocks)[:length]


def to_point(message: bytes) -> bytes:
    """Hash to a point."""
    return crypto_core_ristretto255_from_hash(expand(message, b"HashToGroup-" + SUITE, 64))


def new_scalar() -> bytes:
    """Return a random scalar, 32 bytes little-endian."""
    return crypto_core_ristretto255_scalar_random()


def multiply(scalar: bytes, point: bytes) -> bytes:
    """Return scalar times point; raises ValueError for what is not a point, or gives the neutral element."""
    if len(point) != 32 or not crypto_core_ristretto255_is_valid_point(point):
        raise ValueError("not a point")
    try:
        return crypto_scalarmult_ristretto255(scalar, point)
    except RuntimeError:
        raise ValueError("not a scalar for this point") from None


def unblind(factor: bytes, point: bytes) -> bytes:
    """Return the pseudonym: the blind taken off again; raises ValueError."""
    if len(factor) != 32 or not any(factor):
        raise ValueError("not a scalar")
    return multiply(crypto_core_ristretto255_scalar_invert(factor), point)
