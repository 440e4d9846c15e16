"""Roots are the published test vectors of Certificate Transparency (RFC 6962 trees over eight known leaves)."""

from __future__ import annotations

import hashlib

import pytest

from nuts_pzp.audit.ledger import merkle

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"record %d" % number) for number in range(count)]


def recursive_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 2.1 as written there."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + recursive_root(hashes[:k]) + recursive_root(hashes[k:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert merkle.root_of([merkle.leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() == ROOTS[size]


@pytest.mark.parametrize("size", range(34))
def test_appending_in_any_portions_gives_the_same_root(size: int) -> None:
    hashes = leaves(size)
    for portion in (1, 2, 3, 7, 40):
        frontier = merkle.Frontier()
        for start in range(0, size, portion):
            frontier.extend(hashes[start : start + portion])
        assert frontier.size == size
        assert frontier.root() == recursive_root(hashes)


@pytest.mark.parametrize("size", range(34))
def test_a_stored_frontier_goes_on_where_it_was(size: int) -> None:
    hashes = leaves(size + 5)
    frontier = merkle.Frontier()
    frontier.extend(hashes[:size])
    loaded = merkle.Frontier.load(size, frontier.dump())
    assert loaded.root() == frontier.root()
    loaded.extend(hashes[size:])
    assert loaded.root() == recursive_root(hashes)
    assert frontier.size == size


def test_a_copy_does_not_grow_its_original() -> None:
    frontier = merkle.Frontier()
    frontier.extend(leaves(5))
    root = frontier.root()
    frontier.copy().extend(leaves(3))
    assert (frontier.size, frontier.root()) == (5, root)


@pytest.mark.parametrize(("size", "length"), [(3, 32), (3, 96), (0, 32), (4, 31), (-1, 0)])
def test_a_frontier_of_the_wrong_length_is_refused(size: int, length: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        merkle.Frontier.load(size, bytes(length))


def test_every_inclusion_proof_holds_and_for_no_other_place() -> None:
    for size in range(1, 18):
        hashes = leaves(size)
        root = recursive_root(hashes)
        for index in range(size):
            path = merkle.inclusion_proof(index, hashes)
            for claimed in range(size):
                assert merkle.included(claimed, size, hashes[index], path, root) == (claimed == index)
            assert not merkle.included(index, size, hashes[index], [*path, bytes(32)], root)
            assert not path or not merkle.included(index, size, hashes[index], path[:-1], root)
            assert not merkle.included(index, size, merkle.leaf_hash(b"other"), path, root)
        assert not merkle.included(size, size, hashes[0], [], root)


def test_every_consistency_proof_holds_and_none_for_a_changed_past() -> None:
    for new in range(1, 18):
        hashes = leaves(new)
        for old in range(1, new + 1):
            path = merkle.consistency_proof(old, hashes)
            before, after = recursive_root(hashes[:old]), recursive_root(hashes)
            assert merkle.consistent(old, new, before, after, path)
            changed = recursive_root([merkle.leaf_hash(b"other"), *hashes[1:old]])
            assert not merkle.consistent(old, new, changed, after, path)
            assert not merkle.consistent(old, new, before, changed, path) or old == new == 0
            assert not merkle.consistent(old, new, before, after, [*path, bytes(32)])


@pytest.mark.parametrize(("old", "size"), [(0, 3), (4, 3)])
def test_there_is_no_consistency_with_an_empty_or_larger_tree(old: int, size: int) -> None:
    with pytest.raises(ValueError, match="older tree"):
        merkle.consistency_proof(old, leaves(size))
    assert not merkle.consistent(old, size, bytes(32), bytes(32), [])


@pytest.mark.parametrize("part", [1, 2, 4, 8])
def test_a_tree_grows_by_whole_parts_as_it_does_by_leaves(part: int) -> None:
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(29)]
    for upto in range(len(leaves) + 1):
        tree = merkle.Frontier()
        for start in range(0, upto, part):
            tree = tree.joined(frontier_of(leaves[start : min(start + part, upto)]))
        assert (tree.size, tree.root()) == (upto, merkle.root_of(leaves[:upto]))
        assert merkle.Frontier.load(upto, tree.dump()).root() == tree.root()


@pytest.mark.parametrize(("size", "part"), [(1, 2), (2, 3), (3, 2), (4, 5), (6, 4)])
def test_a_part_that_is_no_subtree_there_is_refused(size: int, part: int) -> None:
    with pytest.raises(ValueError, match="boundary"):
        frontier_of([bytes(32)] * size).joined(frontier_of([bytes(32)] * part))


def frontier_of(leaves: list[bytes]) -> merkle.Frontier:
    frontier = merkle.Frontier()
    frontier.extend(leaves)
    return frontier
