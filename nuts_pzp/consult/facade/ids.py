"""Logical ids that hold what they stand for, sealed: a patient of this facade, or one resource of that patient.

Trusts only what this tenant's key sealed. An id is 64 characters, opens for one tenant, one client, one professional
and one purpose, and not after its time. The same resource of the same search has the same id on every process, so the
nonce is derived from what is sealed: AES-256-GCM with a synthetic nonce (ADR 0088).
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...identity import Bsn, NotAnIdentifier, Professional, Purpose
from ...outcome import Deny, Outcome
from ...reasons import Reason
from ..inquiry import EARLIEST_BIRTH, unfit_birth_date

LIFETIME = 600
"""Seconds that an id and a page token live."""
_SKEW = 30
"""Seconds that the clocks of two replicas may differ: an id of the one that is ahead opens at the other."""

_NONCE, _SEALED, _BYTES = 12, 48, 20
_ALPHABET = b"-."
_BORN, _EPOCH = EARLIEST_BIRTH, int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
_FIELDS = (30, 17, 30, 24, 59)
"""Bits: the BSN, days since 1850, seconds since 2026, a mark of the search, the place of a resource."""

PATIENT = 0
"""The place of the patient itself."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Whose id it is: it opens for nobody else."""

    tenant: str
    client: str
    professional: Professional
    purpose: Purpose

    @property
    def bytes(self) -> bytes:
        """What is sealed along, unambiguously."""
        person = self.professional
        return msgspec.msgpack.encode([1, self.tenant, self.client, person.id, person.role, self.purpose.value])


@dataclass(frozen=True, slots=True)
class Whose:
    """One patient of one search. `until` is Unix time in seconds; `mark` tells two searches apart."""

    bsn: Bsn
    born: date = field(repr=False)
    until: int
    mark: int = field(repr=False)


class Page(msgspec.Struct, array_like=True, frozen=True):
    """Where a page begins: the search as it was written, its patient in it, and what the page before ended with."""

    query: str
    after: tuple[str, str, str]

    def __repr__(self) -> str:
        return "Page()"


class Ids:
    """Seals and opens the ids and page tokens of one tenant."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is 32 bytes, shared by all processes of the deployment."""
        self._nonces = hmac.digest(secret, b"nuts-pzp facade nonce", "sha256")
        self._seal = AESGCM(hmac.digest(secret, b"nuts-pzp facade id", "sha256"))
        self._pages = AESGCM(hmac.digest(secret, b"nuts-pzp facade page", "sha256"))

    def __repr__(self) -> str:
        return "Ids()"

    def begin(self, bsn: Bsn, born: date, now: float) -> Outcome[Whose]:
        """Return a patient of a new search; Deny BODY_MALFORMED for a birth date that nobody has."""
        if wrong := unfit_birth_date(born, datetime.fromtimestamp(now, UTC)):
            return Deny(Reason.BODY_MALFORMED, detail=f"birthdate: {wrong[0].en}")
        return Whose(bsn, born, int(now) + LIFETIME, secrets.randbits(_FIELDS[3]))

    def seal(self, whose: Whose, bound: Bound, place: int = PATIENT) -> str:
        """Return the id: 64 of `A-Z a-z 0-9 - .`, as FHIR wants them."""
        packed = 0
        values = (int(whose.bsn.value), (whose.born - _BORN).days, whose.until - _EPOCH, whose.mark, place)
        for bits, value in zip(_FIELDS, values, strict=True):
            packed = packed << bits | value
        plain, mine = packed.to_bytes(_BYTES, "big"), bound.bytes
        nonce = hmac.digest(self._nonces, len(mine).to_bytes(4, "big") + mine + plain, "sha256")[:_NONCE]
        return b64encode(nonce + self._seal.encrypt(nonce, plain, mine), _ALPHABET).decode("ascii")

    def open(self, id: str, bound: Bound, now: float) -> Outcome[tuple[Whose, int]]:
        """Return the patient and the place; Deny PATIENT_ID for what is none, another's, or past its time."""
        refused = Deny(Reason.PATIENT_ID)
        try:
            sealed = b64decode(id.encode("ascii"), _ALPHABET, validate=True)
            if len(sealed) != _SEALED:
                return refused
            packed = int.from_bytes(self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound.bytes), "big")
        except (ValueError, InvalidTag):
            return refused
        found: list[int] = []
        for bits in reversed(_FIELDS):
            found.insert(0, packed & (1 << bits) - 1)
            packed >>= bits
        bsn, days, until, mark, place = found
        if not now < until + _EPOCH <= now + LIFETIME + _SKEW:
            return refused
        try:
            whose = Whose(Bsn(f"{bsn:09d}"), _BORN + timedelta(days=days), until + _EPOCH, mark)
        except NotAnIdentifier:
            return refused
        return whose, place

    def page(self, page: Page, bound: Bound, resource_type: str) -> str:
        """Return the token of a further page."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + self._pages.encrypt(nonce, msgspec.msgpack.encode(page), bound.bytes + resource_type.encode())
        return urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def turn(self, token: str, bound: Bound, resource_type: str) -> Outcome[Page]:
        """Return what the token holds; Deny PAGE_TOKEN for any other holder or type. The patient's id has its time."""
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            content = self._pages.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound.bytes + resource_type.encode())
            return _PAGE.decode(content)
        except (ValueError, InvalidTag, msgspec.DecodeError):
            return Deny(Reason.PAGE_TOKEN, detail="a page token that does not open here, for this caller")


_PAGE = msgspec.msgpack.Decoder(Page)


def place_of(url: str, nth: int) -> int:
    """Return the place of a resource by its address at its source; `nth` when several have one address."""
    digest = sha256(f"{url}\x1f{nth}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % ((1 << _FIELDS[4]) - 1) + 1
