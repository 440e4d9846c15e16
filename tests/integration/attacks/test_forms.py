"""Whoever asks for XML at the network door gets XML, answers, refusals and metadata alike; who does not gets JSON."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from xml_reader import json_of, read

from nuts_pzp.accounted import Denied, Disclosed
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

CONSENTS = b"/meerwijck/fhir/Consent?patient=Patient/p1"
TOKEN = b"Authorization: Bearer aaaaaaaaaaaaaaaaaaaaaaaa\r\n"
XML, JSON = b"Accept: application/fhir+xml\r\n", b"Accept: application/fhir+json\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
BOTH = {"application/fhir+json": json_of, "application/fhir+xml": read}


def request(more: bytes = XML, target: bytes = CONSENTS, method: bytes = b"GET", body: bytes = b"") -> bytes:
    head = method + b" " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + TOKEN + more
    return head + (b"Content-Length: %d\r\n" % len(body) if body else b"") + b"\r\n" + body


async def told(wire: Any, asked: bytes) -> tuple[int, str, Any, bytes]:
    """Status, media type, what the body says, and the body."""
    head, _, body = (await wire.say(asked, seconds=10)).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    assert headers["content-length"] == str(len(body))
    media = headers["content-type"]
    return int(first.split(" ")[1]), media, BOTH[media](body), body


async def test_an_answer_in_xml_is_the_one_in_json_and_its_own_bytes_are_on_record(wire: Any) -> None:
    plain = await told(wire, request(JSON))
    status, media, content, body = await told(wire, request())
    assert (plain[0], plain[1]) == (200, "application/fhir+json")
    assert (status, media) == (200, "application/fhir+xml")
    assert content == plain[2]
    first, second = [event for event in wire.holder.audit.events if isinstance(event, Disclosed)]
    assert first.references == second.references
    assert [one.digest for one in (first, second)] == [hashlib.sha256(one).hexdigest() for one in (plain[3], body)]


@pytest.mark.parametrize(
    ("more", "query", "media"),
    [
        (b"", b"", "json"),
        (b"Accept: */*\r\n", b"", "json"),
        (b"Accept: text/xml\r\n", b"", "xml"),
        (b"Accept: application/fhir+xml, application/fhir+json\r\n", b"", "json"),
        (b"Accept: application/fhir+xml\r\nAccept: application/fhir+json;q=0.9\r\n", b"", "xml"),
        (b"Accept: application/fhir+xml;q=0.1, */*;q=0.2\r\n", b"", "json"),
        (JSON, b"&_format=xml", "xml"),
        (JSON, b"&_format=application/fhir+xml", "xml"),
        (XML, b"&_format=json", "json"),
    ],
)
async def test_format_and_then_the_weights_of_accept_decide(more: bytes, query: bytes, media: str, wire: Any) -> None:
    status, got, _, _ = await told(wire, request(more, CONSENTS + query))
    assert (status, got) == (200, f"application/fhir+{media}")


async def test_a_posted_search_takes_its_format_from_its_form(wire: Any) -> None:
    target = b"/meerwijck/fhir/Consent/_search"
    body = b"patient=Patient/p1&_format=xml"
    assert (await told(wire, request(FORM + JSON, target, b"POST", body)))[:2] == (200, "application/fhir+xml")
    refused = await told(wire, request(FORM + JSON, target, b"POST", body + b"&x=1"))
    assert refused[:2] == (400, "application/fhir+xml")


async def test_a_head_has_the_headers_of_its_xml_and_no_body(wire: Any) -> None:
    body = (await told(wire, request()))[3]
    answer = await wire.say(request(method=b"HEAD"))
    head, _, rest = answer.lower().partition(b"\r\n\r\n")
    assert rest == b""
    assert b"content-type: application/fhir+xml" in head
    assert b"content-length: %d" % len(body) in head


REFUSALS: dict[str, tuple[bytes, bytes, int]] = {
    "a parameter": (CONSENTS + b"&x=1", b"GET", 400),
    "a method": (CONSENTS, b"DELETE", 405),
    "a tenant": (b"/nobody/fhir/Consent", b"GET", 404),
    "a path": (b"/meerwijck/else", b"GET", 404),
    "metadata": (b"/meerwijck/fhir/metadata?x=1", b"GET", 400),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_is_in_the_form_that_was_asked_for(name: str, wire: Any) -> None:
    target, method, expected = REFUSALS[name]
    plain = await told(wire, request(JSON, target, method))
    status, media, content, _ = await told(wire, request(XML, target, method))
    assert (plain[0], plain[1]) == (expected, "application/fhir+json")
    assert (status, media) == (expected, "application/fhir+xml")
    for issue in (plain[2]["issue"][0], content["issue"][0]):
        issue["diagnostics"] = issue["diagnostics"].rpartition("meldcode ")[0]
    assert content == plain[2]


@pytest.mark.parametrize(
    ("stop", "status"), [(Deny(Reason.CONSENT_NONE), 403), (Deny(Reason.TOKEN_INVALID), 401), (RuntimeError(), 502)]
)
async def test_a_decision_is_told_in_the_form_that_was_asked_for(stop: Any, status: int, wire: Any) -> None:
    if status == 401:
        wire.says = stop
    else:
        wire.holder.consent.says = stop
    assert (await told(wire, request()))[:2] == (status, "application/fhir+xml")
    assert (await told(wire, request(JSON)))[:2] == (status, "application/fhir+json")
    assert [type(event) for event in wire.holder.audit.events] == [Denied, Denied]


async def test_a_body_that_is_too_big_is_told_by_accept(wire: Any) -> None:
    big = request(FORM + XML, b"/meerwijck/fhir/Consent/_search", b"POST", b"a" * 70_000)
    assert (await told(wire, big))[:2] == (413, "application/fhir+xml")


@pytest.mark.parametrize("fails_at", [1, 2])
async def test_what_could_not_be_recorded_is_told_so_in_that_form_and_nothing_else(fails_at: int, wire: Any) -> None:
    wire.holder.audit.fails_at = fails_at
    status, media, content, body = await told(wire, request())
    assert (status, media, content["resourceType"]) == (503, "application/fhir+xml", "OperationOutcome")
    assert b"Consent" not in body


async def test_what_xml_cannot_say_is_a_uniform_502_and_on_record(wire: Any, fakes: Any) -> None:
    odd = fakes.searchset(fakes.consent("c1", "Patient/p1", unheardOf="secret"))
    wire.holder.records.answers["Consent"] = fakes.answer(odd)
    status, media, content, body = await told(wire, request())
    assert (status, media) == (502, "application/fhir+xml")
    assert content["issue"][0]["code"] == "processing"
    assert b"unheardOf" not in body
    assert wire.holder.audit.events[-1].stop.reason is Reason.SOURCE_NOT_XML
    assert (await told(wire, request(JSON)))[0] == 200


async def test_metadata_is_the_same_in_both_and_lists_both(wire: Any) -> None:
    target = b"/meerwijck/fhir/metadata"
    plain = await told(wire, request(JSON, target))
    for more, query in ((XML, b""), (JSON, b"?_format=xml")):
        assert (await told(wire, request(more, target + query)))[:3] == (200, "application/fhir+xml", plain[2])
    assert plain[2]["format"] == ["application/fhir+json", "application/fhir+xml"]


async def test_no_other_form_is_spoken(wire: Any) -> None:
    status, media, content, _ = await told(wire, request(b"Accept: application/fhir+turtle\r\n"))
    assert (status, media) == (406, "application/fhir+json")
    assert content["issue"][0]["diagnostics"].startswith("PZP-REQUEST-015")
    assert (await told(wire, request(XML, CONSENTS + b"&_format=ttl")))[0] == 406
    assert json.loads((await told(wire, request(b"Accept: text/html\r\n")))[3])["resourceType"] == "OperationOutcome"
