"""A Mitz that is slow, down or wrong: a reason each, and nobody is permitted (spec consent 1.8; 8: 31 to 40)."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from mitz_transport import GP_MAY, Papers, Region, access, adapter, listening

from nuts_pzp.outcome import Permit, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.mitz import Fault, MitzTwin
from nuts_pzp.sandbox.mitz.hostile import HOSTILE
from nuts_pzp.systems.mitz.client import TOTAL


async def test_connect_refused(papers: Papers, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        mitz = adapter(f"https://localhost:{taken.getsockname()[1]}", papers, tmp_path)
        verdict = await mitz.ask(access())
        await mitz.stop()
    assert isinstance(verdict.outcome, Unavailable)
    assert (verdict.outcome.reason, verdict.outcome.detail) == (Reason.MITZ_UNAVAILABLE, "connection-refused")


@pytest.mark.parametrize(
    "fault", [Fault("delay", seconds=30), Fault("slow-body", seconds=0.05)], ids=["timeout_headers", "slowloris_body"]
)
async def test_a_slow_mitz_is_given_up_within_its_budget(
    fault: Fault, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuts_pzp.systems.mitz.client.TOTAL", 0.3)
    region.twin.faults.set(fault)
    began = time.monotonic()
    verdict = await region.mitz.ask(access())
    assert time.monotonic() - began < 10
    assert isinstance(verdict.outcome, Unavailable)
    assert verdict.outcome.reason is Reason.MITZ_TIMEOUT
    assert len(region.twin.questions) == (1 if fault.kind == "slow-body" else 0)


def test_the_budget_is_five_seconds() -> None:
    assert TOTAL == 5.0


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        (Fault("oversize"), Reason.MITZ_MALFORMED, "too-large"),
        (Fault("gzip"), Reason.MITZ_UNAVAILABLE, "broken"),
        (Fault("drop"), Reason.MITZ_UNAVAILABLE, "broken"),
        (Fault("html"), Reason.MITZ_MALFORMED, "media-type"),
        (Fault("empty"), Reason.MITZ_MALFORMED, "empty"),
        (Fault("status", status=401), Reason.MITZ_REJECTED, "http-401"),
        (Fault("status", status=429, retry_after="5"), Reason.MITZ_THROTTLED, "http-429"),
        (Fault("fault", name="Sender", status=400), Reason.MITZ_REJECTED, "fault-sender"),
        (Fault("fault", name="Receiver", status=500), Reason.MITZ_UNAVAILABLE, "fault-receiver"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
async def test_fault_of_the_service_becomes_its_reason(
    fault: Fault, reason: Reason, detail: str, region: Region
) -> None:
    region.twin.faults.set(fault)
    verdict = await region.mitz.ask(access())
    assert isinstance(verdict.outcome, Unavailable)
    assert (verdict.outcome.reason, verdict.outcome.detail) == (reason, detail)
    assert len(region.twin.questions) == 1


async def test_http_503_single_retry_new_messageid(region: Region) -> None:
    region.twin.faults.set(Fault("status", status=503, times=1))
    verdict = await region.mitz.ask(access())
    assert isinstance(verdict.outcome, Permit)
    first, second = (one.asked.message_id for one in region.twin.questions)
    assert first != second


async def test_http_302_is_not_followed(region: Region, papers: Papers, serving: Any) -> None:
    second = MitzTwin("", [GP_MAY])
    second.url = f"https://localhost:{await serving(second.app, listening(papers))}"
    region.twin.faults.set(Fault("redirect", location=f"{second.url}/geslotenautorisatievraag/xacml3"))
    verdict = await region.mitz.ask(access())
    assert isinstance(verdict.outcome, Unavailable)
    assert (verdict.outcome.reason, verdict.outcome.detail) == (Reason.MITZ_REJECTED, "redirect")
    assert not second.questions


async def test_gzip_is_neither_asked_for_nor_unpacked(papers: Papers, serving: Any, tmp_path: Path) -> None:
    wanted: list[bytes] = []

    async def bomb(scope: Any, receive: Any, send: Any) -> None:
        wanted.extend(value for name, value in scope["headers"] if name == b"accept-encoding")
        headers = [(b"content-type", b"application/soap+xml"), (b"content-encoding", b"gzip")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": gzip.compress(b" " * 50_000_000)})

    mitz = adapter(f"https://localhost:{await serving(bomb, listening(papers))}", papers, tmp_path)
    verdict = await mitz.ask(access())
    await mitz.stop()
    assert isinstance(verdict.outcome, Unavailable)
    assert wanted == [b"identity"]


async def test_xxe_external_dtd_is_never_fetched(region: Region) -> None:
    contacted: list[bool] = []
    trap = await asyncio.start_server(lambda *_: contacted.append(True), "127.0.0.1", 0)
    port = trap.sockets[0].getsockname()[1]

    answer = HOSTILE["xxe_external_dtd"]
    try:
        HOSTILE["xxe_external_dtd"] = lambda asked: answer(asked).replace(b":9/", b":%d/" % port)
        region.twin.faults.set(Fault("hostile", name="xxe_external_dtd"))
        verdict = await region.mitz.ask(access())
    finally:
        HOSTILE["xxe_external_dtd"] = answer
        trap.close()
    assert isinstance(verdict.outcome, Unavailable)
    assert verdict.outcome.detail == "doctype"
    assert contacted == []
