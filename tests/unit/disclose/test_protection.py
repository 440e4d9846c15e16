"""Who asks too much hears so, whoever is asked about; who tries many patients is noticed and stopped."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.accounted import Denied, Disclosed, Kept
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.disclose.flow import Reply, disclose
from nuts_pzp.identity import BSN_SYSTEM, Organization, Ura, eleven_test
from nuts_pzp.outcome import Deny, Stop
from nuts_pzp.protection.guard import GENEROUS, Guard, Refusals
from nuts_pzp.protection.rates import Rate
from nuts_pzp.reasons import Face, Reason
from nuts_pzp.values import replace

STRANGERS = tuple(f"{number}" for number in range(999_990_000, 999_990_100) if eleven_test(f"{number}"))[:6]
OTHER = Organization(Ura("90000555"), "Z3", "Huisartsenpraktijk Overkant")


class Door:
    """A holder with a guard whose clock stands still until it is moved."""

    def __init__(self, holder: Any, fakes: Any, **rules: Any) -> None:
        self.holder, self.fakes, self.now = holder, fakes, 1000.0
        self.guard = Guard("meerwijck", replace(GENEROUS, **rules), clock=lambda: self.now)

    async def __call__(self, raw: Any) -> Reply:
        house = replace(self.holder.house, guard=self.guard)
        return await disclose(house, self.fakes.PRESENTED, raw, lambda: self.fakes.NOW)

    async def search(self, bsn: str) -> Any:
        content = (await self(self.fakes.post("/Patient/_search", f"identifier={BSN_SYSTEM}%7C{bsn}"))).content
        return content.reason if isinstance(content, Stop) else None

    async def consents(self, patient: str = "p1") -> Any:
        content = (await self(self.fakes.get("/Consent", f"patient=Patient/{patient}"))).content
        return content.reason if isinstance(content, Stop) else None


async def test_an_organization_that_asks_too_much_waits_and_another_does_not(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, organization=Rate(1.0, 3))
    assert [await door.consents() for _ in range(4)] == [None, None, None, Reason.THROTTLED]
    holder.network.says = replace(fakes.CALLER, organization=OTHER)
    holder.directory.says = OTHER
    assert await door.consents() is None
    holder.network.says, holder.directory.says = fakes.CALLER, fakes.POST
    assert await door.consents() is Reason.THROTTLED
    door.now += 1.0
    assert [await door.consents() for _ in range(2)] == [None, Reason.THROTTLED]


async def test_a_tenant_has_its_share_whoever_asks(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, tenant=Rate(1.0, 2))
    assert [await door.consents() for _ in range(3)] == [None, None, Reason.THROTTLED]


async def test_a_patient_is_asked_about_so_often_known_here_or_not(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, patient=Rate(1.0, 2))
    known = [await door.search(fakes.OWN) for _ in range(3)]
    unknown = [await door.search(STRANGERS[0]) for _ in range(3)]
    assert known == [None, None, Reason.THROTTLED]
    assert unknown == [Reason.PATIENT_UNKNOWN, Reason.PATIENT_UNKNOWN, Reason.THROTTLED]
    assert await door.search(fakes.SOMEONE_ELSE) is None


async def test_one_organization_cannot_keep_another_from_a_patient(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, patient=Rate(1.0, 1))
    assert [await door.consents() for _ in range(2)] == [None, Reason.THROTTLED]
    holder.network.says = replace(fakes.CALLER, organization=OTHER)
    holder.directory.says = OTHER
    assert await door.consents() is None


async def test_what_is_over_a_limit_reaches_no_room_and_is_recorded(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, organization=Rate(1.0, 1))
    await door.consents()
    holder.journal.clear()
    assert await door.consents() is Reason.THROTTLED
    assert holder.journal == ["network", "audit Denied"]


async def test_strangers_cannot_use_up_what_others_may_ask(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, tenant=Rate(1.0, 1))
    holder.network.says = Deny(Reason.TOKEN_INVALID)
    assert [await door.consents() for _ in range(5)] == [Reason.TOKEN_INVALID] * 5
    holder.network.says = fakes.CALLER
    assert await door.consents() is None


async def test_who_is_refused_about_many_patients_is_stopped_with_one_incident(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(3, 60.0, 120.0))
    said = [await door.search(bsn) for bsn in STRANGERS]
    assert said == [Reason.PATIENT_UNKNOWN] * 4 + [Reason.ENUMERATION] * 2
    incidents = [event for event in holder.audit.events if isinstance(event, Kept)]
    assert [event.code for event in incidents] == ["protection.enumeration"]
    assert dict(incidents[0].detail) == {
        "organization": "90000444", "patients": "4", "stop_seconds": "120.0", "window_seconds": "60.0",
    }  # fmt: skip
    assert door.guard.memory.counts["enumerations"] == 1


async def test_the_incident_is_on_record_before_its_refusal_leaves(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(1, 60.0, 120.0))
    await door.search(STRANGERS[0])
    await door.search(STRANGERS[1])
    assert holder.journal[-2:] == ["audit Kept", "audit Denied"]


async def test_an_incident_whose_record_failed_is_on_record_at_the_next_refusal(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(1, 60.0, 120.0))
    await door.search(STRANGERS[0])
    holder.audit.fails_at = 2
    with pytest.raises(NotRecorded):
        await door.search(STRANGERS[1])
    assert [type(event) for event in holder.audit.events] == [Denied]
    holder.audit.fails_at = 0
    assert await door.consents() is Reason.ENUMERATION
    incidents = [event for event in holder.audit.events if isinstance(event, Kept)]
    assert [event.code for event in incidents] == ["protection.enumeration"]


async def test_who_is_stopped_hears_the_same_about_a_patient_that_is_known(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(1, 60.0, 120.0))
    await door.search(STRANGERS[0])
    await door.search(STRANGERS[1])
    assert {await door.search(fakes.OWN), await door.search(STRANGERS[2]), await door.consents()} == {
        Reason.ENUMERATION
    }
    assert Reason.ENUMERATION.face is Reason.THROTTLED.face is Face.THROTTLED


async def test_the_stop_ends_and_begins_anew(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(1, 60.0, 120.0))
    for bsn in STRANGERS[:2]:
        await door.search(bsn)
    door.now += 119.9
    assert await door.consents() is Reason.ENUMERATION
    door.now += 0.1
    assert await door.consents() is None
    assert await door.search(STRANGERS[2]) is Reason.PATIENT_UNKNOWN


async def test_the_same_patient_again_and_again_is_no_enumeration(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(1, 60.0, 120.0))
    assert {await door.search(STRANGERS[0]) for _ in range(6)} == {Reason.PATIENT_UNKNOWN}


async def test_refusals_far_apart_are_no_enumeration(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(2, 60.0, 120.0))
    for bsn in STRANGERS:
        assert await door.search(bsn) is Reason.PATIENT_UNKNOWN
        door.now += 30.0


async def test_patients_that_are_released_do_not_count(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(1, 60.0, 120.0))
    assert [await door.search(bsn) for bsn in (fakes.OWN, fakes.SOMEONE_ELSE, fakes.OWN)] == [None] * 3


@pytest.mark.parametrize("reason", [Reason.CONSENT_NONE, Reason.MITZ_DENY, Reason.CONSENT_OBJECTION])
async def test_trying_ids_or_consents_counts_like_trying_bsns(holder: Any, fakes: Any, reason: Reason) -> None:
    door = Door(holder, fakes, refusals=Refusals(1, 60.0, 120.0))
    holder.consent.says = Deny(reason)
    assert [await door.consents(one) for one in ("p1", "p2", "p1")] == [reason, reason, Reason.ENUMERATION]


async def test_trying_resources_by_id_counts(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(2, 60.0, 120.0))
    said = [(await door(fakes.get(f"/Consent/x{number}"))).content for number in range(4)]
    assert [one.reason for one in said] == [Reason.PATIENT_UNKNOWN] * 3 + [Reason.ENUMERATION]


async def test_an_organization_whose_role_may_not_see_this_is_not_an_enumerator(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(1, 60.0, 120.0))
    holder.policy.says = Deny(Reason.POLICY_ROLE)
    assert {await door.consents(one) for one in ("p1", "p2", "p1", "p2")} == {Reason.POLICY_ROLE}


async def test_zero_does_not_watch(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(0, 60.0, 120.0))
    assert {await door.search(bsn) for bsn in STRANGERS} == {Reason.PATIENT_UNKNOWN}


async def test_a_reload_lets_nobody_off(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, refusals=Refusals(1, 60.0, 120.0))
    for bsn in STRANGERS[:2]:
        await door.search(bsn)
    door.guard = Guard("meerwijck", GENEROUS, door.guard.memory, clock=lambda: door.now)
    assert await door.consents() is Reason.ENUMERATION


async def test_an_organization_that_is_named_is_let_in_at_once_and_what_it_does_is_still_told(
    holder: Any, fakes: Any
) -> None:
    rule = Refusals(1, 60.0, 120.0)
    door = Door(holder, fakes, refusals=rule)
    for bsn in STRANGERS[:2]:
        await door.search(bsn)
    assert await door.consents() is Reason.ENUMERATION
    ura, spared = fakes.CALLER.organization.ura.value, replace(GENEROUS, refusals=rule)
    spared = replace(spared, spared=frozenset({ura}))
    door.guard = Guard("meerwijck", spared, door.guard.memory, clock=lambda: door.now)
    assert await door.consents() is None
    holder.audit.events.clear()
    assert {await door.search(bsn) for bsn in STRANGERS[2:5]} == {Reason.PATIENT_UNKNOWN}
    [incident] = [event for event in holder.audit.events if isinstance(event, Kept)]
    assert dict(incident.detail)["stop_seconds"] == "0.0"
    door.guard = Guard("meerwijck", replace(GENEROUS, refusals=rule), door.guard.memory, clock=lambda: door.now)
    assert await door.consents() is None, "off the list it begins anew: what was lifted does not come back"


async def test_what_is_remembered_of_a_patient_is_no_identifier(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes)
    await door.search(STRANGERS[0])
    held = repr(door.guard.memory.refused) + repr(vars(door.guard.memory.patients))
    assert STRANGERS[0] not in held


async def test_another_patients_answer_is_an_incident(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes)
    holder.records.answers["Consent"] = fakes.answer(fakes.searchset(fakes.consent("c9", "Patient/p2")))
    assert await door.consents() is Reason.SOURCE_OTHER_PATIENT
    assert Reason.SOURCE_OTHER_PATIENT.face.status == 502
    assert door.guard.memory.counts["other-patient"] == 1
    last = holder.audit.events[-1]
    assert isinstance(last, Disclosed)
    assert last.stop is not None
    assert last.stop.reason is Reason.SOURCE_OTHER_PATIENT


async def test_every_refusal_by_a_limit_is_a_record(holder: Any, fakes: Any) -> None:
    door = Door(holder, fakes, organization=Rate(1.0, 1))
    for _ in range(4):
        await door.consents()
    assert [type(event) for event in holder.audit.events[-3:]] == [Denied] * 3
