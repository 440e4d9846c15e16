"""A small PKI made by hand: a root, an issuing authority, leaves and lists of every kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def name(common: str, organization: str = "", serial: str = "") -> x509.Name:
    parts = [(NameOID.COMMON_NAME, common), (NameOID.ORGANIZATION_NAME, organization), (NameOID.SERIAL_NUMBER, serial)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value])


def usage(sign: bool, signature: bool = True) -> x509.KeyUsage:
    return x509.KeyUsage(signature, False, False, False, False, sign, sign, False, False)


@dataclass
class Maker:
    """An authority with its key."""

    common: str
    above: Maker | None = None
    path_length: int | None = None
    until: datetime = NOW + 300 * DAY
    ca: bool = True
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        issuer = self.above or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(self.common))
            .issuer_name(name(issuer.common))
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 300 * DAY)
            .not_valid_after(self.until)
            .add_extension(x509.BasicConstraints(self.ca, self.path_length if self.ca else None), True)
            .add_extension(usage(self.ca), True)
        )
        self.certificate = builder.sign(issuer.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def leaf(self, common: str = "gateway.kade.example", **how: Any) -> bytes:
        """Issue a client certificate; return its DER."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common, how.get("organization", "De Kade"), how.get("serial", "00000003123456780000")))
            .issuer_name(name(self.common))
            .public_key(key.public_key())
            .serial_number(how.get("number", x509.random_serial_number()))
            .not_valid_before(how.get("since", NOW - DAY))
            .not_valid_after(how.get("until", NOW + 30 * DAY))
        )
        if (purposes := how.get("purposes", BOTH)) is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), False)
        if how.get("ca"):
            builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        if "signature" in how:
            builder = builder.add_extension(usage(False, how["signature"]), True)
        if how.get("odd"):
            builder = builder.add_extension(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)
        if ura := how.get("ura"):
            text = f"2.16.528.1.1007.99.2110-1-900000001-S-{ura}-00.000-00000000".encode()
            other = x509.OtherName(ObjectIdentifier("2.5.5.5"), b"\x0c" + bytes([len(text)]) + text)
            builder = builder.add_extension(x509.SubjectAlternativeName([other]), False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def list(self, *revoked: int, **how: Any) -> bytes:
        """Issue a revocation list; return its DER."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(name(how.get("common", self.common)))
            .last_update(how.get("since", NOW - DAY))
            .next_update(how.get("until", NOW + DAY))
        )
        for number in revoked:
            one = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(NOW - DAY).build()
            builder = builder.add_revoked_certificate(one)
        if part := how.get("part"):
            builder = builder.add_extension(part, True)
        signer = how.get("by", self)
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


class Pki:
    NOW, DAY = NOW, DAY
    Maker = Maker

    def __init__(self) -> None:
        self.root = Maker("Test Root G1")
        self.issuing = Maker("Test Private Services CA - G1", self.root, 0)
        self.other = Maker("Another Root")

    @property
    def pem(self) -> bytes:
        return self.root.pem + self.issuing.pem


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki()
