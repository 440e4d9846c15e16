"""Notices: what a register tells about one patient's choices, and what it wants to know (spec consent 3.2 to 3.4).

A notice only ever restricts or makes decide anew: nothing in it grants anything. It is believed about this holder only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..identity import Bsn, Patient
from ..outcome import Outcome
from .port import ConsentSource


@dataclass(frozen=True, slots=True)
class Change:
    """One choice as told: for which users and which data (codes of the register, `*` for all), since when.

    `at` is RFC 3339 in UTC, empty when the notice does not say; `refuses` is false for a permission.
    """

    users: str
    data: str
    refuses: bool
    at: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice about one patient. `digest` is the hex SHA-256 of its bytes: equal for a repetition."""

    bsn: Bsn
    changes: tuple[Change, ...]
    deceased: str
    """The date of death or `yes` when the register says that the patient died, else empty."""
    digest: str
    known: bool = True
    """Whether the register has this patient from us, as far as we know. It makes no difference to the answer."""


@dataclass(frozen=True, slots=True)
class NotForUs:
    """A sound notice about another holder: nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a notice. `flaw` is a stable word; nothing of the content is kept."""

    flaw: str


class Informant(Protocol):
    """A register that tells when a choice changes."""

    def admits(self, certificate: bytes | None, /) -> bool:
        """True for the client certificate (DER) of the register itself."""
        ...

    async def read(self, media_type: str, body: bytes, /) -> Notice | NotForUs | Unreadable:
        """Read a notice's bytes. Changes nothing."""
        ...

    async def restrict(self, notice: Notice, /) -> Outcome[int]:
        """Keep its refusals and a death, and begin a new generation: durable when it returns that generation."""
        ...

    async def relax(self, notice: Notice, /) -> Outcome[int]:
        """Let refusals that it takes back no longer count by themselves; only after the notice was recorded."""
        ...


class Interested(Protocol):
    """A register that wants to know of whom there is something here. Neither method waits or fails."""

    def has(self, patient: Patient, /) -> None:
        """Something of this patient was given from here, so there is something."""
        ...

    def died(self, patient: Patient, /) -> None:
        """The holder's own record says that this patient died."""
        ...


@dataclass(frozen=True, slots=True)
class Correspondence:
    """What goes to and fro between a holder and a register beside the questions.

    `told` is what it told, as a source that objects and never permits: asked first, for nobody outside sees that.
    """

    told: ConsentSource
    informant: Informant
    interested: Interested


@runtime_checkable
class Corresponding(Protocol):
    """A source with a correspondence; None where it cannot keep what it is told."""

    @property
    def correspondence(self) -> Correspondence | None:
        """One for as long as the source lives."""
        ...
