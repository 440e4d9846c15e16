"""The replica kept by the gateway: paged load, change, hostile entries, a directory that fails."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.exchange import Holder
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.lrza import ListedOrganization
from nuts_pzp.sandbox.national import NationalServices
from nuts_pzp.systems import lrza

MEERWIJCK = Ura("90000222")
HOLDER = (Holder(MEERWIJCK, "nvi"),)
TYPES = "http://nictiz.nl/fhir/NamingSystem/organization-type"
URA = "http://fhir.nl/fhir/NamingSystem/ura"


def listed(identity: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "id": identity,
        "identifier": [{"system": URA, "value": "90000222"}],
        "type": [{"coding": [{"system": TYPES, "code": "V6"}]}],
        "name": "Ziekenhuis Meerwijck",
        **more,
    }


@pytest.fixture
async def directory(national: NationalServices, around: Surroundings) -> Any:
    made = lrza.build(national.lrza_settings(), around)
    await made.start()
    yield made
    await made.stop()


async def refreshed(directory: lrza.Lrza) -> None:
    """Run one round now instead of in a quarter of an hour."""
    await directory._feed.round()


async def test_all_pages_are_loaded(directory: lrza.Lrza, national: NationalServices) -> None:
    known = [await directory.organization(Ura(ura)) for ura in ("90000111", "90000222", "90000333")]
    assert [each.name for each in known if isinstance(each, Organization)] == [
        "Huisartsenpraktijk De Wilgenhof",
        "Ziekenhuis Meerwijck",
        "Thuiszorg Lindezicht",
    ]
    assert national.lrza.register.count("GET", "/fhir/Organization") == 2
    assert await directory.health() == "3 organisations, 0 min old"


async def test_no_lookup_reaches_the_national_directory(directory: lrza.Lrza, national: NationalServices) -> None:
    asked = national.lrza.register.count()
    await directory.organization(MEERWIJCK)
    await directory.sources(HOLDER)
    assert national.lrza.register.count() == asked


async def test_a_change_arrives_with_the_next_round(directory: lrza.Lrza, national: NationalServices) -> None:
    national.lrza.add(ListedOrganization("90000222", "V6", "Meerwijck", "", "https://127.0.0.1:8443/nieuw"))
    national.lrza.add(ListedOrganization("90000777", "T2", "Nieuwkomer"))
    await refreshed(directory)
    found = await directory.sources(HOLDER)
    assert [source.base for source in found.items] == ["https://127.0.0.1:8443/nieuw"]
    assert isinstance(await directory.organization(Ura("90000777")), Organization)


async def test_an_endpoint_that_is_switched_off_is_no_longer_used(
    directory: lrza.Lrza, national: NationalServices
) -> None:
    off = {"resourceType": "Endpoint", "id": "fhir-90000222", "status": "off", "address": "https://127.0.0.1:8443/x"}
    connection = {"system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type", "code": "hl7-fhir-rest"}
    national.lrza.put({**off, "connectionType": connection})
    await refreshed(directory)
    found = await directory.sources(HOLDER)
    assert [gap.stop.reason for gap in found.gaps] == [Reason.ADDRESS_NONE]


async def test_a_phone_of_the_settings_wins(national: NationalServices, around: Surroundings) -> None:
    directory = lrza.build(national.lrza_settings() | {"phones": {"90000222": "0570-999999"}}, around)
    await directory.start()
    known = await directory.organization(MEERWIJCK)
    assert isinstance(known, Organization)
    assert known.phone == "0570-999999"
    await directory.stop()


async def test_an_organization_with_several_types_shows_all_and_loses_none(
    directory: lrza.Lrza, national: NationalServices
) -> None:
    codings = [{"coding": [{"system": TYPES, "code": code}]} for code in ("V6", "H2", "V4")]
    national.lrza.put(listed("org-90000222", type=codings))
    await refreshed(directory)
    known = await directory.organization(MEERWIJCK)
    assert isinstance(known, Organization)
    assert (known.type, known.other_types) == ("H2", ("V4", "V6"))


async def test_an_organization_without_a_type_is_denied_as_a_caller(
    directory: lrza.Lrza, national: NationalServices
) -> None:
    national.lrza.put(listed("org-90000222", type=[]))
    await refreshed(directory)
    stop = await directory.organization(MEERWIJCK)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.ORGANIZATION_UNKNOWN


async def test_two_organizations_that_claim_one_ura_are_both_refused(
    directory: lrza.Lrza, national: NationalServices
) -> None:
    national.lrza.put(listed("impostor", name="Ziekenhuis Meerwijk"))
    await refreshed(directory)
    stop = await directory.organization(MEERWIJCK)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.ORGANIZATION_UNKNOWN
    found = await directory.sources(HOLDER)
    assert [(gap.where, gap.stop.reason) for gap in found.gaps] == [("90000222", Reason.ORGANIZATION_UNKNOWN)]


@pytest.mark.parametrize(
    ("lie", "reason"), [("wrong-ura", Reason.ADDRESS_REFUSED), ("foreign-address", Reason.ADDRESS_REFUSED)]
)
async def test_a_directory_that_lies_about_addresses_yields_gaps(
    national: NationalServices, around: Surroundings, lie: str, reason: Reason
) -> None:
    national.lrza.faults.lying = lie
    directory = lrza.build(national.lrza_settings(), around)
    await directory.start()
    found = await directory.sources(HOLDER)
    assert [gap.stop.reason for gap in found.gaps] == [reason]
    await directory.stop()


async def test_a_directory_full_of_garbage_is_loaded_and_knows_nobody(
    national: NationalServices, around: Surroundings
) -> None:
    national.lrza.faults.lying = "garbage"
    directory = lrza.build(national.lrza_settings(), around)
    await directory.start()
    assert isinstance(await directory.organization(MEERWIJCK), Deny)
    await directory.stop()


@pytest.mark.parametrize(("fault", "value"), [("lying", "foreign-next"), ("down", True)])
async def test_before_the_first_load_everything_is_unavailable_and_nothing_is_unknown(
    national: NationalServices, around: Surroundings, fault: str, value: Any
) -> None:
    setattr(national.lrza.faults, fault, value)
    directory = lrza.build(national.lrza_settings() | {"first_load_seconds": 0.1}, around)
    await directory.start()
    stop = await directory.organization(MEERWIJCK)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.DIRECTORY_DOWN
    found = await directory.sources(HOLDER)
    assert [(gap.where, gap.stop.reason) for gap in found.gaps] == [("90000222", Reason.DIRECTORY_DOWN)]
    assert isinstance(await directory.health(), Unavailable)
    await directory.stop()


async def test_a_restart_without_the_directory_serves_what_was_known(
    national: NationalServices, around: Surroundings, directory: lrza.Lrza
) -> None:
    await directory.stop()
    settings = national.lrza_settings()
    await national.stop()
    again = lrza.build(settings | {"timeout_seconds": 1}, around)
    await again.start()
    assert isinstance(await again.organization(MEERWIJCK), Organization)
    assert len((await again.sources(HOLDER)).items) == 1
    await again.stop()


async def test_a_replica_that_is_too_old_serves_and_says_so(
    national: NationalServices, around: Surroundings, directory: lrza.Lrza
) -> None:
    directory._feed._loaded = time.time() - 90_000
    assert isinstance(await directory.organization(MEERWIJCK), Organization)
    health = await directory.health()
    assert isinstance(health, Unavailable)
    assert "25 h" in health.detail


async def test_tenants_of_one_deployment_copy_the_directory_once(
    national: NationalServices, around: Surroundings, directory: lrza.Lrza
) -> None:
    asked = national.lrza.register.count()
    second = lrza.build(national.lrza_settings(), around)
    await second.start()
    assert isinstance(await second.organization(MEERWIJCK), Organization)
    await second.stop()
    assert national.lrza.register.count() == asked
    assert isinstance(await directory.organization(MEERWIJCK), Organization)
    await refreshed(directory)


async def test_a_reload_takes_a_renewed_certificate_while_the_former_house_still_stands(
    national: NationalServices, around: Surroundings, tmp_path: Path
) -> None:
    settings = national.lrza_settings()
    own = {key: tmp_path / key for key in ("certificate_file", "key_file")}
    stranger = Authority(tmp_path / "elsewhere", "Another CA").client("kade", common_name="kade")
    own["certificate_file"].write_bytes(stranger.certificate_file.read_bytes())
    own["key_file"].write_bytes(stranger.key_file.read_bytes())
    settings |= {"tls": settings["tls"] | {key: str(file) for key, file in own.items()}}
    former = lrza.build(settings | {"first_load_seconds": 0.1}, around)
    await former.start()
    assert isinstance(await former.health(), Unavailable)
    for key, file in own.items():
        file.write_bytes(Path(national.lrza_settings()["tls"][key]).read_bytes())
    renewed = lrza.build(settings | {"first_load_seconds": 60}, around)
    await renewed.start()
    try:
        assert isinstance(await renewed.organization(MEERWIJCK), Organization)
    finally:
        await renewed.stop()
        await former.stop()


async def test_a_caller_without_a_client_certificate_learns_nothing(
    national: NationalServices, around: Surroundings
) -> None:
    settings = national.lrza_settings()
    settings["tls"] = {"roots_file": settings["tls"]["roots_file"]}
    directory = lrza.build(settings | {"first_load_seconds": 0.2}, around)
    await directory.start()
    assert isinstance(await directory.organization(MEERWIJCK), Unavailable)
    await directory.stop()


def test_unknown_settings_are_refused(around: Surroundings) -> None:
    with pytest.raises(ValueError, match="crawl"):
        lrza.build({"url": "https://127.0.0.1/fhir", "crawl": True}, around)


def test_an_address_outside_the_allowed_networks_is_refused_at_the_start(around: Surroundings) -> None:
    with pytest.raises(ValueError, match="allowed_networks"):
        lrza.build({"url": "https://192.0.2.1/fhir"}, around)
