"""Canonical bytes: RFC 8785 under a restricted profile in which orjson writes exactly those bytes (spec audit 3.2).

The profile: text keys in ASCII, no floating point, integers below 2^53, no lone surrogates, at most 64 KiB.
"""

from __future__ import annotations

import binascii
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson

LARGEST = 65_536
SCHEMA = "nuts-pzp-audit/1"
HOLE: Final = orjson.Fragment(b"\x00")
"""Stands where the writer fills in a value. JSON text never holds a NUL byte, so it cannot be forged by content."""

_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


class OutsideProfile(ValueError):
    """The value cannot be written canonically. Says which rule it breaks, never the value."""


def dumps(document: dict[str, Any]) -> bytes:
    """Write a document canonically; raise OutsideProfile for anything the profile does not have."""
    check(document)
    return dumps_checked(document)


def dumps_checked(document: dict[str, Any]) -> bytes:
    """Write a document whose parts are known to be inside the profile (text from values, fragments)."""
    try:
        written = orjson.dumps(document, None, _OPTIONS)
    except (orjson.JSONEncodeError, TypeError):
        raise OutsideProfile("a value that canonical JSON does not have") from None
    if len(written) > LARGEST:
        raise OutsideProfile("larger than 64 KiB")
    return written


def check(value: object) -> None:
    """Raise OutsideProfile unless the value and everything in it is inside the profile."""
    kind = type(value)
    if kind is str or kind is bool or value is None or kind is orjson.Fragment:
        return
    if kind is int:
        if not -(2**53) < value < 2**53:  # type: ignore[operator]
            raise OutsideProfile("an integer of 2^53 or more")
    elif kind is dict:
        for key, inner in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or not key.isascii():
                raise OutsideProfile("a key that is not ASCII text")
            check(inner)
    elif kind is list:
        for inner in value:  # type: ignore[attr-defined]
            check(inner)
    else:
        raise OutsideProfile("a value that is not text, integer, boolean, null, list or object")


def is_canonical(stored: bytes) -> dict[str, Any] | None:
    """Parse stored bytes; None when they are not the one canonical spelling (which also finds duplicate keys)."""
    try:
        document = orjson.loads(stored)
        if type(document) is not dict or orjson.dumps(document, option=orjson.OPT_SORT_KEYS) != stored:
            return None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # what nests deeper than it writes was not written by us
        return None
    return document


def uuid7(milliseconds: int, randomness: bytes) -> str:
    """Return a UUID version 7 for this Unix time, from ten random bytes (RFC 9562)."""
    moment, digits = f"{milliseconds:012x}", randomness.hex()
    variant = "89ab"[randomness[2] >> 4 & 3]
    return f"{moment[:8]}-{moment[8:]}-7{digits[1:4]}-{variant}{digits[5:8]}-{digits[8:]}"


def base64url(raw: bytes) -> str:
    """Return base64url without padding."""
    return binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode()


def from_base64url(text: str) -> bytes:
    """Decode base64url without padding; ValueError when it is not."""
    return binascii.a2b_base64(text.encode("ascii").translate(_URL_UNSAFE) + b"==", strict_mode=False)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_URL_UNSAFE = bytes.maketrans(b"-_", b"+/")


def timestamp(microseconds: int) -> str:
    """Return Unix time in microseconds as RFC 3339 UTC with six decimals."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


Randomness = Callable[[int], bytes]
Clock = Callable[[], int]
"""Nanoseconds: Unix time or monotonic, as the parameter says."""

WALL: Final[Clock] = time.time_ns
MONOTONIC: Final[Clock] = time.monotonic_ns


class Pool:
    """Randomness of the system in large pieces, as each fetch gives up the interpreter lock. No byte is given twice."""

    def __init__(self, piece: int = 16_384) -> None:
        self._piece, self._rest, self._at = piece, b"", 0
        self._turn = threading.Lock()

    def __call__(self, count: int) -> bytes:
        """Return that many bytes that nobody had before."""
        with self._turn:
            if self._at + count > len(self._rest):
                self._rest, self._at = os.urandom(max(self._piece, count)), 0
            taken = self._rest[self._at : self._at + count]
            self._at += count
            return taken
