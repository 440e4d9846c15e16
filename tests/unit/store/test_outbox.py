"""What waits for the ledger (ADR 0055)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from nuts_pzp.accounted import Administered, Receipt
from nuts_pzp.identity import Bsn, Organization, Professional, Tenant, Ura
from nuts_pzp.store.outbox import Outbox
from nuts_pzp.store.port import StoreFailed
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault

OURS = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
CLERK = Professional("m-3", "doktersassistent", "T. Hofstra")
EVENT = Administered("sharing_consent.recorded", "a1", Bsn("999912008"), CLERK, (("effect", "permit"),))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def outbox(store: SqliteStore) -> Outbox:
    return Outbox(Vault(store.of(OURS), b"k" * 32, OURS.id))


async def test_what_waits_is_the_event_as_it_was(outbox: Outbox) -> None:
    await outbox.put(EVENT)
    assert [one async for one in outbox.waiting()] == [EVENT]
    assert not await outbox.settled("a1")


async def test_what_is_settled_waits_no_more(outbox: Outbox) -> None:
    await outbox.put(EVENT)
    await outbox.settle(Receipt(EVENT, 4, "r"))
    assert [one async for one in outbox.waiting()] == []
    assert await outbox.settled("a1")


async def test_settling_twice_is_settling_once(outbox: Outbox) -> None:
    await outbox.put(EVENT)
    await outbox.settle(Receipt(EVENT, 4, "r"))
    await outbox.settle(Receipt(EVENT, 9, "s"))
    assert await outbox.settled("a1")


async def test_two_events_of_one_id_are_refused(outbox: Outbox) -> None:
    await outbox.put(EVENT)
    with pytest.raises(StoreFailed):
        await outbox.put(EVENT)


async def test_an_event_that_does_not_open_holds_up_no_other(outbox: Outbox, store: SqliteStore) -> None:
    await store.of(OURS).put("audit-outbox", "a0", b"spoilt" * 9, 0)
    await outbox.put(EVENT)
    with capture_logs() as lines:
        assert [one async for one in outbox.waiting()] == [EVENT]
    assert [line["event"] for line in lines] == ["store.outbox-unreadable"]


async def test_a_receipt_that_somebody_else_wrote_is_none(outbox: Outbox, store: SqliteStore) -> None:
    await store.of(OURS).put("audit-receipt", "a1", b'{"index":1}', 0)
    with pytest.raises(StoreFailed):
        await outbox.settled("a1")


async def test_a_receipt_that_is_not_there_yet_is_looked_for_again(outbox: Outbox, store: SqliteStore) -> None:
    elsewhere = Outbox(Vault(store.of(OURS), b"k" * 32, OURS.id))
    await elsewhere.put(EVENT)
    assert not await outbox.settled("a1")
    await elsewhere.settle(Receipt(EVENT, 4, "r"))
    assert await outbox.settled("a1")
    store.close()
    assert await outbox.settled("a1"), "seen once, it needs no store"
    with pytest.raises(StoreFailed):
        await outbox.settled("a2")
