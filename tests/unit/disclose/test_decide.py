"""The decision: rooms in order, the first that does not say yes decides, and what was known by then is kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Decision, Denied
from nuts_pzp.authorization.policies import Policies
from nuts_pzp.disclose.decide import confirm, decide
from nuts_pzp.exchange import Attempt, Caller
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.identity import Organization, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny, Evidence, Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

SEARCH = RawRequest("GET", "/Consent", "patient=Patient/p1&_include=Consent:actor", (), b"")


async def decided(holder: Any, raw: RawRequest = SEARCH, who: Any = None) -> Decision:
    attempt = Attempt("MELD12345678", address="192.0.2.7")
    return await decide(holder.house, attempt, who or holder.network.says, raw, holder.now)


async def denied(holder: Any, raw: RawRequest = SEARCH, who: Any = None) -> Denied:
    decision = await decided(holder, raw, who)
    assert isinstance(decision, Denied)
    return decision


async def test_allowed_carries_access_grounds_and_policy(holder: Any, fakes: Any) -> None:
    decision = await decided(holder)
    assert isinstance(decision, Allowed)
    assert decision.grounds == (Permit("explicit-consent:mitz"), Permit("policy:pzp"))
    assert decision.policy == "f" * 64
    assert decision.access.request.params == (("patient", ("Patient/p1",)), ("_include", ("Consent:actor",)))
    assert decision.access.patient.logical_id == "p1"
    assert decision.attempt.caller == decision.access.caller
    assert decision.attempt.patient is decision.access.patient


@pytest.mark.parametrize("says", [Deny(Reason.POLICY_DENY), Unavailable(Reason.POLICY_UNAVAILABLE), None])
async def test_what_consent_rests_on_is_kept_when_the_policy_says_no(holder: Any, says: Any) -> None:
    """The citizen sees that Mitz was asked: the holder's log must show it as well."""
    asked = Evidence("mitz", "urn:uuid:1", "00" * 32)
    holder.consent.says, holder.policy.says = Permit("explicit-consent:mitz", (asked,)), says
    decision = await denied(holder)
    assert decision.stop.reason is (says.reason if says else Reason.INTERNAL)
    assert decision.stop.evidence == (asked,)


async def test_rooms_are_asked_in_order_and_mitz_last_but_one(holder: Any) -> None:
    await decided(holder)
    assert holder.journal == ["directory", "records Patient/p1", "consent", "policy"]


async def test_unverified_caller_stops_before_anything_is_parsed(holder: Any) -> None:
    decision = await denied(holder, who=Deny(Reason.TOKEN_INVALID))
    assert decision.stop.reason is Reason.TOKEN_INVALID
    assert (decision.attempt.caller, decision.attempt.request, decision.attempt.patient) == (None, None, None)
    assert holder.journal == []


async def test_expired_token_serves_nothing(holder: Any, fakes: Any) -> None:
    holder.now = fakes.CALLER.expires
    assert (await denied(holder)).stop.reason is Reason.TOKEN_INVALID


async def test_caller_without_an_expiry_is_served(holder: Any, fakes: Any) -> None:
    holder.network.says = replace(fakes.CALLER, expires=0.0)
    assert isinstance(await decided(holder), Allowed)


async def test_what_was_known_at_each_stop_is_kept(holder: Any) -> None:
    holder.policy.says = Deny(Reason.POLICY_ROLE)
    at_policy = await denied(holder)
    assert at_policy.attempt.patient is not None
    assert at_policy.policy == "f" * 64
    holder.consent.says = Deny(Reason.MITZ_DENY)
    assert (await denied(holder)).attempt.patient is not None
    holder.directory.says = Unavailable(Reason.DIRECTORY_DOWN)
    at_directory = await denied(holder)
    assert (at_directory.attempt.request is not None, at_directory.attempt.patient) == (True, None)


