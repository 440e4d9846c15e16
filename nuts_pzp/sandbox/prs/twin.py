"""Sandbox: the pseudonym service. It sees blinded points only; what it evaluates only the recipient can open."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from joserfc import jwe
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..oauth import Gateway, NotAdmitted
from ..switches import App, Faults, Register, control_app, fronted
from .oprf import hkdf, identifier, multiply, new_scalar, to_point

LIFE = 300
LIES = ("not-a-jwe",)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who receives pseudonyms: `oin:<20>` (`ura:<8>` in the guide's dialect), for which scope, sealed to what key."""

    organization: str
    scope: str
    key_id: str
    key: RSAKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Dialect:
    path: str
    blinded: str
    organization: str
    scope: str
    answer: str
    prefix: str


_DIALECTS = {
    "service_2026_08": _Dialect(
        "/oprf/eval", "encryptedPersonalId", "recipientOrganization", "recipientScope", "jwe", "oin"
    ),
    "ig_0_10": _Dialect(
        "/evaluate", "blinded_input", "recipient_organization", "recipient_scope", "evaluated_output", "ura"
    ),
}


class PrsTwin:
    """Evaluates blinded points with one secret per recipient organisation."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        dialect: Literal["service_2026_08", "ig_0_10"] = "service_2026_08",
        algorithm: Literal["RSA-OAEP", "RSA-OAEP-256"] = "RSA-OAEP",
        secrets: Mapping[str, bytes] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`secrets`: recipient organisation -> 32-byte scalar, for known answers; others are made at random."""
        self.faults, self.register = Faults(), Register()
        self._gateway, self._dialect, self._algorithm, self._clock = gateway, _DIALECTS[dialect], algorithm, clock
        self._secrets = dict(secrets or {})
        self._recipients: dict[tuple[str, str], Recipient] = {}
        face = Starlette(routes=[Route(self._dialect.path, self._evaluate, methods=["POST"])])
        self.app: App = fronted(face, self.faults, self.register)
        self.control: App = control_app(self.faults, self.register, LIES)

    def admit(self, recipient: Recipient) -> None:
        """Register a recipient's public key, as `/administration/register/certificate` does."""
        self._recipients[(recipient.organization, recipient.scope)] = recipient
        self._secrets.setdefault(recipient.organization, new_scalar())

    def seal(self, blinded: bytes, recipient: Recipient) -> str:
        """Evaluate a blinded point and seal it to the recipient; raises ValueError for what is not a point."""
        now = int(self._clock())
        evaluated = multiply(self._secrets[recipient.organization], blinded)
        content = {
            "subject": "pseudonym:eval:" + base64.urlsafe_b64encode(evaluated).decode(),
            "aud": recipient.organization,
            "scope": recipient.scope,
            "version": "1.1",
            "iat": now,
            "exp": now + LIFE,
            "extra_versions": {},
        }
        header = {"kid": recipient.key_id, "alg": self._algorithm, "enc": "A256GCM", "cty": "application/json"}
        algorithms = [self._algorithm, "A256GCM"]
        return jwe.encrypt_compact(header, json.dumps(content).encode(), recipient.key, algorithms=algorithms)

    def patient_token(self, bsn: str, recipient: Recipient) -> str:
        """Return what a client would send the recipient for this BSN: the client's half, done here for seeding."""
        factor = new_scalar()
        info = f"{recipient.organization}|{recipient.scope}|v1".encode()
        sealed = self.seal(multiply(factor, to_point(hkdf(identifier(bsn), info))), recipient)
        token = {"evaluated_output": sealed, "blind_factor": base64.urlsafe_b64encode(factor).decode()}
        return base64.urlsafe_b64encode(json.dumps(token).encode()).decode()

    async def _evaluate(self, request: Request) -> Response:
        try:
            self._gateway.admit(request)
        except NotAdmitted as error:
            return JSONResponse({"detail": "Unauthorized request"}, error.status)
        body = await _object(request)
        wanted, scope = body.get(self._dialect.organization), body.get(self._dialect.scope)
        if not isinstance(wanted, str) or not re.fullmatch(rf"{self._dialect.prefix}:[0-9A-Za-z]{{8,20}}", wanted):
            text = f"Invalid recipient organization. Format: {self._dialect.prefix}:<{self._dialect.prefix}_number>"
            return JSONResponse({"detail": [{"loc": ["body", self._dialect.organization], "msg": text}]}, 422)
        if not any(organization == wanted for organization, _ in self._recipients):
            return JSONResponse({"error": "No organization found for this OIN"}, 404)
        recipient = self._recipients.get((wanted, str(scope).lower()))
        if recipient is None:
            return JSONResponse({"error": "No public key found for this organization and/or scope"}, 404)
        try:
            sealed = self.seal(base64.urlsafe_b64decode(str(body.get(self._dialect.blinded))), recipient)
        except ValueError:
            return JSONResponse({"error": "Unable to evaluate blind"}, 400)
        if self.faults.lying == "not-a-jwe":
            sealed = "sealed, honestly"
        return JSONResponse({self._dialect.answer: sealed})


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
