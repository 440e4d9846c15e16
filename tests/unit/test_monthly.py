"""Last month's indicators as gauges: never a live value, never a few people, and never in the way of an answer."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from nuts_pzp import doors, monthly
from nuts_pzp.audit.counted import last_month
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.certificates import Certificates
from nuts_pzp.crew.counts import Counts, told
from nuts_pzp.doors import Doors
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.monthly import Monthly, NotCounted, by_process
from nuts_pzp.settings import Deployment

NOW = datetime(2026, 12, 9, 3, 0, tzinfo=UTC)
WHOLE: dict[str, Any] = {
    "month": "2026-11",
    "patients": 41,
    "acute": {"consultations": 30, "patients": 25, "found_share": 0.64},
    "seconds": {"median": 1.2, "p90": 3.4},
    "sources": [{"ura": "90000111", "asked": 60, "failed_share": 0.25}, {"ura": "90000222", "failed_share": None}],
}
FEW: dict[str, Any] = {
    "month": "2026-11",
    "patients": None,
    "acute": {"found_share": None},
    "seconds": {"median": None, "p90": None},
    "sources": [{"ura": "90000111", "asked": None, "failed_share": None}],
}


def counter(told: dict[str, dict[str, Any]]) -> tuple[Any, list[tuple[str, str]]]:
    """Counts by a table of tenants; a tenant that is not in it cannot be counted."""
    asked: list[tuple[str, str]] = []

    async def count(tenant: str, month: str) -> dict[str, Any]:
        asked.append((tenant, month))
        if tenant not in told:
            raise NotCounted("no log")
        return told[tenant]

    return count, asked


def samples(one: Monthly) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(one)
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


async def test_the_last_complete_month_is_shown_with_its_name() -> None:
    counting, asked = counter({"kade": WHOLE})
    one = Monthly(counting, lambda: ["kade"], lambda: NOW)
    assert samples(one) == {}, "before the first count there is nothing"
    assert await one.count()
    assert asked == [("kade", "2026-11")]
    of = 'month="2026-11"'
    assert samples(one) == {
        f'nuts_pzp_month_patients{{{of},tenant="kade"}}': 41.0,
        f'nuts_pzp_month_acute_found_ratio{{{of},tenant="kade"}}': 0.64,
        f'nuts_pzp_month_answer_seconds{{{of},part="median",tenant="kade"}}': 1.2,
        f'nuts_pzp_month_answer_seconds{{{of},part="p90",tenant="kade"}}': 3.4,
        f'nuts_pzp_month_source_failed_ratio{{{of},source="90000111",tenant="kade"}}': 0.25,
    }


async def test_what_rests_on_too_few_has_no_sample_at_all() -> None:
    one = Monthly(counter({"kade": FEW})[0], lambda: ["kade"], lambda: NOW)
    await one.count()
    assert samples(one) == {}


async def test_a_tenant_that_cannot_be_counted_keeps_what_it_had_and_does_not_stop_the_others() -> None:
    table = {"kade": WHOLE, "wilgenhof": WHOLE}
    tenants = ["kade", "wilgenhof"]
    one = Monthly(counter(table)[0], lambda: tenants, lambda: NOW)
    assert await one.count()
    del table["kade"]
    assert not await one.count()
    assert {name.partition('tenant="')[2] for name in samples(one)} == {'kade"}', 'wilgenhof"}'}
    tenants.remove("kade")
    assert await one.count()
    assert {name.partition('tenant="')[2] for name in samples(one)} == {'wilgenhof"}'}, "who has left has no figures"


async def test_it_is_counted_soon_after_the_start_again_after_a_failure_and_no_more_after_the_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monthly, "SOON", 0.0)
    monkeypatch.setattr(monthly, "HOUR", 0.01)
    counting, asked = counter({})
    one = Monthly(counting, lambda: ["kade"], lambda: NOW)
    await one.start()
    async with asyncio.timeout(5):
        while len(asked) < 3:
            await asyncio.sleep(0.01)
    await one.stop()
    many = len(asked)
    await asyncio.sleep(0.05)
    assert len(asked) == many


@pytest.mark.parametrize(
    ("now", "month"),
    [
        (datetime(2026, 12, 9, 3, 0, tzinfo=UTC), "2026-11"),
        (datetime(2026, 11, 30, 23, 30, tzinfo=UTC), "2026-10"),
        (datetime(2026, 12, 1, 0, 1, tzinfo=UTC), "2026-11"),
        (datetime(2027, 1, 3, 12, 0, tzinfo=UTC), "2026-12"),
        (datetime(2026, 6, 30, 22, 30, tzinfo=UTC), "2026-05"),
        (datetime(2026, 6, 30, 23, 30, tzinfo=UTC), "2026-06"),
    ],
)
def test_a_month_is_over_an_hour_after_its_end_in_amsterdam(now: datetime, month: str) -> None:
    assert last_month(now) == month


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    ledger = Ledger.open(Place(tmp_path / "ledger.sqlite", tmp_path / "keys", "test", accept_any_filesystem=True))
    ledger.of(Tenant("kade", Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")))
    await ledger.aclose()
    return tmp_path


async def test_a_process_of_its_own_reads_the_ledger(folder: Path) -> None:
    counting = by_process(folder / "ledger.sqlite", folder / "keys")
    found = await counting("kade", "2026-11")
    assert (found["schema"], found["month"], found["patients"]) == ("nuts-pzp-indicators/1", "2026-11", None)
    one = Monthly(counting, lambda: ["kade"], lambda: NOW)
    assert await one.count()
    assert samples(one) == {}


async def test_a_ledger_that_cannot_be_read_is_said(folder: Path) -> None:
    with pytest.raises(NotCounted) as said:
        await by_process(folder / "none.sqlite", folder / "keys")("kade", "2026-11")
    assert str(said.value) not in ("", "no figures")


async def test_a_count_that_is_given_up_leaves_no_process_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    slow.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(slow))
    task = asyncio.create_task(by_process(folder / "ledger.sqlite", folder / "keys")("kade", "2026-11"))
    async with asyncio.timeout(10):
        while not ((written := tmp_path / "pid").exists() and written.read_text().strip()):
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(written.read_text()), 0)


async def test_the_supervisor_shows_what_its_one_worker_counted_once() -> None:
    one = Monthly(counter({"kade": WHOLE})[0], lambda: ["kade"], lambda: NOW)
    await one.count()
    counting, other = CollectorRegistry(), CollectorRegistry()
    counting.register(one)
    together = Counts()
    together.heard(0, 11, told(counting))
    together.heard(1, 12, told(other))
    [patients] = [family for family in together.collect() if family.name == "nuts_pzp_month_patients"]
    assert [(sample.labels["tenant"], sample.value) for sample in patients.samples] == [("kade", 41)]


class Estate:
    """As much of an estate as the doors ask for."""

    def __init__(self, *, accounts: bool) -> None:
        self.accounts = accounts
        self.certificates = Certificates(lambda: ())
        self.houses = [_house("kade", consults=True), _house("wilgenhof", consults=False)]

    def desks(self) -> dict[str, Any]:
        return {}


def _house(id: str, *, consults: bool) -> Any:
    tenant = Tenant(id, Organization(Ura("90000444"), "N6", "x"))
    return SimpleNamespace(tenant=tenant, holding=None, consulting=object() if consults else None)


@pytest.mark.parametrize(
    ("switched_on", "accounts", "shown"), [(True, True, True), (False, True, False), (True, False, False)]
)
async def test_it_is_shown_at_the_operations_listener_where_it_is_switched_on_and_by_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switched_on: bool, accounts: bool, shown: bool
) -> None:
    settings = {
        "name": "kade.example",
        "listeners": {"operations": {"port": 0}},
        "audit": {"path": "ledger.sqlite", "keys": "keys"},
        "state": "state",
        "tenants": "tenants",
        "indicators": switched_on,
    }
    counting, asked = counter({"kade": WHOLE})
    monkeypatch.setattr(monthly, "SOON", 0.0)
    monkeypatch.setattr(doors, "by_process", lambda ledger, keys: counting)
    registry = CollectorRegistry()
    one = Doors(Deployment.model_validate(settings), tmp_path, registry)
    await one.open(cast(Any, Estate(accounts=accounts)), cast(Any, object()))
    await asyncio.sleep(0.05)
    await one.close()
    assert {tenant for tenant, _ in asked} == ({"kade"} if shown else set()), "who does not consult is not counted"
    assert ("nuts_pzp_month_patients{" in generate_latest(registry).decode()) is shown
