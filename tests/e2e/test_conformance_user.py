"""The data-user side of the conformance kit before our own gateway: ten prepared sources, one consultation."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml

from nuts_pzp.cli.conformance_user import Place
from nuts_pzp.cli.stage import Stage
from nuts_pzp.conformance.rules import Verdict
from nuts_pzp.conformance.run import Unreachable, chosen
from nuts_pzp.conformance.tokens import Employee
from nuts_pzp.conformance.use_run import ask, judge, watch
from nuts_pzp.conformance.use_sources import PREPARED, Sources, addresses, listed


async def test_our_own_gateway_keeps_every_rule_of_a_data_user(tmp_path: Path) -> None:
    async with Stage(tmp_path, hospice="answers", gateways=()) as stage, Sources() as sources:
        region = stage.region
        servers = [region.nodes[slug].twin.issuer for slug in ("wilgenhof", "meerwijck", "lindezicht")]
        gateway = region.gateways["kade"]
        regional = tmp_path / "sources.yaml"
        regional.write_text(yaml.safe_dump(listed(sources.addresses(), servers, "2099-01-01")))
        file = gateway.folder / "tenants/kade.yaml"
        settings = yaml.safe_load(file.read_text())
        settings["addressing"] = {"kind": "regional_file", "file": str(regional)}
        file.write_text(yaml.safe_dump(settings))
        await stage.start_gateways("kade")
        door = stage.door()
        dealt = {one.name: servers[number % 3] for number, one in enumerate(PREPARED)}
        async with httpx.AsyncClient(verify=door.context(), trust_env=False) as client:
            watched = await ask(sources, door.url, client, Employee("kit-1", "P. Vos", "huisarts"), servers=dealt)
    findings = judge(watched, chosen("user"))
    told = {one.rule.id: (one.verdict.value, one.seen) for one in findings if one.verdict is not Verdict.PASSED}
    assert told == {}


async def test_a_target_of_another_kind_is_watched_and_its_answer_not_judged() -> None:
    async with Sources() as sources:
        base = sources.addresses()["rc2"]
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(f"{base}/Patient?identifier=http://fhir.nl/fhir/NamingSystem/bsn|999930412")
        watched = await watch(sources, servers={}, seconds=0.01)
    found = {one.rule.id: one.verdict for one in judge(watched, chosen("user"))}
    assert {found[rule] for rule in ("USER-001", "USER-002", "USER-003", "USER-004")} == {Verdict.FAILED}
    assert {found[f"USER-04{number}"] for number in range(8)} == {Verdict.NOT_APPLICABLE}


async def test_nothing_that_arrives_is_no_verdict() -> None:
    async with Sources() as sources:
        with pytest.raises(Unreachable):
            await watch(sources, servers={}, seconds=0.01)


def test_the_sources_are_written_as_a_regional_file(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    Place("127.0.0.1:18443", "", None, ("https://as.example/oauth2/a",)).write(file)
    rows = yaml.safe_load(file.read_text())["organizations"]
    assert [row["fhir_base"] for row in rows] == list(addresses("http://127.0.0.1:18443").values())
    with pytest.raises(ValueError, match="fixed port"):
        Place("127.0.0.1:0", "", None, ()).write(file)
