"""Invariant: nothing is fetched before the decision is durable, nothing leaves before its record is."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Denied, Disclosed
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason

SEARCH = RawRequest("GET", "/Consent", "patient=Patient/p1", (), b"")
READ = RawRequest("GET", "/Consent/c1", "", (), b"")


async def test_decision_that_is_not_recorded_fetches_nothing_and_answers_nothing(holder: Any) -> None:
    holder.audit.fails_at = 1
    with pytest.raises(NotRecorded):
        await holder.disclose(SEARCH)
    assert holder.journal[-2:] == ["policy", "audit refused"]
    assert "records Consent" not in holder.journal


async def test_result_that_is_not_recorded_answers_nothing(holder: Any) -> None:
    holder.audit.fails_at = 2
    with pytest.raises(NotRecorded):
        await holder.disclose(SEARCH)
    assert holder.journal[-2:] == ["records Consent", "audit refused"]


async def test_refusal_that_is_not_recorded_is_not_answered(holder: Any) -> None:
    holder.audit.fails_at = 1
    holder.policy.says = Deny(Reason.POLICY_DENY)
    with pytest.raises(NotRecorded):
        await holder.disclose(SEARCH)


async def test_failed_fetch_that_is_not_recorded_is_not_answered(holder: Any) -> None:
    holder.audit.fails_at = 2
    holder.records.answers["Consent"] = Unavailable(Reason.SOURCE_DOWN)
    with pytest.raises(NotRecorded):
        await holder.disclose(SEARCH)


@pytest.mark.parametrize("raw", [SEARCH, READ])
async def test_every_release_stands_between_two_records(raw: RawRequest, holder: Any) -> None:
    reply = await holder.disclose(raw)
    where = "records Consent/c1" if raw is READ else "records Consent"
    released = len(holder.journal) - 1 - holder.journal[::-1].index(where)
    assert holder.journal[released - 1 :] == ["audit Allowed", where, "audit Disclosed"]
    assert reply.receipt.event is holder.audit.events[-1]


@pytest.mark.parametrize(
    ("room", "says", "events"),
    [
        ("policy", None, [Allowed, Disclosed]),
        ("network", Deny(Reason.TOKEN_INVALID), [Denied]),
        ("directory", Deny(Reason.ORGANIZATION_UNKNOWN), [Denied]),
        ("consent", Unavailable(Reason.MITZ_TIMEOUT), [Denied]),
        ("policy", RuntimeError(), [Denied]),
    ],
)
async def test_every_answer_has_exactly_one_result_record(
    room: str, says: Any, events: list[type], holder: Any
) -> None:
    if says is not None:
        getattr(holder, room).says = says
    await holder.disclose(SEARCH)
    assert [type(event) for event in holder.audit.events] == events


async def test_malformed_request_is_recorded_before_it_is_answered(holder: Any) -> None:
    reply = await holder.disclose(RawRequest("GET", "/Consent", "patient=%zz", (), b""))
    assert holder.journal == ["network", "audit Denied"]
    assert isinstance(reply.receipt.event, Denied)
