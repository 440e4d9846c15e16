"""Who the own server said a patient is, kept for the requests of one consultation (ADR 0033).

A consult asks some ten searches about one patient within a second or two, each on the same token. In memory only,
bounded, never longer than ten seconds, and only for a patient in good standing: nothing else is worth remembering.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from ..identity import Patient, Standing

SERVES = 10.0
"""Seconds that a look-up may serve, from when it was made; it is not prolonged by use."""


@dataclass(slots=True)
class RecentPatients:
    """The last patient of each access token. `clock` is monotonic seconds."""

    size: int = 10_000
    clock: Callable[[], float] = time.monotonic
    _kept: OrderedDict[bytes, tuple[Patient, float]] = field(default_factory=OrderedDict, repr=False)

    def get(self, token: bytes, logical_id: str) -> Patient | None:
        """Return the patient of that id at the own server, when this very token looked it up just now."""
        kept = self._kept.get(token)
        if kept is None or kept[0].logical_id != logical_id or self.clock() >= kept[1]:
            return None
        return kept[0]

    def keep(self, token: bytes, patient: Patient) -> None:
        """Remember for this token; a patient who is deceased or unknown here only makes it forget."""
        if not token or patient.standing is not Standing.KNOWN or patient.logical_id is None:
            self.forget(token)
            return
        self._kept[token] = (patient, self.clock() + SERVES)
        self._kept.move_to_end(token)
        while len(self._kept) > self.size:
            self._kept.popitem(last=False)

    def forget(self, token: bytes) -> None:
        """Forget what this token looked up."""
        self._kept.pop(token, None)
