"""The file itself: its shape, its signature, reading it. Wrong in one place is wrong as a whole: nothing is guessed."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ... import plain_yaml
from ...identity import NotAnIdentifier, Organization, Ura
from ...outside import Surroundings

MOST_BYTES = 1_048_576
MOST_ASKED = 50
"""Organisations that are asked about every patient; a longer list wants a register that knows patients."""

TypeCode = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,3}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegionalSettings(_Strict):
    """`file` is the list. With `public_key_file` (Ed25519, PEM) the signature (base64, beside it) is demanded."""

    file: Path
    public_key_file: Path | None = None
    signature_file: Path | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> RegionalSettings:
        if (self.public_key_file is None) != (self.signature_file is None):
            raise ValueError("public_key_file and signature_file belong together")
        return self


class Entry(_Strict):
    """One organisation. `asked`: ask it about every patient, for want of a register that knows who has data."""

    ura: str
    types: Annotated[tuple[TypeCode, ...], Field(min_length=1, max_length=10)]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    phone: Annotated[str, Field(pattern=r"^(\+?[0-9 ()-]{3,25})?$")] = ""
    fhir_base: str = ""
    authorization_server: str = ""
    asked: bool = False

    @field_validator("ura")
    @classmethod
    def _ura(cls, ura: str) -> str:
        try:
            return Ura.parse(ura).value
        except NotAnIdentifier as error:
            raise ValueError(str(error)) from None

    @property
    def organization(self) -> Organization:
        """Who it is."""
        return Organization(Ura(self.ura), self.types[0], self.name, self.phone, self.types[1:])


class Table(_Strict):
    """The whole list, with who answers for it and by when it must be looked at again."""

    owner: Annotated[str, Field(min_length=1, max_length=200)]
    review_before: date
    organizations: Annotated[tuple[Entry, ...], Field(max_length=5_000)]

    @model_validator(mode="after")
    def _clear(self) -> Table:
        if len({entry.ura for entry in self.organizations}) != len(self.organizations):
            raise ValueError("a URA stands in the list twice")
        if sum(entry.asked for entry in self.organizations) > MOST_ASKED:
            raise ValueError(f"more than {MOST_ASKED} organisations are asked about every patient")
        return self

    def state(self, today: date) -> str:
        """Say in words who owns it and whether its review is overdue."""
        words = f"{len(self.organizations)} organisations, owner {self.owner}"
        return words if today <= self.review_before else f"{words}; review was due on {self.review_before.isoformat()}"


def read_table(settings: Mapping[str, Any], around: Surroundings) -> Table:
    """Read and check the file; raises OSError or ValueError, without the file's content, when anything is wrong."""
    checked = RegionalSettings.model_validate(settings)
    file = around.path(checked.file)
    if file.stat().st_size > MOST_BYTES:
        raise ValueError("the regional file is too large")
    content = file.read_bytes()
    if checked.public_key_file and checked.signature_file:
        _verify(content, around.path(checked.public_key_file), around.path(checked.signature_file))
    try:
        return Table.model_validate(plain_yaml.load(content))
    except (yaml.YAMLError, RecursionError):
        raise ValueError("the regional file is not YAML") from None


def _verify(content: bytes, key_file: Path, signature_file: Path) -> None:
    key = load_pem_public_key(key_file.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("the key of the regional file is not an Ed25519 public key")
    try:
        key.verify(base64.b64decode(signature_file.read_bytes().strip(), validate=True), content)
    except (InvalidSignature, ValueError):
        raise ValueError("the signature of the regional file is not its owner's") from None
