"""The network door's manners: HEAD, OPTIONS, conditions, metadata, crowds, and bytes that are no request."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Denied, Disclosed
from nuts_pzp.house import House
from nuts_pzp.outcome import Deny
from nuts_pzp.protection.guard import GENEROUS, Guard
from nuts_pzp.reasons import Reason
from nuts_pzp.web.protocol import Patience

CONSENTS = b"/meerwijck/fhir/Consent?patient=Patient/p1"
TOKEN = b"Authorization: Bearer aaaaaaaaaaaaaaaaaaaaaaaa\r\n"


def request(method: bytes = b"GET", target: bytes = CONSENTS, more: bytes = TOKEN, version: bytes = b"1.1") -> bytes:
    return method + b" " + target + b" HTTP/" + version + b"\r\nHost: a\r\nConnection: close\r\n" + more + b"\r\n"


def parts(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split(" ")[1]), dict(line.lower().split(": ", 1) for line in lines), body


def kinds(wire: Any) -> list[type]:
    return [type(event) for event in wire.holder.audit.events]


async def test_a_head_is_a_get_without_its_body_and_as_well_recorded(wire: Any) -> None:
    got = parts(await wire.say(request()))
    seen = kinds(wire), wire.holder.records.asked[-1]
    wire.holder.audit.events.clear()
    status, headers, body = parts(await wire.say(request(b"HEAD")))
    assert (status, body) == (200, b"")
    assert headers["content-length"] == got[1]["content-length"] == str(len(got[2]))
    assert (kinds(wire), wire.holder.records.asked[-1]) == seen
    assert seen[0] == [Allowed, Disclosed]


async def test_a_refused_head_has_the_length_of_its_refusal_and_no_body(wire: Any) -> None:
    wire.holder.consent.says = Deny(Reason.CONSENT_NONE)
    status, headers, body = parts(await wire.say(request(b"HEAD")))
    assert (status, body) == (403, b"")
    assert int(headers["content-length"]) > 100
    assert kinds(wire) == [Denied]


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        (b"/meerwijck/fhir/Consent", "get, head, options"),
        (b"/meerwijck/fhir/Consent/c1", "get, head, options"),
        (b"/meerwijck/fhir/Consent/not-there", "get, head, options"),
        (b"/meerwijck/fhir/Consent/_search", "post, options"),
        (b"/meerwijck/fhir/Patient/_search", "post, options"),
        (b"/meerwijck/fhir/Patient", "options"),
        (b"/meerwijck/fhir/metadata", "get, head, options"),
    ],
)
async def test_options_tells_the_methods_and_nothing_else(target: bytes, allowed: str, wire: Any) -> None:
    status, headers, body = parts(await wire.say(request(b"OPTIONS", target, b"")))
    assert (status, headers["allow"], body) == (200, allowed, b"")
    assert wire.holder.journal == []


async def test_options_of_an_unknown_tenant_is_as_unknown_as_the_rest(wire: Any) -> None:
    assert parts(await wire.say(request(b"OPTIONS", b"/nobody/fhir/Consent", b"")))[0] == 404


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        (b"PUT", b"/meerwijck/fhir/Consent/c1", "get, head, options"),
        (b"POST", b"/meerwijck/fhir/Consent", "get, head, options"),
        (b"GET", b"/meerwijck/fhir/Consent/_search", "post, options"),
        (b"DELETE", b"/meerwijck/fhir/metadata", "get, head, options"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(method: bytes, target: bytes, allowed: str, wire: Any) -> None:
    status, headers, body = parts(await wire.say(request(method, target)))
    assert (status, headers["allow"]) == (405, allowed)
    assert json.loads(body)["issue"][0]["diagnostics"].startswith("PZP-REQUEST-004")


@pytest.mark.parametrize(
    "condition",
    [
        b'If-None-Match: "3"', b'If-None-Match: W/"3"', b"If-None-Match: *", b"Range: bytes=0-10",
        b"If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT", b"Prefer: respond-async", b"Prefer: handling=lenient",
        b"If-Range: x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("target", [CONSENTS, b"/meerwijck/fhir/Consent/c1"])
async def test_a_condition_of_a_read_changes_nothing(condition: bytes, target: bytes, wire: Any) -> None:
    plain = parts(await wire.say(request(target=target)))
    asked = parts(await wire.say(request(target=target, more=TOKEN + condition + b"\r\n")))
    assert asked[0] == plain[0] == 200
    assert asked[2] == plain[2]
    assert kinds(wire) == [Allowed, Disclosed] * 2


async def test_prefer_makes_nothing_lenient(wire: Any) -> None:
    more = TOKEN + b"Prefer: handling=lenient\r\n"
    assert parts(await wire.say(request(target=CONSENTS + b"&unknown=1", more=more)))[0] == 400


@pytest.mark.parametrize("header", [b"If-Match: *", b"If-None-Exist: a=b", b"If-Unmodified-Since: x"])
async def test_a_condition_of_a_change_is_refused(header: bytes, wire: Any) -> None:
    assert parts(await wire.say(request(more=TOKEN + header + b"\r\n")))[0] == 400


async def test_no_answer_can_be_asked_about_again_by_a_validator(wire: Any) -> None:
    _, headers, _ = parts(await wire.say(request()))
    assert headers.keys() == {
        "date", "content-type", "content-length", "cache-control", "x-content-type-options", "x-meldcode", "connection",
    }  # fmt: skip
    assert headers["content-type"] == "application/fhir+json"


@pytest.mark.parametrize(
    ("query", "accept", "status"),
    [
        (b"", b"", 200),
        (b"?_format=json", b"", 200),
        (b"?_format=json", b"Accept: text/html\r\n", 200),
        (b"", b"Accept: application/fhir+json; fhirVersion=4.0\r\n", 200),
        (b"", b"Accept: application/fhir+json; fhirVersion=3.0\r\n", 406),
        (b"", b"Accept: application/fhir+xml\r\n", 200),
        (b"?_format=xml", b"", 200),
        (b"", b"Accept: application/fhir+turtle\r\n", 406),
        (b"?_format=ttl", b"", 406),
        (b"?mode=full", b"", 400),
        (b"?_format=json&_format=json", b"", 400),
    ],
)
async def test_metadata_is_asked_for_in_one_way(query: bytes, accept: bytes, status: int, wire: Any) -> None:
    wire.says = Deny(Reason.TOKEN_ABSENT)
    answer = parts(await wire.say(request(target=b"/meerwijck/fhir/metadata" + query, more=accept)))
    assert answer[0] == status
    assert kinds(wire) == ([] if status == 200 else [Denied])


async def test_metadata_by_head_has_no_body(wire: Any) -> None:
    status, headers, body = parts(await wire.say(request(b"HEAD", b"/meerwijck/fhir/metadata", b"")))
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 100


async def test_metadata_with_a_body_is_ambiguous(wire: Any) -> None:
    more = b"Content-Length: 2\r\n\r\n{}"
    answer = await wire.say(b"GET /meerwijck/fhir/metadata HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + more)
    assert answer[9:12] == b"400"


async def test_format_overrides_accept_for_data_too(wire: Any) -> None:
    more = TOKEN + b"Accept: application/fhir+turtle\r\n"
    assert parts(await wire.say(request(target=CONSENTS + b"&_format=json", more=more)))[0] == 200
    assert parts(await wire.say(request(more=more)))[0] == 406


# --- bytes that are no request

NO_REQUEST = {
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "absolute form": b"GET http://elsewhere/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "headers too large": b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
    "not http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a bad chunk": b"POST /meerwijck/fhir/Consent/_search HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("name", NO_REQUEST)
async def test_what_is_no_request_is_refused_like_one_and_recorded(name: str, wire: Any) -> None:
    status, headers, body = parts(await wire.say(NO_REQUEST[name]))
    outcome = json.loads(body)
    assert status == 400
    assert outcome["resourceType"] == "OperationOutcome"
    assert headers["x-meldcode"].upper() in outcome["issue"][0]["diagnostics"]
    assert (headers["connection"], headers["content-type"]) == ("close", "application/fhir+json")
    assert [event.stop.reason for event in wire.system.events] == [Reason.REQUEST_MALFORMED]


async def test_without_a_record_even_that_is_a_503(wire: Any) -> None:
    wire.system.fails_at = 1
    assert parts(await wire.say(NO_REQUEST["two hosts"]))[0] == 503


async def test_rubbish_behind_a_request_never_stands_in_for_its_answer(wire: Any) -> None:
    keep = b"GET " + CONSENTS + b" HTTP/1.1\r\nHost: a\r\n" + TOKEN + b"\r\n"
    answer = await wire.say(keep + b"\x00\x00 rubbish\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer


@pytest.mark.parametrize("patience", [Patience(head=1.0)])
async def test_rubbish_behind_a_request_that_takes_its_time_does_not_cut_it_short(wire: Any) -> None:
    answered = wire.holder.records.send

    async def slowly(asked: Any) -> Any:
        await asyncio.sleep(1.3)  # longer than a head may take at this listener
        return await answered(asked)

    wire.holder.records.send = slowly
    keep = b"GET " + CONSENTS + b" HTTP/1.1\r\nHost: a\r\n" + TOKEN + b"\r\n"
    answer = await wire.say(keep + b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", seconds=20)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1


async def test_rubbish_behind_two_requests_ends_the_connection(wire: Any) -> None:
    keep = b"GET " + CONSENTS + b" HTTP/1.1\r\nHost: a\r\n" + TOKEN + b"\r\n"
    answer = await wire.say(keep + keep + b"\x00\x00 rubbish\r\n\r\n")
    assert b"400" not in answer.partition(b"\r\n")[0]


# --- crowds


def crowded(wire: Any, **room: Any) -> Guard:
    """Put a guard with this room before the holder of the wire."""
    guard = Guard("meerwijck", replace(GENEROUS, room=replace(GENEROUS.room, **room)))
    plain = wire.house

    def house(slug: str) -> House | None:
        found = plain(slug)
        if found is None or found.holding is None:
            return found
        return replace(found, holding=replace(found.holding, guard=guard))

    wire.house = house
    wire.door._house = house
    return guard


async def test_more_than_may_wait_are_a_503_at_once_and_on_record(wire: Any) -> None:
    guard = crowded(wire, at_once=1, waiting=1, seconds=60.0)
    hold = asyncio.Event()
    answered = wire.holder.records.send

    async def slowly(asked: Any) -> Any:
        await hold.wait()
        return await answered(asked)

    wire.holder.records.send = slowly
    asking = [asyncio.create_task(wire.say(request())) for _ in range(4)]
    for early in itertools.islice(asyncio.as_completed(asking), 2):
        status, headers, body = parts(await early)
        assert (status, headers["retry-after"]) == (503, "30")
        assert b"PZP" not in body
    assert (guard.memory.turns.inside, guard.memory.turns.waiting) == (1, 1)
    hold.set()
    assert sorted(parts(answer)[0] for answer in await asyncio.gather(*asking)) == [200, 200, 503, 503]
    assert (guard.memory.turns.inside, guard.memory.turns.waiting) == (0, 0)
    assert [event.stop.reason for event in wire.holder.audit.events if isinstance(event, Denied)] == [
        Reason.OVERLOADED
    ] * 2


async def test_one_who_takes_every_turn_leaves_one_to_another(wire: Any) -> None:
    crowded(wire, at_once=4, waiting=0, seconds=5.0)
    hold = asyncio.Event()
    answered = wire.holder.records.send

    async def slowly(asked: Any) -> Any:
        await hold.wait()
        return await answered(asked)

    wire.holder.records.send = slowly
    greedy = [asyncio.create_task(wire.say(request())) for _ in range(4)]
    done, _ = await asyncio.wait(greedy, timeout=0.5)
    assert [parts(task.result())[0] for task in done] == [503]
    other = asyncio.create_task(wire.say(request(), by="127.0.0.2"))
    await asyncio.sleep(0.1)
    hold.set()
    assert parts(await other)[0] == 200
    assert sorted(parts(answer)[0] for answer in await asyncio.gather(*greedy)) == [200, 200, 200, 503]


async def test_who_waits_too_long_is_a_503(wire: Any) -> None:
    guard = crowded(wire, at_once=1, waiting=5, seconds=0.05)
    assert await guard.enters()
    assert parts(await wire.say(request()))[0] == 503
    guard.leaves()
    assert parts(await wire.say(request()))[0] == 200


async def test_a_room_that_breaks_gives_its_turn_back(wire: Any) -> None:
    guard = crowded(wire, at_once=1, waiting=0)
    wire.holder.policy.says = RuntimeError("x")
    for _ in range(3):
        assert parts(await wire.say(request()))[0] == 502
    assert guard.memory.turns.inside == 0
