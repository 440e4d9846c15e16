"""The frames between workers and the audit writer: what is written is read, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.audit.canonical import LARGEST
from nuts_pzp.audit.ledger import frames
from nuts_pzp.audit.ledger.frames import Durable, Enter, Entered, Malformed, NotDurable, Reader, Record, Refused, Why
from nuts_pzp.audit.page import Draft

numbers = st.integers(0, 2**63)
keys = st.lists(st.text(max_size=60), max_size=2).map(tuple)
parts = st.tuples(*[st.binary(max_size=200)] * 4)


def only(written: bytes) -> bytes:
    [frame] = Reader().frames(written)
    return frame


@given(numbers, st.integers(0, 65_535), parts, keys, keys, st.booleans())
def test_a_record_arrives_as_it_was_written(
    seq: int, log: int, parts: tuple[bytes, bytes, bytes, bytes], opens: tuple[str, ...], closes: tuple[str, ...],
    keep: bool,
) -> None:  # fmt: skip
    draft = Draft("", parts, opens, closes, keep)
    assert frames.read(only(frames.record(seq, log, draft))) == Record(seq, log, draft)


@given(numbers, st.lists(numbers, max_size=300).map(tuple))
def test_indexes_arrive_as_they_were_assigned(upto: int, indexes: tuple[int, ...]) -> None:
    assert frames.read(only(frames.durable(upto, indexes))) == Durable(upto, indexes)


def test_the_other_frames_arrive_as_they_were_written() -> None:
    asked = Enter(7, ("meerwijck", "90000222", "V6", "Ziekenhuis Meerwijck é", ""))
    assert frames.read(only(frames.enter(asked))) == asked
    assert frames.read(only(frames.entered(Entered(7, 3)))) == Entered(7, 3)
    assert frames.read(only(frames.refused(Refused(7, Why.DAMAGED, "because")))) == Refused(7, Why.DAMAGED, "because")
    assert frames.read(only(frames.not_durable(9, "too many"))) == NotDurable(9, "too many")


@given(st.integers(1, 7))
def test_frames_are_cut_wherever_the_stream_was_torn(step: int) -> None:
    written = frames.hello() + frames.durable(3, [1, 2]) + frames.not_durable(4, "no")
    reader, found = Reader(), []
    for at in range(0, len(written), step):
        found += reader.frames(written[at : at + step])
    frames.greeted(found[0])
    assert [frames.read(one) for one in found[1:]] == [Durable(3, (1, 2)), NotDurable(4, "no")]


@given(st.binary(min_size=1, max_size=300))
def test_noise_is_malformed_or_a_frame_and_nothing_else(noise: bytes) -> None:
    try:
        frames.read(noise)
    except Malformed:
        return


@given(parts, keys, st.integers(0, 400), st.integers(1, 255))
def test_a_record_with_one_byte_more_or_less_is_no_record(
    parts: tuple[bytes, bytes, bytes, bytes], opens: tuple[str, ...], at: int, extra: int
) -> None:
    frame = only(frames.record(1, 0, Draft("", parts, opens)))
    for changed in (frame + bytes([extra]), frame[: at % len(frame)]):
        with pytest.raises(Malformed):
            frames.read(changed or b"\x00")


def test_a_length_beyond_any_frame_is_refused_before_its_content_is_kept() -> None:
    with pytest.raises(Malformed):
        list(Reader().frames((frames.LARGEST_FRAME + 1).to_bytes(4, "big")))
    with pytest.raises(Malformed):
        list(Reader().frames(bytes(4)))


def test_a_record_larger_than_a_log_takes_is_not_even_written() -> None:
    with pytest.raises(Malformed):
        frames.record(1, 0, Draft("", (b"x" * (LARGEST + 1), b"", b"", b"")))


def test_another_version_is_not_greeted() -> None:
    hello = only(frames.hello())
    with pytest.raises(Malformed):
        frames.greeted(hello[:-1] + bytes([hello[-1] + 1]))
