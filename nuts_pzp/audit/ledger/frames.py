"""What travels between a worker and the audit writer: length-prefixed frames of a fixed layout, big-endian (ADR 0022).

Pure. Whoever reads trusts nothing: lengths are bounded before anything is kept, and a frame that does not fill its
layout exactly is Malformed. Never pickle; no frame carries more than one record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from struct import error as StructError

import msgspec

from ..canonical import LARGEST
from ..page import Draft

VERSION = 1
_MAGIC = b"nuts-pzp-audit"
_KEYS, _KEY_BYTES = 4, 1_024
_TEXT = 2_048
LARGEST_FRAME = LARGEST + 16_384
"""Bytes of a frame after its length: one record, the keys of what it opens and closes, and the head."""

_LENGTH = Struct(">I")
_HELLO = Struct(f">B{len(_MAGIC)}sB")
_RECORD = Struct(">BQHB4I2B")
_ENTER = Struct(">BI5H")
_ENTERED = Struct(">BIH")
_REFUSED = Struct(">BIBH")
_DURABLE = Struct(">BQI")
_NOT = Struct(">BQH")
_SIZES = tuple(Struct(f">{count}H") for count in range(_KEYS + 1))
"""The lengths of so many keys."""


class Malformed(Exception):
    """Not a frame of this layout. Whoever sent it is not heard any more."""


class Kind(IntEnum):
    """The first byte of a frame."""

    HELLO = 1
    ENTER = 2
    RECORD = 3
    ENTERED = 4
    REFUSED = 5
    DURABLE = 6
    NOT = 7


class Why(IntEnum):
    """Why a log could not be entered."""

    DAMAGED = 1
    KEYS = 2
    NOT_RECORDED = 3
    STORE = 4
    NAME = 5


class Record(msgspec.Struct, frozen=True, gc=False):
    """Worker to writer: one record, written down but for index and time. `seq` counts a connection's from one."""

    seq: int
    log: int
    draft: Draft


@dataclass(frozen=True, slots=True)
class Enter:
    """Worker to writer: open this tenant's log."""

    request: int
    texts: tuple[str, str, str, str, str]
    """Id, URA, type, name, phone."""


@dataclass(frozen=True, slots=True)
class Entered:
    """Writer to worker: the log is open, under this number on this connection."""

    request: int
    log: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Writer to worker: the log cannot be used."""

    request: int
    why: Why
    words: str


@dataclass(frozen=True, slots=True)
class Durable:
    """Writer to worker, once per commit: all up to `upto` that were not refused are durable, at these indexes."""

    upto: int
    indexes: Sequence[int]


@dataclass(frozen=True, slots=True)
class NotDurable:
    """Writer to worker: this one record was not taken."""

    seq: int
    words: str


Frame = Record | Enter | Entered | Refused | Durable | NotDurable


def hello() -> bytes:
    """Return the first frame of both sides."""
    return _framed(_HELLO.pack(Kind.HELLO, _MAGIC, VERSION))


def greeted(frame: bytes) -> None:
    """Check the other side's first frame; Malformed when it speaks something else, or another version."""
    if frame != _HELLO.pack(Kind.HELLO, _MAGIC, VERSION):
        raise Malformed("another protocol, or another version of it")


def record(seq: int, log: int, draft: Draft) -> bytes:
    """Write a Record; Malformed for one that the other side would not take."""
    keys = [key.encode() for key in (*draft.opens, *draft.closes)]
    parts = draft.parts
    if len(keys) > _KEYS or any(len(key) > _KEY_BYTES for key in keys) or draft.size > LARGEST:
        raise Malformed("a record that no frame holds")
    head = _RECORD.pack(
        Kind.RECORD, seq, log, draft.keep, *map(len, parts), len(draft.opens), len(draft.closes)
    )  # fmt: skip
    return _framed(b"".join([head, _SIZES[len(keys)].pack(*map(len, keys)), *keys, *parts]))


def enter(frame: Enter) -> bytes:
    """Write an Enter."""
    texts = [text.encode() for text in frame.texts]
    return _framed(_ENTER.pack(Kind.ENTER, frame.request, *map(len, texts)) + b"".join(texts))


def entered(frame: Entered) -> bytes:
    """Write an Entered."""
    return _framed(_ENTERED.pack(Kind.ENTERED, frame.request, frame.log))


