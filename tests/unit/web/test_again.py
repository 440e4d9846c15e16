"""Consultations that outlive their request: kept for their asker alone, recorded at every look, asked once per key."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from nuts_pzp.accounted import Consulted, Denied, Intended, Shown
from nuts_pzp.exchange import Caller
from nuts_pzp.identity import Professional, Purpose
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.store.once import Once
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.values import replace
from nuts_pzp.web import held
from nuts_pzp.web.ehr import PATH, EhrDoor

BODY = {
    "patient": {"bsn": "999900006", "birthDate": "1941-03-09"},
    "professional": {"id": "k-17", "name": "M. Okker", "role": "huisarts"},
    "purpose": "treatment",
}
LATER = {"prefer": "respond-async"}
KEY = {"idempotency-key": "4b1f0c66"}


def knows(request: Any) -> Any:
    if request.resource_type != "Patient":
        return {"resourceType": "Bundle", "type": "searchset"}
    identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"}]
    patient = {"resourceType": "Patient", "id": "1", "identifier": identifier, "birthDate": "1941-03-09"}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": patient}]}


class Slow:
    """A source that answers when it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.cancelled = False

    def __call__(self, request: Any) -> Any:
        return self._answer(request)

    async def _answer(self, request: Any) -> Any:
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return knows(request)


@pytest.fixture
async def state(region: Any, tmp_path: Path) -> AsyncIterator[Callable[[], Any]]:
    """Makes houses that share the state of their deployment, as several processes would."""
    store = SqliteStore(tmp_path / "store.sqlite")

    def house() -> Any:
        plain = region.house(deadline=30.0)
        vault = Vault(store.of(plain.tenant), b"k" * 32, plain.tenant.id)
        return dataclasses.replace(plain, once=Once(vault, "ehr-idempotency"))

    yield house
    store.close()


@pytest.fixture
async def ask(called: Any, make_door: Any, state: Any) -> AsyncIterator[Any]:
    door = make_door(state())

    async def run(id: str = "", *, door: EhrDoor = door, body: Any = BODY, **how: Any) -> Any:
        headers = how.pop("headers", {})
        how = {"path": f"/kade{PATH}/{id}", "method": "GET", "body": b""} | how if id else how
        return await called(door=door, **({"body": orjson.dumps(body), "headers": headers} | how)).run()

    yield run
    await door.stop()


def kinds(region: Any) -> list[str]:
    return [type(event).__name__ for event in region.events]


async def ended(region: Any) -> None:
    async with asyncio.timeout(5):
        while not isinstance(region.events[-1] if region.events else None, Consulted):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)


async def test_later_is_a_202_with_a_place_and_the_result_is_there(region: Any, ask: Any, strict: Any) -> None:
    slow = Slow()
    region.source("90000111", slow)
    begun = await ask(headers=LATER)
    assert (begun.status, begun.headers["preference-applied"]) == (202, "respond-async")
    strict("Started").validate(begun.json)
    assert begun.headers["location"] == f"https://gw/kade{PATH}/{begun.json['id']}" == begun.json["url"]
    waiting = await ask(begun.json["id"])
    assert (waiting.status, waiting.headers["retry-after"]) == (202, "1")
    slow.may.set()
    await ended(region)
    seen = await ask(begun.json["id"])
    assert seen.status == 200
    strict("Answer").validate(seen.json)
    assert seen.json["meldcode"] == begun.json["meldcode"] == begun.headers["x-meldcode"] != seen.headers["x-meldcode"]


async def test_a_202_leaves_only_after_something_of_it_is_on_record(region: Any, ask: Any) -> None:
    region.source("90000111", Slow())
    writes, durable = region.append, asyncio.Event()

    async def slowly(event: Any) -> Any:
        await durable.wait()
        return await writes(event)

    region.append = slowly
    asking = asyncio.create_task(ask(headers=LATER))
    await asyncio.sleep(0.05)
    assert not asking.done()
    durable.set()
    begun = await asking
    assert (begun.status, kinds(region)[0]) == (202, "Intended")


