"""Mitz twin: the open question: reads and verifies it as strictly as it can be written, answers from what it knows.

Who subscribed for the citizen and is covered by a choice for this very user is named, nobody else (spec consent 2). A
message that is not one is a Fault with code Sender. Signatures: one, enveloped, exclusive canonicalization, RSA-SHA256,
by an admitted certificate; what is used of the assertion is what was verified.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidInput, InvalidSignature
from signxml.verifier import SignatureConfiguration, XMLVerifier

from ...identity import eleven_test
from . import codes
from .choices import Choice, decide
from .open_parts import ASK_ACTION, XCPD, OpenAsked
from .request import Asked, Broken
from .subscribed import Subscribed

LONGEST = timedelta(minutes=10)
_SKEW = timedelta(seconds=30)

_S, _W, _H = (f"{{{uri}}}" for uri in (codes.SOAP, codes.WSA, codes.HL7))
_P = f"{{{XCPD}}}"
_A = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_D = "{http://www.w3.org/2000/09/xmldsig#}"
_SEC = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}Security"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_AUDIENCE = "urn:oid:2.16.840.1.113883.2.4.3.111.2.1"
_TRANSFORMS = ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", "http://www.w3.org/2001/10/xml-exc-c14n#"]
_RULES = {rule.id: rule for rule in codes.RULES if rule.category in (codes.SUBJECT, codes.ENVIRONMENT)}
_SHAPES = {
    "role": ("Role", "CE"), "professional": ("id", "II"), "mandated": ("id", "II"), "user": ("id", "II"),
    "user_type": ("consulting-facility-type-code", "CV"), "purpose": ("PurposeOfUse", "CE"),
}  # fmt: skip
"""Element and xsi:type of each attribute's HL7 value."""


@dataclass(frozen=True, slots=True)
class OpenDesk:
    """Who may sign, the OIDs accepted for professionals, and which assertions were used."""

    signers: tuple[x509.Certificate, ...]
    roots: frozenset[str]
    used: set[str]

    def read(self, body: bytes, headers: Mapping[str, str], to: str | None) -> OpenAsked:
        """Return the question or raise Broken; each assertion serves once."""
        if b"<!" in body:
            raise Broken("document type declarations and comments are not accepted")
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            envelope = etree.fromstring(body, parser)
        except etree.XMLSyntaxError:
            raise Broken("the message is not well-formed") from None
        if envelope.tag != f"{_S}Envelope" or [child.tag for child in envelope] != [f"{_S}Header", f"{_S}Body"]:
            raise Broken("a SOAP 1.2 envelope with a header and a body is expected")
        message_id = _addressed(envelope[0], headers, to)
        assertion = self._verified(envelope[0])
        asked = OpenAsked(
            message_id=message_id, bsn=_patient(envelope[1]), issuer=_within(assertion), assertion=assertion.get("ID"),
            **self._user(assertion),
        )  # fmt: skip
        if asked.assertion in self.used:
            raise Broken("the assertion was used before")
        self.used.add(asked.assertion)
        return asked

    def _verified(self, header: Any) -> Any:
        """Return the assertion as it was signed: rebuilt from the verified bytes."""
        blocks = header.findall(_SEC)
        if len(blocks) != 1 or blocks[0].get(f"{_S}mustUnderstand") != "1" or len(blocks[0]) != 1:
            raise Broken("one wsse:Security that must be understood, with one assertion, is expected")
        assertion = blocks[0][0]
        if assertion.tag != f"{_A}Assertion" or len(assertion) < 2:
            raise Broken("a SAML 2.0 assertion is expected")
        signatures = list(header.iter(f"{_D}Signature"))
        if len(signatures) != 1 or assertion[1] is not signatures[0]:
            raise Broken("one signature is expected, right after the Issuer")
        references = signatures[0].findall(f"{_D}SignedInfo/{_D}Reference")
        if len(references) != 1 or references[0].get("URI") != f"#{assertion.get('ID')}":
            raise Broken("the signature is not of this assertion")
        if [one.get("Algorithm") for one in references[0].iter(f"{_D}Transform")] != _TRANSFORMS:
            raise Broken("enveloped and exclusive canonicalization are expected")
        method = signatures[0].find(f"{_D}SignedInfo/{_D}CanonicalizationMethod")
        if method is None or method.get("Algorithm") != CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0.value:
            raise Broken("exclusive canonicalization is expected")
        expected = SignatureConfiguration(
            location="./", signature_methods=frozenset({SignatureMethod.RSA_SHA256}),
            digest_algorithms=frozenset({DigestAlgorithm.SHA256}), ignore_ambiguous_key_info=True,
        )  # fmt: skip
        alone = etree.tostring(assertion)
        for signer in self.signers:
            try:
                verified = XMLVerifier().verify(alone, x509_cert=signer, id_attribute="ID", expect_config=expected)
            except (InvalidSignature, InvalidInput):
                continue
            assert not isinstance(verified, list)
            return verified.signed_xml
        raise Broken("the signature is not one of an admitted signer")

    def _user(self, assertion: Any) -> dict[str, str]:
        found = dict.fromkeys(_SHAPES, "")
        seen: set[str] = set()
        for attribute in assertion.findall(f"{_A}AttributeStatement/{_A}Attribute"):
            rule = _RULES.get(attribute.get("Name", ""))
            if rule is None or rule.name in seen or len(attribute) != 1 or len(attribute[0]) != 1:
                raise Broken("each attribute of the user is expected once, with one value")
            seen.add(rule.name)
            element, kind = _SHAPES[rule.name]
            value = attribute[0][0]
            if value.tag != f"{_H}{element}" or value.get(_TYPE) != kind:
                raise Broken(f"the attribute {rule.name} has another data type")
            system = value.get("root" if kind == "II" else "codeSystem", "")
            if system not in ({rule.system} if rule.system else self.roots):
                raise Broken(f"the attribute {rule.name} has another OID")
            found[rule.name] = value.get("extension" if kind == "II" else "code", "")
        if missing := [name for name in _SHAPES if name != "mandated" and not found[name]]:
            raise Broken(f"the attribute {missing[0]} is expected")
        if found["user_type"] not in codes.TYPES or found["purpose"] not in codes.PURPOSES:
            raise Broken("the type of organization or the purpose is not known")
        if not re.fullmatch("[0-9]{8}", found["user"]) or not re.fullmatch(r"[0-9]{2}\.[0-9]{3}", found["role"]):
            raise Broken("the URA or the role code is not one")
        return found


