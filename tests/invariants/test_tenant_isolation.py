"""Invariant: what is one tenant's never serves another, also where one process serves three of them.

Tokens, page tokens, certificates, ledgers and keys are tried at the wrong door; a broken file fails alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml
from staging import Visitor, trace_of

from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.seal import Seal, Sealed
from nuts_pzp.audit.verify import Verdict, verify
from nuts_pzp.sandbox.gateways import GATEWAYS

pytestmark = pytest.mark.asyncio(loop_scope="session")

POSTMA, DE_WIT_AND_HOFSTRA = "999930412", "2"
TENANTS = ("avondrood", "lindezicht", "wilgenhof")


async def test_a_token_opens_the_tenant_it_was_given_for_and_no_other(visitor: Visitor) -> None:
    tokens = {slug: await visitor.token(slug) for slug in (*TENANTS, "meerwijck")}
    for door in tokens:
        for slug, token in tokens.items():
            answer = await visitor.patient(door, POSTMA, token)
            assert (door, slug, answer.status_code) == (door, slug, 200 if door == slug else 401)


async def test_the_same_id_is_each_tenants_own_patient(visitor: Visitor) -> None:
    """Patient/2 is Hofstra at the practice and De Wit at home care: one process, two servers behind it."""
    names = {}
    for slug in ("wilgenhof", "lindezicht"):
        answer = await visitor.fhir(slug, f"/Patient/{DE_WIT_AND_HOFSTRA}", await visitor.token(slug))
        names[slug] = answer.json()["name"][0]["text"]
    assert names == {"wilgenhof": "Douwe Hofstra", "lindezicht": "Karel de Wit"}


async def test_a_page_token_is_worth_nothing_at_another_tenant(visitor: Visitor) -> None:
    token = await visitor.token("wilgenhof")
    first = (await visitor.directives("wilgenhof", "10", token)).json()
    page = next(link["url"] for link in first["link"] if link["relation"] == "next").partition("/fhir")[2]
    assert (await visitor.fhir("wilgenhof", page, token)).status_code == 200
    for other in ("lindezicht", "avondrood", "meerwijck"):
        answer = await visitor.fhir(other, page, await visitor.token(other))
        assert answer.status_code == 403
        assert [one.reason for one in visitor.recorded(other, answer)] == ["PZP-REQUEST-009"]


async def test_page_keys_differ_by_tenant(visitor: Visitor) -> None:
    folders = [visitor.stage.ledger(visitor.stage.region.gateway_of(slug).name).parent / slug for slug in TENANTS]
    keys = {(folder / "page.key").read_bytes() for folder in folders}
    assert len(keys) == len(TENANTS)


async def test_an_ehr_asks_for_its_own_tenant_only(visitor: Visitor) -> None:
    clients, question = visitor.stage.region.ehr_clients, visitor.question("visser")
    for door in clients:
        for slug, issued in clients.items():
            answer = await visitor.consultation(door, by=issued, json=question)
            assert (door, slug, answer.status_code) == (door, slug, 200 if door == slug else 401)


async def test_each_record_stands_in_the_log_of_the_tenant_it_is_about(visitor: Visitor) -> None:
    _, overview = await visitor.consult("postma")
    traces = {trace_of(one) for one in visitor.records("kade", "kade", overview["meldcode"])}
    for slug in TENANTS:
        theirs = [one for one in visitor.records("providers", slug) if trace_of(one) in traces]
        assert theirs
        assert {one.record["tenant"] for one in theirs} == {slug}
        ura = {"avondrood": "90000555", "lindezicht": "90000333", "wilgenhof": "90000111"}[slug]
        assert {one.record["org"]["responder"]["ura"] for one in theirs} == {ura}
    system = [one for one in visitor.records("providers", "system") if trace_of(one) in traces]
    assert system == []


async def test_one_tenants_keys_open_no_other_tenants_records(visitor: Visitor) -> None:
    answer = await visitor.patient("wilgenhof", POSTMA, await visitor.token("wilgenhof"))
    [decision, _] = visitor.recorded("wilgenhof", answer)
    sealed = decision.record["patient"]
    keys = visitor.stage.keys("providers")
    field = f"{decision.record['id']}|bsn"
    assert Seal(keys / "wilgenhof", "wilgenhof").open(sealed["kid"], field, sealed["enc"]) == POSTMA
    for other in ("lindezicht", "avondrood"):
        with pytest.raises(Sealed):
            Seal(keys / other, other).open(sealed["kid"], field, sealed["enc"])


async def test_one_tenants_log_verifies_with_its_own_key_alone(visitor: Visitor) -> None:
    keys = {slug: _published(visitor.stage.keys("providers") / slug) for slug in TENANTS}
    with opened(visitor.stage.ledger("providers")) as material:
        [own] = [log for log in verify(material, [keys["wilgenhof"]], None).logs if log.tenant == "wilgenhof"]
        [foreign] = [log for log in verify(material, [keys["lindezicht"]], None).logs if log.tenant == "wilgenhof"]
    assert own.verdict is Verdict.INCOMPLETE, "genuine as far as it goes: no anchor was given"
    assert foreign.verdict is Verdict.USAGE, "no key of this log"


def _published(folder: Path) -> VerifierKey:
    return VerifierKey.parse((folder / "audit-1.pub").read_text("utf-8").strip())


@pytest_asyncio.fixture(loop_scope="session")
async def practice_file(visitor: Visitor) -> AsyncIterator[Path]:
    """The settings of the practice, put back and read again afterwards."""
    file = visitor.stage.region.gateways["providers"].folder / "tenants" / "wilgenhof.yaml"
    good = file.read_text("utf-8")
    yield file
    file.write_text(good, "utf-8")
    visitor.stage.reload("providers")
    await _named(visitor, None)


async def _named(visitor: Visitor, tenant: str | None) -> str:
    """Wait until /ready names this tenant's file, or no file at all; return what it says."""
    for _ in range(200):
        status, checks = await visitor.ready("providers")
        broken = {name: str(check["says"]) for name, check in checks.items() if name in GATEWAYS["providers"]}
        assert status == 200, "one tenant's file does not take the others down"
        if (tenant in broken) if tenant else not broken:
            return broken[tenant] if tenant else ""
        await asyncio.sleep(0.05)
    raise AssertionError(f"/ready never named {tenant}: {sorted(checks)}")


