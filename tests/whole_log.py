"""A log in memory, whole, to be changed bit by bit."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from nuts_pzp.audit.anchors import AnchorLines
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Place
from nuts_pzp.audit.material import Chunk, StoredLog, StoredNote, opened
from nuts_pzp.audit.verify import LogReport, verify

RECORDS = 16


@dataclass
class Memory:
    """A log held in lists, to be damaged a hundred thousand times without a disk."""

    tenant: str
    origin: str
    rows: list[tuple[int, str | None, bytes | None, bytes]]
    notes: list[StoredNote]

    def logs(self) -> list[StoredLog]:
        return [StoredLog(self.tenant, self.origin, self.notes[-1])]

    def checkpoints(self, tenant: str) -> list[StoredNote]:
        return self.notes[:-1]

    def chunks(self, tenant: str, sizes: list[int]) -> Iterator[Chunk]:
        starts = [0, *sizes]
        for start, stop in itertools.zip_longest(starts, sizes):
            if found := self.rows[start:stop]:
                yield found


@dataclass
class Whole:
    """A closed ledger of sixteen records, its key and its anchor."""

    place: Place
    key: VerifierKey
    anchor: AnchorLines

    def memory(self) -> Memory:
        with opened(self.place.path) as ledger:
            rows = [row for chunk in ledger.chunks("meerwijck", []) for row in chunk]
            log = next(log for log in ledger.logs() if log.tenant == "meerwijck")
            assert log.head is not None
            return Memory("meerwijck", log.origin, rows, [*ledger.checkpoints("meerwijck"), log.head])

    def verdict(self, material: Any = None, **given: Any) -> LogReport:
        given = {"anchor": self.anchor} | given
        if material is None:
            with opened(self.place.path) as ledger:
                return verify(ledger, [self.key], tenant="meerwijck", **given).logs[0]
        return verify(material, [self.key], tenant="meerwijck", **given).logs[0]

    def change(self, *statements: str, values: tuple[Any, ...] = ()) -> None:
        with closing(sqlite3.connect(self.place.path, isolation_level=None)) as database:
            for statement in statements:
                assert database.execute(statement, values).rowcount != 0
