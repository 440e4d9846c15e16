"""Mitz: who asks an open question, as a signed SAML 2.0 assertion (IHE XUA; spec consent 2). Needs the extra `xua`.

Signed enveloped, exclusive canonicalization, RSA with SHA-256, by a key from a file. It says who the user is, for a few
minutes and to Mitz alone; the patient is not in it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from ...keys import read_private
from . import codes, open_codes
from .open_question import OpenQuestion

SERVES = timedelta(minutes=5)
"""How long an assertion is good; ten minutes are allowed."""
EARLIER = timedelta(seconds=30)
"""How much earlier than now it begins, for clocks that are behind."""
_SMALLEST = 2048

_S = f"{{{open_codes.SAML}}}"


class Signer:
    """The key of one connector and its certificate."""

    def __init__(
        self, key_file: Path, certificate_file: Path, issuer: str, *, clock: Callable[[], datetime] | None = None
    ) -> None:
        """Read the files; ValueError or BadKeyFile when they do not belong together or are too weak."""
        try:
            key = load_pem_private_key(read_private(key_file), password=None)
        except (ValueError, TypeError):
            raise ValueError("assertion.key_file: not an unencrypted PEM private key") from None
        if not isinstance(key, RSAPrivateKey) or key.key_size < _SMALLEST:
            raise ValueError(f"assertion.key_file: an RSA key of at least {_SMALLEST} bits is needed")
        try:
            self._certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        except ValueError:
            raise ValueError("assertion.certificate_file: not a PEM certificate") from None
        if self._certificate.public_key() != key.public_key():
            raise ValueError("assertion.certificate_file: the certificate of another key")
        self._key, self._issuer = key, issuer
        self._clock = clock or (lambda: datetime.now(UTC))

    @property
    def good_until(self) -> datetime:
        """When the certificate ends."""
        return self._certificate.not_valid_after_utc

    def assertion(self, question: OpenQuestion) -> bytes:
        """Return a signed assertion for this question, UTF-8, without an XML declaration. Some milliseconds."""
        signer = XMLSigner(
            signature_algorithm=SignatureMethod.RSA_SHA256,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        root = self._unsigned(question)
        signed = signer.sign(root, key=self._key, cert=[self._certificate], reference_uri=root.get("ID"))
        written: bytes = etree.tostring(signed, encoding="UTF-8")
        return written

    def _unsigned(self, question: OpenQuestion) -> etree._Element:
        now = self._clock().replace(microsecond=0)
        root = etree.Element(
            f"{_S}Assertion",
            {"ID": f"_{secrets.token_hex(16)}", "Version": "2.0", "IssueInstant": _instant(now)},
            nsmap={"saml2": open_codes.SAML, "xsi": open_codes.XSI},
        )
        _add(root, "Issuer").text = self._issuer
        etree.SubElement(root, f"{{{open_codes.DS}}}Signature", Id="placeholder", nsmap={"ds": open_codes.DS})
        _add(_add(root, "Subject"), "SubjectConfirmation", Method=open_codes.BEARER)
        conditions = _add(
            root, "Conditions", NotBefore=_instant(now - EARLIER), NotOnOrAfter=_instant(now - EARLIER + SERVES)
        )
        _add(_add(conditions, "AudienceRestriction"), "Audience").text = open_codes.AUDIENCE
        context = _add(_add(root, "AuthnStatement", AuthnInstant=_instant(now)), "AuthnContext")
        _add(context, "AuthnContextClassRef").text = open_codes.BY_CERTIFICATE
        _attributes(_add(root, "AttributeStatement"), question)
        return root


def _attributes(statement: etree._Element, question: OpenQuestion) -> None:
    """Write what spec consent 1.4 numbers 5 to 10, as HL7 values."""
    who, user = question.professional, question.user
    authority = {"assigningAuthorityName": who.authority} if who.authority else {}
    _attribute(statement, codes.PROFESSIONAL, "id", "II", root=who.root, extension=who.id, **authority)
    if who.mandated is not None:
        _attribute(statement, codes.MANDATED, "id", "II", root=who.root, extension=who.mandated, **authority)
    _attribute(statement, codes.ROLE, "Role", "CE", code=who.role, codeSystem=codes.ROLE_SYSTEM)
    _attribute(
        statement, codes.USER, "id", "II",
        root=codes.URA_ROOT, extension=user.ura.value, assigningAuthorityName=codes.UZI_AUTHORITY,
    )  # fmt: skip
    _attribute(
        statement, codes.USER_TYPE, "consulting-facility-type-code", "CV", code=user.type, codeSystem=codes.TYPE_SYSTEM
    )
    _attribute(statement, codes.PURPOSE, "PurposeOfUse", "CE", code="TREAT", codeSystem=codes.PURPOSE_SYSTEM)


def _attribute(statement: etree._Element, name: str, element: str, kind: str, **values: str) -> None:
    outer = _add(_add(statement, "Attribute", Name=name), "AttributeValue")
    inner = etree.SubElement(outer, f"{{{codes.HL7}}}{element}", nsmap={None: codes.HL7})
    inner.set(f"{{{open_codes.XSI}}}type", kind)
    for key, value in values.items():
        inner.set(key, value)


def _add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{_S}{name}", attributes)


def _instant(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
