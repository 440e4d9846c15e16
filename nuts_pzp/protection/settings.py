"""What an operator may say about protection; every key has a default that no honest use of PZP meets (ADR 0035)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..identity import NotAnIdentifier, Ura
from .guard import GENEROUS, Refusals, Room, Rules
from .rates import Rate

_PerSecond = Annotated[float, Field(gt=0, le=100_000)]
_Burst = Annotated[int, Field(ge=1, le=1_000_000)]
_Seconds = Annotated[float, Field(gt=0, le=86_400)]


class ProtectionSettings(BaseModel):
    """Limits of one tenant's network door, in each process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organization_per_second: _PerSecond = GENEROUS.organization.per_second
    organization_burst: _Burst = GENEROUS.organization.burst
    tenant_per_second: _PerSecond = GENEROUS.tenant.per_second
    tenant_burst: _Burst = GENEROUS.tenant.burst
    patient_per_second: _PerSecond = GENEROUS.patient.per_second
    patient_burst: _Burst = GENEROUS.patient.burst
    refused_patients: Annotated[int, Field(ge=0, le=100_000)] = GENEROUS.refusals.patients
    """Distinct patients about whom one organization may be refused within the window; 0 does not watch."""
    refused_window_seconds: _Seconds = GENEROUS.refusals.window
    stop_seconds: _Seconds = GENEROUS.refusals.stop
    not_stopped: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """URAs that are not stopped: a reload lets one in at once that was, in every process."""
    at_once: Annotated[int, Field(ge=1, le=10_000)] = GENEROUS.room.at_once
    waiting: Annotated[int, Field(ge=0, le=10_000)] = GENEROUS.room.waiting
    wait_seconds: Annotated[float, Field(gt=0, le=60)] = GENEROUS.room.seconds

    @field_validator("not_stopped")
    @classmethod
    def _uras(cls, uras: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(Ura.parse(one).value for one in uras)
        except NotAnIdentifier as error:
            raise ValueError(str(error)) from None

    def rules(self) -> Rules:
        """Return them as the guard keeps them."""
        return Rules(
            Rate(self.organization_per_second, self.organization_burst),
            Rate(self.tenant_per_second, self.tenant_burst),
            Rate(self.patient_per_second, self.patient_burst),
            Refusals(self.refused_patients, self.refused_window_seconds, self.stop_seconds),
            Room(self.at_once, self.waiting, self.wait_seconds),
            frozenset(self.not_stopped),
        )
