"""The table itself: its shape, its signature, and when a practice is covered. Hours are those of Dutch clocks.

Wrong in one place is wrong as a whole: nothing is guessed, and outside its days a table covers nobody.
"""

from __future__ import annotations

import base64
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ... import plain_yaml
from ...identity import NotAnIdentifier, Organization, Ura

MOST_BYTES = 1_048_576
DUTCH = ZoneInfo("Europe/Amsterdam")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
_Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _ura(text: str) -> str:
    try:
        return Ura.parse(text).value
    except NotAnIdentifier as error:
        raise ValueError(str(error)) from None


class Hours(_Strict):
    """From `from` to `to` on each of these days; `to` not after `from` runs into the next day."""

    days: Annotated[frozenset[_Day], Field(min_length=1)]
    begin: Annotated[_Clock, Field(alias="from")]
    end: Annotated[_Clock, Field(alias="to")]

    @field_validator("begin")
    @classmethod
    def _begins(cls, text: str) -> str:
        if text == "24:00":
            raise ValueError("a day begins at 00:00")
        return text

    def cover(self, moment: datetime, holidays: frozenset[date]) -> bool:
        """True when this Dutch moment lies within, counted from the day on which the hours began."""
        clock, today = moment.time(), moment.date()
        begin, end = time.fromisoformat(self.begin), _time(self.end)
        if end is None or end > begin:
            return self._on(today, holidays) and begin <= clock and (end is None or clock < end)
        return (self._on(today, holidays) and clock >= begin) or (
            self._on(today - timedelta(days=1), holidays) and clock < end
        )

    def _on(self, day: date, holidays: frozenset[date]) -> bool:
        return _DAYS[day.weekday()] in self.days or (day in holidays and "holiday" in self.days)


def _time(text: str) -> time | None:
    return None if text == "24:00" else time.fromisoformat(text)


class Arrangement(_Strict):
    """One post that covers these practices in these hours."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,60}$")]
    post: str
    """URA of the organization that stands in."""
    types: frozenset[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,3}$")]] = frozenset({"N6"})
    """What the directory must say that it is."""
    practices: Annotated[frozenset[str], Field(min_length=1, max_length=2_000)]
    hours: Annotated[tuple[Hours, ...], Field(min_length=1, max_length=50)]

    @field_validator("post")
    @classmethod
    def _one(cls, text: str) -> str:
        return _ura(text)

    @field_validator("practices")
    @classmethod
    def _all(cls, texts: frozenset[str]) -> frozenset[str]:
        return frozenset(_ura(text) for text in texts)

    def covers(self, practice: Ura, user: Organization, moment: datetime, holidays: frozenset[date]) -> bool:
        """True when that user stands in for that practice at that Dutch moment."""
        return (
            user.ura.value == self.post
            and user.type in self.types
            and practice.value in self.practices
            and any(hours.cover(moment, holidays) for hours in self.hours)
        )


class Table(_Strict):
    """All arrangements, with who answers for them and the days on which they hold (both included)."""

    format: Literal["nuts-pzp-cover/1"]
    owner: Annotated[str, Field(min_length=1, max_length=200)]
    valid_from: date
    valid_until: date
    holidays: frozenset[date] = frozenset()
    arrangements: Annotated[tuple[Arrangement, ...], Field(min_length=1, max_length=1_000)]

    @model_validator(mode="after")
    def _clear(self) -> Table:
        if self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        if len({one.id for one in self.arrangements}) != len(self.arrangements):
            raise ValueError("an arrangement stands in the table twice")
        return self

    def covering(self, practice: Ura, user: Organization, now: datetime) -> Arrangement | None:
        """Return the arrangement by which the user stands in for the practice now (aware), or None."""
        moment = now.astimezone(DUTCH).replace(tzinfo=None)
        if not self.valid_from <= moment.date() <= self.valid_until:
            return None
        return next((one for one in self.arrangements if one.covers(practice, user, moment, self.holidays)), None)


def read_table(content: bytes, key_file: Path | None, signature_file: Path | None) -> Table:
    """Check the signature when a key is given, then the shape; ValueError, without content, when anything is wrong."""
    if len(content) > MOST_BYTES:
        raise ValueError("the cover table is too large")
    if key_file and signature_file:
        _verify(content, key_file, signature_file)
    try:
        return Table.model_validate(plain_yaml.load(content))
    except (yaml.YAMLError, RecursionError):
        raise ValueError("the cover table is not YAML") from None


def _verify(content: bytes, key_file: Path, signature_file: Path) -> None:
    key = load_pem_public_key(key_file.read_bytes())
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("the key of the cover table is not an Ed25519 public key")
    try:
        key.verify(base64.b64decode(signature_file.read_bytes().strip(), validate=True), content)
    except (InvalidSignature, ValueError):
        raise ValueError("the signature of the cover table is not its owner's") from None
