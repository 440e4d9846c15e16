"""Whatever bytes come, in whatever pieces: nothing raises, nothing grows, and the pieces do not matter."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.outside import Heard, Trouble
from nuts_pzp.outside.answer import Answer

LIMIT = 64
STARTS = [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 100 Continue\r\n"]
HEADERS = [
    b"content-length: 3\r\n", b"content-length: 65\r\n", b"transfer-encoding: chunked\r\n", b"x: y\r\n",
    b"transfer-encoding: gzip\r\n", b"connection: close\r\n", b"content-encoding: gzip\r\n",
]  # fmt: skip
BODIES = [b"abc", b"3\r\nabc\r\n", b"0\r\n", b"0\r\n\r\n", b"41\r\n" + b"a" * 65, b"a" * 65, b"\r\n", b"\n", b"\0"]


def several(pieces: list[bytes], most: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(pieces), max_size=most).map(b"".join)


MESSAGES = st.tuples(st.sampled_from(STARTS), several(HEADERS, 2), st.just(b"\r\n"), several(BODIES, 3)).map(b"".join)
NOISE = several(STARTS + HEADERS + BODIES, 8) | st.binary(max_size=20)
STREAMS = st.lists(MESSAGES, min_size=1, max_size=2).map(b"".join) | st.tuples(MESSAGES, NOISE).map(b"".join) | NOISE


def fed(raw: bytes, cuts: list[int]) -> tuple[Heard | Trouble, bool, int]:
    """Feed a stream cut at these places, and then its end; return what was heard, keeping or not, and what was left."""
    answer, start = Answer(LIMIT), 0
    for end in [*sorted({cut for cut in cuts if 0 < cut < len(raw)}), len(raw)]:
        found = answer.feed(raw[start:end]) if end > start else None
        if found is not None:
            return found, answer.reusable, len(raw) - end
        start = end
    return answer.closed(), answer.reusable, 0


@given(STREAMS, st.lists(st.integers(0, 300), max_size=8))
def test_the_pieces_do_not_matter(raw: bytes, cuts: list[int]) -> None:
    whole, cut = fed(raw, []), fed(raw, cuts)
    if isinstance(cut[0], Heard) and cut[2]:
        # The rest came later: on the wire the connection closes on it. At once, it makes this no answer, or is an
        # empty line that means nothing.
        assert whole[0] in (cut[0], Trouble.BROKEN)
    elif cut[0] is Trouble.BROKEN and whole[0] is Trouble.OVERSIZE:
        pass  # the end of the answer was not reached either way
    else:
        assert whole[:2] == cut[:2]


@given(STREAMS)
def test_what_is_heard_is_within_bounds(raw: bytes) -> None:
    for cuts in ([], list(range(len(raw)))):
        found, reusable, _ = fed(raw, cuts)
        assert isinstance(found, Heard) or found in (Trouble.BROKEN, Trouble.OVERSIZE)
        assert not reusable or isinstance(found, Heard)
        if isinstance(found, Heard):
            assert 200 <= found.status <= 599
            assert len(found.body) <= LIMIT
            assert raw.startswith(b"HTTP/1.")
            assert found.headers.get("transfer-encoding", "chunked") == "chunked"
            assert not {"transfer-encoding", "content-length"} <= set(found.headers)
            assert "content-encoding" not in found.headers
