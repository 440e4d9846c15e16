"""A BSN from a file or a prompt, never from an argument: arguments are seen by every user of the machine."""

from __future__ import annotations

import sys
from getpass import getpass
from pathlib import Path

from ..identity import Bsn, NotAnIdentifier

_MOST_BYTES = 64


class NoBsn(Exception):
    """Why there is none, in words without anything of what was given."""


def read_bsn(file: Path | None, option: str = "--bsn-file") -> Bsn:
    """Return the BSN in this file, or that is typed; without a terminal a line of standard input is read."""
    try:
        return Bsn((_in_file(file) if file else _typed()).strip())
    except (NotAnIdentifier, UnicodeDecodeError):
        where = option if file else "BSN"
        raise NoBsn(f"{where}: nine digits that pass the eleven-test are expected, and nothing else") from None
    except OSError:
        raise NoBsn(f"{option}: cannot be read") from None


def _in_file(file: Path) -> str:
    """Some editors put a byte order mark first."""
    with file.open("rb") as opened:
        return opened.read(_MOST_BYTES + 1).decode("utf-8-sig")


def _typed() -> str:
    try:
        return getpass("BSN: ") if sys.stdin.isatty() else sys.stdin.readline(_MOST_BYTES)
    except EOFError:
        return ""
