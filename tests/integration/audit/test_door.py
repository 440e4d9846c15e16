"""The audit writer's door: killed around a commit, a disk that hangs or fails, and a lone record among many."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from failing_disk import Faults, faulty, until

from nuts_pzp.accounted import Kept
from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.reception import Reception
from nuts_pzp.audit.ledger.remote import RemoteAudit, RemoteLedger
from nuts_pzp.audit.ledger.sqlite import SqliteStore
from nuts_pzp.audit.ledger.waiting import Limits
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.reading import records

KILLED = """
import os, signal, sys, threading
from pathlib import Path
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.reception import Reception
from nuts_pzp.audit.ledger.sqlite import SqliteStore

folder, when, after = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
commit, written = SqliteStore.commit, 0

def killing(store, rows, heads, kept):
    global written
    last = (written := written + len(rows)) > after
    if last and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    commit(store, rows, heads, kept)
    if last:
        os.kill(os.getpid(), signal.SIGKILL)

place = Place(folder / "audit.db", folder / "keys", "gw.example", accept_any_filesystem=True,
              thresholds=Thresholds(0.0, 0.0, 0, 0))
reception = Reception(Ledger.open(place), folder / "audit.sock")
SqliteStore.commit = killing
reception.start()
print("ready", flush=True)
threading.Event().wait()
"""


def place_in(folder: Path) -> Place:
    return Place(folder / "audit.db", folder / "keys", "gw.example", accept_any_filesystem=True,
                 thresholds=Thresholds(0.0, 0.0, 0, 0), limits=Limits(deadline=60.0))  # fmt: skip


def stored(folder: Path) -> dict[int, str]:
    """Return index -> correlation of what the system log holds of these tests."""
    return {one.index: one.record["detail"]["n"] for one in records(folder / "audit.db", "system") if one.code == CODE}


CODE = "policy.activated"


def event(number: int | str) -> Kept:
    return Kept(CODE, (("n", str(number)),))


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Callable[[str, int], subprocess.Popen[str]]]:
    """Start an audit writer that dies around the commit that follows so many records."""
    started: list[subprocess.Popen[str]] = []

    def start(when: str, after: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), when, str(after)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )
        started.append(process)
        assert process.stdout is not None
        while process.stdout.readline() != "ready\n":
            assert process.poll() is None
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("together", [1, 7])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_writer_killed_around_a_commit_acknowledged_nothing_that_is_not_in_the_file(
    killed: Callable[[str, int], subprocess.Popen[str]], tmp_path: Path, when: str, together: int
) -> None:
    process = killed(when, 3)
    remote = RemoteLedger(place_in(tmp_path), tmp_path / "audit.sock")
    await remote.start()
    try:
        acknowledged = {(await remote.system.append(event(number))).index: str(number) for number in range(3)}
        last = await asyncio.gather(
            *(remote.system.append(event(number)) for number in range(3, 3 + together)), return_exceptions=True
        )
    finally:
        await remote.aclose()
    assert [(type(one), "was lost" in str(one)) for one in last] == [(NotRecorded, True)] * together
    assert await asyncio.to_thread(process.wait) == -signal.SIGKILL
    found = stored(tmp_path)
    assert {index: found.get(index) for index in acknowledged} == acknowledged
    assert len(found) == (3 if when == "before" else 3 + together)
    ledger = await asyncio.to_thread(Ledger.open, place_in(tmp_path))  # verifies what it finds
    await ledger.aclose()


class Office:
    """A writer whose disk fails on demand, its door, and two workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger.open(place_in(folder), connecting=faulty)
        self.reception = Reception(self.ledger, folder / "audit.sock")
        self.workers: list[RemoteAudit] = []


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    one = Office(tmp_path)
    one.reception.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(one.ledger.aclose)
        stack.callback(one.reception.stop)
        stack.callback(well_again)
        for _ in range(2):
            remote = RemoteLedger(place_in(tmp_path), tmp_path / "audit.sock")
            await remote.start()
            stack.push_async_callback(remote.aclose)
            one.workers.append(remote.system)
        yield one


