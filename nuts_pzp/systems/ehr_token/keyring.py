"""The keys that tokens are signed with: P-256, a file each, the newest signs, the older ones verify until they are due.

Processes of one deployment share the folder: a key that another one made is found when a token names it.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from jwt.algorithms import ECAlgorithm

from ...keys import BadKeyFile, read_private, write_private

_NAME = re.compile(r"([0-9]{8}T[0-9]{6}Z)-[0-9a-f]{8}\.pem", re.ASCII)
_STAMP = "%Y%m%dT%H%M%SZ"
_LOOK_SECONDS = 1.0
"""Between two looks into the folder for a key that nobody here knows: made-up tokens cost no more than that."""
_SIGN_SECONDS = 60.0
"""Between two looks before signing: of two keys that two processes made at once the newer one becomes everybody's."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key. `kid` is its thumbprint (RFC 7638); `made` is Unix time."""

    kid: str
    made: float
    path: Path
    private: EllipticCurvePrivateKey = field(repr=False)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half, for the key set."""
        return _public(self.private) | {"kid": self.kid, "use": "sig", "alg": "ES256"}


class Keyring:
    """All keys of one tenant's tokens."""

    def __init__(self, folder: Path, *, rotate: float, overlap: float, clock: Callable[[], float] = time.time) -> None:
        """`rotate`: seconds until a new key signs; `overlap`: how long the one before still verifies. BadKeyFile."""
        self._folder, self._rotate, self._overlap, self._clock = folder, rotate, overlap, clock
        self._keys: list[SigningKey] = []
        self._looked = float("-inf")
        self._look()

    def signing(self) -> SigningKey:
        """Return the newest key; a new one is made when it is due. BadKeyFile when that cannot be done."""
        if self._looked_before(_SIGN_SECONDS) or self._due():
            self._look()
        if self._due():
            self._make()
        return self._keys[-1]

    def find(self, kid: str) -> SigningKey | None:
        """Return the key of that thumbprint while it verifies."""
        if all(key.kid != kid for key in self._keys) and self._looked_before(_LOOK_SECONDS):
            self._look()
        return next((key for key in self._live() if key.kid == kid), None)

    def published(self) -> dict[str, Any]:
        """Return the key set."""
        self.signing()
        return {"keys": [key.jwk for key in reversed(self._live())]}

    def _live(self) -> list[SigningKey]:
        """Every key whose successor is young enough that tokens of it may still be about."""
        now, young = self._clock(), []
        for place, key in enumerate(self._keys, 1):
            after = self._keys[place] if place < len(self._keys) else None
            if after is None or now - after.made < self._overlap:
                young.append(key)
        return young

    def _due(self) -> bool:
        return not self._keys or self._clock() - self._keys[-1].made >= self._rotate

    def _looked_before(self, seconds: float) -> bool:
        """Whether the last look is that long ago; a clock that was set back cannot tell, so it is."""
        return not 0 <= self._clock() - self._looked < seconds

    def _make(self) -> None:
        private = generate_private_key(SECP256R1())
        stamp = datetime.fromtimestamp(self._clock(), UTC).strftime(_STAMP)
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            write_private(self._folder / f"{stamp}-{secrets.token_hex(4)}.pem", pem)
        except OSError as error:
            raise BadKeyFile(f"{self._folder}: {error.strerror}") from None
        self._look()

    def _look(self) -> None:
        self._looked = self._clock()
        names = sorted(file for file in self._folder.glob("*.pem") if _NAME.fullmatch(file.name))
        known = {key.path: key for key in self._keys}
        self._keys = [known.get(file) or _read(file) for file in names]
        live = self._live()
        for key in self._keys:
            if key not in live:
                key.path.unlink(missing_ok=True)
        self._keys = live


def _read(path: Path) -> SigningKey:
    try:
        private = load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKeyFile(f"{path}: not an unencrypted PEM private key") from None
    if not isinstance(private, EllipticCurvePrivateKey) or not isinstance(private.curve, SECP256R1):
        raise BadKeyFile(f"{path}: not a P-256 key")
    found = _NAME.fullmatch(path.name)
    assert found is not None
    made = datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC).timestamp()
    canonical = json.dumps(_public(private), sort_keys=True, separators=(",", ":")).encode()
    return SigningKey(urlsafe_b64encode(sha256(canonical).digest()).rstrip(b"=").decode(), made, path, private)


def _public(private: EllipticCurvePrivateKey) -> dict[str, Any]:
    whole = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {name: whole[name] for name in ("crv", "kty", "x", "y")}
