from __future__ import annotations

from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.audit import canonical

keys = st.text(st.characters(max_codepoint=127), max_size=12)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
integers = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(keys, values, max_size=6))
def test_inside_the_profile_the_bytes_are_those_of_rfc_8785(document: dict[str, Any]) -> None:
    assert canonical.dumps(document) == rfc8785.dumps(document)


@pytest.mark.parametrize(
    "value",
    [1.0, 2**53, -(2**53), "\ud800", {"é": 1}, {1: 2}, b"x", ("a",), {1, 2}, float("nan"), [[{"k": 0.5}]]],
)
def test_outside_the_profile_nothing_is_written(value: object) -> None:
    with pytest.raises(canonical.OutsideProfile):
        canonical.dumps({"a": value})


def test_a_record_over_64_kib_is_refused() -> None:
    canonical.dumps({"a": "x" * (65_536 - 8)})
    with pytest.raises(canonical.OutsideProfile, match="64 KiB"):
        canonical.dumps({"a": "x" * (65_536 - 7)})


def test_the_refusal_does_not_show_the_value() -> None:
    with pytest.raises(canonical.OutsideProfile) as found:
        canonical.dumps({"a": "999900006\ud800"})
    assert "999900006" not in str(found.value)


@pytest.mark.parametrize(
    "stored",
    [
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1,"a":1}',
        b'{"a":"\\u0041"}',
        b'{"a":1}\n',
        b'{"a":1e0}',
        b"[1]",
        b"",
        b"\xff",
    ],
)
def test_a_second_spelling_is_not_canonical(stored: bytes) -> None:
    assert canonical.is_canonical(stored) is None


def test_the_one_spelling_is_canonical() -> None:
    assert canonical.is_canonical(b'{"a":2,"b":{"c":"\xc3\xa9"}}') == {"a": 2, "b": {"c": "é"}}


def test_holes_cannot_be_made_by_content() -> None:
    written = canonical.dumps({"a": canonical.HOLE, "b": "\x00"})
    assert written.count(b"\x00") == 1
    assert orjson.loads(written.replace(b"\x00", b"7")) == {"a": 7, "b": "\x00"}


def test_a_uuid_has_its_time_version_and_variant() -> None:
    # Time and randomness of the example in RFC 9562, appendix A.6.
    randomness = bytes.fromhex("0cc3" "18c4dc0c0c07398f")  # fmt: skip
    assert canonical.uuid7(0x017F22E279B0, randomness) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(st.binary(max_size=70))
def test_base64url_goes_there_and_back_without_padding(raw: bytes) -> None:
    text = canonical.base64url(raw)
    assert not set(text) & set("+/=")
    assert canonical.from_base64url(text) == raw


def test_time_has_six_decimals_and_a_z() -> None:
    assert canonical.timestamp(1_795_338_843_120_000) == "2026-11-22T09:14:03.120000Z"
    assert canonical.timestamp(1_795_338_843_000_001) == "2026-11-22T09:14:03.000001Z"


def test_the_pool_gives_no_byte_twice() -> None:
    pool = canonical.Pool(piece=64)
    taken = [pool(16) for _ in range(200)]
    assert len(set(taken)) == 200
    assert len(pool(200)) == 200
