#!/usr/bin/env python3
"""Verify an exported audit log with nothing but Python: recompute the tree, check the signatures of head and anchor.

    python3 verify.py --key KEY [--anchor FILE] [FOLDER]

KEY is the log's public key (`name+id+base64`) or a file that holds it. Exit: 0 unchanged, 1 changed, 2 unchanged but no
anchor given, 3 not readable, 4 wrong use. Written apart from the gateway's own verifier and shares no code with it.
The intermediate checkpoints are held against the tree; their signatures are not checked here, for speed.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path

# Ed25519 verification (RFC 8032), on extended coordinates.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


Point = tuple[int, int, int, int]


def add(a: Point, b: Point) -> Point:
    """Add two points."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    k, m, n, o = f - e, h - g, h + g, f + e
    return (k * m % P, n * o % P, m * n % P, k * o % P)


def times(count: int, point: Point) -> Point:
    """Multiply a point."""
    total: Point = (0, 1, 1, 0)
    while count:
        if count & 1:
            total = add(total, point)
        point, count = add(point, point), count >> 1
    return total


def point(raw: bytes) -> Point | None:
    """Decode a point, or None."""
    y, sign = int.from_bytes(raw, "little") & (2**255 - 1), raw[31] >> 7
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def encode(a: Point) -> bytes:
    """Encode a point."""
    inverse = pow(a[2], P - 2, P)
    x, y = a[0] * inverse % P, a[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether this Ed25519 signature fits."""
    a, s = point(public), int.from_bytes(signature[32:], "little")
    if a is None or len(signature) != 64 or s >= L:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    minus_a = (P - a[0], a[1], a[2], P - a[3])
    return encode(add(times(s, BASE), times(int.from_bytes(digest, "little") % L, minus_a))) == signature[:32]


class Wrong(Exception):
    """The log is not what was signed."""


def exact(text: str) -> bytes:
    """Decode base64 that has no second spelling."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("base64")
    return raw


def opened(note: str, name: str, public: bytes) -> tuple[int, bytes]:
    """Return (size, root) of a genuine note."""
    try:
        text, _, signatures = note.rpartition("\n\n")
        origin, size, root = text.split("\n")
        if origin != name or str(int(size)) != size or not signatures.endswith("\n"):
            raise ValueError("note")
        key_id = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
        for line in signatures[:-1].split("\n"):
            dash, signer, encoded = line.split(" ")
            raw = exact(encoded)
            if dash == "\u2014" and signer == name and raw[:4] == key_id:
                if not signed_by(public, (text + "\n").encode(), raw[4:]):
                    raise ValueError("signature")
                return int(size), exact(root)
        raise ValueError("no signature of this key")
    except ValueError as error:
        raise Wrong(f"a checkpoint is not genuine ({error})") from None


def push(stack: list[bytes], leaf: bytes, count: int) -> None:
    """Put a leaf on the stack of complete subtrees, of which there are as many as `count` has ones."""
    while count & 1:
        leaf, count = hashlib.sha256(b"\x01" + stack.pop() + leaf).digest(), count >> 1
    stack.append(leaf)


def root_of(stack: list[bytes]) -> bytes:
    """Return the root over the complete subtrees."""
    root = stack[-1] if stack else hashlib.sha256(b"").digest()
    for left in reversed(stack[:-1]):
        root = hashlib.sha256(b"\x01" + left + root).digest()
    return root


def walk(folder: Path, expected: dict[int, bytes], size: int, tenant: str) -> None:
    """Recompute the tree and compare every root that is known."""
    stack: list[bytes] = []
    at = proven = 0
    for path in sorted(folder.glob("records-*.ndjson")):
        with path.open("rb") as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                    if record["idx"] != at or record["tenant"] != tenant:
                        raise Wrong(f"record {at} is missing or stands elsewhere")
                except (ValueError, LookupError, TypeError, RecursionError):
                    raise Wrong(f"record {at} is no record") from None
                push(stack, hashlib.sha256(b"\x00" + line.rstrip(b"\n")).digest(), at)
                at += 1
                if at in expected:
                    if root_of(stack) != expected[at]:
                        raise Wrong(f"changed between record {proven} and {at - 1}")
                    proven = at
    if at != size:
        raise Wrong(f"signed with {size} records, but holds {at}")


def verify(folder: Path, key: str, anchor: Path | None) -> tuple[int, str]:
    """Return the exit code and a sentence."""
    name, _, encoded = key.strip().replace("+", "\n", 1).partition("\n")
    public = exact(encoded.partition("+")[2])[1:]
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    notes = [json.loads(line) for line in (folder / "checkpoints.ndjson").read_text("utf-8").splitlines()]
    size, root = opened(notes[-1]["note"], name, public)
    expected = {size: root}
    for one in notes[:-1]:
        lines = one["note"].split("\n")
        if expected.setdefault(int(lines[1]), exact(lines[2])) != exact(lines[2]) or int(lines[1]) > size:
            raise Wrong("the checkpoints contradict each other")
    anchored = 0
    for line in anchor.read_text("utf-8").splitlines() if anchor else []:
        try:
            note = json.loads(line)["note"]
        except (ValueError, KeyError, TypeError):
            continue  # cut short by a crash
        if note.split("\n")[0] != name:
            continue
        anchored_size, anchored_root = opened(note, name, public)
        anchored += 1
        if anchored_size > size:
            raise Wrong(f"{anchored_size} records were anchored, but the log ends at {size}")
        if expected.setdefault(anchored_size, anchored_root) != anchored_root:
            raise Wrong(f"other records of size {anchored_size} were anchored")
    walk(folder, expected, size, manifest["tenant"])
    if not anchored:
        return 2, f"Onvolledig: geen extern ijkpunt ({size} regels, handtekening klopt)"
    return 0, f"Logboek ongewijzigd ({size} regels, {anchored} ijkpunten)"


def main() -> None:
    """Verify what the command line names."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    asked.add_argument("--key", required=True)
    asked.add_argument("--anchor", type=Path)
    try:
        options = asked.parse_args()
    except SystemExit as end:
        sys.exit(4 if end.code else 0)
    try:
        key = Path(options.key).read_text("utf-8") if Path(options.key).is_file() else options.key
        code, sentence = verify(options.folder, key, options.anchor)
    except Wrong as wrong:
        code, sentence = 1, f"Logboek gewijzigd: {wrong}"
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        code, sentence = 3, f"Niet leesbaar: {type(error).__name__}"
    sys.stdout.write(sentence + "\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
