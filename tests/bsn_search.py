"""Looks for the BSN of every test person in bytes, in any usual spelling."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

from nuts_pzp.sandbox.people import PEOPLE

STRANGER = "999990019"
BSNS = (*(person.bsn.value for person in PEOPLE), STRANGER)


def spellings(bsn: str) -> Iterator[tuple[str, bytes]]:
    """The BSN raw, in hex, percent-encoded, and in base64 at each of the three alignments."""
    digits = bsn.encode()
    yield "raw", digits
    yield "hex", digits.hex().encode()
    yield "percent", "".join(f"%{byte:02x}" for byte in digits).encode()
    yield "dotted", f"{bsn[:4]}.{bsn[4:6]}.{bsn[6:]}".encode()
    for ahead in range(3):
        whole = base64.b64encode(b"\0" * ahead + digits)
        yield f"base64+{ahead}", whole[-(-ahead * 8 // 6) : (ahead + len(digits)) * 8 // 6]


NEEDLES = tuple((form, needle) for bsn in BSNS for form, needle in spellings(bsn))


def found(content: bytes) -> set[str]:
    """Which spellings of whichever BSN stand in these bytes."""
    lower = content.lower()
    return {form for form, needle in NEEDLES if needle in (lower if form in ("hex", "percent") else content)}


def content(file: Path) -> bytes:
    """What stands in it; a write-ahead log may just have been folded and gone."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def files(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return [file for file in folder.rglob("*") if file.is_file()]
