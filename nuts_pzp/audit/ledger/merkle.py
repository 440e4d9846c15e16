"""The Merkle tree of RFC 6962: frontier, roots, inclusion and consistency proofs. Pure; SHA-256 only.

A frontier is the list of complete subtrees of a tree of n leaves: enough to append and to know the root.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(record: bytes) -> bytes:
    """Hash one record as a leaf."""
    return sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into one."""
    return sha256(b"\x01" + left + right).digest()


class Frontier:
    """A growing tree of which only the complete subtrees are kept, one per set bit of its size."""

    __slots__ = ("_levels", "size")

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[bytes | None] = []

    def copy(self) -> Frontier:
        """Return an independent frontier of the same tree."""
        other = Frontier()
        other.size, other._levels = self.size, self._levels.copy()
        return other

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Append leaf hashes: a binary counter that carries whole lists, one level at a time."""
        self.size += len(leaves)
        nodes, levels, level = list(leaves), self._levels, 0
        while nodes:
            if level == len(levels):
                levels.append(None)
            waiting = levels[level]
            if waiting is not None:
                nodes.insert(0, waiting)
            levels[level] = nodes.pop() if len(nodes) & 1 else None
            pairs = iter(nodes)
            nodes = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            level += 1

    def joined(self, part: Frontier) -> Frontier:
        """Return the tree of these leaves followed by those of a part; ValueError when the part does not fit here.

        It fits when this size is a multiple of a power of two that is at least the size of the part.
        """
        if self.size % (1 << max(0, part.size - 1).bit_length()):
            raise ValueError("the part does not begin on a boundary of the tree")
        whole = self.copy()
        whole.size += part.size
        for level, node in reversed(list(enumerate(part._levels))):
            if node is not None:
                whole._carry(level, node)
        return whole

    def _carry(self, level: int, node: bytes) -> None:
        self._levels.extend([None] * (level + 1 - len(self._levels)))
        while level < len(self._levels) and (waiting := self._levels[level]) is not None:
            node, self._levels[level] = node_hash(waiting, node), None
            level += 1
        if level == len(self._levels):
            self._levels.append(None)
        self._levels[level] = node

    def root(self) -> bytes:
        """Return the root of the whole tree."""
        root: bytes | None = None
        for node in self._levels:
            if node is not None:
                root = node if root is None else node_hash(node, root)
        return EMPTY_ROOT if root is None else root

    def dump(self) -> bytes:
        """Return the kept subtrees, largest first, 32 bytes each; the size says which is which."""
        return b"".join(node for node in reversed(self._levels) if node is not None)

    @classmethod
    def load(cls, size: int, stored: bytes) -> Frontier:
        """Read what `dump` wrote; ValueError when the length does not fit the size. The root is still to be checked."""
        if size < 0 or len(stored) != HASH_BYTES * size.bit_count():
            raise ValueError("the frontier does not fit the tree size")
        frontier = cls()
        frontier.size = size
        frontier._levels = [None] * size.bit_length()
        at = 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                frontier._levels[level] = stored[at : at + HASH_BYTES]
                at += HASH_BYTES
        return frontier


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over these leaf hashes."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the audit path of one leaf, from the leaf upwards (RFC 6962 2.1.1)."""
    if not 0 <= index < len(leaves):
        raise ValueError("no such leaf")
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*inclusion_proof(index, leaves[:half]), root_of(leaves[half:])]
    return [*inclusion_proof(index - half, leaves[half:]), root_of(leaves[:half])]


def included(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """True when `path` proves that `leaf` is at `index` in the tree of this size and root (RFC 9162 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    first, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0 or len(sibling) != HASH_BYTES:
            return False
        if first & 1 or first == last:
            found = node_hash(sibling, found)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and found == root


def consistency_proof(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the proof that the tree of the first `old` leaves is a prefix of this one (RFC 6962 2.1.2)."""
    if not 0 < old <= len(leaves):
        raise ValueError("the older tree is empty or larger than the newer")
    return _subproof(old, leaves, whole=True)


def _subproof(old: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    half = _half(len(leaves))
    if old <= half:
        return [*_subproof(old, leaves[:half], whole=whole), root_of(leaves[half:])]
    return [*_subproof(old - half, leaves[half:], whole=False), root_of(leaves[:half])]


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """True when `path` proves that the older tree is a prefix of the newer (RFC 9162 2.1.4.2)."""
    if not 0 < old <= new or any(len(node) != HASH_BYTES for node in path):
        return False
    if old == new:
        return not path and old_root == new_root
    nodes = list(path)
    if old & (old - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        return False
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    older = newer = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            older, newer = node_hash(node, older), node_hash(node, newer)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            newer = node_hash(newer, node)
        first, last = first >> 1, last >> 1
    return last == 0 and older == old_root and newer == new_root


def _half(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1
