"""FHIR server twin: what can be wrong with a server, by name. Switched through the region or its control port."""

from __future__ import annotations

from dataclasses import dataclass, field

NAMES = (
    "down",  # 503 from a proxy in front of it
    "slow",  # answers after `slow_seconds`
    "hang",  # takes the request and never answers
    "wrong-patient",  # a search for one patient gives another's resources
    "outcome-200",  # an OperationOutcome with status 200
    "big",  # an answer above 8 MiB
    "lying-next",  # a next link to another origin
    "malformed",  # JSON that stops half way
    "unsupported",  # knows Patient and the form only
    "consents-only",  # 403 on everything but Patient and Consent
)


@dataclass(slots=True)
class Faults:
    """Which faults are on. One event loop, so a plain set will do."""

    on: set[str] = field(default_factory=set)
    slow_seconds: float = 3.0

    def set(self, name: str, on: bool) -> None:
        """Switch one fault; raises KeyError for a name that is none."""
        if name not in NAMES:
            raise KeyError(name)
        if on:
            self.on.add(name)
        else:
            self.on.discard(name)

    def __contains__(self, name: str) -> bool:
        return name in self.on
