"""One client takes its share of a listener and no more."""

from __future__ import annotations

from nuts_pzp.web.places import Places


def test_an_address_has_its_share_and_gets_it_back() -> None:
    places = Places(whole=10, each=2)
    assert [places.enter("192.0.2.1") for _ in range(3)] == [True, True, False]
    places.leave("192.0.2.1")
    assert places.enter("192.0.2.1")


def test_others_still_get_in_beside_a_greedy_one() -> None:
    places = Places(whole=10, each=2)
    for _ in range(5):
        places.enter("192.0.2.1")
    assert places.enter("192.0.2.2")


def test_the_whole_is_bounded_whoever_comes() -> None:
    places = Places(whole=3, each=2)
    assert [places.enter(f"192.0.2.{n}") for n in range(5)] == [True, True, True, False, False]


def test_who_was_refused_takes_no_place_and_nothing_is_kept_of_who_left() -> None:
    places = Places(whole=1, each=1)
    places.enter("192.0.2.1")
    assert not places.enter("192.0.2.2")
    places.leave("192.0.2.1")
    assert places.enter("192.0.2.2")
    places.leave("192.0.2.2")
    assert not places._held
