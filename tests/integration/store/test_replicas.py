"""Two replicas on one PostgreSQL: what one learns the other acts on at once; without it nothing is permitted."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from office import LOCAL_ONLY, OPERATOR, WORD, Office, asked
from typer.testing import CliRunner

from nuts_pzp.cli import application
from nuts_pzp.exchange import Generation
from nuts_pzp.identity import Bsn, Organization, Tenant, Ura
from nuts_pzp.outcome import Deny, Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.settings import SettingsError, read_deployment
from nuts_pzp.store.once import Once
from nuts_pzp.store.patients import Patients
from nuts_pzp.store.port import StoreFailed
from nuts_pzp.store.postgres import LONGEST, PostgresStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.systems.nuts_node.proof import Proof
from nuts_pzp.systems.nuts_node.replays import Replays

NOW = 1_790_000_000.0
BSN = Bsn("999912008")
TENANT = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
PROOF = Proof(b"p" * 32, NOW + 60)
ELSEWHERE = """
import asyncio, sys
from nuts_pzp.identity import *
from nuts_pzp.store.patients import Patients
from nuts_pzp.store.postgres import PostgresStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.systems.nuts_node.proof import Proof
from nuts_pzp.systems.nuts_node.replays import Replays
tenant = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
store = PostgresStore(sys.stdin.read())
async def work():
    await Patients(Vault(store.of(tenant), b"k" * 32, "meerwijck")).advance(Bsn("999912008"))
    return await Replays(store.of(tenant)).use(Proof(b"p" * 32, 1790000060.0), 1790000000.0)
