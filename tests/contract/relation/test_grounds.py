"""What every source of the holder's own evidence promises (port `Grounds`), over real state and a real server."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from nuts_pzp.accounted import Administered, Receipt
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import URA_SYSTEM, Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Permit, Unavailable, Unknown
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import STORE_KEY, Vault
from nuts_pzp.systems.cover_table import build as build_cover
from nuts_pzp.systems.fhir_relation import build as build_fhir
from nuts_pzp.systems.local_relation import build as build_local
from nuts_pzp.systems.local_relation.statements import Refused, Relations, Statement
from nuts_pzp.web.server import Server

OURS = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "De Wilgenhof"))
USER, OTHER = "90000444", "90000222"
TREATED, STRANGER = "999912008", "999912033"
OPERATOR = Professional("m-3", "doktersassistent", "T. Hofstra")
TODAY = datetime.now(UTC).date()


def access(bsn: str = TREATED, ura: str = USER) -> Access:
    caller = Caller(
        Organization(Ura(ura), "N6", "De Kade"), None, frozenset(), Purpose.TREATMENT, None, {}, "nuts-bearer"
    )
    logical = "p1" if bsn == TREATED else "p2"
    return Access(caller, FhirRequest("search-type", "Consent"), Patient(Bsn(bsn), logical, Standing.KNOWN))


def statement(id: str, since: int = -10, until: int = 10) -> Statement:
    first, last = TODAY + timedelta(days=since), TODAY + timedelta(days=until)
    at = "2026-11-01T10:00:00+00:00"
    return Statement(id, "treatment", USER, first.isoformat(), last.isoformat(), "form/1", "m-3 arts", at)


class Stated:
    """Relations that a clerk stated."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "store.sqlite")
        around = Surroundings(OURS, Outbound(), folder, folder, self.store.of(OURS))
        self.source: Any = build_local({}, around)
        key = bytes.fromhex((folder / STORE_KEY).read_text("ascii").strip())
        self.relations = Relations(Vault(self.store.of(OURS), key, OURS.id))

    async def state(self, one: Statement, *, accounted: bool = True) -> None:
        event = Administered("treatment_relation.stated", one.id, Bsn(TREATED), OPERATOR)
        await self.relations.state(Bsn(TREATED), one, event)
        if accounted:
            await self.relations.outbox.settle(Receipt(event, 1, "r"))

    def break_down(self) -> None:
        self.store.close()


@asynccontextmanager
async def stated(folder: Path) -> AsyncIterator[Stated]:
    one = Stated(folder)
    await one.state(statement("relation-1"))
    yield one
    one.store.close()


class Recorded:
    """Relations in the holder's own FHIR server."""

    def __init__(self) -> None:
        self.source: Any = None
        self.status, self.hangs = 200, False
        self.versions: list[dict[str, Any]] = [{}]
        """What each version of the care team has of its own."""

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"").decode()
        if self.hangs:
            await asyncio.sleep(1)
        team = {
            "resourceType": "CareTeam",
            "id": "team-1",
            "status": "active",
            "subject": {"reference": "Patient/p1"},
            "participant": [{"member": {"identifier": {"system": URA_SYSTEM, "value": USER}}}],
        }
        # A server that ignores what is asked: what it gives is read all the same.
        found = [team | one for one in self.versions] if "CareTeam" in scope["path"] or "p2" in body else []
        raw = json.dumps(
            {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in found]}
        ).encode()
        headers = [(b"content-type", b"application/fhir+json"), (b"content-length", str(len(raw)).encode())]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": raw})

    def break_down(self) -> None:
        self.status = 500


@asynccontextmanager
async def recorded(folder: Path) -> AsyncIterator[Recorded]:
    one = Recorded()
    server = Server(one.app, host="127.0.0.1", port=0)
    base = f"http://127.0.0.1:{await server.start()}/fhir"
    around = Surroundings(OURS, Outbound((ipaddress.ip_network("127.0.0.0/8"),)), folder, folder)
    one.source = build_fhir({"base": base, "total_seconds": 0.5}, around)
    yield one
    await one.source.stop()
    await server.stop(grace=0.1)


class Covered:
    """A table that covers this practice always."""

    def __init__(self, folder: Path) -> None:
        hours = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "24:00"}
        arrangement = {"id": "always", "post": USER, "practices": ["90000111"], "hours": [hours]}
        table = {
            "format": "nuts-pzp-cover/1",
            "owner": "HAP De Kade",
            "valid_from": (TODAY - timedelta(days=2)).isoformat(),
            "valid_until": (TODAY + timedelta(days=2)).isoformat(),
            "arrangements": [arrangement],
        }
        (folder / "cover.yaml").write_text(yaml.safe_dump(table), "utf-8")
        self.source: Any = build_cover({"table_file": "cover.yaml"}, Surroundings(OURS, Outbound(), folder, folder))


