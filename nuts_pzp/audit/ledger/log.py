"""One log while it is written: its tree, its signed head, and the decisions that still wait for their result."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from ..page import Draft
from ..record import follows
from .checkpoint import NoteSigner
from .merkle import Frontier, leaf_hash
from .sqlite import Head, KeptCheckpoint, Record, Row

_SECOND = 1_000_000
_HOUR = 3_600 * _SECOND
"""Microseconds."""


class Open:
    """Which decisions and intents have no result yet (spec audit C2). Read by another thread than the writer's."""

    __slots__ = ("_turn", "_waiting")

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._waiting: dict[str, list[int]] = {}

    def saw(self, idx: int, opens: Iterable[str], closes: Iterable[str]) -> None:
        """Note a committed record: what it opens, and what it is the result of."""
        with self._turn:
            for key in opens:
                self._waiting.setdefault(key, []).append(idx)
            for key in closes:
                found = self._waiting.get(key)
                if found:
                    found.pop(0)
                    if not found:
                        del self._waiting[key]

    def oldest(self, otherwise: int) -> int:
        """Return the index of the oldest that waits."""
        with self._turn:
            return min((found[0] for found in self._waiting.values()), default=otherwise)

    def before(self, idx: int) -> list[tuple[int, str]]:
        """Return (index, key) of all that wait since before this index, in order."""
        with self._turn:
            return sorted((one, key) for key, found in self._waiting.items() for one in found if one < idx)


@dataclass(frozen=True, slots=True)
class Grown:
    """A log after a group, not yet durable."""

    rows: list[Row]
    head: Head
    kept: KeptCheckpoint | None
    frontier: Frontier
    first: int


class Log:
    """One tenant's log. Only whoever writes grows it."""

    def __init__(self, tenant: str, signer: NoteSigner, frontier: Frontier, note: bytes, spacing: int = 16) -> None:
        """`spacing` is after how many records a checkpoint may be kept that nobody asked for."""
        self.tenant, self.signer, self.frontier = tenant, signer, frontier
        self._spacing = spacing
        self.signed = (frontier.size, note)
        """Size and note of the newest durable head, always read together."""
        self.open = Open()
        self.previous: int | None = None
        """Monotonic microseconds of the last record in this run."""
        self._kept: tuple[int, int] | None = None
        """Monotonic microseconds and size of the newest kept checkpoint of this run."""

    def grow(self, drafts: list[Draft], ts: str, monotonic: int) -> Grown:
        """Assign index and time, hash and sign; changes nothing of the log itself. `monotonic` is in microseconds."""
        first, frontier = self.frontier.size, self.frontier.copy()
        elapsed = b"null" if self.previous is None else b"%d" % max(0, monotonic - self.previous)
        stamp = f'"{ts}"'.encode()
        tenant = self.tenant
        rows: list[Row] = []
        for idx, draft in enumerate(drafts, first):
            one, two, three, four = draft.parts
            body = b"".join((one, b"%d" % idx, two, elapsed, three, stamp, four))
            rows.append((tenant, idx, ts, leaf_hash(body), body))
            elapsed = b"0"
        frontier.extend([row[3] for row in rows])
        size, note, dumped = frontier.size, self.signer.sign(frontier.size, frontier.root()), frontier.dump()
        keep = any(draft.keep for draft in drafts) or self._is_due(monotonic, size)
        kept = KeptCheckpoint(self.tenant, size, note, dumped, ts) if keep else None
        head = Head(self.tenant, self.signer.verifier.name, size, dumped, note, self.open.oldest(first))
        return Grown(rows, head, kept, frontier, first)

    def _is_due(self, monotonic: int, size: int) -> bool:
        """Tell whether to keep this checkpoint: one a second, or in a calm log one per so many records or hour.

        Each kept one costs a verifier a signature, which takes longer than ten records.
        """
        if self._kept is None:
            return True
        elapsed, records = monotonic - self._kept[0], size - self._kept[1]
        return elapsed >= _SECOND and (records >= self._spacing or elapsed >= _HOUR)

    def adopt(self, grown: Grown, drafts: list[Draft], monotonic: int) -> None:
        """Make a durable group the state of the log."""
        self.frontier, self.previous = grown.frontier, monotonic
        self.signed = (grown.head.size, grown.head.note)
        if grown.kept:
            self._kept = (monotonic, grown.head.size)
        for idx, draft in enumerate(drafts, grown.first):
            if draft.opens or draft.closes:
                self.open.saw(idx, draft.opens, draft.closes)

    def replay(self, records: Iterable[Record]) -> None:
        """Learn from stored records which decisions still wait; bodies that do not parse wait for nothing."""
        for idx, _, _, body in records:
            try:
                opens, closes = follows(orjson.loads(body))
            except orjson.JSONDecodeError:
                continue
            if opens or closes:
                self.open.saw(idx, opens, closes)
