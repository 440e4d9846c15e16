"""Personal fields: AES-256-GCM under a data key per month, wrapped by the tenant's key; keyed lookup of a BSN.

One folder per tenant, files of mode 0600: `kek.key` wraps the months, `dek-YYYY-MM.wrapped` seals that month's fields,
`lookup-YYYY.key` makes lookup values. Destroying a month's file makes that month's fields unreadable for good, backups
included. A BSN has so few values that the lookup key is as secret as the BSN itself (spec audit 3.8).
"""

from __future__ import annotations

import hmac
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from ..identity import Bsn
from ..keys import BadKeyFile, read_private, secret, secret_or_new, write_private
from .canonical import base64url, from_base64url

NONCE_BYTES = 12
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)


class Sealed(Exception):
    """The field cannot be opened: its key was destroyed, or it does not belong to this record."""


class Seal:
    """One tenant's keys for personal fields. Safe to use from several threads once a month's key is loaded."""

    def __init__(self, folder: Path, tenant: str) -> None:
        """Load or make the tenant's key; raise BadKeyFile when it may not be used."""
        self._folder, self._tenant = folder, tenant
        self._kek = secret_or_new(folder / "kek.key")
        self._months: dict[str, AESGCM] = {}
        self._lookup: dict[str, bytes] = {}
        self._current = ("", 0, 0)

    def month(self, milliseconds: int) -> str:
        """Return the key id for this Unix time, making that month's key when it is the first use."""
        kid, start, end = self._current
        if start <= milliseconds < end:
            return kid
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
        first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        kid = f"{first:%Y-%m}"
        self._months[kid] = self._month_key(kid, create=True)
        self._current = (kid, int(first.timestamp() * 1000), int(following.timestamp() * 1000))
        return kid

    def close(self, kid: str, bound: str, text: str, nonce: bytes) -> str:
        """Encrypt a text for one place (`record id|field`) under a loaded month; base64url of nonce and ciphertext."""
        sealed = self._months[kid].encrypt(nonce, text.encode(), f"{self._tenant}|{bound}".encode())
        return base64url(nonce + sealed)

    def open(self, kid: str, bound: str, sealed: str) -> str:
        """Decrypt what `close` made for that place; raise Sealed when the key is gone or anything was moved."""
        if not _MONTH.fullmatch(kid):
            raise Sealed("no such key")
        try:
            if kid not in self._months:
                self._months[kid] = self._month_key(kid, create=False)
            raw = from_base64url(sealed)
            opened = self._months[kid].decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], f"{self._tenant}|{bound}".encode())
        except BadKeyFile:
            raise Sealed("the key of that month is gone") from None
        except (InvalidTag, ValueError):
            raise Sealed("does not belong here") from None
        return opened.decode()

    def lookup(self, bsn: Bsn, year: str) -> bytes:
        """Return the 32-byte lookup value of a BSN under that year's key, making the key on first use."""
        key = self._lookup.get(year)
        if key is None:
            key = self._lookup[year] = secret_or_new(self._folder / f"lookup-{year}.key")
        return hmac.digest(key, b"\x1f".join((self._tenant.encode(), b"bsn", bsn.value.encode())), "sha256")

    def lookups(self, bsn: Bsn) -> dict[str, bytes]:
        """Return the lookup value of a BSN under every year's key that exists."""
        years = [path.name[len("lookup-") : -len(".key")] for path in self._folder.glob("lookup-????.key")]
        return {year: self.lookup(bsn, year) for year in sorted(years)}

    def _month_key(self, kid: str, *, create: bool) -> AESGCM:
        path = self._folder / f"dek-{kid}.wrapped"
        if create and not path.exists():
            try:
                write_private(path, aes_key_wrap(self._kek, os.urandom(32)))
            except FileExistsError:
                pass  # made by another process meanwhile
            except OSError as error:
                raise BadKeyFile(f"{path}: {error.strerror}") from None
        try:
            return AESGCM(aes_key_unwrap(self._kek, read_private(path)))
        except (InvalidUnwrap, ValueError):
            raise BadKeyFile(f"{path}: not wrapped by this tenant's key") from None


def reader(folder: Path, tenant: str) -> Seal | None:
    """Return the keys of a tenant when its folder exists and can be read, else None; makes nothing."""
    try:
        secret(folder / "kek.key")
    except BadKeyFile:
        return None
    return Seal(folder, tenant)
