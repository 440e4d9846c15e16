"""Verification at the start: the newest records against the signed head, and the head against the anchor (spec C9).

Trusts the log's own public key and the anchor; the store's frontiers only once their root stands in a signed note.
"""

from __future__ import annotations

from collections.abc import Iterable

from .checkpoint import BadCheckpoint, Checkpoint, VerifierKey
from .merkle import Frontier, leaf_hash
from .sqlite import Head, SqliteStore

TAIL = 10_000


class Damaged(Exception):
    """The ledger is not what was signed or anchored: do not serve. Says which log and from which index."""


def verified_frontier(
    store: SqliteStore, head: Head, key: VerifierKey, newest: Checkpoint | None = None, tail: int = TAIL
) -> Frontier:
    """Return the frontier of a log whose last `tail` records, head and newest anchor agree; raise Damaged otherwise."""
    signed = _opened(key, head.note, head.tenant)
    if signed.size != head.size or store.highest(head.tenant) != head.size - 1:
        raise Damaged(f"log {head.tenant}: the records do not end where the signed head does")
    if newest and newest.size > head.size:
        raise Damaged(
            f"log {head.tenant}: holds {head.size} records, but {newest.size} were anchored;"
            " an older copy was put back, or its end was cut off"
        )
    start = max(0, min(head.size - tail, newest.size if newest else head.size))
    roots = _roots(store, key, head, start, {newest.size} if newest else set())
    if newest and roots[newest.size] != newest.root:
        raise Damaged(f"log {head.tenant}: the first {newest.size} records are not those that were anchored")
    frontier = _stored(head.size, head.frontier, signed, head.tenant)
    if roots[head.size] != signed.root:
        raise Damaged(f"log {head.tenant}: changed at or after index {start}")
    return frontier


def _roots(store: SqliteStore, key: VerifierKey, head: Head, start: int, sizes: set[int]) -> dict[int, bytes]:
    """Return the roots at these sizes and at the head, computed onwards from the kept checkpoint before `start`."""
    kept = store.kept_before(head.tenant, start)
    frontier = Frontier()
    if kept and kept.size:
        frontier = _stored(kept.size, kept.frontier, _opened(key, kept.note, head.tenant), head.tenant)
    roots = {}
    for size in sorted({*sizes, head.size}):
        extend(frontier, store.records(head.tenant, frontier.size, size), head.tenant)
        if frontier.size != size:
            raise Damaged(f"log {head.tenant}: record {frontier.size} is missing")
        roots[size] = frontier.root()
    return roots


def extend(frontier: Frontier, records: Iterable[tuple[int, str, bytes, bytes]], tenant: str) -> None:
    """Extend a frontier with stored records; raise Damaged at the first that is out of order or not its own leaf."""
    leaves, expected = [], frontier.size
    for idx, _, leaf, body in records:
        computed = leaf_hash(body)
        if idx != expected or computed != leaf:
            raise Damaged(f"log {tenant}: changed at index {min(idx, expected)}")
        leaves.append(computed)
        expected += 1
    frontier.extend(leaves)


def _opened(key: VerifierKey, note: bytes, tenant: str) -> Checkpoint:
    try:
        return key.open(note)
    except BadCheckpoint as error:
        raise Damaged(f"log {tenant}: a checkpoint is not genuine: {error}") from None


def _stored(size: int, stored: bytes, signed: Checkpoint, tenant: str) -> Frontier:
    try:
        frontier = Frontier.load(size, stored)
    except ValueError:
        raise Damaged(f"log {tenant}: a stored frontier does not fit its size") from None
    if signed.size != size or frontier.root() != signed.root:
        raise Damaged(f"log {tenant}: a stored frontier is not the signed one")
    return frontier
