"""One client takes its share of a listener and no more."""

from __future__ import annotations

from nuts_pzp.web.places import Places


def entered(places: Places, *addresses: str) -> list[bool]:
    return [places.enter(address) is not None for address in addresses]


def test_an_address_has_its_share_and_gets_it_back() -> None:
    places = Places(whole=10, each=2)
    first = places.enter("192.0.2.1")
    assert entered(places, *["192.0.2.1"] * 2) == [True, False]
    assert first
    first.leave()
    assert entered(places, "192.0.2.1") == [True]


def test_others_still_get_in_beside_a_greedy_one() -> None:
    places = Places(whole=10, each=2)
    entered(places, *["192.0.2.1"] * 5)
    assert entered(places, "192.0.2.2") == [True]


def test_the_whole_is_bounded_whoever_comes() -> None:
    places = Places(whole=3, each=2)
    assert entered(places, *[f"192.0.2.{n}" for n in range(5)]) == [True, True, True, False, False]


def test_who_was_refused_takes_no_place_and_nothing_is_kept_of_who_left() -> None:
    places = Places(whole=1, each=1)
    first = places.enter("192.0.2.1")
    assert first
    assert entered(places, "192.0.2.2") == [False]
    first.leave()
    second = places.enter("192.0.2.2")
    assert second
    second.leave()
    assert not places._held


def test_a_place_is_given_back_once() -> None:
    places = Places(whole=2, each=2)
    first = places.enter("192.0.2.1")
    assert first
    assert entered(places, "192.0.2.1") == [True]
    first.leave()
    first.leave()
    assert entered(places, *["192.0.2.1"] * 2) == [True, False]


def test_all_addresses_of_one_network_of_ipv6_have_one_share() -> None:
    """Who has one of them has them all, and could take every place."""
    places = Places(whole=10, each=2)
    assert entered(places, "2001:db8::1", "2001:db8::ffff:1:2", "2001:db8::3") == [True, True, False]
    assert entered(places, "2001:db8:0:1::1", "fe80::1%eth0") == [True, True]


def test_an_ipv4_address_written_as_ipv6_is_itself() -> None:
    places = Places(whole=10, each=1)
    assert entered(places, "::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2") == [True, False, True]
