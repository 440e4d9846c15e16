"""XML is the last step: what is decided, forwarded and withheld is the same, and the record is of the bytes sent."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

import pytest
from xml_reader import json_of, read

from nuts_pzp.accounted import Allowed, Disclosed
from nuts_pzp.disclose import as_xml
from nuts_pzp.disclose.flow import disclose
from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.exchange import Generation
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.form import JSON_OR_XML
from nuts_pzp.fhir.request import encode
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

NEXT = "/Consent?_getpages=7f&_getpagesoffset=1"
XML = ("accept", "application/fhir+xml")


def get(query: str = "patient=Patient/p1", *headers: tuple[str, str], path: str = "/Consent") -> RawRequest:
    return RawRequest("GET", path, query, headers, b"", JSON_OR_XML)


async def both(holder: Any, raw: RawRequest) -> tuple[Any, Any, list[Any]]:
    """The answer in JSON and in XML, and the events of the second."""
    plain = await holder.disclose(replace(raw, headers=()))
    holder.audit.events.clear()
    return plain.content, (await holder.disclose(raw)).content, holder.audit.events


async def test_xml_is_the_same_answer_and_its_digest_is_of_the_bytes_that_leave(holder: Any, fakes: Any) -> None:
    mixed = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c9", "Patient/p2"))
    holder.records.answers["Consent"] = fakes.answer(mixed)
    plain, content, (allowed, disclosed) = await both(holder, get("patient=Patient/p1", XML))
    assert isinstance(plain, Minimized)
    assert isinstance(content, Minimized)
    assert (plain.form, content.form) == ("json", "xml")
    assert content.body.startswith(b"<?xml")
    assert read(content.body) == json_of(plain.body)
    assert isinstance(allowed, Allowed)
    assert disclosed == Disclosed(
        allowed.attempt, plain.references, ("Consent/c9/_history/3",), None, hashlib.sha256(content.body).hexdigest()
    )


async def test_nothing_before_the_last_step_can_tell_the_form(holder: Any) -> None:
    await both(holder, get("patient=Patient/p1", XML))
    of_json, of_xml = holder.records.asked[-3], holder.records.asked[-1]
    assert encode(of_json) == encode(of_xml)
    first, second = (seen[0].request for seen in holder.policy.seen[-2:])
    assert replace(second, form="json") == first


@pytest.mark.parametrize("path", ["/Consent/c1", "/Patient/p1"])
async def test_a_read_is_written_too(path: str, holder: Any) -> None:
    plain, content, _ = await both(holder, get("", XML, path=path))
    assert read(content.body) == json_of(plain.body)


UNSAID = [
    {"provision": {"unheardOf": 1}},
    {"note": "no element of a Consent"},
    {"dateTime": 2022},
    {"text": {"status": "generated", "div": "<div><script/></div>"}},
    {"contained": [{"resourceType": "Binary", "id": "b", "contentType": "a", "data": "AA=="}]},
    {"policy": [{"uri": "a\u0001b"}]},
]


@pytest.mark.parametrize("more", UNSAID)
async def test_what_xml_cannot_say_is_no_answer_at_all(more: dict[str, Any], holder: Any, fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c2", "Patient/p1", **more))
    holder.records.answers["Consent"] = fakes.answer(body)
    plain, content, (_, disclosed) = await both(holder, get("patient=Patient/p1", XML))
    assert isinstance(plain, Minimized), "the same can be had in JSON"
    assert isinstance(content, Unavailable)
    assert content.reason is Reason.SOURCE_NOT_XML
    assert content.detail
    assert (disclosed.references, disclosed.digest) == ((), "")
    assert disclosed.stop == content


async def test_a_holder_in_stu3_writes_what_stu3_defines(holder: Any, fakes: Any) -> None:
    holder.policy.capability = replace(fakes.CAPABILITY, version="stu3")
    old = fakes.consent("c1", "Patient/p1", **{"except": [{"type": "deny"}], "period": {"start": "2022"}})
    holder.records.answers["Consent"] = fakes.answer(fakes.searchset(old))
    plain, content, _ = await both(holder, get("patient=Patient/p1", XML))
    assert read(content.body, "stu3") == json_of(plain.body)
    holder.policy.capability = fakes.CAPABILITY
    _, content, _ = await both(holder, get("patient=Patient/p1", XML))
    assert content.reason is Reason.SOURCE_NOT_XML


async def test_a_long_answer_is_written_in_a_thread(holder: Any, fakes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def to_xml(*asked: Any) -> bytes:
        threads.append(threading.current_thread())
        return plainly(*asked)

    plainly = as_xml.to_xml
    monkeypatch.setattr(as_xml, "to_xml", to_xml)
    for uri in ("a", "a" * 70_000):
        one = fakes.searchset(fakes.consent("c1", "Patient/p1", policy=[{"uri": uri}]))
        holder.records.answers["Consent"] = fakes.answer(one)
        _, content, _ = await both(holder, get("patient=Patient/p1", XML))
        assert uri.encode() in content.body
    assert [one is threading.main_thread() for one in threads] == [True, False]


class Looks:
    """Whether the patient's choice changed: never, and who looked when stands in the journal."""

    def __init__(self, journal: list[str]) -> None:
        self._journal = journal

    async def generation(self, _: Any) -> Generation:
        self._journal.append("choice")
        return Generation(1, 1)


