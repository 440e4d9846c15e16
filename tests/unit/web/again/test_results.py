"""Results by id: kept for their asker alone, and recorded at every look."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from later import BODY, LATER, Slow, ended, kinds, knows

from nuts_pzp.accounted import Denied, Shown
from nuts_pzp.identity import Professional
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace
from nuts_pzp.web.ehr import PATH


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
