"""What a hospital asks of the log: how often PZP answers were found, how long it took, who did not answer (ADR 0015).

Pure over records, in order. Counts people by a key that lives as long as the counting: nothing is kept that could be
turned back into a BSN. Test people are left out, and no figure rests on fewer than ten.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median, quantiles
from typing import Any
from zoneinfo import ZoneInfo

from .seal import Seal, Sealed

SCHEMA = "nuts-pzp-indicators/1"
SMALLEST = 10
"""A figure about fewer is not shown."""
ACUTE = "acute-admission"

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
_ANSWERS = frozenset(
    {"Consent", "Goal", "Observation", "DeviceUseStatement", "Communication", "CommunicationRequest"}
    | {"QuestionnaireResponse"}
)
"""Resources that answer a question of the form; people, encounters and devices do not."""


@dataclass(slots=True)
class _Look:
    """One consultation as its records tell it."""

    began: datetime
    acute: bool
    who: bytes | None = field(repr=False)
    seconds: float | None = None
    found: bool = False


@dataclass(slots=True)
class Counting:
    """One month of one tenant, Amsterdam time. `seal` opens the BSNs of the log; without it people are not counted."""

    month: str
    seal: Seal | None
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _looks: dict[str, _Look] = field(default_factory=dict, repr=False)
    _sources: dict[str, list[int]] = field(default_factory=dict)
    unreadable: int = 0
    """Consultations whose patient the keys at hand do not open."""

    def add(self, records: Iterable[dict[str, Any]]) -> None:
        """Take records in the order of the log."""
        for record in records:
            code, correlation = record["event"]["code"], record.get("correlation", "")
            if code == "consult.intent" and not record.get("patient", {}).get("test"):
                self._begin(correlation, record)
            elif (look := self._looks.get(correlation)) is not None:
                if code == "consult.received":
                    self._source(record)
                elif code == "consult.result" and record["outcome"]["kind"] == "permit":
                    look.seconds = (_moment(record) - look.began).total_seconds()
                    look.found = any(_answers(one) for one in record["object"].get("references", ()))

    def told(self) -> dict[str, Any]:
        """Return the figures, schema `nuts-pzp-indicators/1`; null where a figure would rest on too few."""
        looks = list(self._looks.values())
        answered = sorted(look.seconds for look in looks if look.seconds is not None)
        acute = [look for look in looks if look.acute]
        asked = {look.who for look in acute if look.who}
        found = {look.who for look in acute if look.who and look.found}
        people = {look.who for look in looks if look.who}
        enough = len(answered) >= SMALLEST
        return {
            "schema": SCHEMA,
            "month": self.month,
            "smallest": SMALLEST,
            "consultations": _shown(len(looks)),
            "unanswered": _part(len(looks) - len(answered), len(looks)),
            "patients": _shown(len(people)) if self.seal else None,
            "acute": {
                "consultations": _part(len(acute), len(looks)),
                "patients": _part(len(asked), len(people)) if self.seal else None,
                "found_share": _share(len(found), len(asked)) if self.seal else None,
            },
            "seconds": {
                "median": round(median(answered), 2) if enough else None,
                "p90": round(quantiles(answered, n=10)[-1], 2) if enough else None,
            },
            "sources": [
                {"ura": ura, "asked": _shown(asked_), "failed_share": _share(failed, asked_)}
                for ura, (asked_, failed) in sorted(self._sources.items())
            ],
            "unreadable": _shown(self.unreadable),
        }

    def _begin(self, correlation: str, record: dict[str, Any]) -> None:
        began = _moment(record)
        if f"{began.astimezone(AMSTERDAM):%Y-%m}" != self.month:
            return
        acute = record.get("policy", {}).get("context") == ACUTE
        self._looks[correlation] = _Look(began, acute, self._who(record))

    def _who(self, record: dict[str, Any]) -> bytes | None:
        patient = record.get("patient")
        if self.seal is None or not patient:
            return None
        try:
            bsn = self.seal.open(patient["kid"], f"{record['id']}|bsn", patient["enc"])
        except Sealed:
            self.unreadable += 1
            return None
        return hmac.digest(self._key, bsn.encode(), "sha256")

    def _source(self, record: dict[str, Any]) -> None:
        ura = record["org"]["responder"]["ura"]
        counted = self._sources.setdefault(ura, [0, 0])
        counted[0] += 1
        counted[1] += bool(record.get("gaps"))


def _answers(reference: str) -> bool:
    """Say whether a reference (`URA:Type/id/...`, or with an address before the type) is to an answer."""
    return any(part in _ANSWERS for part in reference.partition(":")[2].split("/"))


def _moment(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["ts"])


def _shown(count: int) -> int | None:
    return count if count >= SMALLEST else None


def _part(part: int, whole: int) -> int | None:
    """A part stands beside its whole: what one subtracts from the other is a figure as well."""
    return None if 0 < whole - part < SMALLEST else _shown(part)


def _share(part: int, whole: int) -> float | None:
    """A share is shown when neither side of it is a few people; all or nobody of enough is no few."""
    rest = whole - part
    few = whole < SMALLEST or 0 < part < SMALLEST or 0 < rest < SMALLEST
    return None if few else round(part / whole, 3)