def refused(frame: Refused) -> bytes:
    """Write a Refused."""
    words = _words(frame.words)
    return _framed(_REFUSED.pack(Kind.REFUSED, frame.request, frame.why, len(words)) + words)


def durable(upto: int, indexes: Sequence[int]) -> bytes:
    """Write a Durable."""
    return _framed(_DURABLE.pack(Kind.DURABLE, upto, len(indexes)) + Struct(f">{len(indexes)}Q").pack(*indexes))


def not_durable(seq: int, words: str) -> bytes:
    """Write a NotDurable."""
    cut = _words(words)
    return _framed(_NOT.pack(Kind.NOT, seq, len(cut)) + cut)


class Reader:
    """Cuts what arrives into frames; holds no more than one that is incomplete."""

    def __init__(self) -> None:
        self._rest = b""

    def frames(self, data: bytes) -> Iterator[bytes]:
        """Yield every frame that is complete now, without its length; Malformed when one is larger than any may be."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        self._rest = b""
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            if not 0 < length <= LARGEST_FRAME:
                raise Malformed("a frame larger than any may be")
            start = at + _LENGTH.size
            if end - start < length:
                break
            at = start + length
            yield data[start:at]
        self._rest = data[at:]


def read(frame: bytes) -> Frame:
    """Read one frame; Malformed when it is none, or not exactly filled."""
    reading = _READERS.get(frame[0])
    if reading is None:
        raise Malformed("an unknown kind of frame")
    try:
        return reading(frame)
    except (StructError, UnicodeDecodeError, ValueError):
        raise Malformed("a frame that does not fit its layout") from None


def _record(frame: bytes) -> Record:
    _, seq, log, keep, one, two, three, four, opens, closes = _RECORD.unpack_from(frame)
    keys = opens + closes
    if keys > _KEYS or keep > 1:
        raise ValueError
    lengths = _SIZES[keys].unpack_from(frame, _RECORD.size)
    at, size = _RECORD.size + _SIZES[keys].size, one + two + three + four
    if at + sum(lengths) + size != len(frame) or size > LARGEST or max(lengths, default=0) > _KEY_BYTES:
        raise ValueError
    *found, first, second, third, fourth = _cut(frame, at, (*lengths, one, two, three, four))
    texts = tuple([key.decode() for key in found])
    return Record(seq, log, Draft("", (first, second, third, fourth), texts[:opens], texts[opens:], bool(keep)))


def _enter(frame: bytes) -> Enter:
    _, request, *sizes = _ENTER.unpack_from(frame)
    if _ENTER.size + sum(sizes) != len(frame):
        raise ValueError
    one, two, three, four, five = (text.decode() for text in _cut(frame, _ENTER.size, sizes))
    return Enter(request, (one, two, three, four, five))


def _entered(frame: bytes) -> Entered:
    _, request, log = _ENTERED.unpack(frame)
    return Entered(request, log)


def _refused(frame: bytes) -> Refused:
    _, request, why, length = _REFUSED.unpack_from(frame)
    return Refused(request, Why(why), _exactly(frame[_REFUSED.size :], length).decode())


def _durable(frame: bytes) -> Durable:
    _, upto, count = _DURABLE.unpack_from(frame)
    return Durable(upto, Struct(f">{count}Q").unpack(_exactly(frame[_DURABLE.size :], count * 8)))


def _not_durable(frame: bytes) -> NotDurable:
    _, seq, length = _NOT.unpack_from(frame)
    return NotDurable(seq, _exactly(frame[_NOT.size :], length).decode())


_READERS: dict[int, Callable[[bytes], Frame]] = {
    Kind.ENTER: _enter,
    Kind.RECORD: _record,
    Kind.ENTERED: _entered,
    Kind.REFUSED: _refused,
    Kind.DURABLE: _durable,
    Kind.NOT: _not_durable,
}


def _cut(frame: bytes, at: int, sizes: Sequence[int]) -> list[bytes]:
    found = []
    for size in sizes:
        found.append(frame[at : at + size])
        at += size
    return found


def _exactly(rest: bytes, length: int) -> bytes:
    if len(rest) != length:
        raise ValueError
    return rest


def _words(words: str) -> bytes:
    return words[: _TEXT // 4].encode("utf-8", "replace")


def _framed(content: bytes) -> bytes:
    return _LENGTH.pack(len(content)) + content
