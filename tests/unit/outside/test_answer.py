"""What counts as an answer, in whatever pieces it comes in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nuts_pzp.outside import Heard, Trouble
from nuts_pzp.outside.answer import _FIELD, _FIELDS, _FRAMING, _HEAD, Answer

LIMIT = 1_000
OK = b"HTTP/1.1 200 OK\r\n"
TWO = b"content-length: 2\r\n\r\nok"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"


def whole(raw: bytes) -> Iterator[bytes]:
    yield raw


def one_by_one(raw: bytes) -> Iterator[bytes]:
    for place in range(len(raw)):
        yield raw[place : place + 1]


def head_first(raw: bytes) -> Iterator[bytes]:
    end = raw.find(b"\r\n\r\n") + 4
    yield raw[:end]
    yield raw[end:]


PIECES = pytest.mark.parametrize("pieces", [whole, one_by_one, head_first])


def heard(answer: Answer, parts: Iterator[bytes]) -> Heard | Trouble | None:
    """Feed until something is known. What is left comes too late: the connection closes on it."""
    for part in parts:
        found = answer.feed(part)
        if found is not None:
            return found
    return None


ANSWERS = {
    "a length": (OK + TWO, 200, b"ok", True),
    "no reason": (b"HTTP/1.1 200\r\n" + TWO, 200, b"ok", True),
    "nothing": (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, b"", True),
    "chunks": (CHUNKED + b"2\r\nok\r\n1;a=b\r\n!\r\n0\r\n\r\n", 200, b"ok!", True),
    "chunks in capitals": (
        OK + b"Transfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", 200, b"0123456789", True
    ),
    "trailers": (CHUNKED + b"2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n", 200, b"ok", True),
    "close": (OK + b"connection: close\r\n" + TWO, 200, b"ok", False),
    "close among others": (OK + b"connection: x, Close\r\n" + TWO, 200, b"ok", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + TWO, 200, b"ok", False),
    "HTTP/1.0 that says it keeps": (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n" + TWO, 200, b"ok", False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "204 with a length of nothing": (b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n", 204, b"", True),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", 204, b"", False),
    "204 in chunks": (b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n", 204, b"", False),
    "304": (b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", 304, b"", True),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", 304, b"", False),
    "a redirect": (b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", 302, b"", True),
    "after 100": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + TWO, 200, b"ok", True),
    "after 103 and 103": (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 2 + OK + TWO, 200, b"ok", True),
    "identity": (OK + b"content-encoding: Identity\r\n" + TWO, 200, b"ok", True),
    "the largest body": (OK + b"content-length: 1000\r\n\r\n" + b"x" * 1000, 200, b"x" * 1000, True),
    "the largest body in chunks": (CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n", 200, b"x" * 1000, True),
    "an upgrade nobody asked for": (OK + b"connection: upgrade\r\nupgrade: h2c\r\n" + TWO, 200, b"ok", True),
}  # fmt: skip


@PIECES
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_heard(name: str, pieces: object) -> None:
    raw, status, body, reusable = ANSWERS[name]
    answer = Answer(LIMIT)
    found = heard(answer, pieces(raw))  # type: ignore[operator]
    assert isinstance(found, Heard)
    assert (found.status, found.body, answer.reusable) == (status, body, reusable)


REFUSED = {
    # two readers could read these differently
    "two lengths": OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok",
    "a length twice": OK + b"content-length: 2\r\n" + TWO,
    "a list of lengths": OK + b"content-length: 2, 2\r\n\r\nok",
    "a length and chunks": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "a positive length": OK + b"content-length: +2\r\n\r\nok",
    "a negative length": OK + b"content-length: -2\r\n\r\nok",
    "a length in hex": OK + b"content-length: 0x2\r\n\r\nok",
    "an empty length": OK + b"content-length: \r\n\r\nok",
    "a length beyond numbers": OK + b"content-length: 99999999999999999999999\r\n\r\n",
    "a name with a space behind it": OK + b"content-length : 2\r\n\r\nok",
    "a name with a space in it": OK + b"a b: c\r\n" + TWO,
    "no name": OK + b": c\r\n" + TWO,
    "no colon": OK + b"abc\r\n" + TWO,
    "a folded header": OK + b"x: a\r\n b\r\n" + TWO,
    "a folded first header": OK + b" x: a\r\n" + TWO,
    "a folded length": OK + b"content-length:\r\n 2\r\n\r\nok",
    "a folded coding": OK + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
    "a bare line feed in the status line": b"HTTP/1.1 200 OK\n" + TWO,
    "a bare line feed behind a header": OK + b"a: b\n" + TWO,
    "a bare line feed for the last line": OK + b"content-length: 2\r\n\nok",
    "a bare carriage return": OK + b"a: b\r" + TWO,
    "two carriage returns": OK + b"a: b\r\r\n" + TWO,
    "NUL in a value": OK + b"a: b\0c\r\n" + TWO,
    "a control character in a value": OK + b"a: b\x01c\r\n" + TWO,
    # codings
    "gzip in chunks": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in gzip": OK + b"transfer-encoding: chunked, gzip\r\n\r\nabc",
    "chunks in chunks": OK + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding of its own": OK + b"transfer-encoding: xchunked\r\n\r\nabc",
    "a coding with a comma": OK + b"transfer-encoding: chunked,\r\n\r\n0\r\n\r\n",
    "a coding behind a vertical tab": OK + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "the identity coding": OK + b"transfer-encoding: identity\r\n\r\nabc",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "content in gzip": OK + b"content-encoding: gzip\r\n" + TWO,
    "content without a coding": OK + b"content-encoding:\r\n" + TWO,
    "content in two codings": OK + b"content-encoding: identity\r\ncontent-encoding: gzip\r\n" + TWO,
    # chunks
    "a chunk size with a space": CHUNKED + b"2 \r\nok\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-2\r\nok\r\n0\r\n\r\n",
    "a chunk size with 0x": CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n",
    "a chunk beyond numbers": CHUNKED + b"fffffffffffffffff\r\n",
    "no chunk size": CHUNKED + b"\r\nok\r\n0\r\n\r\n",
    "chunks on bare line feeds": CHUNKED + b"2\nok\n0\n\n",
    "an extension on a bare line feed": CHUNKED + b"2;a\nok\r\n0\r\n\r\n",
    "a chunk that is longer than it says": CHUNKED + b"2\r\nokay\r\n0\r\n\r\n",
    "a length among the trailers": CHUNKED + b"2\r\nok\r\n0\r\ncontent-length: 9\r\n\r\n",
    # other protocols, other versions, no status
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\n" + TWO,
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + TWO,
    "HTTP/1.2": b"HTTP/1.2 200 OK\r\n" + TWO,
    "HTTP/11": b"HTTP/11 200 OK\r\n" + TWO,
    "http": b"http/1.1 200 OK\r\n" + TWO,
    "RTSP": b"RTSP/1.0 200 OK\r\n" + TWO,
    "ICE": b"ICE/1.0 200 OK\r\n" + TWO,
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "TLS": b"\x15\x03\x01\x00\x02\x02\x16",
    "a body alone": b'{"resourceType":"Bundle"}',
    "an empty line first": b"\r\n" + OK + TWO,
    "status 099": b"HTTP/1.1 099 OK\r\n" + TWO,
    "status 600": b"HTTP/1.1 600 OK\r\n" + TWO,
    "status 2000": b"HTTP/1.1 2000 OK\r\n" + TWO,
    "status 20": b"HTTP/1.1 20 OK\r\n" + TWO,
    # interim answers
    "101": b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    "101 without more": b"HTTP/1.1 101 Switching\r\n\r\n" + OK + TWO,
    "100 with a length": b"HTTP/1.1 100 Continue\r\ncontent-length: 5\r\n\r\n" + OK + TWO,
    "100 in chunks": b"HTTP/1.1 100 Continue\r\ntransfer-encoding: chunked\r\n\r\n" + OK + TWO,
    "104 with a body": b"HTTP/1.1 104 Upload\r\ncontent-length: 5\r\n\r\n12345" + OK + TWO,
    "a flood of 100s": b"HTTP/1.1 100 Continue\r\n\r\n" * 3_000,
    "a flood of 103s": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" * 200,
    # bounds
    "too many headers": OK + b"".join(b"x-%d: 1\r\n" % number for number in range(128)) + TWO,
    "a header that is too long": OK + b"x: " + b"a" * 8_200 + b"\r\n" + TWO,
    "a name that is too long": OK + b"x" * 8_200 + b": a\r\n" + TWO,
    "a header without end": OK + b"x: " + b"a" * 70_000,
    "a reason without end": b"HTTP/1.1 200 " + b"a" * 70_000,
    "a head that is too long": OK + b"".join(b"x-%d: " % n + b"a" * 7_000 + b"\r\n" for n in range(20)),
    "an extension without end": CHUNKED + b"2;a=" + b"b" * 300_000,
    "a chunk size without end": CHUNKED + b"0" * 300_000,
    "too many trailers": CHUNKED + b"2\r\nok\r\n0\r\n" + b"".join(b"x-%d: 1\r\n" % n for n in range(128)) + b"\r\n",
}


@PIECES
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_answer_is_refused(name: str, pieces: object) -> None:
    answer = Answer(LIMIT)
    assert heard(answer, pieces(REFUSED[name])) is Trouble.BROKEN  # type: ignore[operator]
    assert not answer.reusable
    assert answer.feed(OK + TWO) is Trouble.BROKEN


OVERSIZED = {
    "said beforehand": OK + b"content-length: 1001\r\n\r\n",
    "in one chunk": CHUNKED + b"3e9\r\n" + b"x" * 1_001,
    "in many chunks": CHUNKED + b"1\r\nx\r\n" * 1_001,
    "until it closes": OK + b"\r\n" + b"x" * 1_001,
    "until HTTP/1.0 closes": b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1_001,
}


@PIECES
@pytest.mark.parametrize("name", OVERSIZED)
def test_a_body_over_the_limit_is_not_read(name: str, pieces: object) -> None:
    assert heard(Answer(LIMIT), pieces(OVERSIZED[name])) is Trouble.OVERSIZE  # type: ignore[operator]


@pytest.mark.parametrize("more", [OK + TWO, b"more", b"H", b"\0"])
@pytest.mark.parametrize(
    "first",
    [OK + TWO, CHUNKED + b"0\r\n\r\n", OK + b"connection: close\r\n" + TWO, b"HTTP/1.1 204 No Content\r\n\r\n"],
)
def test_bytes_behind_the_end_make_it_no_answer(first: bytes, more: bytes) -> None:
    assert heard(Answer(LIMIT), whole(first + more)) is Trouble.BROKEN


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"H", b"HTTP/1.1", OK, OK + b"content-length: 2\r\n", OK + b"content-length: 2\r\n\r\n",
        OK + b"content-length: 3\r\n\r\nok", CHUNKED, CHUNKED + b"2\r\nok", CHUNKED + b"2\r\nok\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\n", CHUNKED + b"2\r\nok\r\n0\r\nx: 1\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)  # fmt: skip
def test_an_end_before_the_end_is_broken(raw: bytes) -> None:
    answer = Answer(LIMIT)
    assert heard(answer, one_by_one(raw)) is None
    assert answer.begun is bool(raw)
    assert answer.closed() is Trouble.BROKEN


@PIECES
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_body_without_a_length_ends_with_the_connection(version: bytes, pieces: object) -> None:
    answer = Answer(LIMIT)
    raw = b"HTTP/" + version + b" 200 OK\r\n\r\nuntil here"
    assert heard(answer, pieces(raw)) is None  # type: ignore[operator]
    found = answer.closed()
    assert isinstance(found, Heard)
    assert found.body == b"until here"
    assert not answer.reusable


def test_a_head_is_an_answer_to_a_head() -> None:
    for raw in (OK + b"content-length: 2\r\n\r\n", CHUNKED, OK + b"\r\n"):
        answer = Answer(LIMIT, bare=True)
        found = heard(answer, whole(raw))
        assert isinstance(found, Heard)
        assert found.body == b""
        assert not answer.reusable
    assert heard(Answer(LIMIT, bare=True), whole(OK + TWO)) is Trouble.BROKEN


def test_headers_are_joined_and_trailers_and_hints_are_none_of_them() -> None:
    raw = (
        b"HTTP/1.1 103 Early Hints\r\nx-hint: 1\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:2\r\nX-B:\t b \t\r\nx-c: Zo\xc3\xab\r\nx-d: \xff\r\nx-e:\r\n"
        b"transfer-encoding: chunked\r\n\r\n0\r\nx-trailer: 1\r\n\r\n"
    )
    found = heard(Answer(LIMIT), one_by_one(raw))
    assert isinstance(found, Heard)
    assert found.headers == {
        "x-a": "1, 2",
        "x-b": "b",
        "x-c": "Zoë",
        "x-d": "\udcff",
        "x-e": "",
        "transfer-encoding": "chunked",
    }
    assert "200" in repr(found)
    assert "x-a" not in repr(found)


def fed(raw: bytes, size: int = 8_192, limit: int = 2_000_000) -> Heard | Trouble | None:
    """Feed in pieces of such a size."""
    return heard(Answer(limit), (raw[place : place + size] for place in range(0, len(raw), size)))


@pytest.mark.parametrize(("headers", "fits"), [(_FIELDS - 1, True), (_FIELDS, False)])
def test_there_are_so_many_headers_and_no_more(headers: int, fits: bool) -> None:
    """One more is the length."""
    assert isinstance(fed(OK + b"x: 1\r\n" * headers + TWO), Heard) is fits


@pytest.mark.parametrize(("size", "fits"), [(_FIELD - 1, True), (_FIELD, False)])
def test_a_header_is_so_large_and_no_larger(size: int, fits: bool) -> None:
    """Its name is one byte more."""
    assert isinstance(fed(OK + b"x: " + b"a" * size + b"\r\n" + TWO), Heard) is fits


@pytest.mark.parametrize(
    ("chunks", "fits"), [(_HEAD // 5, True), (_FRAMING // 5 - 40, True), (_FRAMING // 5 + 2_000, False)]
)
def test_a_body_is_no_part_of_what_bounds_its_framing_nor_the_head_alone(chunks: int, fits: bool) -> None:
    """Five bytes go with each chunk, whatever stands in it."""
    large = CHUNKED + b"f\r\n" + b"x" * 15 + b"\r\n"
    assert isinstance(fed(large + b"9\r\nnine byte\r\n" * chunks + b"0\r\n\r\n"), Heard) is fits
    assert isinstance(fed(OK + b"content-length: 1000000\r\n\r\n" + b"x" * 1_000_000), Heard)


def test_a_header_keeps_its_spaces_but_those_around_it() -> None:
    found = fed(OK + b"a: \t b c \t \r\nx: XX\r\n" + TWO)
    assert isinstance(found, Heard)
    assert (found.headers["a"], found.headers["x"]) == ("b c", "XX")