BROKEN = {
    "not YAML": lambda good: good.replace("id:", "id: [", 1),
    "an unknown key": lambda good: f"{good}colour: blue\n",
    "another's URA": lambda good: good.replace("90000111", "90000333"),
    "a policy that is not there": lambda good: good.replace("kind: regorus", "kind: telepathy"),
    "no flow at all": lambda good: yaml.safe_dump(
        {key: value for key, value in yaml.safe_load(good).items() if key not in ("disclose", "consult")}
    ),
}


@pytest.mark.parametrize("how", BROKEN)
async def test_one_tenants_broken_file_fails_alone_and_is_named(
    how: str, visitor: Visitor, practice_file: Path
) -> None:
    practice_file.write_text(BROKEN[how](practice_file.read_text("utf-8")), "utf-8")
    visitor.stage.reload("providers")
    said = await _named(visitor, "wilgenhof")
    assert said.startswith("wilgenhof.yaml: ")
    for other in ("lindezicht", "avondrood"):
        answer = await visitor.patient(other, POSTMA, await visitor.token(other))
        assert answer.status_code == 200
    answer = await visitor.patient("wilgenhof", POSTMA, await visitor.token("wilgenhof"))
    assert answer.status_code == 200, "the practice goes on as it was before the reload"


async def test_a_tenant_whose_file_is_gone_is_gone_and_comes_back(visitor: Visitor) -> None:
    file = visitor.stage.region.gateways["providers"].folder / "tenants" / "avondrood.yaml"
    aside = file.with_suffix(".aside")
    token = await visitor.token("avondrood")
    file.rename(aside)
    try:
        visitor.stage.reload("providers")
        await _until(visitor, token, 404)
        _, overview = await visitor.consult("postma")
        assert [(one["id"], one["status"]) for one in overview["sources"] if one["status"] != "ok"] == [
            ("90000555", "failed")
        ]
        assert overview["complete"] is False, "a holder whose gateway does not know it is no empty source"
        assert (await visitor.patient("lindezicht", POSTMA, await visitor.token("lindezicht"))).status_code == 200
    finally:
        aside.rename(file)
        visitor.stage.reload("providers")
    await _until(visitor, token, 200)


async def _until(visitor: Visitor, token: str, status: int) -> None:
    for _ in range(200):
        answer = await visitor.patient("avondrood", POSTMA, token)
        if answer.status_code == status:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"never {status}")


async def test_a_reload_loses_no_request(visitor: Visitor) -> None:
    """While the tenants are built anew, whoever asks is answered by the old house or the new one."""
    token = await visitor.token("wilgenhof")

    async def ask() -> list[int]:
        return [(await visitor.patient("wilgenhof", POSTMA, token)).status_code for _ in range(12)]

    asking = [asyncio.create_task(ask()) for _ in range(6)]
    for _ in range(3):
        visitor.stage.reload("providers")
        await asyncio.sleep(0.15)
    assert {status for statuses in await asyncio.gather(*asking) for status in statuses} == {200}
