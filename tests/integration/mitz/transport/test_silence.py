"""What the adapter tells: nothing of the patient in a log, a URL or a header (spec consent 8: 73, 74)."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import pytest
from mitz_transport import BSN, Papers, Region, access, adapter, listening
from structlog.testing import capture_logs

from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.outcome import Unavailable
from nuts_pzp.outside import Living
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.mitz import Fault, MitzTwin
from nuts_pzp.values import replace


async def test_health_connects_and_asks_nothing(region: Region) -> None:
    assert isinstance(region.mitz, Living)
    await region.mitz.start()
    assert await region.mitz.health() == "reachable"
    assert not region.twin.questions


async def test_health_says_what_is_wrong(papers: Papers, serving: Any, tmp_path: Path) -> None:
    port = await serving(MitzTwin("").app, listening(papers, papers.other.server("impostor")))
    wrong = adapter(f"https://localhost:{port}", papers, tmp_path)
    assert await wrong.health() == Unavailable(Reason.MITZ_UNAVAILABLE, detail="tls")
    await wrong.stop()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = adapter(f"https://localhost:{taken.getsockname()[1]}", papers, tmp_path)
        assert await gone.health() == Unavailable(Reason.MITZ_UNAVAILABLE, detail="connection-refused")
        await gone.stop()


@pytest.mark.parametrize(("addresses", "why"), [((), "name-unknown"), (("10.9.8.7",), "address-not-allowed")])
async def test_a_name_that_nobody_knows_is_not_one_that_is_not_allowed(
    papers: Papers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...], why: str
) -> None:
    async def found(host: str, port: int) -> tuple[str, ...]:
        return addresses

    monkeypatch.setattr("nuts_pzp.outside.dialling.look_up", found)
    mitz = adapter("https://mitz.example", papers, tmp_path)
    assert await mitz.health() == Unavailable(Reason.MITZ_UNAVAILABLE, detail=why)
    await mitz.stop()


async def test_no_bsn_in_any_log(region: Region, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("aiohttp", "asyncio", "uvicorn.error"):
        caplog.set_level(logging.DEBUG, logger=name)
    faults = [
        Fault("fault", name="Sender", status=400),
        Fault("hostile", name="fault_that_names_the_patient"),
        Fault("hostile", name="other_patient"),
        Fault("hostile", name="truncated"),
        Fault("drop"),
        Fault("status", status=500),
    ]
    with capture_logs() as lines:
        await region.mitz.ask(access())
        for fault in faults:
            before = len(lines)
            region.twin.faults.set(fault)
            await region.mitz.ask(access())
            assert len(lines) > before, "each fault has a line"
    said = caplog.text + repr(caplog.records) + repr(lines) + repr([record.__dict__ for record in caplog.records])
    assert "PZP-CONSENT-" in said or "mitz" in said, "the lines of our own were caught"
    assert BSN not in said


async def test_bsn_is_not_in_the_url_or_a_header(papers: Papers, serving: Any, tmp_path: Path) -> None:
    scopes: list[str] = []

    async def watching(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(repr((scope["path"], scope["query_string"], scope["headers"])))
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    mitz = adapter(f"https://localhost:{await serving(watching, listening(papers))}", papers, tmp_path)
    await mitz.ask(access())
    await mitz.stop()
    assert len(scopes) == 1
    assert BSN not in scopes[0]


async def test_breaker_open_says_so_before_any_patient_is_known(region: Region) -> None:
    consent = SharingConsent("nl-pzp-strict", (Ranked(region.mitz, True, True),))
    region.twin.faults.set(Fault("fault", name="Receiver", status=500))
    for number in range(5):
        one = access()
        assert consent.resting(one.caller) is None
        await consent.ask(replace(one, caller=replace(one.caller, token_digest=bytes([number]) * 32)))
    stop = consent.resting(access().caller)
    assert stop is not None
    assert (stop.reason, stop.detail) == (Reason.MITZ_UNAVAILABLE, "breaker-open")
    found = await consent.ask(access("999912033"))
    assert isinstance(found, Unavailable)
    assert found.reason is stop.reason
    assert len(region.twin.questions) == 5
