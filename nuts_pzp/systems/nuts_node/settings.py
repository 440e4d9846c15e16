"""What an operator may say about the node; anything else is refused at start (design D14).

The node's internal address is the operator's own and trusted as such; it belongs on loopback or a closed network,
because whoever reaches it can sign as any tenant (spec nuts-node 5).
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ...identity import Purpose
from ...outside import BaseUrl

SUBJECT_PATTERN = r"^[a-zA-Z0-9._-]+$"
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}", re.ASCII)

DEFAULT_SCOPE = "pzp-gf"


def _scope(text: str) -> str:
    if not _SCOPE.fullmatch(text):
        raise ValueError("a scope is one token of printable ASCII (RFC 6749 3.3)")
    return text


Scope = Annotated[str, AfterValidator(_scope)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiAccess(_Strict):
    """How to prove ourselves to a node with `http.internal.auth.type: token_v2` (spec nuts-node 5)."""

    key_file: str
    """PEM of a P-256 private key whose public half is in the node's authorized keys."""
    issuer: str
    """The comment of that line in the authorized keys."""
    audience: str
    """The node's `http.internal.auth.audience`, its host name by default."""


class Internal(_Strict):
    """Where the node's internal API is."""

    node: str
    """Internal address, such as `http://127.0.0.1:8081`. Plain http reaches loopback only."""
    roots_file: str | None = None
    """PEM of the roots to trust when the address is https; the system's when absent."""
    api: ApiAccess | None = None


class ClaimNames(_Strict):
    """What the presentation definition of this region calls each claim: the `id` of its field."""

    organization_ura: str = "organization_ura"
    organization_name: str = "organization_name"
    organization_facility_type: str = "organization_facility_type"
    employee_identifier: str = "employee_identifier"
    employee_role: str = "employee_role"
    employee_name: str = "employee_name"
    purpose_of_use: str = "purpose_of_use"
    emergency_reason: str = "emergency_reason"
    emergency_text: str = "emergency_text"

    @model_validator(mode="after")
    def _are_distinct(self) -> ClaimNames:
        names = list(self.model_dump().values())
        if len(set(names)) != len(names):
            raise ValueError("two claims cannot have the same name")
        return self


class GatekeeperSettings(Internal):
    """The network door, kind `nuts_node`."""

    issuer: BaseUrl
    """This tenant's own authorization server, compared byte for byte: `https://node.example/oauth2/wilgenhof`."""
    scopes: dict[Scope, Purpose] = Field(default_factory=lambda: {DEFAULT_SCOPE: Purpose.TREATMENT}, min_length=1)
    claims: ClaimNames = ClaimNames()
    scope_claims: dict[Scope, ClaimNames] = Field(default_factory=dict)
    """Other names in the tokens of a scope: every use case has a presentation definition of its own."""
    require_proof: bool = False
    """True refuses every token that is not bound to a key (DPoP)."""
    remember: float = Field(default=10.0, ge=0.0, le=60.0)
    """Seconds that an introspection may serve; 0 asks the node every time."""
    proof_window: float = Field(default=60.0, gt=0.0, le=300.0)
    """Seconds that the `iat` of a proof may lie from now, either way; the node does not look at its age."""
    timeout: float = Field(default=5.0, gt=0.0, le=30.0)

    @model_validator(mode="after")
    def _of_known_scopes(self) -> GatekeeperSettings:
        if not set(self.scope_claims) <= set(self.scopes):
            raise ValueError("scope_claims names a scope that is not one of scopes")
        return self


class CredentialsSettings(Internal):
    """Tokens for other organisations, kind `nuts_node`."""

    subject: str = Field(pattern=SUBJECT_PATTERN, max_length=128)
    """This tenant's subject at the node."""
    token_type: Literal["Bearer", "DPoP"] = "Bearer"  # noqa: S105 (a kind of token, not one)
    scopes: dict[Purpose, Scope] = Field(default_factory=lambda: {Purpose.TREATMENT: DEFAULT_SCOPE}, min_length=1)
    timeout: float = Field(default=10.0, gt=0.0, le=60.0)
    """Seconds for one token: the node makes several calls to the other organisation for it."""
