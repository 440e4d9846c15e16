"""A bucket gives what it has, fills with time, and there are never more of them than fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.protection.rates import Buckets, Rate


def test_a_full_bucket_gives_its_burst_at_once_and_then_one_at_a_time() -> None:
    buckets, rate = Buckets(), Rate(2.0, 3)
    assert [buckets.take("a", rate, 0.0) for _ in range(5)] == [True, True, True, False, False]
    assert [buckets.take("a", rate, 0.5) for _ in range(2)] == [True, False]
    assert [buckets.take("a", rate, 100.0) for _ in range(4)] == [True, True, True, False]


def test_a_burst_of_one_is_one() -> None:
    buckets, rate = Buckets(), Rate(1.0, 1)
    assert [buckets.take("a", rate, moment) for moment in (0.0, 0.5, 1.0, 1.5, 2.0)] == [True, False, True, False, True]


def test_keys_do_not_share() -> None:
    buckets, rate = Buckets(), Rate(1.0, 1)
    assert buckets.take("a", rate, 0.0)
    assert buckets.take("b", rate, 0.0)
    assert not buckets.take("a", rate, 0.0)


def test_the_number_of_buckets_is_bounded() -> None:
    buckets, rate = Buckets(size=10), Rate(1.0, 1)
    for number in range(1000):
        buckets.take(number, rate, 0.0)
    assert len(buckets) == 10


def test_asking_in_vain_does_not_prolong_the_wait() -> None:
    buckets, rate = Buckets(), Rate(1.0, 1)
    buckets.take("a", rate, 0.0)
    for moment in range(1, 10):
        assert not buckets.take("a", rate, moment / 10)
    assert buckets.take("a", rate, 1.0)


@given(
    steps=st.lists(st.floats(min_value=0.0, max_value=2.0, allow_nan=False), max_size=200),
    burst=st.integers(min_value=1, max_value=20),
    per_second=st.floats(min_value=0.5, max_value=50.0, allow_nan=False),
)
def test_never_more_than_burst_and_rate_allow(steps: list[float], burst: int, per_second: float) -> None:
    buckets, rate, now, taken = Buckets(), Rate(per_second, burst), 0.0, 0
    for step in steps:
        now += step
        taken += buckets.take("a", rate, now)
    assert taken <= burst + now * per_second + 1e-6
