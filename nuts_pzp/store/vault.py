"""Documents about people, sealed: AES-256-GCM bound to tenant, kind and key; a BSN only as a keyed pseudonym.

Trusts the key file (32 bytes, 0600) and nothing that lies in the store: what was moved, swapped or written with another
key does not open. The pseudonym is as secret as its key, for a BSN has few values (spec audit 3.8).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import AsyncIterator
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..identity import Bsn
from .port import Store, StoreFailed

STORE_KEY = "store.key"
"""Name of the key file under the tenant's own state."""
_NONCE_BYTES = 12
_PROOF = "key-proof"
_TRIES = 3


class Vault:
    """One tenant's sealed documents."""

    def __init__(self, store: Store, secret: bytes, tenant: str) -> None:
        """`secret` is 32 bytes; sealing and pseudonyms each get a key of their own from it."""
        self._store, self._tenant = store, tenant
        self._pseudonyms = hmac.digest(secret, b"nuts-pzp store pseudonym", "sha256")
        self._marks = hmac.digest(secret, b"nuts-pzp store mark\x1f" + tenant.encode(), "sha256")
        self._seal = AESGCM(hmac.digest(secret, b"nuts-pzp store seal", "sha256"))

    def __repr__(self) -> str:
        return f"Vault({self._tenant})"

    async def prove(self) -> None:
        """Raise StoreFailed unless this is the key that everything here lies under; the first to come says which.

        With another key no patient would be found under their pseudonym, and so no objection either.
        """
        for _ in range(_TRIES):
            found, _version = await self._store.get(_PROOF, _PROOF)
            if found:
                try:
                    self._open(_PROOF, _PROOF, found)
                except StoreFailed:
                    raise StoreFailed(f"{STORE_KEY} is not the key that this tenant's state lies under") from None
                return
            await self.put(_PROOF, _PROOF, {"of": self._tenant}, 0)
        raise StoreFailed("the key cannot be proved")

    def pseudonym(self, bsn: Bsn) -> str:
        """Return the key under which this patient's documents lie: 64 hexadecimal digits."""
        return hmac.digest(self._pseudonyms, f"{self._tenant}\x1f{bsn.value}".encode(), "sha256").hex()

    def digest(self, *parts: str) -> str:
        """Return a keyed digest of a few texts, for keys and comparisons: 64 hexadecimal digits that tell nothing."""
        told = b"".join(len(part).to_bytes(4, "big") + part.encode("utf-8", "surrogatepass") for part in parts)
        return hmac.digest(self._marks, told, "sha256").hex()

    async def get(self, kind: str, key: str) -> tuple[dict[str, Any] | None, int]:
        """Return a document and its version, None and 0 when there is none; StoreFailed when it does not open."""
        raw, version = await self._store.get(kind, key)
        return (self._open(kind, key, raw) if version else None), version

    async def put(self, kind: str, key: str, document: dict[str, Any] | None, was: int) -> bool:
        """Seal and put; False when the version is no longer `was`."""
        if document is None:
            return await self._store.put(kind, key, None, was)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._seal.encrypt(nonce, orjson.dumps(document), self._place(kind, key))
        return await self._store.put(kind, key, sealed, was)

    async def versions(self, key: str, *kinds: str) -> tuple[int, ...]:
        """Return the versions of the documents of these kinds without opening them, 0 for none; StoreFailed."""
        return await self._store.versions(key, *kinds)

    async def keys(self, kind: str) -> AsyncIterator[str]:
        """Yield the key of every document of a kind; nothing is opened."""
        async for key, _ in self._store.scan(kind):
            yield key

    def _open(self, kind: str, key: str, raw: bytes) -> dict[str, Any]:
        try:
            opened = self._seal.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._place(kind, key))
            document = orjson.loads(opened)
        except (InvalidTag, ValueError):
            raise StoreFailed("a sealed document that does not open: another key, or it was changed") from None
        if type(document) is not dict:
            raise StoreFailed("a sealed document that is none")
        return document

    def _place(self, kind: str, key: str) -> bytes:
        return b"\x1f".join((self._tenant.encode(), kind.encode(), key.encode()))
