"""How the holder's officer is told of an emergency access, within a minute (spec consent 6.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from ..outcome import Outcome


@dataclass(frozen=True, slots=True)
class Alert:
    """What the officer is told: where to look and who asked, never about whom. `id` is the same however often it comes.

    `at` is RFC 3339 UTC, `meldcode` that of the first request in the audit log, `prior` the code of what would have
    stopped it, `nth` how many of the organization's `most` in this period this is.
    """

    id: str
    at: str
    tenant: str
    meldcode: str
    ura: str
    type: str
    organization: str
    role: str
    reason: str
    prior: str
    nth: int
    most: int

    def written(self) -> dict[str, Any]:
        """Return it as a document of schema `nuts-pzp-emergency-alert/1`."""
        return {"schema": "nuts-pzp-emergency-alert/1"} | {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def read(cls, document: dict[str, Any]) -> Alert:
        """Read what `written` made; KeyError or TypeError for anything else."""
        return cls(**{name: document[name] for name in cls.__slots__})


class Alarm(Protocol):
    """One way to tell the officer."""

    async def tell(self, alert: Alert, /) -> Outcome[None]:
        """None once the other side has it for good. A Stop is tried again, so the same alert may arrive twice."""
        ...
