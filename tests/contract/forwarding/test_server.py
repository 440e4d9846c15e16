"""What every FhirServer keeps, whoever it talks to."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.fhir.searchset import written
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.fhir_server.server import Records

GOALS = FhirRequest("search-type", "Goal", params=(("patient", ("Patient/p1",)),))
PATIENT = FhirRequest(
    "search-type", "Patient", params=(("identifier", ("http://fhir.nl/fhir/NamingSystem/bsn|999911120",)),), via="POST"
)
READ = FhirRequest("read", "RelatedPerson", "r1")


async def test_the_body_passes_byte_for_byte(connect: Any, upstream: Any, reply: Any) -> None:
    body = '{ "resourceType":"Bundle", "entry":[{"x":1.50,"naam":"Zoë"}] }'.encode()
    upstream.script = [reply(body)]
    answer = await connect(upstream.base).send(GOALS)
    assert answer == FhirAnswer(200, body, None, upstream.base)


async def test_only_the_own_servers_searchset_is_kept_as_it_was_read(connect: Any, upstream: Any, reply: Any) -> None:
    own = isinstance(server := connect(upstream.base), Records)
    links = b'"link":[{"relation":"next","url":"%s/Goal?page=2"}]' % upstream.base.encode()
    plain = b'{"resourceType":"Bundle",%s,"entry":[{"resource":{"resourceType":"Goal","id":"1.50"}}]}' % links
    more = plain.replace(b'"entry"', b'"signature":{},"entry"')
    for body in (plain, more):
        upstream.script = [reply(body)]
        answer = await server.send(GOALS)
        assert isinstance(answer, FhirAnswer)
        assert (answer.body, answer.next) == (body, "/Goal?page=2")
        assert (answer.searchset is not None) is (own and body is plain)
        assert answer.searchset is None or written(answer.searchset) == body


async def test_a_search_goes_out_as_it_was_decided(connect: Any, upstream: Any) -> None:
    await connect(upstream.base).send(GOALS)
    (seen,) = upstream.seen
    assert (seen.method, seen.target, seen.body) == ("GET", "/fhir/Goal?patient=Patient/p1", b"")


async def test_a_patient_search_keeps_the_bsn_in_the_body(connect: Any, upstream: Any) -> None:
    await connect(upstream.base).send(PATIENT)
    (seen,) = upstream.seen
    assert (seen.method, seen.target) == ("POST", "/fhir/Patient/_search")
    assert b"999911120" in seen.body
    assert seen.header("content-type") == ["application/x-www-form-urlencoded"]


async def test_only_plain_json_is_asked_for(connect: Any, upstream: Any) -> None:
    await connect(upstream.base).send(GOALS)
    (seen,) = upstream.seen
    assert seen.header("accept") == ["application/fhir+json"]
    assert seen.header("accept-encoding") == ["identity"]
    assert seen.header("cookie") == []


async def test_a_read_returns_the_resource(connect: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(b'{"resourceType":"RelatedPerson","id":"r1"}')]
    answer = await connect(upstream.base).send(READ)
    assert isinstance(answer, FhirAnswer)
    assert upstream.seen[0].target == "/fhir/RelatedPerson/r1"


@pytest.mark.parametrize(
    ("status", "asked", "stop", "reason"),
    [
        ("401 Unauthorized", GOALS, Unavailable, Reason.SOURCE_UNAUTHENTICATED),
        ("403 Forbidden", GOALS, Deny, Reason.SOURCE_REFUSED),
        ("404 Not Found", READ, Deny, Reason.NOT_FOUND),
        ("410 Gone", READ, Deny, Reason.NOT_FOUND),
        ("404 Not Found", GOALS, Unavailable, Reason.SOURCE_QUERY),
        ("400 Bad Request", GOALS, Unavailable, Reason.SOURCE_QUERY),
        ("422 Unprocessable Entity", GOALS, Unavailable, Reason.SOURCE_QUERY),
        ("429 Too Many Requests", GOALS, Unavailable, Reason.SOURCE_DOWN),
        ("503 Service Unavailable", GOALS, Unavailable, Reason.SOURCE_DOWN),
        ("504 Gateway Timeout", GOALS, Unavailable, Reason.SOURCE_TIMEOUT),
        ("500 Internal Server Error", GOALS, Unavailable, Reason.SOURCE_BROKEN),
        ("302 Found", GOALS, Unavailable, Reason.SOURCE_BROKEN),
        ("301 Moved Permanently", READ, Unavailable, Reason.SOURCE_BROKEN),
        ("206 Partial Content", GOALS, Unavailable, Reason.SOURCE_BROKEN),
        ("202 Accepted", GOALS, Unavailable, Reason.SOURCE_BROKEN),
    ],
)
async def test_each_status_is_its_own_stop(
    connect: Any, upstream: Any, reply: Any, status: str, asked: FhirRequest, stop: type, reason: Reason
) -> None:
    upstream.script = [reply(status=status, more="location: /fhir/elsewhere\r\n")]
    answer = await connect(upstream.base).send(asked)
    assert isinstance(answer, stop)
    assert answer.reason is reason
    assert not any("elsewhere" in seen.target for seen in upstream.seen)


@pytest.mark.parametrize(
    "made",
    [
        {"body": b'{"resourceType":"OperationOutcome","issue":[]}'},
        {"body": b'{"resourceType":"Goal","id":"g"}'},
        {"body": b'{"resourceType":"Bundle"'},
        {"body": b'{"resourceType":"Bundle","x":"\xff"}'},
        {"body": b"[]"},
        {"body": b""},
        {"body": b"<html></html>", "media": "text/html"},
        {"media": "application/fhir+xml"},
        {"media": "application/fhir+jsonx"},
        {"more": "content-encoding: gzip\r\n"},
    ],
)
async def test_what_is_no_bundle_in_json_is_broken(connect: Any, upstream: Any, reply: Any, made: Any) -> None:
    upstream.script = [reply(**made)]
    answer = await connect(upstream.base).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_BROKEN


async def test_a_read_of_another_type_is_broken(connect: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(b'{"resourceType":"Patient","id":"r1"}')]
    answer = await connect(upstream.base).send(READ)
    assert answer == Unavailable(Reason.SOURCE_BROKEN, detail="another resource type")


async def test_a_body_that_ends_too_soon_is_broken(connect: Any, upstream: Any, reply: Any) -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b'{"resourceType":"Bundle"', length=100))
        await writer.drain()
        writer.close()

    upstream.script = [cut]
    answer = await connect(upstream.base).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_BROKEN


async def test_an_announced_body_over_eight_mib_is_not_read(connect: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(b"{", length=8 * 1024 * 1024 + 1)]
    answer = await connect(upstream.base).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_TOO_BIG


async def test_an_unannounced_body_over_eight_mib_is_cut_off(connect: Any, upstream: Any) -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(200):
            writer.write(chunk)
            await writer.drain()

    upstream.script = [flood]
    answer = await connect(upstream.base).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_TOO_BIG


async def test_a_server_that_hangs_is_a_timeout(connect: Any, upstream: Any) -> None:
    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)

    upstream.script = [hang]
    answer = await connect(upstream.base, total_seconds=0.1).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_TIMEOUT


async def test_a_body_that_drips_is_a_timeout(connect: Any, upstream: Any, reply: Any) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"{", length=1000))
        for _ in range(500):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.03)

    upstream.script = [drip]
    started = time.monotonic()
    answer = await connect(upstream.base, total_seconds=0.15).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_TIMEOUT
    assert time.monotonic() - started < 10


async def test_nobody_listening_is_down(connect: Any) -> None:
    answer = await connect("http://127.0.0.1:9/fhir").send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_DOWN


async def test_a_name_without_address_is_down(connect: Any) -> None:
    answer = await connect("http://nowhere.invalid/fhir").send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_DOWN


async def test_a_kept_connection_that_was_closed_is_no_failure(connect: Any, upstream: Any, reply: Any) -> None:
    async def answer_and_close(writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b'{"resourceType":"Bundle"}'))
        await writer.drain()
        writer.close()

    upstream.script = [answer_and_close, answer_and_close, answer_and_close]
    server = connect(upstream.base)
    for _ in range(3):
        assert isinstance(await server.send(PATIENT), FhirAnswer)


async def test_cancelling_closes_the_connection(connect: Any, upstream: Any) -> None:
    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    upstream.script = [hang]
    task = asyncio.create_task(connect(upstream.base).send(GOALS))
    while not upstream.seen:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(upstream.hung_up.wait(), 20)


async def test_cookies_are_not_kept(connect: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(more="set-cookie: session=abc; Path=/\r\n")]
    server = connect(upstream.base)
    await server.send(GOALS)
    await server.send(GOALS)
    assert [seen.header("cookie") for seen in upstream.seen] == [[], []]


async def test_a_proxy_in_the_environment_is_ignored(
    connect: Any, upstream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert isinstance(await connect(upstream.base).send(GOALS), FhirAnswer)


async def test_connections_are_kept(connect: Any, upstream: Any) -> None:
    server = connect(upstream.base)
    for _ in range(3):
        await server.send(GOALS)
    assert upstream.connections == 1


async def test_stops_hold_no_value_of_the_request(connect: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(b"999911120", status="500 Internal Server Error")]
    answer = await connect(upstream.base).send(PATIENT)
    assert "999911120" not in repr(answer)


async def test_a_request_that_cannot_be_written_is_not_sent(connect: Any, upstream: Any) -> None:
    answer = await connect(upstream.base).send(FhirRequest("read", "Goal", "../Patient"))
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_QUERY
    assert upstream.seen == []
