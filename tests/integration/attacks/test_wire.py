"""Attacks on the network listener with raw bytes: smuggling, desync, names of tenants, clients that hang."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from nuts_pzp.accounted import Denied
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason

PATH = b"/meerwijck/fhir/Consent"
ASK = b"?patient=Patient/p1"
TOKEN = b"Authorization: Bearer aaaaaaaaaaaaaaaaaaaaaaaa\r\n"
END = b"Host: gateway.example\r\nConnection: close\r\n"


def get(path: bytes = PATH + ASK, more: bytes = TOKEN, method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return method + b" " + path + b" HTTP/" + version + b"\r\n" + END + more + b"\r\n"


def asked(wire: Any) -> int:
    return sum(step == "records Consent" for step in wire.holder.journal)


async def test_the_wire_works_when_nobody_attacks(wire: Any) -> None:
    answer = await wire.say(get())
    assert answer.startswith(b"HTTP/1.1 200")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["resourceType"] == "Bundle"
    assert wire.holder.journal[-1] == "audit Disclosed"


# --- one request, two readers


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
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
BODY = b"patient=Patient/p1"
POST = b"POST " + PATH + b"/_search HTTP/1.1\r\nHost: a\r\n" + TOKEN + FORM
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


# --- pipelining, upgrades, old versions


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


# --- names of tenants

SLUGS = [
    b"/%6deerwijck/fhir/Consent", b"/MEERWIJCK/fhir/Consent", b"/meerwijck./fhir/Consent",
    b"/meerwijck%2e/fhir/Consent", b"/meerwijck%00/fhir/Consent", b"/meerwijck%20/fhir/Consent",
    b"/meerwijck;x=1/fhir/Consent", b"/./meerwijck/fhir/Consent", b"/kade/../meerwijck/fhir/Consent",
    b"/kade/fhir/Consent", b"/system/fhir/Consent",
    b"/meerwijck/fhirx/Consent", b"/meerwijck//fhir/Consent", b"/meerwijck/%66hir/Consent", b"/meerwijck/FHIR/Consent",
    b"/meerwijck\\fhir/Consent", b"/meerwijck%2ffhir/Consent", b"/meerwijck/fhir%2fConsent", b"/meerwijck/pzp/v1",
    b"/", b"/meerwijck", b"/metadata", b"/health", b"/ready", b"/metrics", b"/fhir/Consent", b"/__class__/fhir/Consent",
]  # fmt: skip


@pytest.mark.parametrize("path", SLUGS, ids=[path.decode() for path in SLUGS])
async def test_no_other_spelling_reaches_a_tenant(path: bytes, wire: Any) -> None:
    answer = await wire.say(get(path + ASK))
    assert answer[9:12] == b"404"
    assert wire.holder.journal == []
    assert [event.stop.reason for event in wire.system.events] == [Reason.TENANT_UNKNOWN]


BELOW = [
    b"/meerwijck/fhir", b"/meerwijck/fhir/", b"/meerwijck/fhir//Consent", b"/meerwijck/fhir/Consent/",
    b"/meerwijck/fhir/../fhir/Consent", b"/meerwijck/fhir/./Consent", b"/meerwijck/fhir/../../kade/fhir/Consent",
    b"/meerwijck/fhir/Consent%2f", b"/meerwijck/fhir/Consent%3fpatient=Patient/p2", b"/meerwijck/fhir/Consent;a",
    b"/meerwijck/fhir/Consent%23", b"/meerwijck/fhir/%43onsent%00",
]  # fmt: skip


@pytest.mark.parametrize("path", BELOW, ids=[path.decode() for path in BELOW])
async def test_no_odd_path_below_a_tenant_is_forwarded(path: bytes, wire: Any) -> None:
    answer = await wire.say(get(path + ASK))
    assert answer[9:10] == b"4"
    assert asked(wire) == 0
    assert len(wire.holder.audit.events) == 1


async def test_the_capability_statement_is_public_only_by_its_plain_name(wire: Any) -> None:
    wire.says = Deny(Reason.TOKEN_ABSENT)
    assert (await wire.say(get(b"/meerwijck/fhir/metadata", more=b"")))[9:12] == b"200"
    assert (await wire.say(get(b"/meerwijck/fhir/metadata?x=1", more=b"")))[9:12] == b"400"
    for path in (b"/%6detadata", b"/metadata/", b"/metadata/../Consent", b"/metadata%2f"):
        assert (await wire.say(get(b"/meerwijck/fhir" + path, more=b"")))[9:12] == b"401"


# --- what a refusal tells


def bare(answer: bytes, wire: Any) -> bytes:
    """An answer without what differs by nature: the meldcode and the date."""
    head, _, body = answer.partition(b"\r\n\r\n")
    code = next(line.partition(b": ")[2] for line in head.split(b"\r\n") if line.startswith(b"x-meldcode"))
    kept = [line for line in head.split(b"\r\n") if not line.startswith(b"date")]
    return (b"\r\n".join(kept) + body).replace(code, b"CODE")


async def test_whether_a_patient_exists_is_not_told(wire: Any, fakes: Any) -> None:
    holder = wire.holder
    holder.consent.says = Deny(Reason.MITZ_DENY)
    holder.records.resources += [
        fakes.patient("two", fakes.OWN) | {"identifier": [
            {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": fakes.OWN},
            {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": fakes.SOMEONE_ELSE},
        ]},
        fakes.patient("none", None), fakes.patient("gone", fakes.OWN, active=False),
        fakes.patient("dead", fakes.OWN, deceasedBoolean=True), fakes.consent("odd", "Patient/../x"),
        fakes.consent("nobody", "Group/g1"), fakes.consent("lost", "Patient/nowhere"),
    ]  # fmt: skip
    paths = [PATH + b"?patient=Patient/" + who for who in (b"p1", b"unknown", b"two", b"none", b"gone", b"dead")]
    paths += [PATH + b"/" + which for which in (b"c1", b"unknown", b"odd", b"nobody", b"lost")]
    answers = {bare(await wire.say(get(path)), wire) for path in paths}
    assert len(answers) == 1
    assert answers.pop().startswith(b"HTTP/1.1 403")


async def test_a_search_on_bsn_does_not_tell_either(wire: Any, fakes: Any) -> None:
    wire.holder.consent.says = Deny(Reason.MITZ_DENY)
    answers = set()
    for bsn in (fakes.OWN, fakes.SOMEONE_ELSE, "999990019"):
        body = b"identifier=http://fhir.nl/fhir/NamingSystem/bsn%7C" + bsn.encode()
        head = b"POST /meerwijck/fhir/Patient/_search HTTP/1.1\r\n" + END + TOKEN + FORM
        answer = await wire.say(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert bsn.encode() not in answer
        answers.add(bare(answer, wire))
    assert len(answers) == 1


async def test_no_refusal_repeats_what_was_sent(wire: Any, fakes: Any) -> None:
    for path in (
        b"/Consent?patient=" + b"999911120,1",
        b"/Consent/999911120%2f",
        b"/999911120",
        b"/Consent?999911120=1",
    ):
        assert b"999911120" not in await wire.say(get(b"/meerwijck/fhir" + path))


# --- a record before every answer


async def test_a_bug_beyond_exceptions_answers_nothing_unrecorded(wire: Any) -> None:
    class Panic(BaseException):
        pass

    wire.says = Panic("999911120")
    answer = await wire.say(get())
    assert answer == b"" or len(wire.holder.audit.events) == 1


async def test_work_that_is_cancelled_from_within_is_no_answer_without_a_record(wire: Any) -> None:
    wire.says = asyncio.CancelledError()
    answer = await wire.say(get())
    assert answer == b"" or len(wire.holder.audit.events) == 1


async def test_stopping_in_the_middle_answers_nothing_unrecorded(wire: Any) -> None:
    waiting = asyncio.Event()

    async def slow(access: Any) -> Any:
        waiting.set()
        await asyncio.sleep(30)

    wire.holder.consent.ask = slow
    client = asyncio.create_task(wire.say(get(), seconds=5))
    await waiting.wait()
    await wire.server.stop(0.05)
    assert await client == b""
    assert wire.holder.audit.events == []


async def test_a_record_that_fails_is_an_answer_without_content(wire: Any) -> None:
    wire.holder.audit.fails_at = 2
    answer = await wire.say(get())
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"Bundle" not in answer


async def test_a_ledger_that_breaks_otherwise_gives_nothing(wire: Any) -> None:
    async def broken(event: Any) -> Any:
        raise RuntimeError("disk 999911120")

    wire.holder.audit.append = broken
    answer = await wire.say(get())
    assert b"Bundle" not in answer
    assert b"999911120" not in answer


# --- clients that hang or take too much


async def test_a_client_that_reads_nothing_is_let_go(wire: Any, fakes: Any) -> None:
    big = fakes.searchset(*[fakes.consent(f"c{n}", "Patient/p1", note="x" * 50_000) for n in range(120)])
    wire.holder.records.answers["Consent"] = fakes.answer(big)
    lazy = await wire.dawdle(get().replace(b"Connection: close\r\n", b""))
    for _ in range(40):
        await asyncio.sleep(0.1)
        if wire.holder.journal[-1:] == ["audit Disclosed"] and not wire.server._state.connections:
            break
    assert wire.holder.journal[-1] == "audit Disclosed"
    assert not wire.server._state.connections
    lazy.close()


async def test_a_client_that_reads_slowly_but_reads_gets_all(wire: Any, fakes: Any) -> None:
    big = fakes.searchset(*[fakes.consent(f"c{n}", "Patient/p1", note="x" * 20_000) for n in range(40)])
    wire.holder.records.answers["Consent"] = fakes.answer(big)
    answer = await wire.say(get(), seconds=5)
    assert answer.count(b'"Consent"') == 40


async def test_a_body_that_trickles_is_cut_off(wire: Any) -> None:
    head = POST + b"Content-Length: 18\r\n\r\n"
    answer = await wire.say(head, *[b"p"] * 17, pause=0.1)
    assert b"200" not in answer[:12]
    assert asked(wire) == 0


async def test_chunks_without_end_stop_at_the_limit(wire: Any) -> None:
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    answer = await wire.say(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 17, seconds=1.5)
    assert answer.startswith(b"HTTP/1.1 413")
    assert [event.stop.reason for event in wire.holder.audit.events] == [Reason.REQUEST_TOO_BIG]


async def test_expecting_100_and_sending_nothing_is_cut_off(wire: Any) -> None:
    answer = await wire.say(POST + b"Expect: 100-continue\r\nContent-Length: 18\r\n\r\n", seconds=1.5)
    assert b"200" not in answer[:12]
    assert asked(wire) == 0


async def test_one_client_cannot_take_every_place(wire: Any) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", wire.port) for _ in range(30)]
    await asyncio.sleep(0.05)
    assert len(wire.server._state.connections) == 8
    assert await wire.say(get(), seconds=0.5) == b""
    for _, writer in idle:
        writer.close()
    await asyncio.sleep(0.1)
    assert (await wire.say(get())).startswith(b"HTTP/1.1 200")


async def test_thousands_of_pipelined_requests_do_not_pile_up(wire: Any) -> None:
    wire.says = Unavailable(Reason.INTROSPECTION_DOWN)
    one = get().replace(b"Connection: close\r\n", b"")
    answer = await wire.say(one * 300, seconds=1.5)
    assert answer.count(b"HTTP/1.1 503") <= 300
    assert len(wire.holder.audit.events) == answer.count(b"HTTP/1.1 503")


async def test_no_line_of_the_servers_own_log_has_a_url_or_a_token(wire: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire.says = RuntimeError("Bearer aaaaaaaaaaaaaaaaaaaaaaaa 999911120")
    await wire.say(get(PATH + b"?patient=999911120"))
    await wire.say(b"GET /999911120 HTTP/9\r\n\r\n")
    told = " ".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    assert "999911120" not in told
    assert "aaaaaaaa" not in told
