"""Which endpoint: active, current, PZP, R4 before STU3, may be dialled, and the same one every time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nuts_pzp.addressing.choose import (
    ADVANCE_DIRECTIVE,
    FHIR_REST,
    NUTS_OAUTH,
    NUTS_OAUTH_CAPABILITY,
    PZP_CAPABILITY,
    Endpoint,
    Wanted,
    choose,
)
from nuts_pzp.exchange import Source
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

NOW = 1_800_000_000.0
HOLDER = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
R4 = ("application/fhir+json; fhirVersion=4.0",)
FHIR = Endpoint(
    "f1", "active", FHIR_REST, (ADVANCE_DIRECTIVE,), R4, "https://fhir.meerwijck.example/r4", vendor="kvk|1"
)
OAUTH = Endpoint("o1", "active", NUTS_OAUTH, (ADVANCE_DIRECTIVE,), (), "https://node.example/oauth2/m", vendor="kvk|1")


def anything(url: str) -> str | None:
    return None


def no_private(url: str) -> str | None:
    return "private" if "//10." in url else None


def chosen(*endpoints: Endpoint) -> Source:
    found = choose(HOLDER, endpoints, Wanted(), NOW, no_private)
    assert isinstance(found, Source)
    return found


def refused(*endpoints: Endpoint) -> Reason:
    found = choose(HOLDER, endpoints, Wanted(), NOW, no_private)
    assert isinstance(found, Deny)
    return found.reason


def test_a_source_is_the_fhir_base_with_the_authorization_server_of_the_same_organization() -> None:
    found = choose(HOLDER, (OAUTH, FHIR), Wanted(), NOW, anything)
    assert found == Source(HOLDER, "https://fhir.meerwijck.example/r4", "https://node.example/oauth2/m")


def test_trailing_slashes_are_taken_off() -> None:
    assert chosen(replace(FHIR, address="https://a.example/fhir/")).base == "https://a.example/fhir"


def test_no_authorization_server_is_left_to_discovery() -> None:
    assert chosen(FHIR).authorization_server is None


@pytest.mark.parametrize(
    "change",
    [
        {"status": "off"},
        {"status": "entered-in-error"},
        {"start": NOW + 1},
        {"end": NOW - 1},
        {"connection": ("http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "ihe-xds")},
        {"payloads": ((ADVANCE_DIRECTIVE[0], "Medication"),)},
        {"mime_types": ("application/fhir+json; fhirVersion=5.0",)},
        {"mime_types": ()},
        {"mime_types": ("application/fhir+xml; fhirVersion=4.0",)},
    ],
)
def test_an_endpoint_that_is_not_an_active_current_r4_pzp_source_is_no_address(change: dict[str, object]) -> None:
    assert refused(replace(FHIR, **change)) is Reason.ADDRESS_NONE  # type: ignore[arg-type]


STU3 = replace(FHIR, id="a", mime_types=("application/fhir+json; fhirVersion=3.0",), address="https://stu3.example/f")


def test_a_holder_that_speaks_stu3_only_is_found() -> None:
    assert chosen(STU3, OAUTH).base == "https://stu3.example/f"


def test_r4_comes_before_stu3_whatever_the_payload_and_the_start() -> None:
    newer = replace(STU3, payloads=(PZP_CAPABILITY,), start=NOW - 1)
    assert {chosen(*order).base for order in [(newer, FHIR), (FHIR, newer)]} == {FHIR.address}


def test_both_ends_of_a_period_belong_to_it() -> None:
    assert chosen(replace(FHIR, start=NOW, end=NOW)).base == FHIR.address


def test_the_pzp_capability_names_its_own_fhir_version_and_wins_over_the_general_category() -> None:
    pzp = replace(FHIR, id="z9", payloads=(PZP_CAPABILITY,), mime_types=(), address="https://pzp.example/fhir")
    assert chosen(FHIR, pzp).base == "https://pzp.example/fhir"


def test_of_two_alike_the_latest_start_wins_then_the_smallest_id_in_any_order() -> None:
    old = replace(FHIR, id="a", start=NOW - 100, address="https://old.example")
    new = replace(FHIR, id="b", start=NOW - 1, address="https://new.example")
    twin = replace(new, id="c", address="https://twin.example")
    assert {chosen(*order).base for order in [(old, new, twin), (twin, new, old), (new, old, twin)]} == {
        "https://new.example"
    }


def test_the_authorization_server_of_the_same_vendor_comes_first() -> None:
    other = replace(OAUTH, id="a0", vendor="kvk|2", address="https://other.example")
    assert chosen(FHIR, other, OAUTH).authorization_server == OAUTH.address


def test_the_older_mark_of_an_authorization_server_is_understood() -> None:
    older = replace(OAUTH, connection=FHIR_REST, payloads=(NUTS_OAUTH_CAPABILITY,))
    assert chosen(FHIR, older).authorization_server == OAUTH.address


def test_an_ended_authorization_server_is_not_used() -> None:
    assert chosen(FHIR, replace(OAUTH, end=NOW - 1)).authorization_server is None


def test_an_address_that_may_not_be_dialled_is_refused_and_one_beside_it_that_may_is_used() -> None:
    private = replace(FHIR, id="a", address="https://10.0.0.1/fhir")
    assert refused(private) is Reason.ADDRESS_REFUSED
    assert chosen(private, FHIR).base == FHIR.address


def test_an_authorization_server_that_may_not_be_dialled_refuses_the_source() -> None:
    assert refused(FHIR, replace(OAUTH, address="https://10.0.0.1/oauth2")) is Reason.ADDRESS_REFUSED


def test_an_endpoint_that_another_organization_vouches_for_is_refused() -> None:
    assert refused(replace(FHIR, custodian="90000111")) is Reason.ADDRESS_REFUSED
    assert chosen(replace(FHIR, custodian="90000222")).base == FHIR.address
