"""Mitz: the locator's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from . import open_codes
from .settings import Oid, RoleCode, TypeCode

_Issuer = Annotated[
    str, StringConstraints(pattern=r"^(urn:oid:[0-2](\.(0|[1-9][0-9]{0,15})){1,30}|https://[!-~]{1,200})$")
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AssertionSettings(_Strict):
    """Who signs that it is this user who asks."""

    issuer: _Issuer
    """The connector, as it was admitted: `urn:oid:...` or a URI."""
    key_file: Path
    certificate_file: Path


class OpenSettings(_Strict):
    """`localization: {kind: mitz, ...}`. Over https all three files are needed; http only speaks to loopback."""

    url: str
    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    assertion: AssertionSettings
    roles: dict[str, RoleCode] = Field(min_length=1)
    professional_id_root: Oid | None = None
    user_types: frozenset[TypeCode] = frozenset()
    expect_action: str | None = open_codes.ANSWER_ACTION
    timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 5.0

    @model_validator(mode="after")
    def _has_its_files(self) -> Self:
        files = (self.roots_file, self.certificate_file, self.key_file)
        if self.url.lower().startswith("https:") and not all(files):
            raise ValueError("mitz needs roots_file, certificate_file and key_file: mutual TLS only")
        if self.url.lower().startswith("http:") and any(files):
            raise ValueError("mitz over plain http (loopback only) takes no roots_file, certificate_file or key_file")
        return self
