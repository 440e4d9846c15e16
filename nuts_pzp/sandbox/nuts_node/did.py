"""Sandbox: did:web, always over https (spec nuts-node 4.1), and the parts of a did:x509 (2.6)."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from .jose import PublicKey, public_key

_DOCUMENT_TYPES = ("application/json", "application/did+json", "application/did+ld+json")
_HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class NotResolved(ValueError):
    """No document or key for that DID."""


def web_did(public_url: str, name: str) -> str:
    """Return the DID of a subject below a node's public URL; a port becomes `%3A`."""
    return f"did:web:{quote(urlsplit(public_url).netloc, safe='')}:iam:{name}"


def document_url(did: str) -> str:
    """Return where the document of a did:web is; raises NotResolved for another method or an IP address."""
    scheme, _, rest = did.partition(":")
    method, _, name = rest.partition(":")
    host, *path = (unquote(part) for part in name.split(":"))
    if (scheme, method) != ("did", "web") or not host or any("/" in part or not part for part in path):
        raise NotResolved("not a did:web")
    bare = urlsplit(f"//{host}").hostname or ""
    if _is_address(bare):
        raise NotResolved("an IP address in a did:web")
    return f"https://{host}/{'/'.join(path) if path else '.well-known'}/did.json"


def document(did: str, key_id: str, jwk: Mapping[str, str]) -> dict[str, Any]:
    """Return the DID document of a subject with one key."""
    method = {"id": key_id, "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": dict(jwk)}
    uses = ("assertionMethod", "authentication", "capabilityDelegation", "capabilityInvocation")
    return {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3c-ccg.github.io/lds-jws2020/contexts/lds-jws2020-v1.json",
        ],
        "id": did,
        "verificationMethod": [method],
        **{use: [key_id] for use in uses},
    }


class Resolver:
    """Finds documents: the node's own ones at once, all others over https, every time anew."""

    def __init__(self, client: httpx.AsyncClient, own: Callable[[str], dict[str, Any] | None]) -> None:
        """`own` gives the document of a DID this node controls."""
        self._client, self._own = client, own

    async def document(self, did: str) -> dict[str, Any]:
        """Return the document; raises NotResolved."""
        own = self._own(did)
        return await self._fetch(did) if own is None else own

    async def key(self, key_id: str) -> PublicKey:
        """Return the assertion key of that DID URL; raises NotResolved or NotSigned."""
        did = key_id.partition("#")[0]
        found = await self.document(did)
        if key_id in found.get("assertionMethod", ()):
            for method in found.get("verificationMethod", ()):
                if method.get("id") == key_id:
                    return public_key(method.get("publicKeyJwk"))
        raise NotResolved("no such key in the document")

    async def _fetch(self, did: str) -> dict[str, Any]:
        try:
            answer = await self._client.get(document_url(did), timeout=5.0)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise NotResolved("the document could not be fetched") from error
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        if not answer.is_success or media_type not in _DOCUMENT_TYPES:
            raise NotResolved("the document could not be fetched")
        if not isinstance(body, dict) or body.get("id") != did:
            raise NotResolved("the document is of another DID")
        return body


@dataclass(frozen=True, slots=True)
class X509Did:
    """A did:x509, taken apart: CA fingerprint and the (policy, name, value) triples, unescaped."""

    algorithm: str
    fingerprint: str
    policies: tuple[tuple[str, str, str], ...]

    @classmethod
    def parse(cls, did: str) -> X509Did:
        """Read it; raises NotResolved."""
        head, *rest = did.split("::")
        parts = head.split(":")
        if parts[:3] != ["did", "x509", "0"] or len(parts) != 5 or parts[3] not in _HASHES or not rest:
            raise NotResolved("not a did:x509")
        policies: list[tuple[str, str, str]] = []
        for policy in rest:
            name, *pairs = policy.split(":")
            if not pairs or len(pairs) % 2:
                raise NotResolved("not a did:x509")
            policies += [(name, key, unquote(value)) for key, value in zip(pairs[::2], pairs[1::2], strict=True)]
        return cls(parts[3], parts[4], tuple(policies))

    def __str__(self) -> str:
        policies: dict[str, str] = {}
        for policy, name, value in self.policies:
            policies[policy] = f"{policies.get(policy, '')}:{name}:{quote(value, safe='')}"
        tail = "::".join(f"{policy}{pairs}" for policy, pairs in policies.items())
        return f"did:x509:0:{self.algorithm}:{self.fingerprint}::{tail}"

    def names_any(self, authorities: Iterable[x509.Certificate]) -> bool:
        """True when the fingerprint is that of one of these CA certificates."""
        return any(fingerprint(certificate, self.algorithm) == self.fingerprint for certificate in authorities)


def fingerprint(certificate: x509.Certificate, algorithm: str = "sha256") -> str:
    """Return base64url of the hash of the DER certificate, without padding."""
    return base64.urlsafe_b64encode(certificate.fingerprint(_HASHES[algorithm]())).decode().rstrip("=")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
