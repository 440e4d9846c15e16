"""The region comes up whole, says where everything is, and leaves settings that the gateway accepts."""

from __future__ import annotations

import json
import socket
import ssl
import stat
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from nuts_pzp.identity import Ura
from nuts_pzp.sandbox.gateway_settings import gateway_settings
from nuts_pzp.sandbox.gateways import GATEWAYS
from nuts_pzp.sandbox.people import by_slug
from nuts_pzp.sandbox.region import Region
from nuts_pzp.settings import read_deployment, read_tenant

pytestmark = pytest.mark.asyncio(loop_scope="module")


def described(region: Region) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((region.folder / "region.json").read_text("utf-8"))
    return read


def organization(region: Region, slug: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in described(region)["organizations"] if one["slug"] == slug)
    return found


async def test_it_starts_in_seconds_and_stops(tmp_path: Path) -> None:
    started = time.process_time()
    async with Region(tmp_path) as region:
        assert time.process_time() - started <= 12.0, "four seconds of a machine that does nothing else"
        control = region.control_url
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(control)


@pytest.mark.parametrize("gateway", sorted(GATEWAYS))
async def test_the_gateway_accepts_the_settings_of_each_deployment_and_tenant(region: Region, gateway: str) -> None:
    folder = region.folder / "gateways" / gateway
    deployment = read_deployment(folder / "deployment.yaml")
    assert deployment.name == gateway
    tenants = sorted((folder / deployment.tenants).glob("*.yaml"))
    assert {file.stem for file in tenants} == set(GATEWAYS[gateway])
    for file in tenants:
        settings = read_tenant(file)
        holds = settings.id != "kade"
        assert (settings.disclose is not None) == holds
        assert deployment.outbound.outbound().loopback_only


async def test_the_data_user_needs_no_network_door(region: Region) -> None:
    deployment = gateway_settings(region, "kade")["deployment.yaml"]
    assert set(deployment["listeners"]) == {"ehr", "operations"}
    assert "decision_api" not in deployment, "it discloses nothing: check would find fault with the offer"
    assert "decision_api" in gateway_settings(region, "meerwijck")["deployment.yaml"]


async def test_no_secret_is_in_a_settings_file(region: Region) -> None:
    file = region.authorization_file("meerwijck")
    assert file is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    secret = file.read_text("utf-8").removeprefix("Bearer ")
    for path in (region.folder / "gateways").rglob("*.yaml"):
        text = path.read_text("utf-8")
        assert secret not in text
        assert "PRIVATE KEY" not in text
    assert secret not in json.dumps(described(region))


async def test_the_directory_lists_what_the_gateways_will_serve(region: Region) -> None:
    lrza = described(region)["services"]["lrza"]
    client = region.national.client
    context = ssl.create_default_context(cafile=str(region.authority.root_file))
    context.load_cert_chain(client.certificate_file, client.key_file)
    async with httpx.AsyncClient(verify=context) as http:
        endpoints = (await http.get(f"{lrza}/fhir/Endpoint")).json()
    addresses = {entry["resource"]["id"]: entry["resource"]["address"] for entry in endpoints["entry"]}
    for slug, ura in (("wilgenhof", "90000111"), ("meerwijck", "90000222"), ("avondrood", "90000555")):
        assert addresses[f"fhir-{ura}"] == organization(region, slug)["network"]
        assert addresses[f"oauth-{ura}"] == organization(region, slug)["node"]["issuer"]
    assert "fhir-90000444" not in addresses


async def test_reserved_ports_are_free_for_the_gateways(region: Region) -> None:
    for gateway in region.gateways.values():
        for port in (gateway.network, gateway.ehr, gateway.operations):
            with socket.socket() as candidate:
                candidate.bind(("127.0.0.1", port))


async def test_every_holder_serves_its_own_patient_of_the_same_id(region: Region) -> None:
    names = {}
    async with httpx.AsyncClient() as client:
        for slug in ("wilgenhof", "meerwijck", "lindezicht"):
            secret = region.authorization_file(slug)
            headers = {"authorization": secret.read_text("utf-8")} if secret else {}
            answer = await client.get(f"{organization(region, slug)['fhir']}/Patient/2", headers=headers)
            names[slug] = answer.json()["name"][0]["text"]
    assert names == {"wilgenhof": "Douwe Hofstra", "meerwijck": "Tineke Brouwer", "lindezicht": "Karel de Wit"}


