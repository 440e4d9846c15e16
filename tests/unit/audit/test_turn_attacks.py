"""What one turn hands in, at its worst moments: more than one loop, one bad record among good ones, who leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from nuts_pzp.accounted import Kept, Receipt
from nuts_pzp.audit import anchors
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.loops import InLoop, Loops
from nuts_pzp.audit.material import opened
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.audit.reading import records
from nuts_pzp.audit.verify import Verdict, verify
from nuts_pzp.identity import Tenant
from nuts_pzp.values import replace

Opening = Callable[..., Ledger]
THREADS, EACH = 4, 150


def verdict(place: Place) -> Verdict:
    key = VerifierKey.parse((place.keys / "meerwijck" / "audit-1.pub").read_text())
    assert place.anchor
    with opened(place.path) as ledger:
        return verify(ledger, [key], anchors.read(place.anchor), tenant="meerwijck").verdict


class Contested(Loops):
    """As when another loop's thread always comes in between: what is kept is at once that loop's."""

    def __init__(self, other: InLoop) -> None:
        self._other = other

    @property
    def _last(self) -> InLoop:  # type: ignore[override]
        return self._other

    @_last.setter
    def _last(self, made: InLoop) -> None:
        """The other one was faster."""

    _writer: Any = type("Writer", (), {"limits": type("Limits", (), {"deadline": 1.0})})()


async def test_a_loop_gets_its_own_turn_whatever_another_one_keeps_meanwhile() -> None:
    elsewhere = asyncio.new_event_loop()
    try:
        loops = Contested(InLoop(elsewhere, Contested._writer))
        assert loops.turn().loop is asyncio.get_running_loop()
    finally:
        elsewhere.close()


def test_loops_in_several_threads_each_hear_of_their_own_records(
    opening: Opening, place: Place, tenant: Tenant
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    heard: list[Receipt[Kept]] = []

    async def one_after_the_other() -> None:
        for _ in range(EACH):
            heard.append(await audit.append(Kept("policy.activated")))

    threads = [threading.Thread(target=asyncio.run, args=(one_after_the_other(),)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    ledger.close()
    stored = {entry.index: entry.record["id"] for entry in records(place.path, "meerwijck")}
    assert len(heard) == THREADS * EACH
    assert {one.index: stored[one.index] for one in heard} == {one.index: one.record_id for one in heard}
    assert len({one.index for one in heard}) == len(heard)
    assert sorted(stored) == list(range(len(stored)))
    assert verdict(place) is Verdict.OK


async def test_one_bad_record_among_good_ones_fails_alone_and_leaves_no_trace(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)
    bad = [
        replace(events.disclosed("bad-1"), references=("Consent/\ud800",)),
        replace(events.disclosed("bad-2"), attempt=replace(events.attempt("bad-2"), trace="\ud800")),
        replace(events.disclosed("bad-3"), attempt=replace(events.attempt("bad-3"), request=7)),
    ]
    good = [events.disclosed(f"good-{number}") for number in range(20)]
    handed = [*good[:7], bad[0], *good[7:15], bad[1], bad[2], *good[15:]]
    found = await asyncio.gather(*(audit.append(one) for one in handed), return_exceptions=True)
    for event, result in zip(handed, found, strict=True):
        if event in bad:
            assert isinstance(result, Exception)
        else:
            assert isinstance(result, Receipt)
            assert result.event is event
    await ledger.aclose()
    stored = [entry for entry in records(place.path, "meerwijck") if entry.correlation]
    assert [entry.correlation for entry in stored] == [one.attempt.correlation for one in good]
    assert verdict(place) is Verdict.OK


async def test_the_result_stands_after_its_decision_also_when_both_wait_among_others(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    audit = ledger.of(tenant)

    async def answered(correlation: str) -> None:
        attempt = events.attempt(correlation)
        allowed = replace(events.allowed(correlation), attempt=attempt)
        decided = await audit.append(allowed)
        result = await audit.append(replace(events.disclosed(correlation), attempt=attempt))
        assert decided.index < result.index

    tasks = [asyncio.create_task(answered(f"c-{number}")) for number in range(60)]
    await asyncio.sleep(0)
    for task in tasks[::3]:
        task.cancel()  # its decision is handed in, and stands
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert not [one for one in results if isinstance(one, Exception) and not isinstance(one, NotRecorded)]
    await ledger.aclose()
    codes: dict[str, list[str]] = {}
    for entry in records(place.path, "meerwijck"):
        if entry.correlation:
            codes.setdefault(entry.correlation, []).append(entry.code)
    assert len(codes) == 60
    ends = {tuple(trail) for trail in codes.values()}
    assert ends == {("disclosure.decision", "disclosure.result"), ("disclosure.decision", "outcome.unknown")}
    assert verdict(place) is Verdict.OK
