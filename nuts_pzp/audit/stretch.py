"""A stretch of a log, judged by itself: are these records in their places, unchanged, in their one spelling?

Trusts nothing it is handed. Gives the tree over the stretch, so that stretches may be judged beside each other and put
together afterwards; whether the whole is what was signed is for the caller to say (spec audit 3.2, 3.4).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

import orjson

from .canonical import SCHEMA, is_canonical
from .ledger.merkle import Frontier
from .material import Chunk

_LEAF = sha256(b"\x00")


class Task(NamedTuple):
    """What to judge: a log's records `start <= idx < stop`, marking the tree at these sizes of the whole log."""

    tenant: str
    start: int
    stop: int
    sizes: Sequence[int]


class Flaw(NamedTuple):
    """The first record of a stretch that is wrong, and in what."""

    at: int
    reason: str


class Stretch(NamedTuple):
    """The tree over a stretch, up to its first flaw."""

    frontier: Frontier
    flaw: Flaw | None


Mark = Callable[[Frontier], None]
"""Told of the tree over the beginning of a stretch, wherever the task asks; the tree grows on afterwards."""


def judge(chunks: Iterable[Chunk], task: Task, mark: Mark, *, fast: bool) -> Stretch:
    """Judge the records of a task, without their spelling when `fast`; what `mark` raises ends it."""
    frontier, sizes, at = Frontier(), task.sizes, task.start
    following = bisect_right(sizes, at)
    for chunk in chunks:
        leaves = _leaves(chunk)
        flaw = _flaw(chunk, leaves, at)
        good = len(chunk) if flaw is None else max(0, flaw.at - at)
        spelt = good if not fast else min(good, at == task.start)  # whose log it is, is in every record
        if misspelt := _spelling(chunk[:spelt], task.tenant, at):
            flaw, good = misspelt, misspelt.at - at
        if at + good > task.stop:
            flaw, good = Flaw(task.stop, f"a record after the signed end of {task.stop}"), task.stop - at
        done = 0
        while following < len(sizes) and sizes[following] <= at + good:
            upto = sizes[following] - at
            frontier.extend(leaves[done:upto])
            mark(frontier)
            done, following = upto, following + 1
        frontier.extend(leaves[done:good])
        if flaw:
            return Stretch(frontier, flaw)
        at += len(chunk)
    if at < task.stop:
        return Stretch(frontier, Flaw(at, f"record {at} is missing"))
    return Stretch(frontier, None)


def _leaves(chunk: Chunk) -> list[bytes]:
    """Return the leaf hashes, up to the first body that is no bytes at all."""
    leaves: list[bytes] = []
    begin, add = _LEAF.copy, leaves.append
    try:
        for _, _, _, body in chunk:
            leaf = begin()
            leaf.update(body)
            add(leaf.digest())
    except TypeError:  # a column was given another type; then it is not what was signed
        return leaves
    return leaves


def _flaw(chunk: Chunk, leaves: list[bytes], at: int) -> Flaw | None:
    """Return the first record that is out of order, or not its own leaf."""
    beside: list[bytes | None] = [row[2] for row in chunk]
    if beside.count(None) == len(beside):
        beside[: len(leaves)] = leaves  # nothing stands beside the records of an export
    if [row[0] for row in chunk] == list(range(at, at + len(chunk))) and beside == leaves:
        return None
    for position, row in enumerate(chunk, at):
        if row[0] != position:
            first = row[0] if type(row[0]) is int else position
            return Flaw(min(position, first), f"record {position} is missing or stands twice")
        if position - at >= len(leaves) or row[2] not in (None, leaves[position - at]):
            return Flaw(position, f"record {position} was changed")
    return None


def _spelling(chunk: Chunk, tenant: str, at: int) -> Flaw | None:
    """Return the first record that is not canonical JSON of this place; the common case makes no second look."""
    loads, dumps, sort, schema = orjson.loads, orjson.dumps, orjson.OPT_SORT_KEYS, SCHEMA
    position = at
    try:
        for _, ts, _, body in chunk:
            record = loads(body)
            if (
                dumps(record, None, sort) != body
                or record["idx"] != position
                or record["tenant"] != tenant
                or record["v"] != schema
                or (ts is not None and record["ts"] != ts)
            ):
                break
            position += 1
        else:
            return None
    except (ValueError, LookupError, TypeError):  # TypeError: canonical, but no object
        pass
    for number, (_, ts, _, body) in enumerate(chunk[position - at :], position):
        if reason := _misspelt(number, tenant, ts, body):
            return Flaw(number, reason)
    return None


def _misspelt(position: int, tenant: str, ts: str | None, body: bytes) -> str | None:
    """Say what is wrong with a record, or None. A spelling that comes back the same has no key twice."""
    record = is_canonical(body)
    if record is None:
        return f"record {position} is not canonical JSON"
    if record.get("idx") != position or record.get("tenant") != tenant or record.get("v") != SCHEMA:
        return f"record {position} belongs elsewhere"
    if ts is not None and record.get("ts") != ts:
        return f"record {position} is filed under another time"
    return None
