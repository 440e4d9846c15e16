"""Disclose from door to door: what happens in which order, and what leaves."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Denied, Disclosed
from nuts_pzp.disclose.flow import disclose
from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason

SEARCH = RawRequest("GET", "/Consent", "patient=Patient/p1", (), b"")
FORM = (("content-type", "application/x-www-form-urlencoded"),)
BY_BSN = RawRequest(
    "POST",
    "/Patient/_search",
    "",
    FORM,
    b"identifier=http%3A%2F%2Ffhir.nl%2Ffhir%2FNamingSystem%2Fbsn%7C900012341",
)


async def test_search_goes_through_every_room_in_order(holder: Any, fakes: Any) -> None:
    reply = await holder.disclose(SEARCH)
    assert holder.journal == [
        "network",
        "directory",
        "records Patient/p1",
        "consent",
        "policy",
        "audit Allowed",
        "records Consent",
        "audit Disclosed",
    ]
    assert isinstance(reply.content, Minimized)
    assert reply.content.references == ("Consent/c1/_history/3", "Consent/c2/_history/3")
    assert reply.receipt.event is holder.audit.events[-1]


async def test_result_record_says_what_left(holder: Any) -> None:
    reply = await holder.disclose(SEARCH)
    allowed, disclosed = holder.audit.events
    assert isinstance(allowed, Allowed)
    assert disclosed == Disclosed(
        allowed.attempt,
        ("Consent/c1/_history/3", "Consent/c2/_history/3"),
        (),
        None,
        hashlib.sha256(reply.content.body).hexdigest(),
    )
    assert disclosed.attempt.correlation == "MELD12345678"
    assert disclosed.attempt.address == "192.0.2.7"
    assert disclosed.attempt.trace == "00-trace"


async def test_what_is_forwarded_is_what_was_decided(holder: Any) -> None:
    await holder.disclose(RawRequest("GET", "/Consent", "_format=json&patient=p1&scope=a%7Cb", (("x-evil", "1"),), b""))
    asked = holder.records.asked[-1]
    assert asked is holder.audit.events[0].access.request
    assert asked.params == (("patient", ("Patient/p1",)), ("scope", ("a|b",)))


async def test_withheld_resources_are_recorded(holder: Any, fakes: Any) -> None:
    mixed = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c9", "Patient/p2"))
    holder.records.answers["Consent"] = fakes.answer(mixed)
    await holder.disclose(SEARCH)
    assert holder.audit.events[-1].withheld == ("Consent/c9/_history/3",)


async def test_patient_search_on_bsn_gives_the_patient(holder: Any, fakes: Any) -> None:
    reply = await holder.disclose(BY_BSN)
    assert reply.content.references == ("Patient/p1",)
    assert json.loads(reply.content.body)["entry"][0]["fullUrl"] == f"{fakes.BASE}/Patient/p1"


async def test_read_gives_the_resource(holder: Any) -> None:
    reply = await holder.disclose(RawRequest("GET", "/Consent/c2", "", (), b""))
    assert reply.content.references == ("Consent/c2/_history/3",)


async def test_refusal_is_one_record_and_nothing_is_fetched(holder: Any) -> None:
    holder.consent.says = Deny(Reason.MITZ_DENY)
    reply = await holder.disclose(SEARCH)
    assert [type(event) for event in holder.audit.events] == [Denied]
    assert reply.content == Deny(Reason.MITZ_DENY)
    assert reply.receipt.event is holder.audit.events[0]
    assert "records Consent" not in holder.journal


@pytest.mark.parametrize(
    "says",
    [Unavailable(Reason.SOURCE_TIMEOUT), Deny(Reason.SOURCE_REFUSED), RuntimeError("900012341"), None, b"", 7],
)
async def test_failing_fetch_is_recorded_as_a_result_without_content(says: Any, holder: Any) -> None:
    holder.records.answers["Consent"] = says
    reply = await holder.disclose(SEARCH)
    expected = says.reason if isinstance(says, Deny | Unavailable) else Reason.INTERNAL
    assert reply.content.reason is expected
    result = holder.audit.events[-1]
    assert isinstance(result, Disclosed)
    assert (result.references, result.digest, result.stop) == ((), "", reply.content)
    assert "900012341" not in repr(reply)


async def test_answer_about_another_patient_is_an_incident_on_record(holder: Any, fakes: Any) -> None:
    holder.records.answers["Consent"] = fakes.answer(fakes.searchset(fakes.consent("c9", "Patient/p2")))
    reply = await holder.disclose(SEARCH)
    assert reply.content.reason is Reason.SOURCE_OTHER_PATIENT
    assert holder.audit.events[-1].stop.reason is Reason.SOURCE_OTHER_PATIENT


async def test_verifying_that_breaks_is_a_refusal_on_record(holder: Any) -> None:
    holder.network.says = RuntimeError("token abc")
    reply = await holder.disclose(SEARCH)
    assert reply.content.reason is Reason.INTERNAL
    assert holder.journal == ["network", "audit Denied"]
    assert "abc" not in repr(reply)


async def test_cancelling_a_fetch_is_not_answered(holder: Any) -> None:
    holder.records.answers["Consent"] = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await holder.disclose(SEARCH)
    assert [type(event) for event in holder.audit.events] == [Allowed]


class Broken:
    """A register that breaks whenever it is told something."""

    def _breaks(self, patient: Any) -> None:
        raise RuntimeError("bug")

    has = died = _breaks

    @property
    def interested(self) -> Broken:
        return self


@pytest.mark.parametrize(
    ("dead", "events"), [(False, ["Allowed", "Disclosed"]), (True, ["Denied"])], ids=["alive", "dead"]
)
async def test_a_register_that_breaks_when_it_is_told_changes_neither_answer_nor_record(
    holder: Any, fakes: Any, dead: bool, events: list[str]
) -> None:
    holder.records.resources[0]["deceasedBoolean"] = dead
    house = dataclasses.replace(holder.house, correspondence=Broken())
    raw = fakes.get("/Consent", "patient=Patient/p1")
    reply = await disclose(house, fakes.PRESENTED, raw, lambda: fakes.NOW)
    assert [type(event).__name__ for event in holder.audit.events] == events
    assert reply.receipt.event is holder.audit.events[-1]
