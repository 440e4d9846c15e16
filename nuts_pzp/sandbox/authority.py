"""A certificate authority made at start: real keys, real chains, worth nothing outside the sandbox.

Issues loopback server certificates, client certificates with an OIN, and UZI-like server certificates whose otherName
carries a URA (spec nuts-node 2.6, generic-functions 1.4). Keys are written 0600.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_OTHER_NAME = ObjectIdentifier("2.5.5.5")


@dataclass(frozen=True, slots=True)
class Issued:
    """A leaf: its PEM files (certificate followed by its issuer) and objects. `repr` shows no key."""

    certificate_file: Path
    key_file: Path
    certificate: x509.Certificate

    def __repr__(self) -> str:
        return f"Issued({self.certificate_file.name})"

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the DER certificate."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def key(self) -> PrivateKey:
        """Read the private key."""
        key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        return key


class Authority:
    """One CA in one folder. `root_file` is what a client or server trusts."""

    def __init__(self, folder: Path, name: str, *, days: int = 30) -> None:
        """Make the CA's key and self-signed certificate in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name, self._days = folder, name, days
        self._key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = (
            self._start(subject, subject, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.root_file = folder / f"{_slug(name)}.pem"
        self.root_file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, name: str, *, hosts: tuple[str, ...] = ("localhost", "127.0.0.1")) -> Issued:
        """Issue a server certificate for these host names and addresses."""
        names: list[x509.GeneralName] = [_general_name(host) for host in hosts]
        return self._issue(name, [(NameOID.COMMON_NAME, hosts[0])], names, rsa_key=False)

    def client(self, name: str, *, common_name: str, serial_number: str = "") -> Issued:
        """Issue a client certificate; `serial_number` is the subject serialNumber, such as a 20-character OIN."""
        subject = [(NameOID.COMMON_NAME, common_name)]
        if serial_number:
            subject.append((NameOID.SERIAL_NUMBER, serial_number))
        return self._issue(name, subject, [x509.DNSName("localhost")], rsa_key=False)

    def uzi(self, name: str, *, organization: str, locality: str, ura: str) -> Issued:
        """Issue a UZI-like server certificate (RSA): otherName carries the URA as the fifth field."""
        value = f"2.16.528.1.1007.99.2110-1-900000001-S-{ura}-00.000-00000000".encode()
        other = x509.OtherName(_OTHER_NAME, b"\x0c" + bytes([len(value)]) + value)
        subject = [
            (NameOID.COMMON_NAME, name),
            (NameOID.ORGANIZATION_NAME, organization),
            (NameOID.LOCALITY_NAME, locality),
        ]
        return self._issue(name, subject, [other], rsa_key=True)

    def _issue(
        self, name: str, subject: list[tuple[ObjectIdentifier, str]], names: list[x509.GeneralName], *, rsa_key: bool
    ) -> Issued:
        key: PrivateKey = rsa.generate_private_key(65537, 2048) if rsa_key else ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._start(
                x509.Name([x509.NameAttribute(oid, value) for oid, value in subject]),
                self.certificate.subject,
                key.public_key(),
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        certificate_file = self.folder / f"{_slug(name)}.pem"
        certificate_file.write_bytes(certificate.public_bytes(pem) + self.certificate.public_bytes(pem))
        key_file = self.folder / f"{_slug(name)}.key"
        descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return Issued(certificate_file, key_file, certificate)

    def _start(
        self, subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=self._days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not sign_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _slug(name: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in name.lower()).strip("-")
