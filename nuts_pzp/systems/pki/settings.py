"""What an operator may say about client certificates; anything else is refused at start (design D14)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_FINGERPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_URL = re.compile(r"https?://[\x21-\x7e]{1,2000}", re.ASCII)


def _fingerprint(text: str) -> str:
    plain = text.replace(":", "").lower()
    if not _FINGERPRINT.fullmatch(plain):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits")
    return plain


Ura8 = Annotated[str, Field(pattern=r"^[0-9]{8}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListedClient(_Strict):
    """Who may connect: a certificate by fingerprint, by the name or by the URA in it. All that is given must fit."""

    name: str = Field(min_length=1, max_length=100)
    sha256: Annotated[str, AfterValidator(_fingerprint)] | None = None
    common_name: str | None = Field(default=None, min_length=1, max_length=100)
    ura: Ura8 | None = None
    organizations: tuple[Ura8, ...] = ()
    """URAs of the organizations it may speak for; empty: any."""

    @model_validator(mode="after")
    def _names_somebody(self) -> ListedClient:
        if self.sha256 is None and self.common_name is None and self.ura is None:
            raise ValueError("sha256, common_name or ura says which certificate it is")
        return self


class Crl(_Strict):
    """Where a revocation list comes from."""

    file: Path | None = None
    url: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Crl:
        if (self.file is None) == (self.url is None):
            raise ValueError("either file or url")
        if self.url is not None and not _URL.fullmatch(self.url):
            raise ValueError("url: an absolute http(s) URL")
        return self


class PkiSettings(_Strict):
    """Client certificates, kind `pki`."""

    authorities_file: Path
    """PEM of every authority, roots and issuing ones, that a client certificate may come from."""
    clients: tuple[ListedClient, ...] = ()
    """Empty: every certificate of these authorities."""
    bind: Literal["none", "ura"] = "none"
    """`ura`: the URA in the certificate must be that of the token's organization."""
    crls: tuple[Crl, ...] = ()
    """Empty: revocation is not looked at. Otherwise every authority below a root needs a list that stands."""
    refresh_seconds: float = Field(default=3600.0, ge=10.0, le=86_400.0)
    grace_hours: float = Field(default=0.0, ge=0.0, le=168.0)
    """Hours that a list may serve after its own end, for when a new one cannot be had."""