async def test_holder_asking_itself_is_refused_before_the_directory(holder: Any, fakes: Any) -> None:
    holder.network.says = replace(fakes.CALLER, organization=fakes.HOSPITAL)
    assert (await denied(holder)).stop.reason is Reason.OWN_ORGANIZATION
    assert holder.journal == []


@pytest.mark.parametrize("standing", [Standing.UNKNOWN, Standing.DECEASED])
async def test_consent_is_never_asked_about_who_is_no_patient(standing: Standing, holder: Any, fakes: Any) -> None:
    expected = {Standing.UNKNOWN: Reason.PATIENT_UNKNOWN, Standing.DECEASED: Reason.PATIENT_DECEASED}[standing]
    dead = fakes.patient("p1", fakes.OWN, deceasedBoolean=True)
    holder.records.resources = [dead] if standing is Standing.DECEASED else []
    form = (("content-type", "application/x-www-form-urlencoded"),)
    body = b"identifier=http%3A%2F%2Ffhir.nl%2Ffhir%2FNamingSystem%2Fbsn%7C900012341"
    decision = await denied(holder, RawRequest("POST", "/Patient/_search", "", form, body))
    assert decision.stop.reason is expected
    assert decision.attempt.patient is not None
    assert decision.attempt.patient.standing is standing
    assert "consent" not in holder.journal


async def test_resting_consent_source_answers_alike_for_known_and_unknown(holder: Any) -> None:
    holder.consent.rests = Unavailable(Reason.MITZ_UNAVAILABLE)
    known = await denied(holder)
    unknown = await denied(holder, RawRequest("GET", "/Consent", "patient=Patient/p77", (), b""))
    assert known.stop == unknown.stop == Unavailable(Reason.MITZ_UNAVAILABLE)
    assert "records Patient/p1" not in holder.journal


async def test_capabilities_are_no_disclosure(holder: Any) -> None:
    assert (await denied(holder, RawRequest("GET", "/metadata", "", (), b""))).stop.reason is Reason.RESOURCE_REFUSED


async def test_read_is_decided_about_the_patient_of_the_resource(holder: Any) -> None:
    decision = await decided(holder, RawRequest("GET", "/Consent/c9", "", (), b""))
    assert isinstance(decision, Allowed)
    assert decision.access.patient.logical_id == "p2"
    assert holder.journal[:3] == ["directory", "records Consent/c9", "records Patient/p2"]


@pytest.mark.parametrize("wrong", [None, True, "yes", {"allow": True}])
@pytest.mark.parametrize("room", ["directory", "consent", "policy"])
async def test_room_that_answers_something_else_denies(room: str, wrong: Any, holder: Any) -> None:
    getattr(holder, room).says = wrong
    assert (await denied(holder)).stop.reason is Reason.INTERNAL


async def test_exception_says_where_and_never_what(holder: Any, capsys: pytest.CaptureFixture[str]) -> None:
    holder.policy.says = RuntimeError("about 900012341")
    decision = await denied(holder)
    assert decision.stop.reason is Reason.INTERNAL
    assert decision.stop.detail.startswith("RuntimeError at conftest.py:")
    assert decision.attempt.patient is not None
    shown = "".join(capsys.readouterr())
    assert "900012341" not in decision.stop.detail + shown


async def test_panic_of_an_engine_denies(holder: Any) -> None:
    class Panic(BaseException):
        pass

    holder.policy.says = Panic()
    assert (await denied(holder)).stop.reason is Reason.INTERNAL


async def test_cancelling_is_not_turned_into_a_decision(holder: Any) -> None:
    holder.consent.says = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await decided(holder)


async def confirmed(holder: Any, fakes: Any, claimed: Organization) -> Any:
    caller = replace(fakes.CALLER, organization=claimed)
    return await confirm(caller, Tenant("meerwijck", fakes.HOSPITAL), holder.directory)


async def test_directory_says_who_the_caller_is(holder: Any, fakes: Any) -> None:
    found = await confirmed(holder, fakes, replace(fakes.POST, name="Wij noemen ons anders"))
    assert isinstance(found, Caller)
    assert found.organization == fakes.POST