def _addressed(header: Any, headers: Mapping[str, str], to: str | None) -> str:
    if _text(header, f"{_W}Action") != ASK_ACTION:
        raise Broken("wsa:Action is not that of the open question")
    identifier = _text(header, f"{_W}MessageID")
    try:
        if not identifier.startswith("urn:uuid:"):
            raise ValueError
        message_id = str(uuid.UUID(identifier.removeprefix("urn:uuid:")))
    except ValueError:
        raise Broken("wsa:MessageID is not a urn:uuid") from None
    if headers.get("x-request-id", "").lower() != message_id:
        raise Broken("X-Request-Id is absent or differs from wsa:MessageID")
    if to is not None and _text(header, f"{_W}To") != to:
        raise Broken("wsa:To is another address")
    return message_id


def _patient(body: Any) -> str:
    if len(body) != 1 or body[0].tag != f"{_P}PatientLocationQueryRequest":
        raise Broken("one PatientLocationQueryRequest is expected")
    asked = list(body[0])
    if len(asked) != 1 or asked[0].tag != f"{_P}RequestedPatientId":
        raise Broken("one RequestedPatientId is expected")
    bsn: str = asked[0].get("extension", "")
    said = (asked[0].get("root"), asked[0].get("assigningAuthorityName"))
    if said != (codes.RULES[0].system, "NLMINBIZA") or not eleven_test(bsn):
        raise Broken("the patient is not identified by a BSN of NLMINBIZA")
    return bsn


def _within(assertion: Any) -> str:
    """Check version, confirmation, time, audience and how the user was known; return the issuer."""
    if assertion.get("Version") != "2.0":
        raise Broken("SAML 2.0 is expected")
    confirmations = assertion.findall(f"{_A}Subject/{_A}SubjectConfirmation")
    if [one.get("Method") for one in confirmations] != ["urn:oasis:names:tc:SAML:2.0:cm:bearer"]:
        raise Broken("one bearer confirmation is expected")
    conditions = assertion.findall(f"{_A}Conditions")
    if len(conditions) != 1:
        raise Broken("one Conditions is expected")
    now, since, until = datetime.now(UTC), _instant(conditions[0], "NotBefore"), _instant(conditions[0], "NotOnOrAfter")
    if not since - _SKEW <= now < until or until - since > LONGEST:
        raise Broken("the assertion is not good now, or for longer than ten minutes")
    audiences = [one.text for one in conditions[0].findall(f"{_A}AudienceRestriction/{_A}Audience")]
    if audiences != [_AUDIENCE]:
        raise Broken("the assertion is for another audience")
    known = [one.text for one in assertion.iter(f"{_A}AuthnContextClassRef")]
    if known != ["urn:oasis:names:tc:SAML:2.0:ac:classes:X509"]:
        raise Broken("AuthnContextClassRef X509 is expected")
    return _text(assertion, f"{_A}Issuer")


def _instant(element: Any, name: str) -> datetime:
    try:
        return datetime.strptime(element.get(name, ""), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Broken(f"{name} is not a moment in UTC") from None


def _text(parent: Any, tag: str) -> str:
    found = parent.findall(tag)
    if len(found) != 1 or len(found[0]) or not (found[0].text or "").strip():
        raise Broken("an element that is expected once is not there once")
    text: str = found[0].text
    return text.strip()


def located(asked: OpenAsked, held: Iterable[Subscribed], choices: list[Choice]) -> list[Subscribed]:
    """Return the subscriptions of holders that this user may ask, in order of URA, each holder once."""
    found: dict[str, Subscribed] = {}
    for one in held:
        closed = Asked(
            asked.message_id, asked.bsn, one.provider, one.type, asked.user, asked.user_type, asked.role,
            asked.professional, asked.mandated, asked.purpose, ("GGC002",),
        )  # fmt: skip
        if one.bsn == asked.bsn and decide(choices, closed, "GGC002") == "Permit":
            found.setdefault(one.provider, one)
    return [found[provider] for provider in sorted(found)]
