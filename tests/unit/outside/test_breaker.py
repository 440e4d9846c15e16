"""The breaker: five failures in thirty seconds, thirty of rest, one probe."""

from __future__ import annotations

from nuts_pzp.outside import Breaker


def broken(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(at)
    return breaker


def test_four_failures_leave_it_closed() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(0.0)
    assert breaker.admits(0.0)
    assert not breaker.is_open


def test_five_failures_open_it_for_thirty_seconds() -> None:
    breaker = broken()
    assert breaker.is_open
    assert not breaker.admits(29.9)
    assert breaker.admits(30.0)


def test_failures_outside_the_window_do_not_count() -> None:
    breaker = Breaker()
    for moment in (0.0, 8.0, 16.0, 24.0, 32.0):
        breaker.failed(moment)
    assert not breaker.is_open


def test_a_success_forgets_earlier_failures() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(0.0)
    breaker.succeeded()
    breaker.failed(0.0)
    assert not breaker.is_open


def test_one_probe_at_a_time() -> None:
    breaker = broken()
    assert breaker.admits(30.0)
    assert not breaker.admits(30.1)


def test_a_probe_that_works_closes_it() -> None:
    breaker = broken()
    assert breaker.admits(30.0)
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.admits(30.1)
    assert breaker.admits(30.1)


def test_a_probe_that_fails_opens_it_anew() -> None:
    breaker = broken()
    assert breaker.admits(30.0)
    breaker.failed(31.0)
    assert not breaker.admits(60.9)
    assert breaker.admits(61.0)


def test_an_abandoned_probe_lets_another_try() -> None:
    breaker = broken()
    assert breaker.admits(30.0)
    breaker.abandoned()
    assert breaker.admits(30.1)


def test_a_probe_that_never_reports_does_not_hold_it_open_for_ever() -> None:
    breaker = broken()
    assert breaker.admits(30.0)
    assert not breaker.admits(59.9)
    assert breaker.admits(60.0)


def test_late_failures_of_earlier_calls_do_not_lengthen_the_rest() -> None:
    breaker = broken()
    breaker.failed(20.0)
    assert breaker.admits(30.0)
