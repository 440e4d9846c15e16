"""The quick reading of an answer and the full one say the same, of answers as made, corrupted and with keys repeated.

The full reading is the reference: every answer read whole by another reader, every resource judged by itself. It may
only be stricter about a repeated key that decides nothing.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest
from two_readings import Judge, Server, full, quick, repeated_where_it_decides

from nuts_pzp.disclose import one_reading
from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.disclose.one_reading import Broken, refuse_repeated_keys

__all__ = ["full", "quick"]


def _same_of(seed: int, quick: Judge, full: Judge) -> Counter[str]:
    server, seen = Server(seed), Counter[str]()
    for _ in range(120):
        request, made = server.answer()
        for body in (made, *(server.corrupted(made) for _ in range(3))):
            found, reference = quick(body, request), full(body, request)
            seen[f"{type(found).__name__}{'' if body is made else ', corrupted'}"] += 1
            if found == reference:
                continue
            assert reference.detail.endswith("a repeated key"), (request, body)
            assert not isinstance(found, Minimized) or not repeated_where_it_decides(body, request), (request, body)
            seen["repeated, and decides nothing"] += 1
    return seen


def test_the_quick_and_the_full_reading_say_the_same(quick: Judge, full: Judge) -> None:
    seen = sum((_same_of(seed, quick, full) for seed in range(15)), Counter[str]())
    assert set(seen) == {
        *("Minimized", "Deny", "Unavailable"),
        *("Minimized, corrupted", "Deny, corrupted", "Unavailable, corrupted"),
        "repeated, and decides nothing",
    }
    assert min(seen.values()) > 30


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_quick_and_the_full_reading_say_the_same_of_very_many(quick: Judge, full: Judge) -> None:
    for seed in range(100, 1_100):
        _same_of(seed, quick, full)


def test_whatloses_no_string_repeats_no_key() -> None:
    """The shorter way to find a repeated key never says that there is none where the other finds one."""
    seen: Counter[bool] = Counter()
    for seed in range(40, 60):
        server = Server(seed)
        for _ in range(100):
            _, made = server.answer()
            for body in (made, server.corrupted(made)):
                sure = one_reading.loses_no_string(body)
                seen[sure] += 1
                if sure:
                    json.loads(body, object_pairs_hook=one_reading._once)
    assert min(seen[True], seen[False]) > 500


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"a":1,"a":1}',
        rb'{"a":1,"\u0061":1}',
        rb'{"a" :"x","a":"y"}',
        rb'{"a":{"b":[{"c":1,"d":2,"c":3}]}}',
        rb'{"a":1,"a":2,"b":"\u0022"}',
        rb'{"a":1,"a":2,"b":"\u005c\u0022"}',
        rb'{"a":1,"a":2,"b":"\\"}',
        rb'{"a":1,"a":"\"\"","b":"\\\u0022"}',
        rb'{"":1,"":2}',
        b'{"\xc3\xa9":1,"\\u00e9":2}',
    ],
)
def test_a_repeated_key_does_not_hide_behind_quotes_in_strings(raw: bytes) -> None:
    assert not one_reading.loses_no_string(raw)
    with pytest.raises(Broken, match="a repeated key"):
        refuse_repeated_keys(raw)
