"""Settings of the LRZa adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ...addressing.choose import ADVANCE_DIRECTIVE, PZP_CAPABILITY, Wanted
from ...identity import NotAnIdentifier, Ura
from ...outside import Surroundings, TlsFiles


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(_Strict):
    """PEM files: whom to trust, and our client certificate."""

    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def files(self, around: Surroundings) -> TlsFiles:
        """Return the files, relative names resolved."""
        named = (self.roots_file, self.certificate_file, self.key_file)
        return TlsFiles(*(around.path(name) if name else None for name in named))


class PayloadSettings(_Strict):
    """A payloadType that marks a PZP endpoint."""

    system: Annotated[str, Field(max_length=300)]
    code: Annotated[str, Field(max_length=300)]


class LrzaSettings(_Strict):
    """`url` is the directory's FHIR base. `payloads`: best first."""

    url: str
    interval_seconds: Annotated[float, Field(ge=60, le=86_400)] = 900.0
    stale_after_seconds: Annotated[float, Field(ge=60)] = 86_400.0
    """Older than this, the replica still serves but reports itself unhealthy."""
    first_load_seconds: Annotated[float, Field(ge=0, le=60)] = 2.0
    """How long a start without a snapshot waits for the first load."""
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 20.0
    payloads: Annotated[tuple[PayloadSettings, ...], Field(min_length=1)] = tuple(
        PayloadSettings(system=system, code=code) for system, code in (PZP_CAPABILITY, ADVANCE_DIRECTIVE)
    )
    phones: dict[str, Annotated[str, Field(pattern=r"^\+?[0-9 ()-]{3,25}$")]] = {}
    """URA -> number for the night; wins over the directory's own."""
    tls: Tls = Tls()

    @field_validator("phones")
    @classmethod
    def _by_ura(cls, phones: dict[str, str]) -> dict[str, str]:
        try:
            return {Ura.parse(ura).value: phone for ura, phone in phones.items()}
        except NotAnIdentifier as error:
            raise ValueError(str(error)) from None

    @property
    def wanted(self) -> Wanted:
        """What a PZP source looks like."""
        return Wanted(tuple((payload.system, payload.code) for payload in self.payloads))
