"""Turns: what bounds a tenant's consultations together, and each source by itself."""

from __future__ import annotations

from nuts_pzp.forwarding.turns import FAILURES, Turns
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason


def test_one_consultation_too_many_is_told_so_and_the_place_comes_free_again() -> None:
    turns = Turns(most=2)
    with turns.consultation() as first, turns.consultation() as second, turns.consultation() as third:
        assert (first, second) == (None, None)
        assert isinstance(third, Unavailable)
        assert third.reason is Reason.CONSULT_BUSY
    with turns.consultation() as again:
        assert again is None
    assert turns.running == 0


def test_a_consultation_that_ends_badly_gives_its_place_back() -> None:
    turns = Turns(most=1)
    try:
        with turns.consultation():
            raise RuntimeError("hung up")
    except RuntimeError:
        pass
    assert turns.running == 0


def test_every_consultation_meets_the_same_turn_of_a_source_and_no_other() -> None:
    turns = Turns()
    here = turns.at("https://a.example/fhir")
    for _ in range(FAILURES):
        here.breaker.failed()
    assert turns.at("https://a.example/fhir") is here
    assert not turns.at("https://a.example/fhir").breaker.admits()
    assert turns.at("https://b.example/fhir").breaker.admits()


def test_so_many_sources_that_they_do_not_fit_cost_the_oldest_its_memory() -> None:
    turns = Turns()
    first = turns.at("0")
    for number in range(1, 1_001):
        turns.at(str(number))
    assert turns.at("0") is not first
