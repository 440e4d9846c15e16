"""A disk that fails on demand, and what a ledger's file holds, for tests of the ledger as a whole."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nuts_pzp.audit import anchors
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.reading import records
from nuts_pzp.audit.verify import Report, verify

Opening = Callable[..., Ledger]


class Faults(sqlite3.Connection):
    """A connection that fails on purpose. `words` None: all well; `late`: fail after it happened."""

    words: str | None = None
    late = False
    hold: threading.Event | None = None

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:  # type: ignore[override]
        if sql == "COMMIT" and Faults.hold is not None:
            Faults.hold.wait(10.0)
        if sql == "COMMIT" and Faults.words is not None:
            if Faults.late:
                super().execute(sql, *given)
            raise sqlite3.OperationalError(Faults.words)
        return super().execute(sql, *given)


def faulty(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0, factory=Faults)


def codes(place: Place, tenant: str = "meerwijck") -> list[str]:
    return [entry.code for entry in records(place.path, tenant)]


def verified(place: Place, tenant: str = "meerwijck") -> Report:
    key = VerifierKey.parse((place.keys / tenant / "audit-1.pub").read_text())
    lines = anchors.read(place.anchor) if place.anchor and place.anchor.exists() else None
    with opened(place.path) as ledger:
        return verify(ledger, [key], lines, tenant=tenant)


async def until(told: Callable[[], bool], seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.01)):
        if told():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")
