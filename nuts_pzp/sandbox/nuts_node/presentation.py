"""Sandbox: presentations as JWT, in the shape of version 6.2 or of the one after it (spec nuts-node 2.2)."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from jwt.utils import base64url_encode

from .credentials import W3C, Credential
from .jose import Jws, NotSigned, parse
from .state import Subject

LIFE = 5

Shape = Literal["v6.2", "master"]


@dataclass(frozen=True, slots=True)
class Presentation:
    """A parsed presentation; nothing is verified."""

    jws: Jws
    body: Mapping[str, Any] = field(repr=False)
    """The `vp` claim as it came: submission paths are read against it."""
    credentials: tuple[Credential, ...] = field(repr=False)

    @property
    def signer(self) -> str:
        """The DID that the `kid` belongs to; there may be no `iss`."""
        return self.jws.key_id.partition("#")[0]

    @property
    def audience(self) -> tuple[str, ...]:
        """Everyone it is meant for."""
        value = self.jws.claims.get("aud")
        return tuple(value) if isinstance(value, list) else (str(value),)


def make(subject: Subject, credentials: Sequence[Credential], *, audience: str, now: float, shape: Shape) -> str:
    """Return a presentation of these credentials, good for five seconds at that audience only."""
    moment = int(now)
    body: dict[str, Any] = {"@context": [W3C], "type": ["VerifiablePresentation"]}
    claims: dict[str, Any] = {
        "sub": subject.did,
        "aud": audience,
        "jti": f"{subject.did}#{uuid.uuid4()}",
        "nonce": base64url_encode(secrets.token_bytes(32)).decode(),
        "nbf": moment,
        "exp": moment + LIFE,
        "vp": body,
    }
    shown: Any = list(credentials)
    if shape == "v6.2":
        body["type"], body["holder"] = "VerifiablePresentation", subject.did
        body["@context"] = W3C
        shown = shown[0] if len(shown) == 1 else shown
    else:
        claims |= {"iss": subject.did, "iat": moment}
    body["verifiableCredential"] = shown
    return subject.key.sign(claims, kid=subject.key.id, typ="JWT")


def read(assertion: str) -> Presentation:
    """Parse one presentation; raises NotSigned."""
    jws = parse(assertion)
    body = jws.claims.get("vp")
    if not isinstance(body, dict):
        raise NotSigned("no vp claim")
    shown = body.get("verifiableCredential", [])
    credentials = tuple(shown) if isinstance(shown, list) else (shown,)
    if not all(isinstance(one, str | dict) for one in credentials):
        raise NotSigned("not credentials")
    return Presentation(jws, body, credentials)
