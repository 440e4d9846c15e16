"""The ledger as a whole: order, durability promises, logs of tenants, start and end."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from failing_disk import Faults, Opening, codes, faulty, verified

from nuts_pzp.accounted import Receipt
from nuts_pzp.audit.ledger.ledger import Place
from nuts_pzp.audit.ledger.tail import Damaged
from nuts_pzp.audit.ledger.waiting import Limits
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.reading import records
from nuts_pzp.audit.verify import Verdict
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.values import replace


async def test_a_receipt_comes_after_the_record_is_in_the_file(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    audit = opening().of(tenant)
    event = events.allowed("c1")
    receipt = await audit.append(event)
    assert isinstance(receipt, Receipt)
    assert receipt.event is event
    stored = [entry for entry in records(place.path, "meerwijck") if entry.index == receipt.index]
    assert [entry.record["id"] for entry in stored] == [receipt.record_id]


async def test_records_are_numbered_and_timed_in_the_order_of_commit(
    opening: Opening, place: Place, tenant: Tenant, events: Any, clock: Any
) -> None:
    audit = opening(wall=clock.wall, monotonic=clock.monotonic).of(tenant)
    first = await audit.append(events.allowed("c1"))
    clock.advance(1.5)
    second = await audit.append(events.disclosed("c1"))
    assert (first.index, second.index) == (1, 2)
    opened_, one, two = [entry.record for entry in records(place.path, "meerwijck")]
    assert one["ts"] == "2026-11-22T09:14:03.120000Z"
    assert two["ts"] == "2026-11-22T09:14:04.620000Z"
    assert (opened_["prev_ts_mono"], one["prev_ts_mono"], two["prev_ts_mono"]) == (None, 0, 1_500_000)


async def test_many_callers_share_few_commits_and_each_gets_its_own_index(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    groups: list[int] = []
    ledger._writer.on_commit = groups.append
    receipts = await asyncio.gather(*(audit.append(events.denied(f"c{number}")) for number in range(300)))
    assert sorted(receipt.index for receipt in receipts) == list(range(1, 301))
    assert len(groups) < 20
    await ledger.aclose()
    assert verified(place).verdict is Verdict.OK


@pytest.mark.parametrize("count", [*range(1, 20), 31, 33, 63, 64, 65, 79, 80, 81, 127, 128, 129, 200, 255, 256, 257])
async def test_a_group_of_any_size_is_whole(
    opening: Opening, place: Place, tenant: Tenant, events: Any, count: int
) -> None:
    ledger = opening(replace(place, limits=Limits(linger=0.5)))
    audit = ledger.of(tenant)
    receipts = await asyncio.gather(*(audit.append(events.denied(f"c{number}")) for number in range(count)))
    assert [receipt.index for receipt in receipts] == list(range(1, count + 1))
    stored = list(records(place.path, "meerwijck"))
    assert [entry.correlation for entry in stored] == ["", *(f"c{number}" for number in range(count))]
    assert [entry.record["id"] for entry in stored[1:]] == [receipt.record_id for receipt in receipts]


async def test_a_reload_seals_under_the_keys_and_writes_under_the_name_of_now(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    before = ledger.of(tenant)
    decision = events.allowed("c1")
    await before.append(decision)
    after = ledger.of(replace(tenant, organization=replace(tenant.organization, name="Meerwijck Noord")))
    await asyncio.gather(
        after.append(replace(events.disclosed("c1"), attempt=decision.attempt)), before.append(events.denied("c2"))
    )
    assert [entry.responder for entry in records(place.path, "meerwijck")][1:] == [
        "Ziekenhuis Meerwijck", "Meerwijck Noord", "Ziekenhuis Meerwijck",
    ]  # fmt: skip


async def test_two_tenants_have_logs_of_their_own(opening: Opening, place: Place, tenant: Tenant, events: Any) -> None:
    ledger = opening()
    other = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof"))
    mine, theirs = ledger.of(tenant), ledger.of(other)
    await asyncio.gather(*(audit.append(events.denied(f"c{n}")) for n in range(40) for audit in (mine, theirs)))
    await ledger.aclose()
    for slug, ura in (("meerwijck", "90000222"), ("wilgenhof", "90000111")):
        report = verified(place, slug).logs[0]
        assert (report.verdict, report.origin, report.size) == (Verdict.OK, f"gw.example/nuts-pzp/{ura}/1", 42)
        assert {entry.record["tenant"] for entry in records(place.path, slug)} == {slug}


def test_the_same_tenant_asked_twice_has_one_log(opening: Opening, place: Place, tenant: Tenant) -> None:
    ledger = opening()
    first = ledger.of(tenant)
    second = ledger.of(Tenant("meerwijck", replace(tenant.organization, name="Ziekenhuis Meerwijck (locatie Noord)")))
    assert second.log is first.log
    second.keep("policy.activated", {}).result(5)
    assert [entry.responder for entry in records(place.path, "meerwijck")] == [
        "Ziekenhuis Meerwijck",
        "Ziekenhuis Meerwijck (locatie Noord)",
    ]


def test_a_tenant_that_comes_back_with_another_ura_is_refused(opening: Opening, tenant: Tenant) -> None:
    ledger = opening()
    ledger.of(tenant)
    with pytest.raises(Damaged, match="began as"):
        ledger.of(replace(tenant, organization=replace(tenant.organization, ura=Ura("90000111"))))


def test_no_tenant_may_be_called_system_or_share_an_origin(opening: Opening, tenant: Tenant) -> None:
    ledger = opening()
    ledger.of(tenant)
    with pytest.raises(ValueError, match="system"):
        ledger.of(Tenant("system", tenant.organization))
    with pytest.raises(Damaged, match="origin"):
        ledger.of(Tenant("twin", tenant.organization))


async def test_opening_closing_and_their_sizes_are_recorded(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    again = opening()
    again.of(tenant)
    again.close()
    assert codes(place) == ["audit.opened", "disclosure.decision", "audit.closed", "audit.opened", "audit.closed"]
    kept = [entry.record["detail"]["size"] for entry in records(place.path, "meerwijck") if "detail" in entry.record]
    assert kept == ["0", "2", "3", "4"]
    assert codes(place, "system") == ["audit.opened", "audit.closed"] * 2
    logs = list(records(place.path, "system"))[2].record["detail"]["logs"]
    assert logs == "gw.example/nuts-pzp/90000222/1,gw.example/nuts-pzp/system/1"


async def test_after_closing_nothing_is_recorded(opening: Opening, tenant: Tenant, events: Any) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    await ledger.aclose()
    await ledger.aclose()
    with pytest.raises(NotRecorded, match="closed"):
        await audit.append(events.denied("c1"))
    assert not ledger.condition().ready


async def test_a_cancelled_callers_record_is_written_all_the_same(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(connecting=faulty)
    audit = ledger.of(tenant)
    Faults.hold = threading.Event()
    tasks = []
    for correlation in ("first", "gone", "stays"):
        tasks.append(asyncio.create_task(audit.append(events.denied(correlation))))
        await asyncio.sleep(0.02)  # the first is being committed, the other two are the next group
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    Faults.hold.set()
    assert [(await tasks[0]).index, (await tasks[2]).index] == [1, 3]
    assert [entry.correlation for entry in records(place.path, "meerwijck")] == ["", "first", "gone", "stays"]
