"""The officer is told of every emergency access, by every way, until it is heard (spec consent 6.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from nuts_pzp.consent.table import NOTHING_RECORDED
from nuts_pzp.emergency.claim import Rule
from nuts_pzp.emergency.desk import Desk
from nuts_pzp.emergency.glass import Glass
from nuts_pzp.emergency.port import Alert
from nuts_pzp.emergency.register import Judgment, Refused, Register, Verdict
from nuts_pzp.exchange import Access
from nuts_pzp.identity import EmergencyReason
from nuts_pzp.outcome import Outcome, Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason

NOTHING = Unknown(Reason.CONSENT_NONE)
DOWN = Unavailable(Reason.EMERGENCY_UNALERTED, detail="HTTP 503")
RULE = Rule(frozenset({"waarnemend huisarts"}), frozenset({"N6"}), frozenset(EmergencyReason), frozenset({"Consent"}))


@dataclass
class Pager:
    """A way to tell the officer that is up or down."""

    says: Outcome[None] | Exception = None
    heard: list[Alert] = field(default_factory=list)
    tried: int = 0
    never: frozenset[str] = frozenset()
    """Ids that it does not take, whatever happens."""

    async def tell(self, alert: Alert) -> Outcome[None]:
        self.tried += 1
        if alert.id in self.never:
            return Unavailable(Reason.EMERGENCY_UNALERTED, detail="HTTP 400")
        if isinstance(self.says, Exception):
            raise self.says
        if self.says is None:
            self.heard.append(alert)
        return self.says


@pytest.fixture
def opened(register: Register, clock: Any, claim: Callable[..., Access]) -> Any:
    """Open an emergency of this token."""
    glass = Glass("wilgenhof", RULE, register, NOTHING_RECORDED, 50, 3600.0, clock)

    async def one(token: bytes = b"t") -> Alert:
        found = await glass.open(claim(token=token), NOTHING)
        assert isinstance(found, Permit)
        review = await register.review(found.evidence[-1].reference)
        assert review is not None
        return review.alert

    return one


async def test_every_way_is_told_once(register: Register, opened: Any, clock: Any) -> None:
    pager, mail = Pager(), Pager()
    desk, alert = Desk(register, {"pager": pager, "mail": mail}, clock=clock, steady=clock), await opened()
    for _ in range(3):
        await desk.look()
    assert pager.heard == mail.heard == [alert]
    assert (desk.waiting, desk.delivered) == (0, 2)
    assert await desk.health() == "no alert waits"


async def test_a_way_that_is_down_is_tried_again_and_the_other_is_told_only_once(
    register: Register, opened: Any, clock: Any
) -> None:
    pager, mail = Pager(DOWN), Pager()
    desk, alert = Desk(register, {"pager": pager, "mail": mail}, clock=clock, steady=clock), await opened()
    await desk.look()
    assert (desk.waiting, mail.heard) == (1, [alert])
    clock.now += 61
    await desk.look()
    assert await desk.health() == Unavailable(Reason.EMERGENCY_UNALERTED, detail="1 alerts wait longer than a minute")
    pager.says = None
    clock.now += 31
    await desk.look()
    assert pager.heard == mail.heard == [alert]
    assert await desk.health() == "no alert waits"


async def test_a_way_that_is_down_is_not_hammered(register: Register, opened: Any, clock: Any) -> None:
    pager = Pager(RuntimeError("999912008"))
    desk = Desk(register, {"pager": pager}, clock=clock, steady=clock)
    for token in (b"1", b"2", b"3"):
        await opened(token)
    with capture_logs() as lines:
        for _ in range(60):
            await desk.look()
            clock.now += 1
    assert 5 <= pager.tried <= 8, "after 1, 2, 4, 8, 16, then every 30 seconds"
    assert "999912008" not in str(lines)


async def test_an_alert_that_is_never_taken_keeps_no_other_back(register: Register, opened: Any, clock: Any) -> None:
    alerts = sorted([await opened(bytes([token])) for token in range(6)], key=lambda one: one.id)
    pager = Pager(never=frozenset({alerts[0].id, alerts[2].id}))
    desk = Desk(register, {"pager": pager}, clock=clock, steady=clock)
    for _ in range(60):
        await desk.look()
        clock.now += 1
    assert sorted(one.id for one in pager.heard) == [alerts[at].id for at in (1, 3, 4, 5)]
    assert desk.waiting == 2
    late = await opened(b"late")
    for _ in range(31):
        await desk.look()
        clock.now += 1
    assert late in pager.heard, "within a minute, whatever the others are tried"


async def test_a_clock_that_is_set_back_keeps_no_alert_waiting(register: Register, opened: Any, clock: Any) -> None:
    pager, steady = Pager(DOWN), [100.0]
    desk, alert = Desk(register, {"pager": pager}, clock=clock, steady=lambda: steady[0]), await opened()
    await desk.look()
    clock.now -= 3600
    steady[0] += 61
    await desk.look()
    assert await desk.health() == Unavailable(Reason.EMERGENCY_UNALERTED, detail="1 alerts wait longer than a minute")
    assert desk.age == 61
    pager.says = None
    steady[0] += 31
    await desk.look()
    assert pager.heard == [alert]


async def test_a_restart_goes_on_where_it_was(
    register: Register, another_process: Register, opened: Any, clock: Any
) -> None:
    alert = await opened()
    await Desk(register, {"pager": Pager(DOWN)}, clock=clock, steady=clock).look()
    pager = Pager()
    await Desk(another_process, {"pager": pager}, clock=clock, steady=clock).look()
    assert pager.heard == [alert]


async def test_a_way_that_was_taken_out_is_waited_for_no_more(register: Register, opened: Any, clock: Any) -> None:
    await opened()
    await Desk(register, {"pager": Pager(DOWN), "mail": Pager()}, clock=clock, steady=clock).look()
    desk, mail = Desk(register, {"mail": Pager()}, clock=clock, steady=clock), Pager()
    await desk.look()
    assert [one async for one in register.waiting()] == []
    assert mail.heard == []


async def test_who_is_woken_tells_at_once(register: Register, opened: Any, clock: Any) -> None:
    pager = Pager()
    desk = Desk(register, {"pager": pager}, clock=clock, pause=30.0)
    await desk.start()
    try:
        await asyncio.sleep(0)
        await opened()
        desk.wake()
        async with asyncio.timeout(5):
            while not pager.heard:
                await asyncio.sleep(0.01)
    finally:
        await desk.stop()


async def test_a_review_stays_until_it_is_judged_and_a_verdict_is_not_changed(
    register: Register, another_process: Register, opened: Any
) -> None:
    id = (await opened()).id

    def verdict(word: str) -> Judgment:
        return Judgment(word, Verdict(word), "f-1 functionaris", "2026-11-28T21:00:00+00:00", "zaak/7")

    inquired = await register.judge(id, verdict("navraag"))
    assert inquired.open, "an inquiry is no end"
    judged = await another_process.judge(id, verdict("onrechtmatig"))
    assert not judged.open
    assert [one.verdict for one in judged.judgments] == [Verdict.INQUIRY, Verdict.UNLAWFUL]
    with pytest.raises(Refused, match="judged before"):
        await register.judge(id, verdict("rechtmatig"))
    with pytest.raises(Refused, match="no emergency access"):
        await register.judge("nothing", verdict("rechtmatig"))
    assert [one.open async for one in register.reviews()] == [False], "and it stays"