async def test_one_of_several_listed_types_may_be_chosen(holder: Any, fakes: Any) -> None:
    holder.directory.says = replace(fakes.POST, other_types=("Z3",))
    found = await confirmed(holder, fakes, replace(fakes.POST, type="Z3"))
    assert isinstance(found, Caller)
    assert found.organization.type == "Z3"


@pytest.mark.parametrize("claimed", ["V6", "", "n6"])
async def test_type_that_the_directory_does_not_list_is_refused(claimed: str, holder: Any, fakes: Any) -> None:
    assert (await confirmed(holder, fakes, replace(fakes.POST, type=claimed))).reason is Reason.TYPE_MISMATCH


async def test_organization_that_the_directory_confuses_or_does_not_know_is_refused(holder: Any, fakes: Any) -> None:
    holder.directory.says = replace(fakes.POST, ura=Ura("90000999"))
    assert (await confirmed(holder, fakes, fakes.POST)).reason is Reason.ORGANIZATION_UNKNOWN
    unknown = Unknown(Reason.ORGANIZATION_UNKNOWN)
    holder.directory.says = unknown
    assert await confirmed(holder, fakes, fakes.POST) is unknown


async def test_the_scope_of_the_token_chooses_what_may_be_asked_and_who_judges(holder: Any, fakes: Any) -> None:
    other = fakes.Room(holder.journal, "other", Permit("policy:bgz"), digest="e" * 64)
    policies = Policies({"pzp": holder.policy, "bgz": other}, {"pzp-gf": "pzp", "bgz-gf": "bgz"})
    house = replace(holder.house, policies=policies)
    who = replace(fakes.CALLER, scopes=frozenset({"bgz-gf"}))
    decision = await decide(house, Attempt("MELD12345678"), who, SEARCH, holder.now)
    assert isinstance(decision, Allowed)
    assert (decision.policy, decision.grounds[-1]) == ("e" * 64, Permit("policy:bgz"))
    assert "policy" not in holder.journal
    other.capability = replace(fakes.CAPABILITY, resources={})
    refused = await decide(house, Attempt("MELD12345678"), who, SEARCH, holder.now)
    assert isinstance(refused, Denied)
    assert refused.stop.reason is Reason.REQUEST_UNSUPPORTED


@pytest.mark.parametrize("scopes", [{"bgz-gf"}, set(), {"openid", "PZP-GF"}])
async def test_token_without_a_mapped_scope_stops_before_anything_is_asked(
    scopes: Any, holder: Any, fakes: Any
) -> None:
    decision = await denied(holder, who=replace(fakes.CALLER, scopes=frozenset(scopes)))
    assert (decision.stop.reason, decision.policy, holder.journal) == (Reason.TOKEN_SCOPE, "", [])


async def test_two_mapped_scopes_stop_before_anything_is_asked(holder: Any, fakes: Any) -> None:
    policies = Policies({"pzp": holder.policy}, {"pzp-gf": "pzp", "pzp-spoed": "pzp"})
    who = replace(fakes.CALLER, scopes=frozenset({"pzp-gf", "pzp-spoed"}))
    house = replace(holder.house, policies=policies)
    decision = await decide(house, Attempt("MELD12345678"), who, SEARCH, holder.now)
    assert isinstance(decision, Denied)
    assert (decision.stop.reason, holder.journal) == (Reason.TOKEN_SCOPE, [])


@pytest.mark.parametrize(
    ("room", "says"),
    [("directory", Deny(Reason.ORGANIZATION_UNKNOWN)), ("consent", Deny(Reason.MITZ_DENY)), ("consent", OSError())],
)
async def test_the_policy_that_would_have_decided_is_in_every_refusal(room: str, says: Any, holder: Any) -> None:
    getattr(holder, room).says = says
    assert (await denied(holder)).policy == "f" * 64
