"""Raw bytes at the network listener: a record before every answer, and clients that hang or take too much."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from raw_requests import PATH, POST, asked, get

from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.web.protocol import Patience

hurried = pytest.mark.parametrize("patience", [Patience(head=20.0, body=0.3, idle=1.0, taking=0.3)])


async def until(told: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not told():
            await asyncio.sleep(0.01)


async def test_a_bug_beyond_exceptions_answers_nothing_unrecorded(wire: Any) -> None:
    class Panic(BaseException):
        pass

    wire.says = Panic("999911120")
    answer = await wire.say(get())
    assert answer == b"" or len(wire.holder.audit.events) == 1


async def test_work_that_is_cancelled_from_within_is_no_answer_without_a_record(wire: Any) -> None:
    wire.says = asyncio.CancelledError()
    answer = await wire.say(get())
    assert answer == b"" or len(wire.holder.audit.events) == 1


async def test_stopping_in_the_middle_answers_nothing_unrecorded(wire: Any) -> None:
    waiting = asyncio.Event()

    async def slow(access: Any) -> Any:
        waiting.set()
        await asyncio.sleep(30)

    wire.holder.consent.ask = slow
    client = asyncio.create_task(wire.say(get(), seconds=20))
    await waiting.wait()
    await wire.server.stop(0.05)
    assert await client == b""
    assert wire.holder.audit.events == []


async def test_a_record_that_fails_is_an_answer_without_content(wire: Any) -> None:
    wire.holder.audit.fails_at = 2
    answer = await wire.say(get())
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"Bundle" not in answer


async def test_a_ledger_that_breaks_otherwise_gives_nothing(wire: Any) -> None:
    async def broken(event: Any) -> Any:
        raise RuntimeError("disk 999911120")

    wire.holder.audit.append = broken
    answer = await wire.say(get())
    assert b"Bundle" not in answer
    assert b"999911120" not in answer


@hurried
async def test_a_client_that_reads_nothing_is_let_go(wire: Any, fakes: Any) -> None:
    big = fakes.searchset(*[fakes.consent(f"c{n}", "Patient/p1", note="x" * 50_000) for n in range(120)])
    wire.holder.records.answers["Consent"] = fakes.answer(big)
    lazy = await wire.dawdle(get().replace(b"Connection: close\r\n", b""))
    await until(lambda: wire.holder.journal[-1:] == ["audit Disclosed"] and not wire.server._state.connections)
    lazy.close()


async def test_a_client_that_reads_slowly_but_reads_gets_all(wire: Any, fakes: Any) -> None:
    big = fakes.searchset(*[fakes.consent(f"c{n}", "Patient/p1", note="x" * 20_000) for n in range(40)])
    wire.holder.records.answers["Consent"] = fakes.answer(big)
    answer = await wire.say(get(), seconds=20)
    assert answer.count(b'"Consent"') == 40


@hurried
async def test_a_body_that_trickles_is_cut_off(wire: Any) -> None:
    head = POST + b"Content-Length: 18\r\n\r\n"
    answer = await wire.say(head, *[b"p"] * 17, pause=0.1)
    assert b"200" not in answer[:12]
    assert asked(wire) == 0


async def test_chunks_without_end_stop_at_the_limit(wire: Any) -> None:
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    answer = await wire.say(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17, seconds=20)
    assert answer.startswith(b"HTTP/1.1 413")
    assert [event.stop.reason for event in wire.holder.audit.events] == [Reason.REQUEST_TOO_BIG]


@hurried
async def test_expecting_100_and_sending_nothing_is_cut_off(wire: Any) -> None:
    answer = await wire.say(POST + b"Expect: 100-continue\r\nContent-Length: 18\r\n\r\n", seconds=1.5)
    assert b"200" not in answer[:12]
    assert asked(wire) == 0


async def test_one_client_cannot_take_every_place(wire: Any) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", wire.port) for _ in range(30)]
    refused = [reader for reader, _ in idle[8:]]
    assert await asyncio.gather(*(reader.read() for reader in refused)) == [b""] * len(refused)
    assert len(wire.server._state.connections) == 8
    assert await wire.say(get(), seconds=20) == b""
    for _, writer in idle:
        writer.close()
    await until(lambda: not wire.server._state.connections)
    assert (await wire.say(get())).startswith(b"HTTP/1.1 200")


async def test_thousands_of_pipelined_requests_do_not_pile_up(wire: Any) -> None:
    wire.says = Unavailable(Reason.INTROSPECTION_DOWN)
    one = get().replace(b"Connection: close\r\n", b"")
    answer = await wire.say(one * 300, seconds=20)
    assert answer.count(b"HTTP/1.1 503") <= 300
    assert len(wire.holder.audit.events) == answer.count(b"HTTP/1.1 503")


async def test_no_line_of_the_servers_own_log_has_a_url_or_a_token(wire: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire.says = RuntimeError("Bearer aaaaaaaaaaaaaaaaaaaaaaaa 999911120")
    await wire.say(get(PATH + b"?patient=999911120"))
    await wire.say(b"GET /999911120 HTTP/9\r\n\r\n")
    told = " ".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    assert "999911120" not in told
    assert "aaaaaaaa" not in told
