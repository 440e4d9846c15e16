"""Sandbox: the national OAuth server. mTLS says who acts, a mandate says for whom, a signed token says so to others.

The real server's own code is not public: its error answers here are those of RFC 6749, which is our guess.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ..switches import App, Faults, Register, control_app, fronted

LIFE = 600
LIES = ("other-scope",)


@dataclass(frozen=True, slots=True)
class Mandate:
    """The client with this OIN and CN may act for `organization_id` (a URA for the NVI, an OIN for the PRS)."""

    oin: str
    common_name: str
    organization_id: str
    scopes: tuple[str, ...]
    organization_name: str
    source_id: str = ""


class OAuthTwin:
    """Issues tokens over mutual TLS at `/oauth/token`; publishes its keys at `/oauth/jwks.json`."""

    def __init__(
        self,
        issuer: str,
        mandates: Sequence[Mandate],
        *,
        algorithm: Literal["ES256", "RS256"] = "ES256",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make a signing key and take the mandates."""
        self.issuer = issuer
        self.mandates = list(mandates)
        self.faults, self.register = Faults(), Register()
        self._algorithm, self._clock, self._key_id = algorithm, clock, uuid.uuid4().hex
        self._key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ES256"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )
        face = Starlette(
            routes=[
                Route("/oauth/token", self._token, methods=["POST"]),
                Route("/oauth/jwks.json", self._jwks, methods=["GET"]),
            ]
        )
        self.app: App = fronted(face, self.faults, self.register)
        self.control: App = control_app(self.faults, self.register, LIES)

    def jwks(self) -> dict[str, Any]:
        """Return the public keys, as published."""
        public = self._key.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            key = ECAlgorithm.to_jwk(public, as_dict=True)
        else:
            key = RSAAlgorithm.to_jwk(public, as_dict=True)
        return {"keys": [{**key, "kid": self._key_id, "alg": self._algorithm, "use": "sig"}]}

    def issue(self, mandate: Mandate, scope: str, audience: str) -> str:
        """Return a token of the shape that NVI and PRS expect."""
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": audience,
            "sub": mandate.organization_id,
            "scope": scope,
            "act": {"sub": mandate.oin, "cn": mandate.common_name},
            "organization_name": mandate.organization_name,
            "nbf": now,
            "iat": now,
            "exp": now + LIFE,
        }
        if mandate.source_id:
            claims["source_id"] = mandate.source_id
        return jwt.encode(claims, self._key, algorithm=self._algorithm, headers={"kid": self._key_id})

    async def _jwks(self, request: Request) -> JSONResponse:
        return JSONResponse(self.jwks())

    async def _token(self, request: Request) -> JSONResponse:
        client = certificate_identity(request.scope.get("client_certificate"))
        if client is None:
            return _error(401, "invalid_client")
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return _error(400, "unsupported_grant_type")
        if not form.get("target_audience"):
            return _error(400, "invalid_target")
        mandate = self._mandate(client, form.get("organization_id", ""), form.get("source_id", ""))
        if mandate is None:
            return _error(401, "unauthorized_client")
        wanted = form.get("scope", "").split()
        if not wanted or not set(wanted) <= set(mandate.scopes):
            return _error(400, "invalid_scope")
        scope = "nothing:at-all" if self.faults.lying == "other-scope" else " ".join(wanted)
        token = self.issue(mandate, scope, form["target_audience"])
        return JSONResponse({"access_token": token, "token_type": "Bearer", "scope": scope, "expires_in": LIFE})

    def _mandate(self, client: tuple[str, str], organization: str, source: str) -> Mandate | None:
        for mandate in self.mandates:
            same = (mandate.oin, mandate.common_name) == client and mandate.organization_id == organization
            if same and source in ("", mandate.source_id):
                return mandate
        return None


def certificate_identity(der: bytes | None) -> tuple[str, str] | None:
    """Return (OIN, common name) of a client certificate; None without one, or when it has no serialNumber."""
    if der is None:
        return None
    subject = x509.load_der_x509_certificate(der).subject
    oins = subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return (str(oins[0].value), str(names[0].value)) if oins and names else None


def _error(status: int, code: str) -> JSONResponse:
    return JSONResponse({"error": code}, status)
