"""Raw bytes at the network listener: one request, two readers; pipelining, upgrades, old versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from raw_requests import ASK, END, PATH, POST, TOKEN, asked, get

from nuts_pzp.accounted import Denied
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason


async def test_the_wire_works_when_nobody_attacks(wire: Any) -> None:
    answer = await wire.say(get())
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["resourceType"] == "Bundle"
    assert wire.holder.journal[-1] == "audit Disclosed"


async def test_trailer_fields_are_no_headers(wire: Any) -> None:
    head = b"POST " + PATH + b"/_search HTTP/1.1\r\n" + END
    form = b"Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"12\r\npatient=Patient/p1\r\n0\r\n"
    answer = await wire.say(head + form + body + TOKEN + b"\r\n")
    assert not answer.startswith(b"HTTP/1.1 200")
    assert all(b"aaaa" not in shown.encode() for shown in wire.shown)
    assert asked(wire) == 0


async def test_trailer_fields_cannot_override_a_header(wire: Any) -> None:
    head = b"POST " + PATH + b"/_search HTTP/1.1\r\n" + END + TOKEN + b"Transfer-Encoding: chunked\r\n\r\n"
    body = b"12\r\npatient=Patient/p1\r\n0\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n"
    await wire.say(head + body)
    assert asked(wire) == 0


async def test_fragment_in_the_target_is_not_silently_dropped(wire: Any) -> None:
    answer = await wire.say(get(PATH + ASK + b"#&patient=Patient/p2"))
    assert answer.startswith(b"HTTP/1.1 400")
    assert wire.holder.journal == []


SMUGGLED = b"GET /meerwijck/fhir/Consent?patient=Patient/p2 HTTP/1.1\r\nHost: a\r\n" + TOKEN + b"\r\n"


BODY = b"patient=Patient/p1"


DESYNC: dict[str, bytes] = {
    "length and chunks": POST + b"Content-Length: 18\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY + SMUGGLED,
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": POST + b"Content-Length: 18\r\nContent-Length: 0\r\n\r\n" + BODY + SMUGGLED,
    "lengths in a list": POST + b"Content-Length: 18, 0\r\n\r\n" + BODY + SMUGGLED,
    "length with a plus": POST + b"Content-Length: +18\r\n\r\n" + BODY + SMUGGLED,
    "hexadecimal length": POST + b"Content-Length: 0x12\r\n\r\n" + BODY + SMUGGLED,
    "negative length": POST + b"Content-Length: -1\r\n\r\n" + BODY + SMUGGLED,
    "length of twenty-five digits": POST + b"Content-Length: " + b"9" * 25 + b"\r\n\r\n" + BODY + SMUGGLED,
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked but not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked behind a tab": POST + b"Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked behind a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "name with a space": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "folded transfer encoding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "bare carriage return": POST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunk size with a minus": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + SMUGGLED,
    "chunk size that overflows": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n" + SMUGGLED,
    "chunk size with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x12\r\n" + BODY + b"\r\n0\r\n\r\n" + SMUGGLED,
    "chunk without its line end": POST + b"Transfer-Encoding: chunked\r\n\r\n12\r\n" + BODY + b"0\r\n\r\n" + SMUGGLED,
    "nul in a header": POST + b"X: a\x00b\r\nContent-Length: 18\r\n\r\n" + BODY + SMUGGLED,
    "length on a get": b"GET " + PATH + b" HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab" + SMUGGLED,
    "http 0.9": b"GET " + PATH + ASK + b"\r\n",
    "http 2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,
    "http 3.0 by name": b"GET " + PATH + ASK + b" HTTP/3.0\r\nHost: a\r\n\r\n" + SMUGGLED,
    "lower case protocol": b"GET " + PATH + ASK + b" http/1.1\r\nHost: a\r\n\r\n" + SMUGGLED,
    "tab for a space": b"GET\t" + PATH + ASK + b"\tHTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED,
    "unknown method": b"GETT " + PATH + ASK + b" HTTP/1.1\r\nHost: a\r\n\r\n" + SMUGGLED,
}


@pytest.mark.parametrize("name", DESYNC)
async def test_what_hides_in_a_body_is_never_a_request(name: str, wire: Any) -> None:
    answer = await wire.say(DESYNC[name], seconds=1.2)
    assert asked(wire) == 0
    assert b"HTTP/1.1 200" not in answer


@pytest.mark.parametrize(
    "more",
    [
        TOKEN + TOKEN,
        TOKEN + b"Authorization: Bearer bbbbbbbbbbbbbbbbbbbbbbbb\r\n",
        b"AUTHORIZATION: Bearer aaaaaaaaaaaaaaaaaaaaaaaa\r\nauthorization: Bearer bbbbbbbbbbbbbbbbbbbbbbbb\r\n",
    ],
)
async def test_two_tokens_are_shown_as_what_they_are_and_not_as_one(more: bytes, wire: Any) -> None:
    await wire.say(get(more=more))
    assert [shown.count("Bearer") for shown in wire.shown] == [2]


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override: DELETE", "X-Original-URL: /x", "X-Rewrite-URL: /x"])
async def test_headers_that_rewrite_a_request_refuse_it(header: str, wire: Any) -> None:
    answer = await wire.say(get(more=TOKEN + header.encode() + b"\r\n"))
    assert answer[9:12] in (b"400", b"405")
    assert asked(wire) == 0


@pytest.mark.parametrize("header", ["X-Forwarded-Host: evil", "Forwarded: host=evil", "X-Forwarded-For: 127.0.0.1"])
async def test_forwarding_headers_change_nothing(header: str, wire: Any) -> None:
    answer = await wire.say(get(more=TOKEN + header.encode() + b"\r\n"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"evil" not in answer
    assert wire.holder.audit.events[0].attempt.address == "127.0.0.1"


async def test_host_never_becomes_part_of_an_address(wire: Any) -> None:
    request = get().replace(b"Host: gateway.example", b"Host: evil.example")
    assert b"evil.example" not in await wire.say(request)


async def test_a_token_in_the_url_is_no_token(wire: Any) -> None:
    wire.says = Deny(Reason.TOKEN_ABSENT)
    await wire.say(get(PATH + ASK + b"&access_token=aaaaaaaaaaaaaaaaaaaaaaaa", more=b""))
    assert wire.shown == [""]


async def test_pipelined_requests_are_answered_in_order_and_each_with_its_own_token(wire: Any) -> None:
    first = get().replace(b"Connection: close\r\n", b"")
    second = get(PATH + b"/c9").replace(b"aaaa", b"bbbb")
    answer = await wire.say(first + second)
    assert wire.shown == ["Bearer " + "a" * 24, "Bearer " + "b" * 24]
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.index(b'"Bundle"') < answer.rindex(b'"id": "c9"' if b'"id": "c9"' in answer else b'"c9"')


async def test_a_refused_pipelined_request_does_not_answer_for_the_one_before_it(wire: Any) -> None:
    first = get().replace(b"Connection: close\r\n", b"")
    answer = await wire.say(first + b"GET " + PATH + b" HTTP/1.1\r\n\r\n")
    assert b"HTTP/1.1 200" not in answer or answer.index(b"HTTP/1.1 200") == 0


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket", b"TLS/1.0", b"x"])
async def test_upgrade_is_not_taken_and_hangs_nothing(upgrade: bytes, wire: Any) -> None:
    more = TOKEN + b"Upgrade: " + upgrade + b"\r\nHTTP2-Settings: AAA\r\nSec-WebSocket-Key: x\r\n"
    request = get(more=more).replace(b"Connection: close", b"Connection: Upgrade, HTTP2-Settings")
    answer = await wire.say(request + SMUGGLED, seconds=1.5)
    assert b" 101 " not in answer
    assert asked(wire) <= 1


async def test_http_1_0_is_served_once_and_closed(wire: Any) -> None:
    answer = await wire.say(get(version=b"1.0") + SMUGGLED)
    assert answer.count(b"HTTP/1.1 200") == 1
    assert asked(wire) == 1


async def test_http_1_0_without_a_host_is_refused(wire: Any) -> None:
    answer = await wire.say(b"GET " + PATH + ASK + b" HTTP/1.0\r\n" + TOKEN + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 400")
    assert wire.holder.journal == []


@pytest.mark.parametrize("method", [b"TRACE", b"PUT", b"PATCH", b"DELETE", b"PROPFIND", b"QUERY"])
async def test_other_methods_release_nothing_and_are_recorded(method: bytes, wire: Any) -> None:
    answer = await wire.say(get(method=method))
    assert asked(wire) == 0
    assert b"Bundle" not in answer
    if answer.startswith(b"HTTP/1.1 405"):
        assert [type(event) for event in wire.holder.audit.events] == [Denied]
    else:
        assert answer.startswith(b"HTTP/1.1 400")


async def test_trace_echoes_no_token(wire: Any) -> None:
    assert b"aaaaaaaa" not in await wire.say(get(method=b"TRACE"))
