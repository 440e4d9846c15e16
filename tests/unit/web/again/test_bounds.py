"""What is kept is bounded, sealed, and gone in time."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from later import KEY, LATER, Slow, ended, kinds, knows

from nuts_pzp.accounted import Denied, Intended
from nuts_pzp.exchange import Caller
from nuts_pzp.identity import Professional, Purpose
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace
from nuts_pzp.web import held
from nuts_pzp.web.ehr import PATH


async def test_results_are_bounded_and_the_oldest_goes_first(
    region: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "MOST_EACH", 2)
    ids = []
    for _ in range(3):
        ids.append((await ask(headers=LATER)).json["id"])
        await ended(region)
    assert [(await ask(id)).status for id in ids] == [404, 200, 200]


async def test_more_at_a_time_than_there_is_room_for_is_refused(
    region: Any, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "MOST_RUNNING", 1)
    region.source("90000111", Slow())
    assert (await ask(headers=LATER)).status == 202
    seen = await ask(headers=LATER)
    assert (seen.status, seen.headers["retry-after"]) == (429, "30")
    assert isinstance(region.events[-1], Denied)


async def test_a_result_expires(region: Any, called: Any, make_door: Any) -> None:
    door = make_door(region.house())
    door._held._seconds = 0.05
    begun = await called(door=door, headers=LATER).run()
    await ended(region)
    path = {"path": f"/kade{PATH}/{begun.json['id']}", "method": "GET"}
    await asyncio.sleep(0.1)
    assert (await called(door=door, **path).run()).status == 404
    assert door._held._entries == {}


async def test_what_is_kept_is_sealed_and_the_id_is_not_kept(region: Any, called: Any, make_door: Any) -> None:
    region.source("90000111", knows)
    door = make_door(region.house())
    await called(door=door, headers=LATER | {"accept": "application/fhir+json"}).run()
    await ended(region)
    [(name, entry)] = door._held._entries.items()
    kept = b"".join([name, entry.whose, *entry.pieces, entry.fhir[1]])
    assert b"999900006" not in kept
    gc.collect()
    assert not any(isinstance(one, held.Key) for one in gc.get_objects()), "nothing here can open it"
    assert "999900006" not in repr(entry)


async def test_the_door_that_closes_cancels_and_forgets(region: Any, called: Any, make_door: Any) -> None:
    slow = Slow()
    region.source("90000111", slow)
    door = make_door(region.house(deadline=30.0))
    await called(door=door, headers=LATER).run()
    await asyncio.sleep(0.05)
    await door.stop()
    assert slow.cancelled
    assert door._held._entries == {}


async def test_a_record_that_fails_half_way_ends_everybody_who_waits(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    region.fail_at = 4
    seen = await ask(headers=KEY)
    assert (seen.status, seen.json["code"]) == (503, "PZP-AUDIT-001")
    streamed = await ask(headers={"idempotency-key": "other", "accept": "text/event-stream"})
    assert streamed.status == 503


async def test_a_source_that_is_down_is_in_the_kept_answer(region: Any, ask: Any) -> None:
    region.source("90000111", lambda request: Unavailable(Reason.SOURCE_DOWN))
    begun = await ask(headers=LATER)
    await ended(region)
    assert (await ask(begun.json["id"])).json["complete"] is False


async def test_a_token_client_is_told_by_its_id_and_not_by_its_certificate(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    person = Professional("k-17", "huisarts", "M. Okker")
    mine = await region.verify(None)
    region.caller = Caller(
        mine.organization, person, mine.scopes, Purpose.TREATMENT, None, {"client_id": "his"}, "ehr-token"
    )
    begun = await ask(headers=LATER)
    await ended(region)
    region.caller = replace(region.caller, certificate="ee")
    assert (await ask(begun.json["id"])).status == 200
    assert any(isinstance(event, Intended) for event in region.events)


async def test_a_colleague_with_the_same_key_and_body_gets_neither_the_result_nor_the_key(
    region: Any, ask: Any
) -> None:
    """The body names another than the token does: that is told before a key is looked up or taken."""
    region.source("90000111", knows)
    mine = await region.verify(None)

    def of(id: str, role: str) -> Caller:
        claims = {"client_id": "his"}
        person = Professional(id, role, "P. Vos")
        return Caller(mine.organization, person, mine.scopes, Purpose.TREATMENT, None, claims, "ehr-token")

    intruders = of("k-18", "huisarts"), of("k-17", "assistent")
    for intruder in intruders:
        region.caller = intruder
        seen = await ask(headers=KEY)
        assert (seen.status, seen.json["code"]) == (403, Reason.PROFESSIONAL_MISMATCH.code)
    region.caller = of("k-17", "huisarts")
    own = await ask(headers=KEY)
    assert own.status == 200, "nobody took the key before"
    for intruder in intruders:
        region.caller = intruder
        seen = await ask(headers=KEY)
        assert (seen.status, seen.json["code"]) == (403, Reason.PROFESSIONAL_MISMATCH.code)
    assert kinds(region).count("Intended") == 1
    assert kinds(region).count("Shown") == 0


async def test_a_result_is_not_the_same_persons_in_another_role(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    mine = await region.verify(None)
    person = Professional("k-17", "huisarts", "M. Okker")
    region.caller = Caller(
        mine.organization, person, mine.scopes, Purpose.TREATMENT, None, {"client_id": "his"}, "ehr-token"
    )
    begun = await ask(headers=LATER)
    await ended(region)
    region.caller = replace(region.caller, professional=Professional("k-17", "assistent", "M. Okker"))
    assert (await ask(begun.json["id"])).status == 404
    assert (await ask(begun.json["id"], method="DELETE")).status == 404
