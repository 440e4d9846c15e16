"""Settings of the NVI adapter. Everything that the national services have not settled is a setting (spec section 9)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ...outside import Surroundings, TlsFiles

Seconds = Annotated[float, Field(gt=0, le=30)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9:._/-]{1,200}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dialect(StrEnum):
    """How the pseudonym service is spoken to: as it runs since August 2026, or as guide 0.10 writes it."""

    SERVICE_2026_08 = "service_2026_08"
    IG_0_10 = "ig_0_10"


class Tls(_Strict):
    """PEM files: whom to trust, and our certificate with the OIN in its subject serialNumber."""

    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def files(self, around: Surroundings) -> TlsFiles:
        """Return the files, relative names resolved."""
        named = (self.roots_file, self.certificate_file, self.key_file)
        return TlsFiles(*(around.path(name) if name else None for name in named))


class Pseudonyms(_Strict):
    """The PRS. `recipient_*` must be the same for every client of one NVI, or nothing is ever found."""

    url: str
    token_url: str
    audience: Word
    scope: Word = "prs:read"
    organization_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{8,20}$")]
    """Our own OIN: whom the token for the PRS represents."""
    dialect: Dialect = Dialect.SERVICE_2026_08
    recipient_organization: Annotated[str, Field(pattern=r"^(oin|ura):[0-9A-Za-z]{8,20}$")]
    recipient_scope: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")] = "nvi"

    @property
    def info(self) -> str:
        """The HKDF info of spec 2.1 step 2."""
        return f"{self.recipient_organization}|{self.recipient_scope}|v1"


class NviSettings(_Strict):
    """The NVI itself. `url` is its FHIR base; the represented organisation is always the tenant's URA."""

    url: str
    token_url: str
    audience: Word
    scope: Word = "nvi:localize"
    source_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9:._-]{0,100}$")] = ""
    codes: tuple[Annotated[str, Field(pattern=r"^[A-Za-z]{1,40}$")], ...] = ("AdvanceDirective",)
    send_code_in_search: bool = False
    """The running service answers 422 to a `code` in the query; the guide asks for it."""
    timeout_seconds: Seconds = 5.0
    pseudonyms: Pseudonyms
    tls: Tls = Tls()
