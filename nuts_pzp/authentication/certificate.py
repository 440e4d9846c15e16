"""What a record says of a client certificate: its fingerprint and whom it names. Pure; it need not be a good one.

The URA stands in a UZI server certificate as the fifth field of an otherName (spec nuts-node 2.6).
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from ..exchange import ClientCertificate
from ..identity import eleven_test

_NAMED = (("CN", NameOID.COMMON_NAME), ("O", NameOID.ORGANIZATION_NAME), ("serialNumber", NameOID.SERIAL_NUMBER))
_LONGEST = 100
_UZI = ObjectIdentifier("2.5.5.5")
_URA = re.compile(r"[0-9.]+-[0-9]+-[0-9]+-S-([0-9]{8})-00\.000-[0-9]+", re.ASCII)
_DIGITS = re.compile(r"(?<![0-9])[0-9]{9}(?![0-9])")
_STRINGS = (0x0C, 0x13, 0x16)
"""UTF8String, PrintableString and IA5String."""


def described(der: bytes | None) -> ClientCertificate | None:
    """Return what to record of a DER certificate; None without one. An unreadable one has its fingerprint only."""
    return _described(der) if der else None


@lru_cache(maxsize=1024)
def _described(der: bytes) -> ClientCertificate:
    fingerprint = sha256(der).hexdigest()
    try:
        certificate = x509.load_der_x509_certificate(der)
        subject = [(name, _text(certificate.subject, oid)) for name, oid in _NAMED]
        ura = _ura(certificate)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return ClientCertificate(fingerprint)
    shown = ", ".join(f"{name}={_plain(value)}" for name, value in subject if value)
    return ClientCertificate(fingerprint, shown, dict(subject)["CN"], ura)


def _text(subject: x509.Name, oid: ObjectIdentifier) -> str:
    """The one value of an attribute; none when it is given twice, for two readers could differ."""
    found = subject.get_attributes_for_oid(oid)
    value = found[0].value if len(found) == 1 else ""
    return value if isinstance(value, str) else ""


def _plain(value: str) -> str:
    """Printable and short, and no BSN, whoever put it there."""
    text = "".join(letter if letter.isprintable() and letter not in ",=" else " " for letter in value[:_LONGEST])
    return _DIGITS.sub(lambda found: "#bsn" if eleven_test(found[0]) else found[0], text)


def _ura(certificate: x509.Certificate) -> str:
    """The URA of a UZI-like certificate; empty when there is none, or more than one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    found = {
        match[1]
        for one in names.get_values_for_type(x509.OtherName)
        if one.type_id == _UZI and (match := _URA.fullmatch(_string(one.value)))
    }
    return found.pop() if len(found) == 1 else ""


def _string(value: bytes) -> str:
    """Read a short DER string."""
    if len(value) < 2 or value[0] not in _STRINGS or value[1] != len(value) - 2 or value[1] > 127:
        return ""
    return value[2:].decode("ascii", "replace")
