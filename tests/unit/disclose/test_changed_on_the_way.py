"""An answer that was allowed before a patient's choice changed is decided anew before it leaves (spec consent 3.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Denied, Disclosed
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.disclose.flow import disclose
from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.exchange import Generation
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.identity import Bsn
from nuts_pzp.outcome import Deny, Evidence, Outcome, Permit, Unavailable
from nuts_pzp.reasons import Reason

SEARCH = RawRequest("GET", "/Consent", "patient=Patient/p1", (), b"")
BEFORE, AFTER = Generation(3, 0), Generation(4, 0)


@dataclass
class Told:
    """The generations, and what happens to them when the own server is asked for the n-th time."""

    now: Outcome[Generation] = BEFORE
    looks: int = 0

    async def generation(self, bsn: Bsn, /) -> Outcome[Generation]:
        self.looks += 1
        return self.now


@pytest.fixture
def told(holder: Any) -> Told:
    return Told()


async def ask(holder: Any, told: Told, fakes: Any) -> Any:
    house = replace(holder.house, generations=told)
    return await disclose(house, fakes.PRESENTED, SEARCH, lambda: holder.now)


def on_fetching(holder: Any, act: Any) -> None:
    """Do something while the own server gathers the answer."""
    send = holder.records.send

    async def sending(request: Any) -> Any:
        answer = await send(request)
        if request.interaction == "search-type":
            act()
        return answer

    holder.records.send = sending


async def test_refusal_that_arrives_while_the_answer_is_gathered_stops_it(holder: Any, told: Told, fakes: Any) -> None:
    def refused() -> None:
        told.now = AFTER
        holder.consent.says = Deny(Reason.CONSENT_OBJECTION)

    on_fetching(holder, refused)
    reply = await ask(holder, told, fakes)
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.CONSENT_OBJECTION
    allowed, disclosed = holder.audit.events
    assert isinstance(allowed, Allowed)
    assert isinstance(disclosed, Disclosed)
    assert (disclosed.references, disclosed.digest) == ((), "")
    assert disclosed.stop == reply.content


async def test_change_that_leaves_the_permit_lets_the_answer_go(holder: Any, told: Told, fakes: Any) -> None:
    on_fetching(holder, lambda: setattr(told, "now", AFTER))
    reply = await ask(holder, told, fakes)
    assert isinstance(reply.content, Minimized)
    assert holder.journal.count("consent") == 2
    assert [type(one) for one in holder.audit.events] == [Allowed, Disclosed]


INSTEAD = Permit("emergency-override:PZP-CONSENT-005", (Evidence("emergency", "e1"),))
"""What the answer may leave by once the consent that it was allowed by is gone."""


async def test_what_permits_in_its_stead_is_recorded_before_the_answer_leaves(
    holder: Any, told: Told, fakes: Any
) -> None:
    def otherwise() -> None:
        told.now, holder.consent.says = AFTER, INSTEAD

    on_fetching(holder, otherwise)
    reply = await ask(holder, told, fakes)
    assert isinstance(reply.content, Minimized)
    first, second, disclosed = holder.audit.events
    assert [one.basis for one in first.grounds] == ["explicit-consent:mitz", "policy:pzp"]
    assert second.grounds == (INSTEAD, first.grounds[1])
    assert (second.generation, second.attempt, second.access) == (AFTER, first.attempt, first.access)
    assert isinstance(disclosed, Disclosed)
    assert reply.broke_glass, "who asks is told that it stands in the review queue"


async def test_nothing_leaves_by_what_could_not_be_recorded(holder: Any, told: Told, fakes: Any) -> None:
    def otherwise() -> None:
        told.now, holder.consent.says, holder.audit.fails_at = AFTER, INSTEAD, 2

    on_fetching(holder, otherwise)
    with pytest.raises(NotRecorded):
        await ask(holder, told, fakes)
    [allowed] = holder.audit.events
    assert isinstance(allowed, Allowed)


async def test_without_a_change_consent_is_asked_once(holder: Any, told: Told, fakes: Any) -> None:
    reply = await ask(holder, told, fakes)
    assert isinstance(reply.content, Minimized)
    assert holder.journal.count("consent") == 1
    assert told.looks == 3


async def test_choice_that_keeps_changing_ends_in_a_refusal(holder: Any, told: Told, fakes: Any) -> None:
    ask_consent = holder.consent.ask

    async def changing(access: Any) -> Any:
        assert isinstance(told.now, Generation)
        told.now = Generation(told.now.learnt + 1, 0)
        return await ask_consent(access)

    holder.consent.ask = changing
    reply = await ask(holder, told, fakes)
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is Reason.CONSENT_CONFLICT


async def test_state_that_fails_before_the_decision_refuses_and_fetches_nothing(
    holder: Any, told: Told, fakes: Any
) -> None:
    told.now = Unavailable(Reason.CONSENT_STATE_UNREADABLE)
    reply = await ask(holder, told, fakes)
    assert isinstance(reply.receipt.event, Denied)
    assert "records Consent" not in holder.journal
    assert "consent" not in holder.journal


async def test_state_that_fails_after_the_decision_lets_nothing_leave(holder: Any, told: Told, fakes: Any) -> None:
    on_fetching(holder, lambda: setattr(told, "now", Unavailable(Reason.CONSENT_STATE_UNREADABLE)))
    reply = await ask(holder, told, fakes)
    assert isinstance(reply.content, Unavailable)
    assert isinstance(holder.consent.says, Permit)


@pytest.mark.parametrize(
    "patients",
    [
        [],
        [{"deceasedBoolean": True}],
        [{"active": False}],
        [{"identifier": []}],
        [{}],
    ],
)
async def test_state_that_fails_looks_the_same_for_who_is_known_here_and_who_is_not(
    holder: Any, told: Told, fakes: Any, patients: list[dict[str, Any]]
) -> None:
    """Of somebody unknown no choice is looked up: without this, an outage would tell who is a patient here."""
    holder.records.resources = [fakes.patient("p1", fakes.OWN, **changes) for changes in patients]
    told.now = Unavailable(Reason.CONSENT_STATE_UNREADABLE)
    reply = await ask(holder, told, fakes)
    assert reply.content == told.now
    assert isinstance(reply.receipt.event, Denied)
