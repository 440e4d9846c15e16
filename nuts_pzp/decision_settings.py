"""Settings of the decision API: who may ask, and the FHIR base that a tenant's callers see at the enforcement point."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from .consent_settings import Strict
from .outside import Fingerprint


class DecisionClient(Strict):
    """An enforcement point that may ask for decisions: a name for the log, its certificate, and for whom it may ask."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    sha256: Fingerprint
    tenants: Annotated[tuple[str, ...], Field(min_length=1)]


class DecisionApiSettings(Strict):
    """Who may ask for decisions at the operations listener: listed certificates, or whoever is on this machine."""

    loopback: bool = False
    clients: tuple[DecisionClient, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> DecisionApiSettings:
        if self.loopback == bool(self.clients):
            raise ValueError("decision_api: either clients (by certificate), or loopback: true")
        return self


class DecisionSettings(Strict):
    """The FHIR base that callers see at the enforcement point; proofs and absolute references are held to it."""

    base: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+(/[^/?#\s]+)*$")]