async def test_the_hospitals_server_demands_its_header(region: Region) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{organization(region, 'meerwijck')['fhir']}/Patient/1")).status_code == 401


async def test_the_hospice_hangs_until_it_is_told_not_to(region: Region) -> None:
    url = f"{organization(region, 'avondrood')['fhir']}/Patient/1"
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(url, timeout=httpx.Timeout(20, read=0.15))
        answer = await client.post(
            f"{region.control_url}/faults", json={"slug": "avondrood", "fault": "hang", "on": False}
        )
        assert answer.json() == {"wilgenhof": [], "meerwijck": [], "lindezicht": [], "avondrood": []}
        assert (await client.get(url)).status_code == 200
    region.fault("avondrood", "hang", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"slug": "kade", "fault": "down", "on": True},
        {"slug": "meerwijck", "fault": "bad-mood", "on": True},
        {"slug": "meerwijck"},
        ["meerwijck"],
    ],
)
async def test_the_control_port_refuses_what_it_does_not_know(region: Region, wrong: Any) -> None:
    async with httpx.AsyncClient() as client:
        assert (await client.post(f"{region.control_url}/faults", json=wrong)).status_code == 400


async def test_every_twin_has_its_control(region: Region) -> None:
    async with httpx.AsyncClient(base_url=region.control_url) as client:
        for path in ("/", "/fhir/wilgenhof/asked", "/nodes/kade/state", "/mitz/questions", "/nvi/rows",
                     "/oauth/questions", "/prs/questions", "/lrza/questions"):  # fmt: skip
            assert (path, (await client.get(path)).status_code) == (path, 200)


async def test_everybody_is_registered_by_every_holder(region: Region) -> None:
    async with httpx.AsyncClient() as client:
        rows = (await client.get(f"{region.control_url}/nvi/rows")).json()
    per_holder = {ura: sum(1 for row in rows if row["ura"] == ura) for ura in ("90000111", "90000222", "90000555")}
    assert per_holder == {"90000111": 10, "90000222": 10, "90000555": 1}


async def test_mitz_knows_who_objected(region: Region) -> None:
    objections = [(one.bsn, one.holder) for one in region.mitz.choices if one.effect == "deny"]
    assert objections == [(by_slug("vermeer").bsn.value, Ura("90000111").value)]
    assert {one.user for one in region.mitz.choices} == {"RPZAC001"}


async def test_a_hospice_without_a_gateway_is_listed_and_has_no_tenant_file(tmp_path: Path) -> None:
    async with Region(tmp_path, hospice="absent") as region:
        assert not (region.folder / "gateways/providers/tenants/avondrood.yaml").exists()
        assert organization(region, "avondrood")["network"].endswith("/avondrood/fhir")
        assert described(region)["gateways"]["providers"]["tenants"] == ["wilgenhof", "lindezicht"]


async def test_a_later_region_in_the_same_folder_replaces_the_settings(tmp_path: Path) -> None:
    async with Region(tmp_path):
        pass
    async with Region(tmp_path, hospice="absent") as region:
        file = tmp_path / "gateways/providers/deployment.yaml"
        port = yaml.safe_load(file.read_text("utf-8"))["listeners"]["network"]["port"]
        assert port == region.gateways["providers"].network
        assert not (tmp_path / "gateways/providers/tenants/avondrood.yaml").exists()


async def test_a_node_of_the_region_gives_a_token_to_another(region: Region) -> None:
    user, holder = organization(region, "kade"), organization(region, "meerwijck")
    employee = {
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"],
        "type": ["VerifiableCredential", "NutsEmployeeCredential"],
        "credentialSubject": {"identifier": "hap-17", "name": "L. de Boer", "roleName": "huisarts"},
    }
    body = {
        "authorization_server": holder["node"]["issuer"],
        "scope": "pzp-gf",
        "token_type": "Bearer",
        "credentials": [employee],
    }
    async with httpx.AsyncClient() as client:
        url = f"{user['node']['internal']}/internal/auth/v2/kade/request-service-access-token"
        answer = await client.post(url, json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        introspect = f"{holder['node']['internal']}/internal/auth/v2/accesstoken/introspect"
        said = (await client.post(introspect, data={"token": answer.json()["access_token"]})).json()
    assert (said["active"], said["organization_ura"], said["organization_facility_type"]) == (True, "90000444", "N6")
