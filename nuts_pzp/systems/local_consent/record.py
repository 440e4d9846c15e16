"""What is kept about one patient: the choices in order, each with who recorded it, on whose word, and its withdrawal.

Nothing is ever taken out: a choice that was withdrawn stays, with who withdrew it. Lies sealed in the store.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from ...consent.choice import HOLDER, Finding, Users
from ...consent.period import Period
from ...identity import Organization
from ...outcome import Evidence

MOST = 200
"""Choices of one patient."""


@dataclass(frozen=True, slots=True)
class Word:
    """Who recorded something, when (RFC 3339 UTC), on whose word, in which form, and where the form is kept."""

    operator: str
    at: str
    voice: str
    relation: str
    form: str
    evidence: str
    identity: str = field(repr=False, default="")
    """Who the representative is, in words: sealed with the rest, and as secret as the patient."""

    def written(self) -> dict[str, str]:
        """Return the word as a document."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Word:
        """Read what `written` made; KeyError or TypeError for anything else."""
        known = {name: str(document[name]) for name in cls.__slots__ if name != "identity"}
        return cls(**known, identity=str(document.get("identity", "")))


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The end of a choice."""

    id: str
    word: Word


@dataclass(frozen=True, slots=True)
class Choice:
    """A permission, or an objection. Dates as `YYYY-MM-DD`, both included; an empty `until` leaves the end open."""

    id: str
    permits: bool
    users: Users
    word: Word
    since: str
    until: str = ""
    withdrawn: Withdrawal | None = None

    def written(self) -> dict[str, Any]:
        """Return the choice as a document."""
        return {
            "id": self.id,
            "permits": self.permits,
            "uras": sorted(self.users.uras),
            "types": sorted(self.users.types),
            "word": self.word.written(),
            "since": self.since,
            "until": self.until,
            "withdrawn": {"id": self.withdrawn.id, "word": self.withdrawn.word.written()} if self.withdrawn else None,
        }

    @classmethod
    def read(cls, document: dict[str, Any]) -> Choice:
        """Read what `written` made; KeyError or TypeError for anything else."""
        gone = document["withdrawn"]
        return cls(
            id=str(document["id"]),
            permits=document["permits"] is True,
            users=Users(frozenset(document["uras"]), frozenset(document["types"])),
            word=Word.read(document["word"]),
            since=str(document["since"]),
            until=str(document["until"]),
            withdrawn=Withdrawal(str(gone["id"]), Word.read(gone["word"])) if gone else None,
        )

    @property
    def period(self) -> Period:
        """When it holds."""
        return Period(self.since, self.until)

    def finding(self, organization: Organization) -> Finding | None:
        """Say what it means for this organization, or None when it does not cover it."""
        specificity = self.users.specificity(organization)
        if specificity is None or (self.permits and self.users.everyone):
            return None
        document = replace(self, withdrawn=None).written()
        document["word"].pop("identity")  # nothing that goes into a log is made of it
        written = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
        return Finding(
            self.permits, HOLDER + specificity, Evidence("local", self.id, hashlib.sha256(written).hexdigest())
        )


@dataclass(frozen=True, slots=True)
class Dossier:
    """All choices of one patient here, oldest first, and the birth date as it was given when recording."""

    birth_date: str
    choices: tuple[Choice, ...]

    def written(self) -> dict[str, Any]:
        """Return it as a document."""
        return {"birth_date": self.birth_date, "choices": [one.written() for one in self.choices]}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Dossier:
        """Read what `written` made; KeyError or TypeError for anything else."""
        return cls(str(document["birth_date"]), tuple(Choice.read(one) for one in document["choices"]))