async def test_what_is_not_recorded_is_never_said_to_run(region: Any, ask: Any) -> None:
    region.source("90000111", Slow())
    region.fail_at = 1
    refused = await ask(headers=LATER)
    assert (refused.status, refused.json["code"]) == (503, "PZP-AUDIT-001")


async def test_who_waits_a_little_gets_it_at_once_when_it_is_quick(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    seen = await ask(headers={"prefer": "wait=5, respond-async"})
    assert (seen.status, seen.json["complete"]) == (200, True)
    assert kinds(region) == ["Intended", "Addressed", "Received", "Consulted"]


async def test_every_further_look_is_recorded_before_it_leaves(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    begun = await ask(headers=LATER)
    await ended(region)
    seen = await ask(begun.json["id"])
    last = region.events[-1]
    assert isinstance(last, Shown)
    assert (last.of, last.attempt.correlation) == (begun.json["meldcode"], seen.headers["x-meldcode"])
    assert (last.bsn.value, last.professional.name) == ("999900006", "M. Okker")
    region.fail_at = len(region.events) + 1
    for accept in ("application/json", "text/event-stream"):
        refused = await ask(begun.json["id"], headers={"accept": accept})
        assert (refused.status, refused.json["code"]) == (503, "PZP-AUDIT-001")
        assert b"999900006" not in refused.content


async def test_a_stream_by_id_tells_from_the_first_event_and_goes_on(region: Any, ask: Any) -> None:
    slow = Slow()
    region.source("90000111", knows)
    region.source("90000222", slow)
    begun = await ask(headers=LATER)
    await asyncio.sleep(0.1)
    following = asyncio.create_task(ask(begun.json["id"], headers={"accept": "text/event-stream"}))
    await asyncio.sleep(0.1)
    assert not following.done()
    slow.may.set()
    seen = await following
    assert seen.events == ["source", "source", "overview"]
    again = await ask(begun.json["id"], headers={"accept": "text/event-stream"})
    assert again.content == seen.content
    assert kinds(region).count("Shown") == 2


async def test_fhir_is_there_when_it_was_asked_for(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    begun = await ask(headers=LATER | {"accept": "application/fhir+json"})
    await ended(region)
    fhir = await ask(begun.json["id"], headers={"accept": "application/fhir+json"})
    assert (fhir.status, fhir.json["type"]) == (200, "searchset")
    assert (await ask(begun.json["id"])).json["schema"] == "nuts-pzp-overview/1"
    plain = await ask(headers=LATER)
    await ended(region)
    assert (await ask(plain.json["id"], headers={"accept": "application/fhir+json"})).status == 406


async def test_a_refusal_is_told_by_id_too(region: Any, ask: Any) -> None:
    begun = await ask(headers=LATER, body=BODY | {"purpose": "emergency"})
    await asyncio.sleep(0.05)
    seen = await ask(begun.json["id"])
    assert (seen.status, seen.json["code"]) == (403, "PZP-REQUEST-011")


async def test_a_result_is_nobody_elses(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    begun = await ask(headers=LATER)
    await ended(region)
    mine = await region.verify(None)
    others = {
        "another client": replace(mine, certificate="cd"),
        "another professional": replace(mine, professional=Professional("x", "arts")),
    }
    for name, caller in others.items():
        region.caller = caller
        seen = await ask(begun.json["id"])
        assert (seen.status, seen.json["code"]) == (404, "PZP-REQUEST-016"), name
        dropped = await ask(begun.json["id"], method="DELETE")
        assert dropped.status == 404, name
        assert isinstance(region.events[-1], Denied)
    region.caller = Deny(Reason.CERTIFICATE_UNLISTED)
    assert (await ask(begun.json["id"])).status == 401
    region.caller = None
    assert (await ask(begun.json["id"])).status == 200


@pytest.mark.parametrize("id", ["x", "00000000", "A" * 80])
async def test_an_id_that_is_none_is_gone(region: Any, ask: Any, id: str) -> None:
    seen = await ask(id)
    assert (seen.status, seen.json["code"]) == (404, "PZP-REQUEST-016")
    assert kinds(region) == ["Denied"]


async def test_another_process_says_that_it_is_another(region: Any, ask: Any, make_door: Any, state: Any) -> None:
    region.source("90000111", knows)
    begun = await ask(headers=LATER)
    await ended(region)
    seen = await ask(begun.json["id"], door=make_door(state()))
    assert (seen.status, seen.json["code"]) == (421, "PZP-REQUEST-017")


async def test_what_is_dropped_is_gone_and_what_runs_is_cancelled(region: Any, ask: Any) -> None:
    slow = Slow()
    region.source("90000111", slow)
    begun = await ask(headers=LATER)
    await asyncio.sleep(0.05)
    dropped = await ask(begun.json["id"], method="DELETE")
    assert (dropped.status, dropped.content) == (204, b"")
    await asyncio.sleep(0.05)
    assert slow.cancelled
    assert (await ask(begun.json["id"])).status == 404


async def test_a_key_and_the_same_body_are_one_consultation(region: Any, ask: Any) -> None:
    slow = Slow()
    region.source("90000111", slow)
    both = [asyncio.create_task(ask(headers=KEY)) for _ in range(3)]
    await asyncio.sleep(0.1)
    slow.may.set()
    first, second, third = [await one for one in both]
    assert first.content == second.content == third.content
    assert [kinds(region).count(name) for name in ("Intended", "Consulted", "Shown")] == [1, 1, 2]
    later = await ask(headers=KEY)
    assert later.content == first.content
    assert kinds(region).count("Intended") == 1
    assert region.asked.count("locate") == 1


async def test_an_ehr_that_hangs_up_and_comes_again_with_its_key_gets_its_answer(region: Any, ask: Any) -> None:
    slow = Slow()
    region.source("90000111", slow)
    left = await ask(headers=KEY, stays=0.05)
    assert left.sent == []
    slow.may.set()
    seen = await ask(headers=KEY)
    assert (seen.status, seen.json["complete"]) == (200, True)
    assert kinds(region).count("Intended") == 1


async def test_a_key_for_another_body_is_refused(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    assert (await ask(headers=KEY)).status == 200
    seen = await ask(headers=KEY, body=BODY | {"context": "visit"})
    assert (seen.status, seen.json["code"]) == (422, "PZP-REQUEST-018")
    denied = region.events[-1]
    assert isinstance(denied, Denied)
    assert denied.attempt.caller is not None
    assert kinds(region).count("Intended") == 1
    again = await ask(headers=KEY)
    assert again.status == 200


async def test_a_key_is_its_clients_and_its_professionals(region: Any, ask: Any) -> None:
    region.source("90000111", knows)
    await ask(headers=KEY)
    await ask(headers=KEY, body=BODY | {"professional": {"id": "k-18", "name": "x", "role": "arts"}})
    region.caller = replace(await region.verify(None), certificate="cd")
    await ask(headers=KEY)
    assert kinds(region).count("Intended") == 3


async def test_no_second_question_also_not_by_another_process(
    region: Any, ask: Any, make_door: Any, state: Any
) -> None:
    region.source("90000111", knows)
    await ask(headers=KEY)
    elsewhere = await ask(headers=KEY, door=make_door(state()))
    assert (elsewhere.status, elsewhere.json["code"]) == (421, "PZP-REQUEST-017")
    assert kinds(region).count("Intended") == 1


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "\x7f", "é"])
async def test_a_key_that_is_none_is_refused(region: Any, called: Any, key: str) -> None:
    if not key:
        key = " "
    seen = await called(headers={"idempotency-key": key}).run()
    assert seen.status == 400
    assert seen.json["errors"][0]["key"] == "Idempotency-Key"
    assert kinds(region) == ["Denied"]


async def test_without_state_no_key_is_taken(region: Any, called: Any) -> None:
    seen = await called(headers=KEY).run()
    assert (seen.status, seen.json["code"]) == (503, "PZP-INTERNAL-003")
    assert kinds(region) == ["Denied"]


async def test_a_stranger_takes_no_key_and_no_place(region: Any, ask: Any) -> None:
    region.caller = Deny(Reason.CERTIFICATE_UNLISTED)
    for headers in (KEY, LATER):
        assert (await ask(headers=headers)).status == 401
    region.caller = None
    region.source("90000111", knows)
    assert (await ask(headers=KEY)).status == 200


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
