"""From directory JSON to slim values: facts are copied, hostile or broken entries are left out, nothing raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.addressing.choose import FHIR_REST
from nuts_pzp.systems.lrza.reading import Door, Listing, Offering, Stamp, read_instant, read_resource

BASE = "https://lrza.example/fhir"
URA = "http://fhir.nl/fhir/NamingSystem/ura"
TYPES = "http://nictiz.nl/fhir/NamingSystem/organization-type"
SBI = "https://www.cbs.nl/standaard-bedrijfsindeling"


def organization(**more: Any) -> Listing:
    resource = {
        "resourceType": "Organization",
        "id": "o1",
        "identifier": [{"system": URA, "value": "90000222"}],
        "name": "Ziekenhuis Meerwijck",
        **more,
    }
    found = read_resource(resource, BASE)
    assert isinstance(found, Listing)
    return found


def endpoint(**more: Any) -> Door | None:
    resource = {
        "resourceType": "Endpoint",
        "id": "e1",
        "status": "active",
        "connectionType": {"system": FHIR_REST[0], "code": FHIR_REST[1]},
        "address": "https://fhir.example",
        **more,
    }
    found = read_resource(resource, BASE)
    assert found is None or isinstance(found, Door)
    return found


def coded(*codings: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"coding": [{"system": system, "code": code} for system, code in codings]}]


def test_an_organization_is_its_ura_name_types_phone_and_endpoints() -> None:
    listing = organization(
        meta={"versionId": "3", "lastUpdated": "2026-11-01T00:00:10Z"},
        type=coded((TYPES, "V6"), ("http://snomed.info/sct", "22232009")),
        telecom=[{"system": "email", "value": "a@b.example"}, {"system": "phone", "value": "0570-555222"}],
        endpoint=[{"reference": "Endpoint/e1"}, {"reference": f"{BASE}/Endpoint/e2"}],
    )
    assert listing == Listing(
        id="o1",
        stamp=Stamp(1793491210.0, 3),
        active=True,
        ura="90000222",
        name="Ziekenhuis Meerwijck",
        types=("V6",),
        phone="0570-555222",
        parent="",
        endpoints=("e1", "e2"),
    )


def test_several_types_are_all_kept_in_one_order() -> None:
    assert organization(type=coded((TYPES, "Z3"), (TYPES, "K3"))).types == ("K3", "Z3")


@pytest.mark.parametrize(
    ("activity", "types"),
    [("8610", ("V4",)), ("8621", ("H1", "Z3")), ("8710", ("R5",)), ("86103", ()), ("0111", ())],
)
def test_an_activity_code_proves_only_the_types_it_covers(activity: str, types: tuple[str, ...]) -> None:
    assert organization(type=coded((SBI, activity))).types == types


@pytest.mark.parametrize("code", ["v6", "V6 ", "TOOLONG", "", 6, None])
def test_a_type_that_is_no_type_code_is_left_out(code: Any) -> None:
    assert organization(type=coded((TYPES, code))).types == ()


def test_an_organization_that_claims_two_uras_has_none() -> None:
    both = [{"system": URA, "value": "90000222"}, {"system": URA, "value": "90000111"}]
    assert organization(identifier=both).ura == ""


def test_a_short_ura_is_padded() -> None:
    assert organization(identifier=[{"system": URA, "value": "222"}]).ura == "00000222"


@pytest.mark.parametrize(("active", "counts"), [(True, True), (False, False), ("true", False), (None, False)])
def test_only_a_plain_true_or_nothing_is_active(active: object, counts: bool) -> None:
    assert organization(active=active).active is counts


def test_the_phone_is_the_best_ranked_usable_one() -> None:
    telecom = [
        {"system": "phone", "value": "0570-1", "rank": 2},
        {"system": "phone", "value": "bel ons", "rank": 1},
        {"system": "phone", "value": "0570-555222", "rank": 1},
    ]
    assert organization(telecom=telecom).phone == "0570-555222"


def test_a_name_loses_control_and_direction_characters() -> None:
    assert organization(name="Zieken\u202ehuis\n\x00 Meerwijck").name == "Ziekenhuis Meerwijck"


@pytest.mark.parametrize(
    "reference",
    ["https://elsewhere.example/fhir/Endpoint/e1", "Organization/e1", "Endpoint/../x", "Endpoint/a/b", 7, None],
)
def test_a_reference_to_anything_but_an_endpoint_of_this_directory_is_left_out(reference: Any) -> None:
    assert organization(endpoint=[{"reference": reference}]).endpoints == ()


def test_a_healthcare_service_is_its_provider_and_endpoints() -> None:
    resource = {
        "resourceType": "HealthcareService",
        "id": "s1",
        "providedBy": {"reference": "Organization/o1"},
        "endpoint": [{"reference": "Endpoint/e1/_history/2"}],
    }
    assert read_resource(resource, BASE) == Offering("s1", Stamp(), True, "o1", ("e1",))


def test_who_vouches_for_an_endpoint_is_its_assigner_and_not_its_manager() -> None:
    door = endpoint(
        identifier=[{"system": "x", "value": "y", "assigner": {"identifier": {"system": URA, "value": "222"}}}],
        managingOrganization={"identifier": {"system": "kvk", "value": "08013836"}},
    )
    assert door is not None
    assert (door.endpoint.custodian, door.endpoint.vendor) == ("00000222", "kvk|08013836")


def test_an_endpoint_for_which_several_vouch_can_be_nobodys() -> None:
    assigners = [{"assigner": {"identifier": {"system": URA, "value": ura}}} for ura in ("222", "111")]
    door = endpoint(identifier=assigners)
    assert door is not None
    assert door.endpoint.custodian == "several"


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ({}, 0.0, None),
        ({"start": "2026-11-01T00:00:00Z"}, 1793491200.0, None),
        ({"start": "2026-11-01", "end": "2026-11-01"}, 1793491200.0, 1793577599.0),
        ({"end": "2026"}, 0.0, 1798761599.0),
        ({"end": "2026-02"}, 0.0, 1772323199.0),
    ],
)
def test_a_period_is_read_to_the_second_with_both_ends_in_it(
    period: dict[str, str], start: float, end: float | None
) -> None:
    door = endpoint(period=period)
    assert door is not None
    assert (door.endpoint.start, door.endpoint.end) == (start, end)


@pytest.mark.parametrize(
    "more",
    [
        {"period": "2026"},
        {"period": {"end": "tomorrow"}},
        {"period": {"end": "2026-13"}},
        {"period": {"start": 7}},
        {"address": 7},
        {"address": "https://" + "a" * 2048},
        {"connectionType": "hl7-fhir-rest"},
        {"id": "../../etc"},
        {"id": ""},
    ],
)
def test_an_endpoint_that_cannot_be_read_is_left_out(more: dict[str, Any]) -> None:
    assert endpoint(**more) is None


def test_an_instant_needs_a_time_zone() -> None:
    assert read_instant("2026-11-01T00:00:00+01:00") == 1793487600.0
    assert read_instant("2026-11-01T00:00:00") is None
    assert read_instant(7) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("id", "meta", "identifier", "type", "telecom", "endpoint", "partOf", "period", "payloadType", "active")


@given(
    kind=st.sampled_from(["Organization", "HealthcareService", "Endpoint", "Location"]),
    fields=st.dictionaries(st.sampled_from(FIELDS), anything),
)
def test_no_entry_makes_it_raise(kind: str, fields: dict[str, Any]) -> None:
    resource = {"id": "x", "connectionType": {"system": "a", "code": "b"}, "address": "c", **fields}
    read_resource({**resource, "resourceType": kind}, BASE)