print(asyncio.run(work()))
store.close()
"""


@dataclass
class Pair:
    """Two replicas of one deployment: the same keys, each a folder and a log of its own."""

    one: Office
    other: Office


@pytest.fixture
def dsn(cluster: Any, request: pytest.FixtureRequest) -> str:
    found: str = cluster.fresh("replicas")
    return found


@pytest.fixture
def whole(dsn: str) -> Iterator[PostgresStore]:
    made = PostgresStore(dsn)
    yield made
    made.close()


def shared(office: Office, dsn: str) -> None:
    (office.folder / "dsn").write_text(dsn)
    (office.folder / "dsn").chmod(0o600)
    deployment = yaml.safe_load(office.config.read_text())
    deployment["name"] = f"{office.folder.name}.meerwijck.example"
    deployment["state"] = {"kind": "postgres", "folder": "state", "dsn_file": "dsn"}
    office.config.write_text(yaml.safe_dump(deployment))


@pytest.fixture
def pair(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Pair:
    monkeypatch.setattr("nuts_pzp.cli.tenancy._ACCOUNTED_WITHIN", 2.0)
    offices = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        offices.append(Office(tmp_path / name))
        offices[-1].settle_in(LOCAL_ONLY)
        shared(offices[-1], dsn)
    key = offices[0].folder / "state" / "meerwijck" / "store.key"
    key.parent.mkdir(parents=True)
    key.write_text("6b" * 32)
    key.chmod(0o600)
    shutil.copytree(offices[0].folder / "state", offices[1].folder / "state")
    return Pair(*offices)


async def test_a_permission_revoked_at_one_replica_is_gone_at_the_other(pair: Pair) -> None:
    async with pair.one.gateway() as one, pair.other.gateway() as other:
        said = await asyncio.to_thread(pair.one.record, "--permit", "--user-ura", "90000444")
        assert said["counts"] is True
        assert isinstance(await asked(other), Permit)
        assert isinstance(await asked(one), Permit)
        await asyncio.to_thread(pair.other.revoke, said["id"])
        assert await asked(one) == Unknown(Reason.CONSENT_NONE)
        assert await asked(other) == Unknown(Reason.CONSENT_NONE)


async def test_an_objection_recorded_at_one_replica_stops_the_other(pair: Pair) -> None:
    async with pair.one.gateway(), pair.other.gateway() as other:
        await asyncio.to_thread(pair.one.record, "--permit", "--user-ura", "90000444")
        assert isinstance(await asked(other), Permit)
        await asyncio.to_thread(pair.one.record, "--objection")
        found = await asked(other)
        assert isinstance(found, Deny)
        assert found.reason is Reason.CONSENT_OBJECTION


async def test_what_was_done_is_accounted_for_by_one_replica(pair: Pair) -> None:
    async with pair.one.gateway(), pair.other.gateway():
        for _ in range(4):
            await asyncio.to_thread(pair.one.record, "--objection")
    logs = [len(office.records("sharing_consent.recorded")) for office in (pair.one, pair.other)]
    assert sorted(logs) == [0, 4]


async def test_a_replica_with_another_key_is_refused_at_the_start(pair: Pair) -> None:
    async with pair.one.gateway():
        pass
    key = pair.other.folder / "state" / "meerwijck" / "store.key"
    key.write_text("6c" * 32)
    with pytest.raises(SettingsError, match=r"store\.key"):
        async with pair.other.gateway():
            pass
    said = await asyncio.to_thread(pair.other.run, "record", "--objection", *WORD, *OPERATOR)
    assert (said.exit_code, "store.key" in said.output) == (2, True)


async def test_without_the_server_nothing_is_permitted_and_it_mends_by_itself(pair: Pair, cluster: Any) -> None:
    async with pair.one.gateway() as estate:
        await asyncio.to_thread(pair.one.record, "--permit", "--user-ura", "90000444")
        assert isinstance(await asked(estate), Permit)
        cluster.stop()
        try:
            for _ in range(3):
                assert isinstance(await asked(estate), Unavailable)
            async with asyncio.timeout(20):
                while "meerwijck: accounting" not in {check.what for check in await estate.checks() if not check.ok}:
                    await asyncio.sleep(0.1)
        finally:
            cluster.start()
        async with asyncio.timeout(20):
            while not isinstance(await asked(estate), Permit):
                await asyncio.sleep(0.1)


async def test_a_server_that_says_nothing_costs_some_seconds_and_is_no_permit(pair: Pair, cluster: Any) -> None:
    async with pair.one.gateway() as estate:
        await asyncio.to_thread(pair.one.record, "--permit", "--user-ura", "90000444")
        assert isinstance(await asked(estate), Permit)
        cluster.freeze(True)
        try:
            begun = time.monotonic()
            said = await asyncio.gather(*(asked(estate) for _ in range(20)))
            assert all(isinstance(one, Unavailable) for one in said)
            assert time.monotonic() - begun < 2 * LONGEST + 10, "not one after another"
        finally:
            cluster.freeze(False)
        async with asyncio.timeout(20):
            while not isinstance(await asked(estate), Permit):
                await asyncio.sleep(0.2)


async def test_another_process_is_seen_at_once(whole: PostgresStore, dsn: str) -> None:
    patients, seen = Patients(Vault(whole.of(TENANT), b"k" * 32, "meerwijck")), Replays(whole.of(TENANT))
    assert await patients.generation(BSN) == (0, 0)
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", ELSEWHERE], input=dsn, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "None", "there it was the first use"
    generation = await patients.generation(BSN)
    assert isinstance(generation, Generation)
    assert generation.learnt > 0
    assert isinstance(await seen.use(PROOF, NOW), Deny)


async def test_a_proof_serves_once_across_replicas_at_the_same_moment(dsn: str) -> None:
    stores = [PostgresStore(dsn) for _ in range(2)]
    said = await asyncio.gather(*(Replays(stores[n % 2].of(TENANT)).use(PROOF, NOW) for n in range(10)))
    keys = await asyncio.gather(
        *(
            Once(Vault(stores[n % 2].of(TENANT), b"k" * 32, "meerwijck"), "x").first(("a",), {}, time.time() + 9)
            for n in range(10)
        )
    )
    for store in stores:
        store.close()
    assert (said.count(None), keys.count(None)) == (1, 1)


async def test_whoever_waits_for_a_lock_is_told_and_leaves_no_trace(whole: PostgresStore, dsn: str) -> None:
    ours = whole.of(TENANT)
    assert await ours.put("serial", "regio", b"1", 0)
    (version,) = await ours.versions("regio", "serial")
    with psycopg.connect(dsn) as holding:
        holding.execute("SELECT * FROM pzp_document FOR UPDATE")
        with pytest.raises(StoreFailed, match=r"55P03|57014"):
            await ours.put("serial", "regio", b"2", version)
    assert await ours.get("serial", "regio") == (b"1", version)


async def test_a_connection_that_an_administrator_ended_is_made_anew(whole: PostgresStore, dsn: str) -> None:
    ours = whole.of(TENANT)
    assert await ours.put("serial", "regio", b"1", 0)
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='nuts-pzp'")
    await asyncio.sleep(0.1)
    assert await ours.put("serial", "regio", b"2", *await ours.versions("regio", "serial"))


async def test_closing_does_not_wait_for_a_server_that_says_nothing(dsn: str, cluster: Any) -> None:
    made = PostgresStore(dsn)
    await made.of(TENANT).get("serial", "regio")
    cluster.freeze(True)
    try:
        waiting = asyncio.create_task(made.of(TENANT).get("serial", "regio"))
        await asyncio.sleep(0.1)
        waiting.cancel()
        begun = time.monotonic()
        await asyncio.to_thread(made.close)
        assert time.monotonic() - begun < LONGEST + 2
    finally:
        cluster.freeze(False)


def test_tables_of_a_newer_version_are_left_alone(dsn: str) -> None:
    PostgresStore(dsn).close()
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("UPDATE pzp_schema SET version=99")
    with pytest.raises(StoreFailed, match="newer"):
        PostgresStore(dsn)


async def test_replicas_that_start_at_once_make_the_tables_once(dsn: str) -> None:
    made = await asyncio.gather(*(asyncio.to_thread(PostgresStore, dsn) for _ in range(6)))
    assert await made[0].of(TENANT).put("serial", "regio", b"1", 0)
    assert (await made[5].of(TENANT).get("serial", "regio"))[0] == b"1"
    for one in made:
        one.close()


async def test_once_the_tables_are_there_no_right_to_make_them_is_needed(dsn: str) -> None:
    PostgresStore(dsn).close()
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS small")
        owner.execute("CREATE ROLE small LOGIN")
        owner.execute("GRANT SELECT ON pzp_schema TO small")
        owner.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON pzp_document TO small")
    small = PostgresStore(dsn.replace("user=pzp", "user=small"))
    assert await small.of(TENANT).put("serial", "regio", b"1", 0)
    small.close()


async def test_with_roots_the_server_proves_who_it_is(dsn: str, tmp_path: Path, cluster: Any) -> None:
    ours, theirs = Authority(tmp_path, "Our CA"), Authority(tmp_path, "Another CA")
    here = ours.server("database", hosts=("127.0.0.1",))

    async def opened(dsn: str, roots: Path) -> str:
        try:
            (await asyncio.to_thread(PostgresStore, dsn, roots)).close()
        except StoreFailed as error:
            return str(error)
        return "good"

    assert "OperationalError" in await opened(dsn, ours.root_file), "it speaks no TLS at all"
    async with cluster.behind_tls(here.certificate_file, here.key_file) as port:
        front = dsn.replace(f"port={cluster.port}", f"port={port}")
        assert await opened(front, ours.root_file) == "good"
        assert "OperationalError" in await opened(front, theirs.root_file)
        other_name = front.replace("host=127.0.0.1", "host=localhost")
        assert "OperationalError" in await opened(other_name, ours.root_file), "a name that it is not given for"


def test_a_server_that_confirms_what_it_may_lose_is_refused(dsn: str, cluster: Any) -> None:
    cluster.stop()
    try:
        cluster.start("fsync=off")
        with pytest.raises(StoreFailed, match="fsync"):
            PostgresStore(dsn)
    finally:
        cluster.stop()
        cluster.start()


async def test_what_is_confirmed_is_on_disk_whatever_the_database_is_set_to(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("ALTER DATABASE replicas SET synchronous_commit = off")
    store = PostgresStore(dsn)
    said = await store.run(lambda line: line.rows("SELECT current_setting('synchronous_commit')"), again=True)
    store.close()
    assert said == [("on",)]


def test_check_says_that_the_server_is_away_and_not_how_to_reach_it(pair: Pair, dsn: str) -> None:
    (pair.one.folder / "dsn").write_text("host=127.0.0.1 port=9 user=geheim dbname=pzp password=zeergeheim")
    said = CliRunner().invoke(application(("check",)), ["check", "--config", str(pair.one.config)])
    assert said.exit_code != 0
    assert "state" in said.output
    assert "geheim" not in said.output


@pytest.mark.parametrize(
    "state",
    [
        {"kind": "postgres", "folder": "state"},
        {"kind": "postgres", "folder": "state", "dsn_file": "a", "dsn_env": "B"},
        {"kind": "postgres", "folder": "state", "dsn": "host=localhost"},
        {"kind": "redis", "folder": "state", "dsn_env": "B"},
    ],
)
def test_settings_name_one_place_for_the_dsn_and_no_dsn(state: dict[str, str], tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.settle_in(LOCAL_ONLY)
    office.config.write_text(yaml.safe_dump(yaml.safe_load(office.config.read_text()) | {"state": state}))
    with pytest.raises(SettingsError, match="state"):
        read_deployment(office.config)
