from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import msgspec
import pytest

from nuts_pzp.audit import index
from nuts_pzp.audit.index import Criteria, SearchIndex
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.identity import Bsn, Patient, Standing, Tenant
from nuts_pzp.values import replace


@pytest.fixture
async def filled(opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any) -> Ledger:
    """A log with an opening, two patients, two users, an emergency and a refusal."""
    ledger = opening(place)
    audit = ledger.of(tenant)
    other = Patient(Bsn("999900018"), "p2", Standing.KNOWN)
    await audit.append(events.allowed("c1"))
    await audit.append(events.disclosed("c1"))
    await audit.append(replace(events.denied("c2"), attempt=replace(events.attempt("c2"), patient=other)))
    await audit.append(events.emergency("c3"))
    for _ in range(200):
        if not ledger.condition().index_lag:
            return ledger
        await asyncio.sleep(0.02)
    raise AssertionError("the index does not follow")


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        (Criteria(), [0, 1, 2, 3, 4]),
        (Criteria(bsn=Bsn("999900006")), [1, 2, 4]),
        (Criteria(bsn=Bsn("999900018")), [3]),
        (Criteria(bsn=Bsn("999900031")), []),
        (Criteria(correlation="c1"), [1, 2]),
        (Criteria(user="90000444|k-017"), [1, 2, 3, 4]),
        (Criteria(org="90000444", outcome="deny"), [3]),
        (Criteria(after=2), [3, 4]),
        (Criteria(limit=2), [0, 1]),
        (Criteria(until="2000-01-01"), []),
        (Criteria(since="2000-01-01", bsn=Bsn("999900006"), correlation="c3"), [4]),
    ],
)
async def test_records_are_found_by_what_is_asked(filled: Ledger, criteria: Criteria, found: list[int]) -> None:
    assert filled.index.find("meerwijck", criteria) == found


async def test_another_tenant_finds_nothing(filled: Ledger) -> None:
    assert filled.index.find("wilgenhof", Criteria(bsn=Bsn("999900006"))) == []
    assert filled.index.find("system", Criteria(bsn=Bsn("999900006"))) == []


async def test_a_rebuilt_index_finds_the_same(filled: Ledger) -> None:
    built = filled.index
    built.rebuild()
    while built.advance():
        pass
    assert built.find("meerwijck", Criteria(bsn=Bsn("999900006"))) == [1, 2, 4]


async def test_a_ruined_index_mends_itself(filled: Ledger) -> None:
    built = filled.index
    built.stop()
    built.path.write_bytes(b"ruined" * 2_000)
    again = SearchIndex(filled.place.path, filled._seals)
    for _ in range(5):
        again.advance()
    assert again.find("meerwijck", Criteria(correlation="c2")) == [3]
    assert again.path.stat().st_mode & 0o077 == 0


async def test_a_destroyed_month_is_no_longer_found_by_patient(filled: Ledger, place: Place) -> None:
    for path in (place.keys / "meerwijck").glob("dek-*.wrapped"):
        path.unlink()
    from nuts_pzp.audit.seal import Seal

    again = SearchIndex(place.path, {"meerwijck": Seal(place.keys / "meerwijck", "meerwijck")})
    again.rebuild()
    while again.advance():
        pass
    assert again.find("meerwijck", Criteria(bsn=Bsn("999900006"))) == []
    assert again.find("meerwijck", Criteria(correlation="c1")) == [1, 2]


@pytest.mark.parametrize("count", [30, 31, 32, 63, 64, 100, 530, 1_100])
async def test_pieces_and_batches_leave_no_record_out(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any, count: int
) -> None:
    ledger = opening(place)
    ledger.index.stop()
    audit = ledger.of(tenant)
    other = Patient(Bsn("999900018"), "p2", Standing.KNOWN)
    attempts = [
        replace(events.attempt("c"), patient=other if number % 3 else events.patient) for number in range(count)
    ]
    await asyncio.gather(*(audit.append(replace(events.denied(), attempt=attempt)) for attempt in attempts))
    again = SearchIndex(place.path, ledger._seals)
    again.rebuild()
    advanced = []
    while found := again.advance():
        advanced.append(found)
    assert sum(advanced) == count + 2, "and the openings of both logs"
    assert max(advanced) <= 2 * index._BATCH
    everything = again.find("meerwijck", Criteria(limit=5_000))
    assert everything == list(range(count + 1))
    theirs = again.find("meerwijck", Criteria(bsn=Bsn("999900018"), limit=5_000))
    assert [number - 1 for number in theirs] == [number for number in range(count) if number % 3]
    again.stop()


async def test_a_record_that_is_none_stops_the_index_and_leaves_nothing_half_written(
    filled: Ledger, place: Place, tenant: Tenant, events: Any
) -> None:
    filled.index.stop()
    with closing(sqlite3.connect(place.path, isolation_level=None)) as database:
        database.execute("UPDATE log_record SET body = x'7b7d' WHERE tenant = 'meerwijck' AND idx = 3")
    again = SearchIndex(place.path, filled._seals)
    again.rebuild()
    for _ in range(2):
        with pytest.raises(msgspec.ValidationError):
            again.advance()
    assert again.find("meerwijck", Criteria()) == []
    again.stop()


async def test_the_index_holds_no_bsn(filled: Ledger) -> None:
    with closing(sqlite3.connect(filled.index.path)) as database:
        dump = "\n".join(database.iterdump())
    assert "meerwijck" in dump
    assert "999900006" not in dump
