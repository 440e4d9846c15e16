"""The replica: newest wins, whatever the order; look-ups for addressing; a snapshot that comes back."""

from __future__ import annotations

import itertools

from nuts_pzp.addressing.choose import ADVANCE_DIRECTIVE, FHIR_REST, Endpoint
from nuts_pzp.systems.lrza.reading import Door, Listing, Offering, Stamp
from nuts_pzp.systems.lrza.replica import Replica, restore

ORIGIN = "https://lrza.example/fhir"


def listing(identity: str = "o1", ura: str = "90000222", at: float = 1.0, **more: object) -> Listing:
    values: dict[str, object] = {
        "active": True,
        "name": "Meerwijck",
        "types": ("V6",),
        "phone": "",
        "parent": "",
        "endpoints": (),
    }
    return Listing(id=identity, stamp=Stamp(at, 1), ura=ura, **{**values, **more})  # type: ignore[arg-type]


def door(identity: str, address: str = "https://a.example") -> Door:
    endpoint = Endpoint(identity, "active", FHIR_REST, (ADVANCE_DIRECTIVE,), (), address)
    return Door(identity, Stamp(1.0, 1), endpoint)


def addresses(replica: Replica, ura: str = "90000222") -> list[str]:
    (found,) = replica.listings(ura)
    return [endpoint.address for endpoint in replica.endpoints(found)]


def test_the_newest_version_stays_in_whatever_order_versions_come() -> None:
    versions = [listing(at=1.0, name="oud"), listing(at=2.0, name="midden"), listing(at=3.0, name="nieuw")]
    for order in itertools.permutations(versions):
        replica = Replica()
        for version in order:
            replica.put(version)
        assert [each.name for each in replica.listings("90000222")] == ["nieuw"]
        assert len(replica) == 1


def test_an_organization_that_changes_its_ura_is_found_under_the_new_one_only() -> None:
    replica = Replica()
    replica.put(listing(at=1.0))
    replica.put(listing(at=2.0, ura="90000999"))
    assert replica.listings("90000222") == ()
    assert len(replica.listings("90000999")) == 1


def test_an_inactive_organization_is_not_found() -> None:
    replica = Replica()
    replica.put(listing(active=False))
    assert replica.listings("90000222") == ()
    assert replica.organizations == 0


def test_two_organizations_with_one_ura_are_both_returned_but_a_part_of_one_is_not() -> None:
    replica = Replica()
    replica.put(listing("o1"))
    replica.put(listing("o2", parent="o1"))
    assert [each.id for each in replica.listings("90000222")] == ["o1"]
    replica.put(listing("o3"))
    assert [each.id for each in replica.listings("90000222")] == ["o1", "o3"]


def test_endpoints_are_those_of_the_organization_and_of_its_active_services() -> None:
    replica = Replica()
    replica.put(listing(endpoints=("e1", "dangling")))
    replica.put(Offering("s1", Stamp(), True, "o1", ("e2", "e1")))
    replica.put(Offering("s2", Stamp(), False, "o1", ("e3",)))
    for each in (door("e1", "https://one"), door("e2", "https://two"), door("e3", "https://three")):
        replica.put(each)
    assert addresses(replica) == ["https://one", "https://two"]


def test_without_endpoints_those_of_what_it_is_part_of_count_unless_that_is_another_organization() -> None:
    replica = Replica()
    replica.put(listing("o1", parent="p1"))
    replica.put(listing("p1", ura="", parent="p2"))
    replica.put(listing("p2", ura="90000999", endpoints=("e1",)))
    replica.put(door("e1", "https://elsewhere"))
    assert addresses(replica) == []
    replica.put(listing("p1", ura="", parent="p2", endpoints=("e2",), at=2.0))
    replica.put(door("e2", "https://parent"))
    assert addresses(replica) == ["https://parent"]


def test_organizations_that_are_part_of_each_other_do_not_go_round_for_ever() -> None:
    replica = Replica()
    replica.put(listing("o1", parent="p1"))
    replica.put(listing("p1", ura="", parent="o1"))
    assert addresses(replica) == []


def test_what_is_removed_is_not_found() -> None:
    replica = Replica()
    replica.put(listing(endpoints=("e1",)))
    replica.put(door("e1"))
    replica.remove("Endpoint", "e1")
    assert addresses(replica) == []
    replica.remove("Organization", "o1")
    replica.remove("Organization", "o1")
    assert replica.listings("90000222") == ()


def test_a_snapshot_brings_back_the_same_replica() -> None:
    replica = Replica()
    replica.put(listing(endpoints=("e1",)))
    replica.put(Offering("s1", Stamp(2.0, 7), True, "o1", ("e1",)))
    replica.put(door("e1", "https://one"))
    content = replica.dump(ORIGIN, "2026-11-01T00:00:00Z", 123.0)
    restored = restore(content, ORIGIN)
    assert restored is not None
    assert addresses(restored[0]) == ["https://one"]
    assert (restored[1].since, restored[1].loaded) == ("2026-11-01T00:00:00Z", 123.0)
    assert restored[0].dump(ORIGIN, "2026-11-01T00:00:00Z", 123.0) == content


def test_a_snapshot_of_another_directory_or_a_damaged_one_is_not_taken() -> None:
    content = Replica().dump(ORIGIN, "", 0.0)
    assert restore(content, "https://other.example/fhir") is None
    assert restore(content[:-1], ORIGIN) is None
    assert restore(content.replace(b"replica/1", b"replica/0"), ORIGIN) is None
