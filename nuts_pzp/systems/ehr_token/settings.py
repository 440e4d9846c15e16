"""Which EHRs may ask for tokens at this tenant, and how they prove themselves. The list is the tenant's own (D7)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ...outside import BaseUrl

ALGORITHMS = ("ES256", "PS256")
"""What an EHR may sign with."""

_FINGERPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)


def _fingerprint(text: str) -> str:
    plain = text.replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(plain):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits")
    return plain


def _without_slash(url: str) -> str:
    if url.endswith("/"):
        raise ValueError("no slash at the end: it is compared byte for byte")
    return url


class Client(BaseModel):
    """One EHR. With `sha256` it proves itself by that certificate, and its tokens are bound to it; else by its key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,200}$")]
    name: Annotated[str, Field(min_length=1, max_length=100)]
    jwks_file: Path
    sha256: Annotated[str, AfterValidator(_fingerprint)] | None = None


class TokenSettings(BaseModel):
    """The EHR door, kind `issued_token`. `issuer` is this tenant's address at the EHR listener."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Annotated[BaseUrl, Field(max_length=310), AfterValidator(_without_slash)]
    clients: Annotated[list[Client], Field(min_length=1)]
    lifetime_seconds: Annotated[int, Field(ge=60, le=900)] = 600
    rotate_days: Annotated[int, Field(ge=1, le=365)] = 30

    @model_validator(mode="after")
    def _apart(self) -> TokenSettings:
        if len({client.id for client in self.clients}) != len(self.clients):
            raise ValueError("clients: an id stands twice")
        return self


def public_keys(path: Path) -> dict[str, jwt.PyJWK]:
    """Read an EHR's public keys by their `kid`; ValueError for anything that is not a set of those."""
    try:
        listed: Any = json.loads(path.read_text("utf-8"))["keys"]
        found = {str(one["kid"]): jwt.PyJWK(one, one["alg"]) for one in listed}
        private = any(set(one) & {"d", "p", "q", "k"} for one in listed)
    except OSError as error:
        raise ValueError(f"{path.name}: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError, jwt.PyJWTError):
        raise ValueError(f"{path.name}: not a JSON Web Key Set whose keys have kid and alg") from None
    if private:
        raise ValueError(f"{path.name}: holds a private key; an EHR gives its public keys only")
    if not found or any(key.algorithm_name not in ALGORITHMS for key in found.values()) or len(found) != len(listed):
        raise ValueError(
            f"{path.name}: one key or more is expected, each with its own kid, alg {' or '.join(ALGORITHMS)}"
        )
    if any(not isinstance(key.key.curve, SECP256R1) for key in found.values() if key.algorithm_name == "ES256"):
        raise ValueError(f"{path.name}: a key of ES256 is one of P-256")
    if any(getattr(key.key, "key_size", 2048) < 2048 for key in found.values() if key.algorithm_name == "PS256"):
        raise ValueError(f"{path.name}: an RSA key has 2048 bits or more")
    return found
