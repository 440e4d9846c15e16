"""Sandbox: the credentials of a wallet, made and verified (spec nuts-node 1.7, 2.6, 2.7).

Verification says nothing of trust in an issuer: that is what the presentation definition is for.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from ..authority import Issued
from .did import Resolver, X509Did, fingerprint
from .jose import Jws, NotSigned, SigningKey, parse, sign

SKEW = 5.0
W3C = "https://www.w3.org/2018/credentials/v1"
NUTS = "https://nuts.nl/credentials/v1"
Credential = str | dict[str, Any]
"""A compact JWT, or a JSON object without proof."""

_OTHER_NAME = ObjectIdentifier("2.5.5.5")
_SUBJECT = {
    "CN": NameOID.COMMON_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "L": NameOID.LOCALITY_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "C": NameOID.COUNTRY_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
}


class NotVerified(ValueError):
    """The credential is not what it says, or not now."""


def format_of(credential: Credential) -> str:
    """Return `jwt_vc` or `ldp_vc`."""
    return "jwt_vc" if isinstance(credential, str) else "ldp_vc"


def expand(credential: Credential) -> dict[str, Any]:
    """Return the credential as JSON; the subject of a JWT is always a list. Raises NotSigned."""
    if isinstance(credential, dict):
        return credential
    claims = parse(credential).claims
    body = claims.get("vc")
    if not isinstance(body, dict):
        raise NotSigned("not a credential")
    expanded = {
        **body,
        "credentialSubject": _as_list(body.get("credentialSubject")),
        "type": _as_list(body.get("type")),
    }
    for claim, member in (("jti", "id"), ("iss", "issuer")):
        if claim in claims:
            expanded[member] = claims[claim]
    return expanded


def subjects_of(credential: Credential) -> set[str]:
    """Return the ids of its subjects; one without an id counts as an empty text."""
    return {str(subject.get("id", "")) for subject in _as_list(expand(credential).get("credentialSubject"))}


def issue_x509(uzi: Issued, root: x509.Certificate, holder: str) -> str:
    """Return an X509Credential (PS256) for the holder, from an UZI-like certificate issued directly by the root."""
    names = _names(uzi.certificate)
    shown = [("san", "otherName"), ("subject", "O"), ("subject", "L")]
    policies = tuple((policy, name, names[policy, name]) for policy, name in shown)
    issuer = str(X509Did("sha256", fingerprint(root), policies))
    subject: dict[str, Any] = {"id": holder}
    for policy, name, value in policies:
        subject.setdefault(policy, {})[name] = value
    claims = {
        "iss": issuer,
        "sub": holder,
        "jti": f"urn:uuid:{uuid.uuid4()}",
        "nbf": int(uzi.certificate.not_valid_before_utc.timestamp()),
        "exp": int(uzi.certificate.not_valid_after_utc.timestamp()),
        "vc": {
            "@context": [W3C, NUTS],
            "type": ["VerifiableCredential", "X509Credential"],
            "credentialSubject": subject,
        },
    }
    chain = [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in (uzi.certificate, root)]
    return sign(uzi.key(), claims, algorithm="PS256", header={"kid": f"{issuer}#0", "x5c": chain})


def issue(key: SigningKey, body: Mapping[str, Any], *, now: float, until: float) -> str:
    """Return a self-made credential as JWT; `body` has the type and one credentialSubject with an id."""
    issuer = key.id.partition("#")[0]
    claims = {
        "iss": issuer,
        "sub": body["credentialSubject"]["id"],
        "jti": f"{issuer}#{uuid.uuid4()}",
        "nbf": int(now),
        "iat": int(now),
        "exp": int(until),
        "vc": {"@context": body["@context"], "type": body["type"], "credentialSubject": [body["credentialSubject"]]},
    }
    return key.sign(claims, kid=key.id)


def self_attest(body: Mapping[str, Any], holder: str, now: float) -> dict[str, Any]:
    """Fill in what the node fills in for a credential without proof."""
    return {
        **body,
        "id": str(uuid.uuid4()),
        "issuer": holder,
        "issuanceDate": datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "credentialSubject": {**_as_list(body.get("credentialSubject"))[0], "id": holder},
    }


async def verify(credential: Credential, *, signer: str, resolver: Resolver, now: float) -> None:
    """Raise NotVerified, NotSigned or NotResolved unless the credential stands, shown by this DID at this moment."""
    if isinstance(credential, dict):
        _verify_unsigned(credential, signer, now)
        return
    jws = parse(credential)
    if len(expand(credential)["type"]) > 2:
        raise NotVerified("verifiable credential must list at most 2 types")
    if not isinstance(jws.claims.get("jti"), str):
        raise NotVerified("validation failed: 'ID' is required")
    issuer = jws.claims.get("iss")
    if isinstance(issuer, str) and issuer.startswith("did:x509:"):
        _verify_x509(jws, issuer, now)
    elif issuer != signer:
        # Of a credential that the presenter issued to itself version 6.2 checks no signature, not even a broken one.
        if jws.key_id.partition("#")[0] != issuer:
            raise NotVerified("signed by another than its issuer")
        jws.verify(await resolver.key(jws.key_id))
    _in_time(jws, now)


def _verify_unsigned(credential: Mapping[str, Any], signer: str, now: float) -> None:
    if "proof" in credential or credential.get("issuer") != signer:
        raise NotVerified("missing proof")
    if len(_as_list(credential.get("type"))) > 2:
        raise NotVerified("verifiable credential must list at most 2 types")
    try:
        issued = datetime.fromisoformat(str(credential.get("issuanceDate"))).timestamp()
    except ValueError:
        raise NotVerified("validation failed: 'issuanceDate' is required") from None
    if issued > now + SKEW:
        raise NotVerified("credential not valid at given time")


def _in_time(jws: Jws, now: float) -> None:
    begins, ends = jws.claims.get("nbf"), jws.claims.get("exp")
    if not isinstance(begins, int) or begins > now + SKEW or (ends is not None and not isinstance(ends, int)):
        raise NotVerified("credential not valid at given time")
    if ends is not None and ends <= now - SKEW:
        raise NotVerified("credential not valid at given time")


def _verify_x509(jws: Jws, issuer: str, now: float) -> None:
    """Check chain, fingerprint, policies, subject and signature of an X509Credential."""
    chain = _chain(jws.header.get("x5c"), now)
    leaf, did = chain[0], X509Did.parse(issuer)
    if not did.names_any(chain[1:]) or jws.key_id != f"{issuer}#0":
        raise NotVerified("the chain is not the one of the did:x509")
    names = _names(leaf)
    if any(names.get((policy, name)) != value for policy, name, value in did.policies):
        raise NotVerified("the certificate does not match the did:x509")
    stated = {(policy, name): value for policy, name, value in did.policies}
    for subject in _as_list(jws.claims["vc"].get("credentialSubject")):
        for policy, values in subject.items():
            if policy != "id" and any(stated.get((policy, name)) != value for name, value in values.items()):
                raise NotVerified("the subject does not match the did:x509")
    ends, begins = jws.claims.get("exp"), jws.claims.get("nbf")
    if not isinstance(ends, int) or ends > leaf.not_valid_after_utc.timestamp():
        raise NotVerified("the credential outlives its certificate")
    if not isinstance(begins, int) or begins < int(leaf.not_valid_before_utc.timestamp()):
        raise NotVerified("the credential is older than its certificate")
    public = leaf.public_key()
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    jws.verify(public)


def _chain(x5c: object, now: float) -> list[x509.Certificate]:
    """Return the certificates, leaf first, each issued by the next, the last by itself, all valid now."""
    if not isinstance(x5c, list) or len(x5c) < 2:
        raise NotVerified("no certificate chain")
    try:
        chain = [x509.load_der_x509_certificate(base64.b64decode(one, validate=True)) for one in x5c]
        for certificate, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
            certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        raise NotVerified("not a certificate chain") from None
    moment = datetime.fromtimestamp(now, UTC)
    if any(not one.not_valid_before_utc <= moment <= one.not_valid_after_utc for one in chain):
        raise NotVerified("a certificate is not valid at given time")
    return chain


def _names(leaf: x509.Certificate) -> dict[tuple[str, str], str]:
    """Return the names of a certificate that a did:x509 can speak of."""
    names: dict[tuple[str, str], str] = {}
    for name, oid in _SUBJECT.items():
        for attribute in leaf.subject.get_attributes_for_oid(oid):
            names["subject", name] = str(attribute.value)
    alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    for other in alternative.get_values_for_type(x509.OtherName):
        if other.type_id == _OTHER_NAME:
            names["san", "otherName"] = other.value[2:].decode()  # DER UTF8String: tag, length, text
    return names


def _as_list(value: object) -> Sequence[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
