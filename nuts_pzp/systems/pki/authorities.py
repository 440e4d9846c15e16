"""Authorities: which certificates of ours lead from a client certificate to a root. Pure; revocation is another matter.

TLS checked the chain already, with the roots of the listener. Here it is held against this tenant's own authorities,
because those may be fewer, and because a revocation list needs to know who issued what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

T = TypeVar("T", bound=x509.ExtensionType)

LONGEST = 5
"""Certificates from leaf to root, root included."""

_KNOWN = frozenset(
    {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
        x509.SubjectAlternativeName.oid,
        x509.CertificatePolicies.oid,
        x509.AuthorityKeyIdentifier.oid,
        x509.SubjectKeyIdentifier.oid,
    }
)
"""Extensions that may be critical: they are looked at here, or cannot widen anything."""


class Unfit(Exception):
    """Why a certificate is not one of these authorities'; in words without content."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A leaf and the authorities above it, the root last."""

    leaf: x509.Certificate = field(repr=False)
    above: tuple[x509.Certificate, ...] = field(repr=False)
    issued: tuple[tuple[int, bytes], ...] = field(repr=False)
    """Serial number of each certificate below the root, with the key of who issued it (`key_of`)."""

    def stands(self, now: datetime) -> bool:
        """True when every one of them is valid at this moment."""
        return all(one.not_valid_before_utc <= now < one.not_valid_after_utc for one in (self.leaf, *self.above))


class Authorities:
    """The roots and issuing authorities of one tenant."""

    def __init__(self, certificates: tuple[x509.Certificate, ...]) -> None:
        """Raise ValueError for what is no authority, and when there is no root among them."""
        for one in certificates:
            if not _is_authority(one):
                raise ValueError("authorities_file holds a certificate that is not an authority's")
        self.all = certificates
        self._roots = frozenset(one for one in certificates if one.subject == one.issuer and _signed(one, one))
        if not self._roots:
            raise ValueError("authorities_file holds no root")

    @classmethod
    def read(cls, pem: bytes) -> Authorities:
        """Read them from PEM; raise ValueError."""
        return cls(tuple(x509.load_pem_x509_certificates(pem)))

    def chains(self, der: bytes) -> tuple[Chain, ...]:
        """Return every way from a client certificate to a root; raise Unfit when there is none, or it is no client's.

        There are several when an authority was renewed with the key that it had, or is signed by two others.
        """
        try:
            leaf = x509.load_der_x509_certificate(der)
            _check_client(leaf)
            ways = tuple(self._above(leaf))
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            raise Unfit("the certificate cannot be read") from None
        if not ways:
            raise Unfit("the certificate does not come from the listed authorities")
        return tuple(_chain(leaf, above) for above in ways)

    def _above(self, one: x509.Certificate, below: int = 0) -> Iterator[tuple[x509.Certificate, ...]]:
        """Follow issuers upwards; `below` counts the authorities that stand under the next one."""
        if below >= LONGEST - 1:
            return
        for issuer in self.all:
            if one.issuer != issuer.subject or not _signed(one, issuer) or not _allows(issuer, below):
                continue
            if issuer in self._roots:
                yield (issuer,)
            else:
                yield from ((issuer, *further) for further in self._above(issuer, below + 1))


def _chain(leaf: x509.Certificate, above: tuple[x509.Certificate, ...]) -> Chain:
    issued = zip((leaf, *above), above, strict=False)
    return Chain(leaf, above, tuple((one.serial_number, key_of(issuer)) for one, issuer in issued))


def key_of(authority: x509.Certificate) -> bytes:
    """Return what tells one authority from another: its name and its key."""
    key = authority.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(authority.subject.public_bytes() + key).digest()


def _signed(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _is_authority(one: x509.Certificate) -> bool:
    constraints = _extension(one, x509.BasicConstraints)
    usage = _extension(one, x509.KeyUsage)
    return (
        constraints is not None
        and constraints.ca
        and (usage is None or usage.key_cert_sign)
        and not _unknown_critical(one)
    )


def _allows(issuer: x509.Certificate, below: int) -> bool:
    constraints = _extension(issuer, x509.BasicConstraints)
    return constraints is not None and (constraints.path_length is None or below <= constraints.path_length)


def _check_client(leaf: x509.Certificate) -> None:
    """A client certificate says that it is one: PKIoverheid's server certificates are for both sides."""
    constraints = _extension(leaf, x509.BasicConstraints)
    purposes, usage = _extension(leaf, x509.ExtendedKeyUsage), _extension(leaf, x509.KeyUsage)
    if constraints is not None and constraints.ca:
        raise Unfit("an authority's certificate is no client's")
    if purposes is None or ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise Unfit("the certificate is not for clients")
    if usage is not None and not usage.digital_signature:
        raise Unfit("the certificate is not for signing in")
    if _unknown_critical(leaf):
        raise Unfit("the certificate has a critical part that is not understood")


def _unknown_critical(one: x509.Certificate) -> bool:
    return any(extension.critical and extension.oid not in _KNOWN for extension in one.extensions)


def _extension(one: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return one.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