@asynccontextmanager
async def covered(folder: Path) -> AsyncIterator[Covered]:
    yield Covered(folder)


MAKERS: dict[str, Callable[[Path], Any]] = {
    "local_relation": stated,
    "fhir_relation": recorded,
    "cover_table": covered,
}
BASIS = {"local_relation": "implied:treatment", "fhir_relation": "implied:treatment", "cover_table": "cover:always"}


@pytest.mark.parametrize("kind", MAKERS)
async def test_evidence_permits_with_its_own_basis_and_says_where_it_is(kind: str, tmp_path: Path) -> None:
    async with MAKERS[kind](tmp_path) as harness:
        found = await harness.source.ground(access())
        assert isinstance(found, Permit)
        assert found.basis == BASIS[kind]
        [evidence] = found.evidence
        assert evidence.source == kind
        assert len(evidence.digest) == 64
        assert TREATED not in str(found)


@pytest.mark.parametrize("kind", MAKERS)
async def test_another_organization_finds_nothing(kind: str, tmp_path: Path) -> None:
    async with MAKERS[kind](tmp_path) as harness:
        assert await harness.source.ground(access(ura=OTHER)) == Unknown(Reason.CONSENT_NONE)


@pytest.mark.parametrize("kind", ["local_relation", "fhir_relation"])
async def test_another_patient_has_no_relation(kind: str, tmp_path: Path) -> None:
    async with MAKERS[kind](tmp_path) as harness:
        assert await harness.source.ground(access(STRANGER)) == Unknown(Reason.CONSENT_NONE)


@pytest.mark.parametrize("kind", ["local_relation", "fhir_relation"])
async def test_what_cannot_be_looked_up_is_unavailable_and_never_raised(kind: str, tmp_path: Path) -> None:
    async with MAKERS[kind](tmp_path) as harness:
        harness.break_down()
        found = await harness.source.ground(access())
        assert isinstance(found, Unavailable)
        assert found.reason is Reason.RELATION_UNKNOWN
        assert isinstance(await harness.source.health(), Unavailable)


@pytest.mark.parametrize("kind", MAKERS)
async def test_it_lives_and_says_how_it_is(kind: str, tmp_path: Path) -> None:
    async with MAKERS[kind](tmp_path) as harness:
        await harness.source.start()
        assert isinstance(await harness.source.health(), str)
        await harness.source.stop()


async def test_a_server_that_hangs_is_given_up(tmp_path: Path) -> None:
    async with recorded(tmp_path) as harness:
        harness.hangs = True
        assert await harness.source.ground(access()) == Unavailable(Reason.RELATION_UNKNOWN, detail="timeout")


async def test_a_statement_counts_when_the_ledger_has_it_and_its_end_at_once(tmp_path: Path) -> None:
    async with stated(tmp_path) as harness:
        event = Administered("treatment_relation.ended", "end-1", Bsn(TREATED), OPERATOR)
        await harness.relations.end(Bsn(TREATED), "relation-1", event)
        assert await harness.source.ground(access()) == Unknown(Reason.CONSENT_NONE)
        await harness.state(statement("relation-2"), accounted=False)
        assert await harness.source.ground(access()) == Unknown(Reason.CONSENT_NONE)
        await harness.state(statement("relation-3"))
        assert isinstance(await harness.source.ground(access()), Permit)
        with pytest.raises(Refused):
            await harness.relations.end(Bsn(TREATED), "relation-1", event)


@pytest.mark.parametrize(("since", "until"), [(-30, -2), (2, 30)])
async def test_a_statement_holds_within_its_days(since: int, until: int, tmp_path: Path) -> None:
    one = Stated(tmp_path)
    await one.state(statement("relation-9", since, until))
    assert await one.source.ground(access()) == Unknown(Reason.CONSENT_NONE)
    one.store.close()


@pytest.mark.parametrize("versions", [[{}, {"status": "inactive"}], [{"status": "inactive"}, {}]])
async def test_one_care_team_in_two_versions_shows_nothing(tmp_path: Path, versions: list[dict[str, Any]]) -> None:
    """Which of them holds is not known: that is a failure, and not the absence of a relation."""
    async with recorded(tmp_path) as one:
        one.versions = versions
        found = await one.source.ground(access())
        assert isinstance(found, Unavailable)
        assert found.reason is Reason.RELATION_UNKNOWN


async def test_one_care_team_twice_is_one(tmp_path: Path) -> None:
    async with recorded(tmp_path) as one:
        one.versions = [{}, {}]
        assert isinstance(await one.source.ground(access()), Permit)
