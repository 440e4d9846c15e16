"""What is heard in reply to one request, held to RFC 9112 and to its bounds. Fed with bytes; no I/O (ADR 0093).

The C parser (llhttp) runs in its strict mode and refuses most of what two readers could read differently. What it lets
pass is refused here: two messages in one, transfer codings other than `chunked`, lengths where none belongs, an answer
without end. A parser serves one answer, so nothing of one answer reaches the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from .dialling import Trouble

_HEAD = 65_536
"""Bytes of the head, interim answers (1xx) included."""
_FRAMING = 262_144
"""Bytes of everything that is not body: head, chunk sizes and extensions, trailers."""
_FIELDS = 128
_FIELD = 8_190
"""Fields, trailers included, and bytes of the name and value of one."""
_EMPTY = (204, 304)


@dataclass(frozen=True, slots=True)
class Heard:
    """A complete answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type without parameters, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class _Refused(Exception):
    """Stops the parser."""


class Answer:
    """One answer, as it comes in."""

    __slots__ = (
        "_bare",
        "_fields",
        "_headers",
        "_keeps",
        "_limit",
        "_parser",
        "_parts",
        "_size",
        "_status",
        "_trouble",
        "_until_closed",
        "_whole",
        "_wire",
        "reusable",
    )

    def __init__(self, limit: int, bare: bool = False) -> None:
        """`limit`: bytes of the largest body. `bare`: the request was a HEAD, so no body follows whatever is said."""
        self._limit, self._bare = limit, bare
        self._wire = self._size = self._fields = self._status = 0
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._until_closed = self._whole = self._keeps = False
        self._trouble = Trouble.BROKEN
        self.reusable = False
        """True when the answer is complete and the connection may carry another call after it."""
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    @property
    def begun(self) -> bool:
        """True as soon as a byte was heard."""
        return self._wire > 0

    def feed(self, data: bytes | memoryview) -> Heard | Trouble | None:
        """Take what came in; return the answer when it is complete, or what is wrong with it, else None."""
        if self._parser is None or (not self._wire and data[:1] != b"H"):
            return self._end(Trouble.BROKEN)
        self._wire += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            return self._end(self._trouble)
        if self._whole:
            return self._heard()
        if self._wire - self._size > (_FRAMING if self._status else _HEAD):
            return self._end(Trouble.BROKEN)
        return None

    def closed(self) -> Heard | Trouble:
        """The other side says no more: the end of a body without a length, and of nothing else."""
        return self._heard() if self._until_closed else self._end(Trouble.BROKEN)

    def _heard(self) -> Heard:
        self._parser, self.reusable = None, self._keeps
        return Heard(self._status, self._headers, b"".join(self._parts))

    def _end(self, trouble: Trouble) -> Trouble:
        self._parser, self.reusable = None, False
        return trouble

    # What follows is called by the parser; an exception ends it.

    def on_message_begin(self) -> None:
        """A message begins: an interim answer, or the answer. After that one there is nothing to say."""
        if self._whole:
            raise _Refused
        self._headers.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is dropped. A repeated one is joined: no reader takes half of it."""
        self._fields += 1
        if self._fields > _FIELDS or len(name) + len(value) > _FIELD:
            raise _Refused
        if self._status:
            return
        key = name.lower().decode("latin-1")
        text = value.rstrip(b" \t").decode("utf-8", "surrogateescape")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        """The head is whole: judge it."""
        parser = self._parser
        assert parser is not None
        status, version = parser.get_status_code(), parser.get_http_version()
        coding, length = self._headers.get("transfer-encoding"), self._headers.get("content-length")
        if version not in ("1.1", "1.0") or not 100 <= status <= 599:
            raise _Refused
        if coding is not None and (coding.lower() != "chunked" or version == "1.0"):
            raise _Refused
        if status < 200:
            if coding is not None or length is not None:
                raise _Refused
            return  # 101 never comes so far: the parser ends at it
        if self._headers.get("content-encoding", "identity").lower() != "identity":
            raise _Refused
        if length is not None and int(length) > self._limit:
            self._trouble = Trouble.OVERSIZE
            raise _Refused
        empty, framed = self._bare or status in _EMPTY, coding is not None or length not in (None, "0")
        self._status, self._whole = status, empty
        self._until_closed = not empty and coding is None and length is None
        self._keeps = version == "1.1" and parser.should_keep_alive() and not (empty and framed)

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        self._size += len(data)
        if self._whole or self._size > self._limit:
            self._trouble = Trouble.BROKEN if self._whole else Trouble.OVERSIZE
            raise _Refused
        self._parts.append(data)

    def on_message_complete(self) -> None:
        """The end of an interim answer, or of the answer."""
        self._whole = self._status > 0
