"""Parameters written anew: the quick way writes what the strict way does."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.fhir.wire import Refused, _decoded, decode, written
from nuts_pzp.outcome import Deny


def test_a_token_is_written_with_its_bar_escaped() -> None:
    assert written("code", ("http://snomed.info/sct|713603004",)) == "code=http://snomed.info/sct%7C713603004"
    assert written("description:in", ("https://x.example/vs",)) == "description:in=https://x.example/vs"


def test_alternatives_are_joined_and_a_comma_within_one_stays_escaped() -> None:
    assert written("code", ("a|1", "a|2")) == "code=a%7C1,a%7C2"
    assert written("code", ("a,b", "c")) == "code=a%5C,b,c"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\\,"), min_size=1, max_size=30))
def test_any_value_is_percent_encoded_alike(value: str) -> None:
    assert written("code", (value,)) == f"code={quote(value, safe='/:')}"


_PIECES = [
    "%2F",
    "%3A",
    "%7C",
    "%2C",
    "%2f",
    "%25",
    "%3B",
    "%C3%A9",
    "%",
    "2F",
    "3A",
    "25",
    "/",
    ":",
    "|",
    ",",
    "a",
    "F",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_the_short_way_of_decoding_means_the_same_as_the_long_one(text: str) -> None:
    assert _outcome(decode, text) == _outcome(_decoded, text)


def _outcome(decoding: Callable[[str], str], text: str) -> str | Deny:
    try:
        return decoding(text)
    except Refused as refused:
        return refused.stop
