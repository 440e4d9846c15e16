"""A worker's ledger over the socket: orders, losses, noise and pressure, with the real writer and its real file."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio

from nuts_pzp.accounted import Denied, Kept
from nuts_pzp.audit import anchors
from nuts_pzp.audit.ledger import frames
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.reception import Reception
from nuts_pzp.audit.ledger.remote import AWAY, RemoteLedger
from nuts_pzp.audit.ledger.socket_name import at_socket
from nuts_pzp.audit.ledger.sqlite import SqliteStore, StoreFailed
from nuts_pzp.audit.ledger.tail import Damaged
from nuts_pzp.audit.ledger.waiting import Limits
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.page import Draft
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.reading import records
from nuts_pzp.audit.verify import Verdict, verify
from nuts_pzp.exchange import Attempt
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

MEERWIJCK = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
WILGENHOF = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "De Wilgenhof"))


def refusal(correlation: str) -> Denied:
    return Denied(Attempt(correlation), Deny(Reason.TOKEN_ABSENT))


@dataclass
class Office:
    """A writer and its reception; workers come and go."""

    folder: Path
    place: Place
    stack: AsyncExitStack
    ledger: Ledger | None = None
    reception: Reception | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "audit.sock"

    async def open(self) -> None:
        self.ledger = await asyncio.to_thread(Ledger.open, self.place)
        self.reception = Reception(self.ledger, self.socket)
        self.reception.start()

    async def close(self) -> None:
        if self.reception and self.ledger:
            self.reception.stop()
            await self.ledger.aclose()

    async def worker(self) -> RemoteLedger:
        remote = RemoteLedger(self.place, self.socket)
        await remote.start(5.0)
        self.stack.push_async_callback(remote.aclose)
        return remote

    def verdict(self) -> Verdict:
        keys = [VerifierKey.parse(file.read_text()) for file in sorted(self.folder.glob("keys/*/audit-1.pub"))]
        with opened(self.place.path) as ledger:
            return verify(ledger, keys, anchors.read(self.folder / "notes")).verdict


@asynccontextmanager
async def an_office(folder: Path, limits: Limits | None = None) -> AsyncIterator[Office]:
    thresholds = Thresholds(0.0, 0.0, 0, 0)
    place = Place(folder / "audit.db", folder / "keys", "gw.example", folder / "notes", 0.05,
                  accept_any_filesystem=True, thresholds=thresholds, limits=limits or Limits())  # fmt: skip
    async with AsyncExitStack() as stack:
        office = Office(folder, place, stack)
        stack.push_async_callback(office.close)
        await office.open()
        yield office


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with an_office(tmp_path) as one:
        yield one


async def connected(remote: RemoteLedger, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while remote.trouble():
            await asyncio.sleep(0.01)


async def closed_without_a_word(office: Office, sent: bytes) -> None:
    """Send this after a proper greeting; the writer greets back and then ends the connection."""
    with at_socket(office.socket) as name:
        reader, writer = await asyncio.open_unix_connection(name)
    writer.write(frames.hello() + sent)
    async with asyncio.timeout(5):
        try:
            heard = await reader.read()
        except ConnectionError:
            heard = frames.hello()
    writer.close()
    assert heard in (b"", frames.hello())


def record(seq: int, log: int = 0, tenant: str = "system") -> bytes:
    parts = (b'{"event":{},"idx":', b',"prev_ts_mono":', b',"tenant":"%b","ts":' % tenant.encode(), b',"v":"x"}')
    return frames.record(seq, log, Draft("", parts))


async def test_two_workers_write_two_tenants_and_the_whole_verifies(office: Office) -> None:
    workers = [await office.worker() for _ in range(2)]
    audits = [await one.enter(tenant) for one in workers for tenant in (MEERWIJCK, WILGENHOF)]
    receipts = await asyncio.gather(*(one.append(refusal(f"c{n}")) for n in range(60) for one in audits))
    for slug, mine in (("meerwijck", receipts[0::2]), ("wilgenhof", receipts[1::2])):
        stored = {one.index: one.record["id"] for one in records(office.place.path, slug)}
        assert len({one.index for one in mine}) == 120
        assert all(stored[one.index] == one.record_id for one in mine)
    await office.close()
    assert office.verdict() is Verdict.OK


async def test_one_worker_s_records_keep_their_order_and_each_receipt_is_its_own(office: Office) -> None:
    audit = await (await office.worker()).enter(MEERWIJCK)
    receipts = await asyncio.gather(*(audit.append(refusal(f"c{number}")) for number in range(300)))
    assert [one.index for one in receipts] == sorted(one.index for one in receipts)
    stored = {one.index: one.correlation for one in records(office.place.path, "meerwijck")}
    assert [stored[one.index] for one in receipts] == [one.event.attempt.correlation for one in receipts]


async def test_a_writer_that_is_lost_fails_what_is_pending_and_is_found_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await office.worker()
    audit = await worker.enter(MEERWIJCK)
    held, let_go = asyncio.Event(), threading.Event()
    commit = SqliteStore.commit
    loop = asyncio.get_running_loop()

    def slow(self: SqliteStore, *given: object) -> None:
        loop.call_soon_threadsafe(held.set)
        let_go.wait(20)
        commit(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(SqliteStore, "commit", slow)
    pending = asyncio.create_task(audit.append(refusal("in-flight")))
    await held.wait()
    assert office.reception is not None
    office.reception.stop()
    try:
        with pytest.raises(NotRecorded, match="was lost"):
            await pending
        with pytest.raises(NotRecorded, match=AWAY):
            await audit.append(refusal("while away"))
    finally:
        let_go.set()
    monkeypatch.setattr(SqliteStore, "commit", commit)
    await office.close()
    await office.open()
    await connected(worker)
    receipt = await audit.append(refusal("after"))
    stored = {one.index: one.correlation for one in records(office.place.path, "meerwijck")}
    assert stored[receipt.index] == "after"
    assert "while away" not in stored.values()
    await office.close()
    assert office.verdict() is Verdict.OK


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff" * 64,
        (frames.LARGEST_FRAME + 1).to_bytes(4, "big"),
        (1).to_bytes(4, "big") + b"\x63",
        frames.durable(1, [1]),
        record(2),
        record(1, log=9),
        record(1, tenant="meerwijck"),
        frames.record(1, 0, Draft("", (b"no", b"record", b'"tenant":"system"', b"at all"))),
    ],
    ids=["noise", "oversized", "kind", "answer", "gap", "log", "tenant", "content"],
)
async def test_what_is_out_of_layout_order_or_place_ends_its_own_connection_only(office: Office, sent: bytes) -> None:
    audit = await (await office.worker()).enter(MEERWIJCK)
    first = await audit.append(refusal("before"))
    await closed_without_a_word(office, sent)
    assert (await audit.append(refusal("after"))).index == first.index + 1
    await office.close()
    assert office.verdict() is Verdict.OK


async def test_a_worker_of_another_version_is_not_heard(office: Office) -> None:
    hello = frames.hello()
    with at_socket(office.socket) as name:
        reader, writer = await asyncio.open_unix_connection(name)
    writer.write(hello[:-1] + bytes([hello[-1] + 1]) + record(1))
    async with asyncio.timeout(5):
        with_rest = await reader.read()
    writer.close()
    assert with_rest in (b"", hello)
    assert {one.code for one in records(office.place.path, "system")} == {"audit.opened"}


async def test_the_socket_is_its_user_s_alone(office: Office) -> None:
    assert stat.S_IMODE(office.socket.stat().st_mode) == 0o600


async def test_a_deep_state_folder_has_a_socket_too(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    async with an_office(deep) as office:
        assert (await (await (await office.worker()).enter(MEERWIJCK)).append(refusal("c"))).index == 1


async def test_too_much_that_waits_is_refused_at_once_on_either_side(tmp_path: Path) -> None:
    async with an_office(tmp_path, Limits(waiting=8, linger=0.0)) as office:
        near = await (await office.worker()).enter(MEERWIJCK)
        office.place = replace(office.place, limits=Limits(waiting=10_000))
        far = await (await office.worker()).enter(MEERWIJCK)
        for audit in (near, far):
            found = await asyncio.gather(*(audit.append(refusal(f"c{n}")) for n in range(400)), return_exceptions=True)
            refused = [one for one in found if isinstance(one, NotRecorded)]
            assert len(refused) + sum(not isinstance(one, BaseException) for one in found) == 400
            assert {str(one) for one in refused} == {"too many records wait"}
            assert (await audit.append(refusal("then"))).index > 0
        await office.close()
        assert office.verdict() is Verdict.OK


async def test_a_caller_who_leaves_does_not_shift_the_receipts_of_others(office: Office) -> None:
    audit = await (await office.worker()).enter(MEERWIJCK)
    tasks = [asyncio.create_task(audit.append(refusal(f"c{number}"))) for number in range(40)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()
    kept = [await task for number, task in enumerate(tasks) if number % 3]
    stored = {one.index: one.correlation for one in records(office.place.path, "meerwijck")}
    assert [stored[one.index] for one in kept] == [one.event.attempt.correlation for one in kept]


async def test_a_log_that_is_refused_is_refused_by_its_own_error_and_alone(office: Office) -> None:
    worker = await office.worker()
    audit = await worker.enter(MEERWIJCK)
    with pytest.raises(Damaged):
        await worker.enter(replace(MEERWIJCK, organization=WILGENHOF.organization))
    with pytest.raises(ValueError, match="may be called"):
        await worker.enter(Tenant("system", MEERWIJCK.organization))
    assert (await audit.append(Kept("policy.activated"))).index == 1


async def test_a_worker_does_not_start_without_a_writer(tmp_path: Path) -> None:
    async with an_office(tmp_path) as office:
        await office.close()
        with pytest.raises(StoreFailed):
            await RemoteLedger(office.place, office.socket).start(0.2)
