"""JSON that can be read in one way only: of an object that gives a key twice, two readers keep another one.

Pure; hot path.
"""

from __future__ import annotations

import json

import msgspec

ANY = msgspec.json.Decoder()


class Broken(Exception):
    """The server's answer cannot be read, or can be read in two ways. Carries words without content."""


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Broken)


def why(error: Exception) -> str:
    """Word one of UNREADABLE without content: other errors than ours quote what they read."""
    return str(error) if isinstance(error, Broken) else type(error).__name__


def refuse_repeated_keys(raw: bytes) -> None:
    """Read JSON whole; raise Broken when any object in it repeats a key, for two readers could differ."""
    if loses_no_string(raw):
        return
    try:
        json.loads(raw, object_pairs_hook=_once)
    except ValueError:
        raise Broken("not JSON") from None


def loses_no_string(raw: bytes) -> bool:
    r"""True when JSON that is read and written anew is the same, or has as many strings: so no key was read twice.

    Sufficient, not necessary, and a quarter of the work. A reader keeps one of two equal keys, so at least that string
    is lost, and none is ever won. Quotes count strings where every `\"` is a quote within one.
    """
    try:
        anew = msgspec.json.encode(ANY.decode(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    if anew == raw:
        return True
    return not (b"\\\\" in raw or b"\\\\" in anew) and _quotes(raw) == _quotes(anew)


def _quotes(raw: bytes) -> int:
    return raw.count(b'"') - (raw.count(b'\\"') if b"\\" in raw else 0)


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        raise Broken("a repeated key")
