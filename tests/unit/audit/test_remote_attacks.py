"""A batch of records on its way to an audit writer that dies, hangs up in the middle, or lies about what is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.accounted import Receipt
from nuts_pzp.audit.ledger import frames
from nuts_pzp.audit.ledger.frames import Enter, Entered, Reader, Record
from nuts_pzp.audit.ledger.ledger import Place
from nuts_pzp.audit.ledger.remote import RemoteAudit, RemoteLedger
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.identity import Tenant

BATCH = 10


class Writer:
    """An audit writer that does with a batch what a test says; `says` gets the last number and a way to send."""

    def __init__(self, says: Callable[[int, asyncio.StreamWriter], None]) -> None:
        self.heard: list[bytes] = []
        self.serving: list[asyncio.Task[Any] | None] = []
        self._says, self._said = says, False

    async def serve(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.current_task())
        writing.write(frames.hello())
        reader, greeted = Reader(), False
        try:
            while data := await reading.read(65_536):
                for frame in reader.frames(data):
                    if greeted:
                        self._hear(frames.read(frame), writing)
                    greeted = True
        except ConnectionError:
            return
        finally:
            writing.close()

    def _hear(self, frame: Any, writing: asyncio.StreamWriter) -> None:
        if isinstance(frame, Enter):
            writing.write(frames.entered(Entered(frame.request, 1)))
        elif isinstance(frame, Record):
            self.heard.append(b"".join(frame.draft.parts))
            if len(self.heard) == BATCH and not self._said:
                self._said = True
                self._says(frame.seq, writing)


@asynccontextmanager
async def worker(place: Place, tenant: Tenant, folder: Path, writer: Writer) -> AsyncIterator[RemoteAudit]:
    """A worker with one log entered at that writer."""
    server = await asyncio.start_unix_server(writer.serve, folder / "w.sock")
    ledger = RemoteLedger(place, folder / "w.sock")
    try:
        await ledger.start()
        yield await ledger.enter(tenant)
    finally:
        await ledger.aclose()
        server.close()
        await asyncio.gather(*[one for one in writer.serving if one is not None])


def hangs_up(last: int, writing: asyncio.StreamWriter) -> None:
    writing.transport.abort()


def hangs_up_within_a_frame(last: int, writing: asyncio.StreamWriter) -> None:
    writing.write(frames.durable(last, range(BATCH))[:-3])
    writing.close()


def says_more_than_there_was(last: int, writing: asyncio.StreamWriter) -> None:
    writing.write(frames.durable(last + 1, range(BATCH + 1)))


def says_fewer_than_there_were(last: int, writing: asyncio.StreamWriter) -> None:
    writing.write(frames.durable(last, range(4)))


def says_half_and_hangs_up(last: int, writing: asyncio.StreamWriter) -> None:
    writing.write(frames.durable(last - 5, range(5)))
    writing.close()


def refuses_one_and_takes_the_rest(last: int, writing: asyncio.StreamWriter) -> None:
    writing.write(frames.not_durable(last - 3, "too many records wait"))
    writing.write(frames.durable(last, range(BATCH - 1)))


def answers_noise(last: int, writing: asyncio.StreamWriter) -> None:
    writing.write(b"\x00\x00\x00\x03\x09\x09\x09")


def says_nothing(last: int, writing: asyncio.StreamWriter) -> None:
    """Whoever waits is told in time."""


@pytest.mark.parametrize(
    ("says", "durable"),
    [
        (hangs_up, ()),
        (hangs_up_within_a_frame, ()),
        (answers_noise, ()),
        (says_nothing, ()),
        (says_half_and_hangs_up, range(5)),
        (refuses_one_and_takes_the_rest, (0, 1, 2, 3, 4, 5, 7, 8, 9)),
    ],
)
async def test_of_a_batch_only_what_was_said_to_be_durable_has_a_receipt(
    says: Any, durable: Any, place: Place, tenant: Tenant, tmp_path: Path, events: Any
) -> None:
    writer = Writer(says)
    async with worker(place, tenant, tmp_path, writer) as audit:
        handed = [audit.append(events.disclosed(f"c-{number}")) for number in range(BATCH)]
        found = await asyncio.wait_for(asyncio.gather(*handed, return_exceptions=True), 30)
    assert [number for number, one in enumerate(found) if isinstance(one, Receipt)] == list(durable)
    for number, one in enumerate(found):
        if isinstance(one, Receipt):
            assert one.event.attempt.correlation == f"c-{number}"
            assert one.record_id.encode() in writer.heard[number]
        else:
            assert isinstance(one, NotRecorded)


@pytest.mark.parametrize("says", [says_more_than_there_was, says_fewer_than_there_were])
async def test_a_writer_that_counts_otherwise_is_not_believed_any_further(
    says: Any, place: Place, tenant: Tenant, tmp_path: Path, events: Any
) -> None:
    """What it said before the two disagreed stands; the connection ends, and what is pending fails."""
    async with worker(place, tenant, tmp_path, Writer(says)) as audit:
        connection = audit._ledger.connection
        handed = [audit.append(events.disclosed(f"c-{number}")) for number in range(BATCH)]
        found = await asyncio.wait_for(asyncio.gather(*handed, return_exceptions=True), 30)
        assert connection is not None
        assert connection.lost.is_set()
    assert all(isinstance(one, Receipt | NotRecorded) for one in found)
    assert says is says_more_than_there_was or isinstance(found[-1], NotRecorded)


async def test_after_a_writer_was_lost_the_next_batch_is_numbered_and_answered_anew(
    place: Place, tenant: Tenant, tmp_path: Path, events: Any
) -> None:
    async def recorded(audit: RemoteAudit, names: range) -> list[Any]:
        return await asyncio.gather(
            *(audit.append(events.disclosed(f"c-{number}")) for number in names), return_exceptions=True
        )

    writer = Writer(hangs_up)
    async with worker(place, tenant, tmp_path, writer) as audit:
        assert all(isinstance(one, NotRecorded) for one in await recorded(audit, range(BATCH)))
        async with asyncio.timeout(30):
            while audit._ledger.connection is None:
                await asyncio.sleep(0.01)
        writer.heard.clear()
        writer._said, writer._says = False, lambda last, writing: writing.write(frames.durable(last, range(BATCH)))
        found = await recorded(audit, range(BATCH, 2 * BATCH))
        assert all(one.record_id.encode() in heard for one, heard in zip(found, writer.heard, strict=True))
        assert [one.index for one in found] == list(range(BATCH))
