"""Subscriptions out, over real TLS between adapter and twin (spec consent 3; 8: 126 to 130).

What is subscribed survives a restart and is told once.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from mitz_ward import BSN, KNOWN, OTHER, Ward
from structlog.testing import capture_logs

from nuts_pzp.identity import Bsn, Standing
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.mitz import Fault
from nuts_pzp.sandbox.mitz.notices import as_json
from nuts_pzp.systems.mitz.subscriptions import State

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_subscription_202_location(form: str, ward: Ward) -> None:
    await ward.mitz.stop()
    other = ward.adapter(format=form, birth_dates_verified=True)
    await other.start()
    other.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    [held] = ward.twin.book.held.values()
    assert (held.bsn, held.provider, held.type, held.payload) == (BSN, "90000222", "V6", form)
    assert (held.endpoint, held.gateway_system) == (ward.url, "urn:oid:2.999.2.1")
    assert held.birth_date == "1950-03-04"
    found = await ward.mitz.letters.subscriptions.of(Bsn(BSN))  # type: ignore[union-attr]
    assert found is not None
    assert found.id == held.id
    await other.stop()


async def test_birth_date_is_not_told_unless_it_was_verified(ward: Ward) -> None:
    ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    assert [one.birth_date for one in ward.twin.book.held.values()] == [""]


async def test_subscription_422_no_retry(ward: Ward) -> None:
    ward.twin.subscription_faults.set(Fault("status", status=422, times=1))
    ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.REFUSED)
    await asyncio.sleep(0.2)
    assert (ward.twin.book.received, await ward.state()) == (0, State.REFUSED)
    await ward.mitz.letters.subscriptions.reconcile()  # type: ignore[union-attr]
    assert await ward.state() is State.REFUSED
    await ward.mitz.letters.subscriptions.want(Bsn(BSN), again=True)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)


async def test_subscription_429_backoff(ward: Ward) -> None:
    ward.twin.subscription_faults.set(Fault("status", status=429, retry_after="1", times=1))
    loop = asyncio.get_running_loop()
    began = loop.time()
    ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    assert loop.time() - began >= 1.0
    assert ward.twin.book.received == 1


async def test_subscription_idempotent(ward: Ward) -> None:
    for _ in range(3):
        ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    other = ward.adapter()  # another process, that has not seen the patient yet
    await other.start()
    other.letters.has(KNOWN)  # type: ignore[union-attr]
    await asyncio.sleep(0.2)
    assert ward.twin.book.received == 1
    await other.stop()


async def test_two_processes_send_one_subscription(ward: Ward) -> None:
    other = ward.adapter()
    await other.start()
    for mitz in (ward.mitz, other):
        mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    await asyncio.sleep(0.2)
    assert ward.twin.book.received == 1
    await other.stop()


@pytest.mark.parametrize(("mode", "commands"), [("manual", True), ("never", False)])
async def test_at_a_disclosure_nobody_is_subscribed_unless_the_settings_say_so(
    mode: str, commands: bool, ward: Ward
) -> None:
    other = ward.adapter(subscribe_on=mode)
    assert other.letters is not None
    assert other.letters.subscribes is commands
    other.letters.has(KNOWN)
    await other.stop()
    assert await ward.state() is None


async def test_what_is_wanted_survives_a_restart(ward: Ward) -> None:
    await ward.mitz.stop()
    quiet = ward.adapter()
    quiet.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.WANTED)
    await quiet.stop()
    assert ward.twin.book.received == 0
    again = ward.adapter()
    await again.start()
    await ward.until(State.ACCEPTED)
    await again.stop()


@pytest.mark.parametrize("by", ["the holder's own record", "a notification"])
async def test_unsubscribe_on_death(by: str, ward: Ward) -> None:
    ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    if by == "a notification":
        assert (await ward.notify(as_json(ward.bundle(deceased="2026-11-20")))).status_code == 200
        assert (await ward.says("N6")).reason is Reason.PATIENT_DECEASED
    else:
        ward.mitz.letters.died(replace(KNOWN, standing=Standing.DECEASED))  # type: ignore[union-attr]
    await ward.until(None)
    assert ward.twin.book.held == {}


async def test_an_outage_is_waited_out_by_one_call_at_a_time(ward: Ward) -> None:
    ward.twin.subscription_faults.set(Fault("status", status=503))
    subscriptions = ward.mitz.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    await subscriptions.want(Bsn(BSN))
    await subscriptions.want(Bsn(OTHER))

    async def tried() -> int:
        return sum(bool(one and one.why) for one in [await subscriptions.of(Bsn(bsn)) for bsn in (BSN, OTHER)])

    async with asyncio.timeout(20):
        while not await tried():
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    assert await tried() == 1
    ward.twin.subscription_faults.clear()
    await ward.until(State.ACCEPTED)


async def test_who_changes_his_mind_while_the_call_is_made_is_unsubscribed_in_the_end(ward: Ward) -> None:
    ward.twin.subscription_faults.set(Fault("delay", seconds=1.0, times=1))
    subscriptions = ward.mitz.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    await subscriptions.want(Bsn(BSN))
    async with asyncio.timeout(20):
        while ward.twin.subscription_faults.any:
            await asyncio.sleep(0.01)
    assert await subscriptions.unwant(Bsn(BSN)) is True
    await ward.until(None)
    async with asyncio.timeout(20):
        while ward.twin.book.received != 1 or ward.twin.book.held:
            await asyncio.sleep(0.02)


async def test_reconciling_confirms_what_mitz_worked_off_and_tries_again_who_was_not_admitted(ward: Ward) -> None:
    subscriptions = ward.mitz.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    ward.twin.subscription_faults.set(Fault("status", status=401, times=1))
    with capture_logs() as lines:
        await subscriptions.want(Bsn(BSN))
        await ward.until(State.NOT_ADMITTED)
    assert {"mitz.subscription-refused"} <= {line["event"] for line in lines}
    assert await subscriptions.reconcile() == {"wanted": 1}
    await ward.until(State.ACCEPTED)
    ward.twin.book.queued = 3
    assert await subscriptions.reconcile() == {"accepted": 1}
    ward.twin.book.queued = 0
    assert await subscriptions.reconcile() == {"confirmed": 1}


async def test_an_authorization_file_is_read_at_every_call(ward: Ward) -> None:
    file = ward.folder / "bewijs"
    seen: list[str] = []
    ward.twin.app.middleware_stack = None
    ward.twin.app.add_middleware(lambda inner: _Watching(inner, seen))
    other = ward.adapter(authorization_file=str(file))
    subscriptions = other.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    await ward.mitz.stop()
    await subscriptions.want(Bsn(BSN))
    assert await subscriptions.work() == 1
    assert await ward.state() is State.WANTED, "without the file nothing is sent"
    file.write_text("SAML abc\n")
    later = ward.adapter(authorization_file=str(file))
    subscriptions = later.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    subscriptions._clock = lambda: 4_000_000_000.0
    await subscriptions.work()
    assert (await ward.state(), seen) == (State.ACCEPTED, ["SAML abc"])
    await other.stop()
    await later.stop()


class _Watching:
    def __init__(self, inner: Any, seen: list[str]) -> None:
        self._inner, self._seen = inner, seen

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._seen.extend(value.decode() for name, value in scope.get("headers", ()) if name == b"authorization")
        await self._inner(scope, receive, send)
