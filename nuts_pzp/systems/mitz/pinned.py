"""Mitz: who may notify: its own client certificate, by fingerprint, or by subject under issuers that are named.

That the certificate is whole and in time, and its key there, is for TLS; this says whose it is (spec consent 3.3).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature


class Pinned:
    """The identities that are admitted. ValueError or OSError for an issuers file that cannot be used."""

    def __init__(self, fingerprints: frozenset[str], subjects: frozenset[str], issuers_file: Path | None) -> None:
        """`fingerprints` are hex SHA-256; `subjects` are RFC 4514 names, each issued by a certificate of the file."""
        self._fingerprints = fingerprints
        self._subjects = frozenset(x509.Name.from_rfc4514_string(one).rfc4514_string() for one in subjects)
        self._issuers = x509.load_pem_x509_certificates(issuers_file.read_bytes()) if issuers_file else []
        self._known: OrderedDict[bytes, bool] = OrderedDict()

    def admits(self, certificate: bytes | None) -> bool:
        """True when this DER certificate is one of theirs."""
        if certificate is None:
            return False
        digest = hashlib.sha256(certificate)
        if digest.hexdigest() in self._fingerprints:
            return True
        if not self._subjects:
            return False
        key = digest.digest()
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._named(certificate)
            if len(self._known) > 100:
                self._known.popitem(last=False)
        return known

    def _named(self, certificate: bytes) -> bool:
        try:
            leaf = x509.load_der_x509_certificate(certificate)
            if leaf.subject.rfc4514_string() not in self._subjects:
                return False
            return any(_issued(leaf, issuer) for issuer in self._issuers)
        except ValueError:
            return False


def _issued(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