async def test_the_last_look_at_the_patients_choice_is_after_the_writing(
    holder: Any, fakes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def to_xml(*asked: Any) -> bytes:
        holder.journal.append("writing")
        return plainly(*asked)

    plainly = as_xml.to_xml
    monkeypatch.setattr(as_xml, "to_xml", to_xml)
    house = replace(holder.house, generations=Looks(holder.journal))
    await disclose(house, fakes.PRESENTED, get("patient=Patient/p1", XML), lambda: holder.now)
    assert holder.journal[-4:] == ["records Consent", "writing", "choice", "audit Disclosed"]


FORMS = {
    "Accept": (get("patient=Patient/p1", XML), ""),
    "_format": (get("patient=Patient/p1&_format=xml"), "&_format=xml"),
    "_format of JSON": (get("patient=Patient/p1&_format=json", XML), ""),
}


@pytest.mark.parametrize("posted", [False, True], ids=["GET", "POST"])
@pytest.mark.parametrize("name", FORMS)
async def test_a_further_page_repeats_a_format_of_xml_and_is_otherwise_in_the_form_of_its_own_request(
    name: str, posted: bool, holder: Any, fakes: Any
) -> None:
    raw, repeated = FORMS[name]
    if posted:
        headers = (*raw.headers, ("content-type", "application/x-www-form-urlencoded"))
        raw = RawRequest("POST", "/Consent/_search", "", headers, raw.query.encode(), JSON_OR_XML)
    links = [{"relation": "next", "url": f"{fakes.INSIDE}{NEXT}"}]
    one = fakes.searchset(fakes.consent("c1", "Patient/p1"), link=links, total=2)
    holder.records.answers["Consent"] = fakes.answer(one, NEXT)
    two = fakes.answer(fakes.searchset(fakes.consent("c2", "Patient/p1"), total=2))
    holder.records.answers[f"page {NEXT}"] = two
    content = (await holder.disclose(raw)).content
    body = read(content.body) if content.form == "xml" else json.loads(content.body)
    (url,) = [link["url"] for link in body["link"] if link["relation"] == "next"]
    query = url.partition("?")[2]
    assert query.endswith(repeated)
    assert ("_format" in query) is bool(repeated)

    async def followed(*headers: tuple[str, str]) -> str:
        content = (await holder.disclose(get(query, *headers))).content
        assert isinstance(content, Minimized)
        assert content.references == ("Consent/c2/_history/3",)
        return content.form

    told = repeated.rpartition("=")[2]
    assert await followed() == (told or "json")
    assert await followed(XML) == (told or "xml")
    assert await followed(("accept", "application/fhir+json")) == (told or "json")


@pytest.mark.parametrize(
    "more", ["&_format=ttl", "&_format=", "&_format=xml&_format=xml", "&scope=a", "&_format=xml&x=1"]
)
async def test_a_page_token_has_nothing_but_a_format_beside_it(more: str, holder: Any, fakes: Any) -> None:
    links = [{"relation": "next", "url": f"{fakes.INSIDE}{NEXT}"}]
    one = fakes.searchset(fakes.consent("c1", "Patient/p1"), link=links, total=2)
    holder.records.answers["Consent"] = fakes.answer(one, NEXT)
    body = json.loads((await holder.disclose(get())).content.body)
    query = next(link["url"] for link in body["link"] if link["relation"] == "next").partition("?")[2]
    asked = len(holder.records.asked)
    content = (await holder.disclose(get(query + more))).content
    assert content.reason in (Reason.REQUEST_MALFORMED, Reason.REQUEST_NOT_ACCEPTABLE)
    assert len(holder.records.asked) == asked
