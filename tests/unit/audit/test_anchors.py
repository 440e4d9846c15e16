from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nuts_pzp.audit.anchors import AnchorLines, FileAnchor, checkpoints, newest, read
from nuts_pzp.audit.ledger.checkpoint import BadCheckpoint, NoteSigner

MINE = NoteSigner("gw.example/nuts-pzp/90000222/1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = NoteSigner("gw.example/nuts-pzp/90000111/1", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def test_notes_come_back_by_origin_in_order(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "deep" / "notes")
    assert anchor.read().notes == ()
    anchor.append([MINE.sign(1, bytes(32)), OTHER.sign(9, bytes(32))], 1_795_338_843_120_000)
    anchor.append([MINE.sign(2, bytes(32))], 1_795_338_903_120_000)
    lines = anchor.read()
    assert [one.at for one in lines.notes] == ["2026-11-22T09:14:03.120000Z"] * 2 + ["2026-11-22T09:15:03.120000Z"]
    assert [one.size for one in checkpoints(lines, MINE.verifier)] == [1, 2]
    assert [one.size for one in checkpoints(lines, OTHER.verifier)] == [9]


def test_appending_never_rewrites(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "notes")
    anchor.append([MINE.sign(1, bytes(32))], 0)
    before = anchor.path.read_bytes()
    anchor.append([MINE.sign(2, bytes(32))], 0)
    assert anchor.path.read_bytes().startswith(before)


def test_a_torn_line_accuses_nobody_and_does_not_swallow_the_next(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "notes")
    anchor.append([MINE.sign(1, bytes(32))], 0)
    whole = anchor.path.read_bytes()
    for length in range(1, len(whole) - 1):
        anchor.path.write_bytes(whole + whole[:length])
        anchor.append([MINE.sign(2, bytes(32))], 0)
        lines = anchor.read()
        assert lines.torn == (2,)
        assert [one.size for one in checkpoints(lines, MINE.verifier)] == [1, 2]


def test_every_flipped_bit_of_an_anchored_note_is_found_or_proves_nothing(tmp_path: Path) -> None:
    anchor = FileAnchor(tmp_path / "notes")
    anchor.append([MINE.sign(3, bytes(32))], 0)
    whole = anchor.path.read_bytes()
    at = whole.index(b'"note"')
    for position in range(at, len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[position] ^= 1 << bit
            anchor.path.write_bytes(changed)
            try:
                found = checkpoints(read(anchor.path), MINE.verifier)
            except BadCheckpoint:
                continue
            assert found in ([], [MINE.verifier.open(MINE.sign(3, bytes(32)))])


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic"):
        FileAnchor(tmp_path / "link").append([MINE.sign(1, bytes(32))], 0)


def test_the_newest_is_opened_alone_and_two_histories_of_it_are_refused(tmp_path: Path) -> None:
    signer = NoteSigner("gw.example/nuts-pzp/90000222/1", Ed25519PrivateKey.generate())
    file = FileAnchor(tmp_path / "notes")
    genuine = [signer.sign(size, bytes([size]) * 32) for size in (3, 9, 5)]
    file.append([genuine[0].replace(b"\n3\n", b"\n4\n"), *genuine], 0)
    found = newest(file.read(), signer.verifier)
    assert found is not None
    assert (found.size, found.root) == (9, b"\x09" * 32)
    file.append([signer.sign(9, bytes(32))], 0)
    with pytest.raises(BadCheckpoint, match="two histories"):
        newest(file.read(), signer.verifier)
    file.append([genuine[1].replace(b"\n9\n", b"\nnine\n")], 0)
    with pytest.raises(BadCheckpoint, match="anchor line 6"):
        newest(file.read(), signer.verifier)
    assert newest(AnchorLines((), ()), signer.verifier) is None
