"""A further page is asked for by a token that opens for one caller, one type, one tenant, and not for long."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest

from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.disclose.paging import open_page, page_url
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

NEXT = "/Consent?_getpages=7f&_getpagesoffset=1"
SCOPE = {"coding": [{"system": "a", "code": "b"}]}
FIRST = RawRequest("GET", "/Consent", "patient=Patient/p1&scope=a%7Cb&_count=1", (), b"")


async def first_page(holder: Any, fakes: Any, raw: RawRequest = FIRST) -> str:
    """Ask the first page; return the token of the next."""
    links = [{"relation": "next", "url": f"{fakes.INSIDE}{NEXT}"}]
    one = fakes.searchset(fakes.consent("c1", "Patient/p1", scope=SCOPE), link=links, total=2)
    holder.records.answers["Consent"] = fakes.answer(one, NEXT)
    holder.records.answers[f"page {NEXT}"] = fakes.answer(
        fakes.searchset(fakes.consent("c2", "Patient/p1", scope=SCOPE), total=2)
    )
    reply = await holder.disclose(raw)
    assert isinstance(reply.content, Minimized)
    (url,) = [link["url"] for link in json.loads(reply.content.body)["link"] if link["relation"] == "next"]
    where, _, token = url.partition("?_page=")
    assert where == f"{fakes.BASE}/Consent"
    return str(token)


def page(token: str, path: str = "/Consent") -> RawRequest:
    return RawRequest("GET", path, f"_page={token}", (), b"")


@pytest.mark.parametrize(
    "raw",
    [
        FIRST,
        RawRequest(
            "POST",
            "/Consent/_search",
            "",
            (("content-type", "application/x-www-form-urlencoded"),),
            b"patient=Patient/p1&scope=a%7Cb&_count=1",
        ),
    ],
)
async def test_further_page_is_decided_about_anew_and_comes_from_the_servers_own_link(
    raw: RawRequest, holder: Any, fakes: Any
) -> None:
    token = await first_page(holder, fakes, raw)
    holder.journal.clear()
    reply = await holder.disclose(page(token))
    assert isinstance(reply.content, Minimized)
    assert reply.content.references == ("Consent/c2/_history/3",)
    assert holder.journal == [
        "network",
        "directory",
        "records Patient/p1",
        "consent",
        "policy",
        "audit Allowed",
        f"records page {NEXT}",
        "audit Disclosed",
    ]
    access = holder.policy.seen[-1][0]
    assert access.request.params == (("patient", ("Patient/p1",)), ("scope", ("a|b",)), ("_count", ("1",)))


async def test_token_shows_nothing_and_is_never_the_same(holder: Any, fakes: Any) -> None:
    one, two = await first_page(holder, fakes), await first_page(holder, fakes)
    assert one != two
    sealed = urlsafe_b64decode(one + "=" * (-len(one) % 4))
    for part in (b"Patient/p1", b"_getpages", b"scope"):
        assert part not in sealed


async def test_consent_withdrawn_between_pages_stops_the_next(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    holder.consent.says = Deny(Reason.MITZ_DENY)
    reply = await holder.disclose(page(token))
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.MITZ_DENY


async def refusal(holder: Any, raw: RawRequest) -> Reason:
    asked = len(holder.records.asked)
    reply = await holder.disclose(raw)
    assert isinstance(reply.content, Deny)
    assert len(holder.records.asked) == asked
    return reply.content.reason


async def test_token_dies_after_five_minutes(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    holder.now += 299
    assert isinstance((await holder.disclose(page(token))).content, Minimized)
    holder.now += 1
    assert await refusal(holder, page(token)) is Reason.PAGE_TOKEN


async def test_token_from_the_future_does_not_open(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    holder.now -= 60
    assert await refusal(holder, page(token)) is Reason.PAGE_TOKEN


@pytest.mark.parametrize(
    "change",
    [
        {"organization": Organization(Ura("90000333"), "N6", "Een ander")},
        {"professional": Professional("h-13", "01.015")},
        {"professional": None},
        {"token_digest": b"u" * 32},
    ],
)
async def test_token_of_another_caller_does_not_open(change: dict[str, Any], holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    holder.network.says = replace(fakes.CALLER, **change)
    assert await refusal(holder, page(token)) is Reason.PAGE_TOKEN


async def test_token_opens_behind_its_own_type_only(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    assert await refusal(holder, page(token, "/Goal")) is Reason.PAGE_TOKEN
    assert await refusal(holder, page(token, "/Consent/c1")) is Reason.REQUEST_MALFORMED


async def test_token_of_another_tenant_or_key_does_not_open(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    house = holder.house
    for other in (replace(house, tenant=Tenant("lindezicht", fakes.HOSPITAL)), replace(house, page_key=b"z" * 32)):
        opened = open_page(other, fakes.CALLER, page(token), fakes.CAPABILITY, fakes.NOW)
        assert isinstance(opened, Deny)
        assert opened.reason is Reason.PAGE_TOKEN


async def test_changed_token_does_not_open(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    for at in (0, 20, len(token) - 5):
        letter = "A" if token[at] != "A" else "B"
        assert await refusal(holder, page(token[:at] + letter + token[at + 1 :])) is Reason.PAGE_TOKEN
    assert await refusal(holder, page(token[:-8])) is Reason.PAGE_TOKEN


async def test_token_stands_alone(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    for query in (f"_page={token}&_count=5", f"_count=5&_page={token}", f"_page={token}&_page={token}"):
        assert await refusal(holder, RawRequest("GET", "/Consent", query, (), b"")) is Reason.REQUEST_MALFORMED


@pytest.mark.parametrize("posted", [False, True])
async def test_rules_of_headers_hold_for_a_page_too(posted: bool, holder: Any, fakes: Any) -> None:
    raw = FIRST
    if posted:
        form = (("content-type", "application/x-www-form-urlencoded"),)
        raw = RawRequest("POST", "/Consent/_search", "", form, b"patient=Patient/p1")
    token = await first_page(holder, fakes, raw)
    hostile = replace(page(token), headers=(("x-http-method-override", "DELETE"),))
    assert await refusal(holder, hostile) is Reason.REQUEST_METHOD


async def test_page_is_refused_when_the_capability_no_longer_lists_it(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    narrower = dict(fakes.CAPABILITY.resources)
    narrower["Consent"] = replace(narrower["Consent"], params=frozenset({"patient"}))
    holder.policy.capability = replace(fakes.CAPABILITY, resources=narrower)
    assert await refusal(holder, page(token)) is Reason.REQUEST_UNSUPPORTED


async def test_page_of_a_patient_who_became_another_is_refused(holder: Any, fakes: Any) -> None:
    access = Access(
        fakes.CALLER,
        FhirRequest("search-type", "Consent", params=(("patient", ("Patient/p1",)),)),
        Patient(Bsn(fakes.OWN), "p7", Standing.KNOWN),
    )
    url = page_url(holder.house, access, NEXT, fakes.NOW)
    assert isinstance(url, str)
    reply = await holder.disclose(page(url.partition("?_page=")[2]))
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.PAGE_TOKEN
    assert "consent" not in holder.journal


async def test_next_page_outside_the_base_is_no_page(holder: Any, fakes: Any) -> None:
    one = fakes.searchset(fakes.consent("c1", "Patient/p1"))
    holder.records.answers["Consent"] = fakes.answer(one, "//elsewhere.example/Consent")
    reply = await holder.disclose(FIRST)
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.SOURCE_LINK
    assert holder.audit.events[-1].stop is reply.content


async def test_patient_search_has_no_further_page_and_so_no_bsn_in_a_url(holder: Any, fakes: Any) -> None:
    access = Access(
        fakes.CALLER,
        FhirRequest("search-type", "Patient", params=(("identifier", ("x|" + fakes.OWN,)),), via="POST"),
        Patient(Bsn(fakes.OWN), "p1", Standing.KNOWN),
    )
    assert page_url(holder.house, access, "/Patient?page=2", fakes.NOW) is None


async def test_policy_that_permits_nothing_else_still_sees_the_whole_request(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    holder.policy.says = Permit("policy:pzp")
    await holder.disclose(page(token))
    first, second = holder.policy.seen[0][0].request, holder.policy.seen[-1][0].request
    assert (first.resource_type, first.params) == (second.resource_type, second.params)
    assert second.continuation == NEXT


async def test_a_page_of_a_server_that_spoke_another_fhir_does_not_open(holder: Any, fakes: Any) -> None:
    token = await first_page(holder, fakes)
    holder.policy.capability = replace(holder.policy.capability, version="stu3")
    holder.journal.clear()
    reply = await holder.disclose(page(token))
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.PAGE_TOKEN
    assert not any(step.startswith("records") for step in holder.journal)
