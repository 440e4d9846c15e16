"""The client's half of the OPRF: from a BSN to a blinded point of ristretto255, byte for byte (spec 2.1).

RFC 9497 mode 0 with SHA-512, RFC 9380 expand_message_xmd, RFC 8785 for the identifier. No I/O. Curve arithmetic is
libsodium's, through rbcl. The BSN enters here and leaves only blinded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from rbcl.rbcl import (
    crypto_core_ristretto255_from_hash,
    crypto_core_ristretto255_scalar_random,
    crypto_scalarmult_ristretto255,
)

from ...identity import Bsn

DOMAIN = b"HashToGroup-OPRFV1-\x00-ristretto255-SHA512"
_BLOCK = 128
_WIDE = 64


@dataclass(frozen=True, slots=True)
class Blinded:
    """A blinded point and the scalar that blinded it: 32 bytes each, the scalar little-endian. Shows neither."""

    point: bytes = field(repr=False)
    factor: bytes = field(repr=False)


def personal_id(bsn: Bsn) -> bytes:
    """Return the canonical identifier (RFC 8785; keys and values are ASCII, so sorting and no spaces is enough)."""
    identifier = {"landCode": "NL", "type": "BSN", "value": bsn.value}
    return json.dumps(identifier, sort_keys=True, separators=(",", ":")).encode()


def derive(identifier: bytes, info: str) -> bytes:
    """Return 32 bytes of HKDF-SHA256 without salt; `info` binds them to one recipient and scope."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode()).derive(identifier)


def hash_to_group(message: bytes) -> bytes:
    """Map a message to a point of ristretto255, 32 bytes (RFC 9380 5.3.1 for one block of SHA-512, RFC 9497 4.1)."""
    tail = DOMAIN + bytes([len(DOMAIN)])
    first = hashlib.sha512(bytes(_BLOCK) + message + _WIDE.to_bytes(2, "big") + b"\x00" + tail).digest()
    return crypto_core_ristretto255_from_hash(hashlib.sha512(first + b"\x01" + tail).digest())


def blind(message: bytes, scalar: bytes | None = None) -> Blinded:
    """Blind a message by a fresh random scalar; `scalar` (32 bytes, little-endian) is for known answers only."""
    factor = scalar or crypto_core_ristretto255_scalar_random()  # never zero, and below the group order
    return Blinded(crypto_scalarmult_ristretto255(factor, hash_to_group(message)), factor)