def well_again() -> None:
    Faults.words, hold, Faults.hold = None, Faults.hold, None
    if hold is not None:
        hold.set()


async def test_while_the_commit_of_a_lone_record_hangs_the_loop_and_the_condition_do_not(office: Office) -> None:
    one, other = office.workers
    hold = Faults.hold = threading.Event()
    pending = asyncio.create_task(one.append(event("first")))
    await until(lambda: office.ledger._writer._turn.locked())
    assert office.ledger.condition().ready
    assert office.reception.workers == 2
    late = [asyncio.create_task(other.append(event(number))) for number in range(3)]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(pending), 0.05)
    Faults.hold = None
    hold.set()
    receipts = await asyncio.gather(pending, *late)
    found = stored(office.folder)
    assert [found[one.index] for one in receipts] == ["first", "0", "1", "2"]
    assert [one.index for one in receipts] == sorted(one.index for one in receipts)


async def test_a_lone_record_whose_commit_fails_is_refused_the_next_at_once_and_it_heals(office: Office) -> None:
    one, other = office.workers
    await one.append(event("before"))
    Faults.words = "disk I/O error"
    with pytest.raises(NotRecorded, match="cannot be written"):
        await one.append(event("lost"))
    for audit in (one, other):
        with pytest.raises(NotRecorded, match="cannot be written"):
            await asyncio.wait_for(audit.append(event("refused")), 20)
    assert not office.ledger.condition().ready
    Faults.words = None
    await until(lambda: office.ledger.condition().ready)
    await other.append(event("after"))
    assert list(stored(office.folder).values()) == ["before", "after"]
    assert "audit.degraded" in [one.code for one in records(office.folder / "audit.db", "system")]


async def test_a_lone_record_is_written_by_the_thread_that_read_it_and_many_are_not(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    by: list[tuple[int, str]] = []
    commit = SqliteStore.commit

    def watched(store: SqliteStore, *given: list[object]) -> None:
        by.append((len(given[0]), threading.current_thread().name))
        commit(store, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(SqliteStore, "commit", watched)
    await office.workers[0].append(event("alone"))
    assert by == [(1, "audit-door")]
    await asyncio.gather(*(office.workers[0].append(event(number)) for number in range(12)))
    assert sum(size for size, _ in by) == 13
    assert {name for size, name in by if size > 1} == {"audit-writer"}


async def test_the_end_waits_for_a_lone_record_that_is_being_written(office: Office) -> None:
    ledger = office.ledger
    hold = Faults.hold = threading.Event()
    pending = asyncio.create_task(office.workers[0].append(event("last")))
    await until(lambda: ledger._writer._turn.locked())
    ending = asyncio.create_task(asyncio.to_thread(ledger._writer.stop))
    await until(lambda: not ledger._writer._thread.is_alive())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(ending), 0.05)
    Faults.hold = None
    hold.set()
    await ending
    assert list(stored(office.folder).values()) == ["last"]
    assert (await pending).index > 0
    ledger._upkeep.stop()
    ledger.index.stop()
    ledger._store.close()


async def test_no_more_than_sixty_four_are_let_in_and_one_who_leaves_makes_room(office: Office) -> None:
    crowd = [RemoteLedger(place_in(office.folder), office.folder / "audit.sock") for _ in range(62)]
    late = RemoteLedger(place_in(office.folder), office.folder / "audit.sock")
    try:
        for one in crowd:
            await one.start()
        await until(lambda: office.reception.workers == 64)
        await late.start()
        with pytest.raises(NotRecorded):
            await late.system.append(event("too many"))
        await crowd.pop().aclose()
        async with asyncio.timeout(20):
            while True:
                try:
                    await late.system.append(event("in"))
                    break
                except NotRecorded:
                    await asyncio.sleep(0.02)
    finally:
        for one in [*crowd, late]:
            await one.aclose()
    assert "too many" not in stored(office.folder).values()
