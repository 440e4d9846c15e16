"""What every way to tell the officer promises (emergency port `Alarm`): heard for good, or a Stop and never a raise."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.emergency.port import Alert
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outcome import Unavailable
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.officer_spool import build as build_spool
from nuts_pzp.systems.officer_webhook import build as build_webhook
from nuts_pzp.web.server import Server

OURS = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "De Wilgenhof"))
ALERT = Alert(
    "0123456789abcdef01234567", "2026-11-28T21:00:00+00:00", "wilgenhof", "MELD12345678", "90000444", "N6",
    "Huisartsenpost De Kade", "waarnemend huisarts", "unresponsive", "PZP-CONSENT-005", 1, 5,
)  # fmt: skip
LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"),))


class Hook:
    """A receiver that keeps what it gets."""

    def __init__(self) -> None:
        self.status, self.got, self.headers = 204, list[Any](), dict[str, str]()
        self.alarm: Any = None

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"")
        if self.status == 204:
            self.got.append(json.loads(body))
        self.headers = {key.decode(): value.decode() for key, value in scope["headers"]} | {"path": scope["path"]}
        location = [(b"location", b"http://127.0.0.1:1/elsewhere")] if self.status == 302 else []
        await send({"type": "http.response.start", "status": self.status, "headers": location})
        await send({"type": "http.response.body", "body": b""})

    def break_down(self) -> None:
        self.status = 503

    def mend(self) -> None:
        self.status = 204


@asynccontextmanager
async def webhook(folder: Path) -> AsyncIterator[Hook]:
    hook = Hook()
    server = Server(hook.app, host="127.0.0.1", port=0)
    (folder / "secret").write_text("Bearer officer\n")
    settings = {"url": f"http://127.0.0.1:{await server.start()}/alerts", "authorization_file": "secret"}
    hook.alarm = build_webhook(settings, Surroundings(OURS, LOOPBACK, folder, folder))
    yield hook
    await hook.alarm.stop()
    await server.stop(grace=0.1)


class Spool:
    """A folder that somebody empties."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "spool"
        self._folder.mkdir()
        self.alarm: Any = build_spool({"folder": "spool"}, Surroundings(OURS, LOOPBACK, folder, folder))

    @property
    def got(self) -> list[Any]:
        return [json.loads(one.read_text("utf-8")) for one in sorted(self._folder.glob("*.json"))]

    def break_down(self) -> None:
        self._folder.rename(self._folder.with_name("gone"))

    def mend(self) -> None:
        self._folder.with_name("gone").rename(self._folder)


@asynccontextmanager
async def spool(folder: Path) -> AsyncIterator[Spool]:
    yield Spool(folder)


MAKERS: dict[str, Callable[[Path], Any]] = {"officer_webhook": webhook, "officer_spool": spool}


@pytest.mark.parametrize("kind", MAKERS)
async def test_an_alert_arrives_as_it_is_written(kind: str, tmp_path: Path) -> None:
    async with MAKERS[kind](tmp_path) as harness:
        assert await harness.alarm.tell(ALERT) is None
        assert harness.got == [ALERT.written()]


@pytest.mark.parametrize("kind", MAKERS)
async def test_what_does_not_arrive_is_told_and_may_be_tried_again(kind: str, tmp_path: Path) -> None:
    async with MAKERS[kind](tmp_path) as harness:
        harness.break_down()
        found = await harness.alarm.tell(ALERT)
        assert isinstance(found, Unavailable)
        assert found.reason is Reason.EMERGENCY_UNALERTED
        harness.mend()
        assert await harness.alarm.tell(ALERT) is None
        assert harness.got == [ALERT.written()]


@pytest.mark.parametrize("kind", MAKERS)
async def test_it_lives_and_says_how_it_is(kind: str, tmp_path: Path) -> None:
    async with MAKERS[kind](tmp_path) as harness:
        await harness.alarm.start()
        assert isinstance(await harness.alarm.health(), str)
        await harness.alarm.stop()


async def test_the_webhook_gets_its_secret_and_an_id_to_tell_repeats_by(tmp_path: Path) -> None:
    async with webhook(tmp_path) as hook:
        await hook.alarm.tell(ALERT)
        assert (hook.headers["authorization"], hook.headers["path"]) == ("Bearer officer", "/alerts")
        assert hook.headers["idempotency-key"] == ALERT.id


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    async with webhook(tmp_path) as hook:
        hook.status = 302
        assert isinstance(await hook.alarm.tell(ALERT), Unavailable)


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "http://officer.example/alerts"},
        {"url": "https://10.0.0.7/alerts"},
        {"url": "https://officer.example/alerts?to=fg"},
        {"url": "ftp://officer.example/alerts"},
        {"url": "https://officer.example/alerts", "command": "mail"},
        {"url": "https://officer.example/alerts", "key_file": "key.pem"},
    ],
)
def test_what_may_not_be_dialled_refuses_the_start(settings: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r".+"):
        build_webhook(settings, Surroundings(OURS, Outbound(), tmp_path, tmp_path))


def test_a_folder_that_is_not_there_refuses_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        build_spool({"folder": "nowhere"}, Surroundings(OURS, LOOPBACK, tmp_path, tmp_path))


async def test_who_reads_the_spool_never_sees_half_an_alert(tmp_path: Path) -> None:
    async with spool(tmp_path) as one:
        await one.alarm.tell(ALERT)
        names = os.listdir(tmp_path / "spool")  # noqa: PTH208
        assert names == [f"{ALERT.id}.json"]


async def test_an_attempt_that_was_given_up_and_still_writes_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_synced, second_opened, first_done = threading.Event(), threading.Event(), threading.Event()
    honest, honest_sync, opened = os.fdopen, os.fsync, iter(range(9))

    def fdopen(descriptor: int, mode: str) -> Any:
        if next(opened) == 1:
            second_opened.set()
            assert first_done.wait(10)
        return honest(descriptor, mode)

    def fsync(descriptor: int) -> None:
        honest_sync(descriptor)
        if not first_synced.is_set():
            first_synced.set()
            assert second_opened.wait(10)

    monkeypatch.setattr(os, "fdopen", fdopen)
    monkeypatch.setattr(os, "fsync", fsync)
    async with spool(tmp_path) as one:
        former = asyncio.create_task(one.alarm.tell(ALERT))
        await asyncio.to_thread(first_synced.wait, 10)
        successor = asyncio.create_task(one.alarm.tell(ALERT))
        assert await former is None
        assert one.got == [ALERT.written()], "whole, although another has begun to write the same"
        first_done.set()
        assert await successor is None
        assert one.got == [ALERT.written()]


async def test_an_alert_that_cannot_be_synced_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    async with spool(tmp_path) as one:
        monkeypatch.setattr(os, "fsync", full)
        assert isinstance(await one.alarm.tell(ALERT), Unavailable)
        assert os.listdir(tmp_path / "spool") == []  # noqa: PTH208
