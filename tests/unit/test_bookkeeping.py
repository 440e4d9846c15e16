"""The outbox reaches the ledger: at the start, while running, and after trouble (ADR 0055)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from nuts_pzp import bookkeeping
from nuts_pzp.accounted import Administered, Receipt
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.bookkeeping import Bookkeeping
from nuts_pzp.identity import Bsn, Organization, Professional, Tenant, Ura
from nuts_pzp.outcome import Unavailable
from nuts_pzp.store.outbox import Outbox
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault

OURS = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
EVENT = Administered("sharing_consent.recorded", "a1", Bsn("999912008"), Professional("m-3", "rol", "T. Hofstra"))


@dataclass
class FakeAudit:
    """Keeps what it is given, unless it is down."""

    down: bool = False
    written: list[Any] = field(default_factory=list)

    async def append(self, event: Any) -> Receipt[Any]:
        if self.down:
            raise NotRecorded("the disk is full")
        self.written.append(event)
        return Receipt(event, len(self.written), "r")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    store = SqliteStore(tmp_path / "store.sqlite")
    yield Outbox(Vault(store.of(OURS), b"k" * 32, OURS.id))
    store.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookkeeping, "PAUSE", 0.01)
    monkeypatch.setattr(bookkeeping, "_TROUBLED", 0.01)


async def nothing(_: Bsn) -> None:
    """Nobody keeps a verdict."""


async def until(happened: Any) -> None:
    async with asyncio.timeout(5):
        while not await happened():
            await asyncio.sleep(0.01)


async def test_what_was_done_while_no_gateway_ran_is_accounted_for_at_the_start(outbox: Outbox) -> None:
    await outbox.put(EVENT)
    audit, purged = FakeAudit(), []

    async def forget(bsn: Bsn) -> None:
        purged.append(bsn)

    books = Bookkeeping(outbox, audit, forget)
    await books.start()
    assert audit.written == [EVENT]
    assert await outbox.settled("a1")
    assert purged == [EVENT.bsn]
    await books.stop()


async def test_what_is_done_while_it_runs_is_accounted_for_once(outbox: Outbox) -> None:
    audit = FakeAudit()
    books = Bookkeeping(outbox, audit, nothing)
    await books.start()
    await outbox.put(EVENT)
    await until(lambda: outbox.settled("a1"))
    await asyncio.sleep(0.05)
    assert audit.written == [EVENT]
    await books.stop()


async def test_without_a_durable_record_nothing_is_settled(outbox: Outbox) -> None:
    await outbox.put(EVENT)
    audit = FakeAudit(down=True)
    books = Bookkeeping(outbox, audit, nothing)
    with capture_logs() as lines:
        await books.start()
        await asyncio.sleep(0.05)
    assert not await outbox.settled("a1")
    assert isinstance(await books.health(), Unavailable)
    assert [line["event"] for line in lines] == ["bookkeeping.waits"], "told once"
    audit.down = False
    await until(lambda: outbox.settled("a1"))
    await until(_well(books))
    await books.stop()


def _well(books: Bookkeeping) -> Any:
    async def well() -> bool:
        return await books.health() == "nothing waits"

    return well


async def test_a_crash_after_the_record_and_before_the_receipt_writes_it_again_under_the_same_id(
    outbox: Outbox,
) -> None:
    await outbox.put(EVENT)
    audit = FakeAudit()
    await audit.append(EVENT)  # and here the process died
    books = Bookkeeping(outbox, audit, nothing)
    await books.start()
    await books.stop()
    assert [one.id for one in audit.written] == ["a1", "a1"]


async def test_an_event_that_cannot_be_written_does_not_stop_the_looking(outbox: Outbox) -> None:
    class Choosy(FakeAudit):
        async def append(self, event: Any) -> Receipt[Any]:
            if event.id == "a1" and not self.written:
                self.written.append("failed")
                raise RuntimeError("bug")
            return await super().append(event)

    await outbox.put(EVENT)
    await outbox.put(replace(EVENT, id="a2"))
    books = Bookkeeping(outbox, Choosy(), nothing)
    await books.start()
    await until(lambda: outbox.settled("a2"))
    assert await outbox.settled("a1")
    await books.stop()


async def test_stopping_twice_is_stopping_once(outbox: Outbox) -> None:
    books = Bookkeeping(outbox, FakeAudit(), nothing)
    await books.stop()
    await books.start()
    await books.stop()
    await books.stop()
