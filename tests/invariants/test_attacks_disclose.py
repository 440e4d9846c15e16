"""Attacks on the decision: another patient between two looks, placeholders, borrowed tokens, verdicts and pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Denied
from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.authorization.judgement import BundlePolicy
from nuts_pzp.authorization.question import asked
from nuts_pzp.consent.cache import Reuse
from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.exchange import Access, Attempt
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest, parse
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Organization, Patient, Professional, Purpose, Standing, Ura
from nuts_pzp.outcome import Deny, Permit, Stop
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.regorus import RegorusJudge
from nuts_pzp.values import replace

OWN, OTHER = "900012341", "999911120"
P1 = Patient(Bsn(OWN), "p1", Standing.KNOWN)
P2 = Patient(Bsn(OTHER), "p2", Standing.KNOWN)
YES = Permit("explicit-consent:mitz")


def search(resource_type: str = "Consent", patient: str = "p1", **params: str) -> FhirRequest:
    given = tuple((name, (value,)) for name, value in params.items())
    return FhirRequest("search-type", resource_type, params=(("patient", (f"Patient/{patient}",)), *given))


DIRECTIVES = {
    "scope": "http://terminology.hl7.org/CodeSystem/consentscope|treatment",
    "category": "http://snomed.info/sct|129125009",
}


# --- the patient of the decision and the patient of the answer


class Turning:
    """Records that answer one thing when looked up and another when asked for the content."""

    def __init__(self, records: Any, at: int, then: Callable[[FhirRequest], Any]) -> None:
        self._records, self._at, self._then, self._turn = records, at, then, 0

    async def send(self, request: FhirRequest, /) -> Any:
        self._turn += 1
        return self._then(request) if self._turn >= self._at else await self._records.send(request)


async def turned(holder: Any, raw: RawRequest, at: int, answer: Any) -> Any:
    holder.records = Turning(holder.records, at, lambda request: answer)
    return (await holder.disclose(raw)).content


async def test_patient_who_became_another_between_look_up_and_read(holder: Any, fakes: Any) -> None:
    now_p2 = fakes.answer(json.dumps(fakes.patient("p1", OTHER)).encode())
    found = await turned(holder, fakes.get("/Patient/p1"), 2, now_p2)
    assert isinstance(found, Deny)
    assert found.reason is Reason.SOURCE_OTHER_PATIENT


async def test_search_on_bsn_that_finds_another_record_the_second_time(holder: Any, fakes: Any) -> None:
    raw = fakes.post("/Patient/_search", f"identifier={BSN_SYSTEM.replace(':', '%3A')}%7C{OWN}")
    found = await turned(holder, raw, 2, fakes.answer(fakes.searchset(fakes.patient("p7", OWN))))
    assert isinstance(found, Stop)


async def test_resource_that_moved_to_another_patient_after_its_owner_was_asked(holder: Any, fakes: Any) -> None:
    moved = fakes.answer(json.dumps(fakes.consent("c1", "Patient/p2")).encode())
    found = await turned(holder, fakes.get("/Consent/c1"), 3, moved)
    assert isinstance(found, Deny)
    assert found.reason is Reason.SOURCE_OTHER_PATIENT


async def test_server_that_forgets_the_patient_parameter(holder: Any, fakes: Any) -> None:
    everybody = fakes.answer(fakes.searchset(fakes.consent("c9", "Patient/p2"), fakes.consent("c8", "Patient/p3")))
    found = await turned(holder, fakes.get("/Consent", "patient=Patient/p1"), 2, everybody)
    assert isinstance(found, Stop)


async def test_read_that_answers_with_a_searchset(holder: Any, fakes: Any) -> None:
    found = await turned(holder, fakes.get("/Consent/c1"), 3, fakes.answer(fakes.searchset()))
    assert isinstance(found, Stop)


async def test_owner_that_climbs_out_of_its_place_is_nobody(holder: Any, fakes: Any) -> None:
    for owner in ("Patient/../Consent/c9", "Patient/p1/_history/../../p2", "Patient/", "Patient/p1?x", "Patient/.."):
        holder.records.resources = [fakes.consent("c1", owner), fakes.patient("p2", OTHER)]
        found = (await holder.disclose(fakes.get("/Consent/c1"))).content
        assert isinstance(found, Deny)
        assert found.reason is Reason.RESOURCE_REFUSED


async def test_what_is_forwarded_never_has_a_character_of_the_raw_request(holder: Any, fakes: Any) -> None:
    await holder.disclose(fakes.get("/Con%73ent", "patient=%70%31&_format=application%2Ffhir%2Bjson"))
    assert holder.records.asked[-1] == FhirRequest("search-type", "Consent", params=(("patient", ("Patient/p1",)),))


# --- placeholders and the policy


@pytest.fixture(scope="module")
def policy(fakes: Any) -> BundlePolicy:
    bundle = load(shipped())
    return BundlePolicy(bundle, fakes.HOSPITAL, RegorusJudge(bundle))


def access(fakes: Any, request: FhirRequest, patient: Patient = P1, **caller: Any) -> Access:
    who = replace(fakes.CALLER, professional=Professional("h-12", "huisarts"))
    return Access(replace(who, **caller), request, patient)


async def test_the_policy_says_yes_to_what_it_should(policy: BundlePolicy, fakes: Any) -> None:
    assert isinstance(await policy.evaluate(access(fakes, search(**DIRECTIVES)), YES), Permit)


@pytest.mark.parametrize("value", ["#patient", "#bsn", "#other", "Patient/#patient", "patient/#patient"])
async def test_a_value_that_is_a_placeholder_names_nobody(value: str, policy: BundlePolicy, fakes: Any) -> None:
    for name in ("patient", "subject", "identifier", "scope", "category", "_id"):
        request = FhirRequest("search-type", "Consent", params=((name, (value,)),))
        assert isinstance(await policy.evaluate(access(fakes, request), YES), Deny)
    raw = fakes.get("/Consent", f"patient={value.replace('#', '%23')}")
    assert isinstance(parse(raw, policy.capability, fakes.BASE), Deny)


async def test_a_request_about_another_than_the_decided_patient_is_refused(policy: BundlePolicy, fakes: Any) -> None:
    allowed, other = access(fakes, search(**DIRECTIVES)), access(fakes, search(**DIRECTIVES), P2)
    for one in (other, allowed, other):
        assert isinstance(await policy.evaluate(one, YES), Permit) is (one is allowed)


@pytest.mark.parametrize("role", ["", "Huis arts", "huisart\u017f", "huisarts\u200b", "huisarts,", "HUISARTS\n", "*"])
async def test_a_role_that_only_looks_like_one_is_none(role: str, policy: BundlePolicy, fakes: Any) -> None:
    one = access(fakes, search(**DIRECTIVES), professional=Professional("h-12", role))
    assert isinstance(await policy.evaluate(one, YES), Deny)


async def test_nobody_in_particular_has_no_role(policy: BundlePolicy, fakes: Any) -> None:
    assert isinstance(await policy.evaluate(access(fakes, search(**DIRECTIVES), professional=None), YES), Deny)


async def test_claims_of_a_token_cannot_stand_in_for_the_subject(policy: BundlePolicy, fakes: Any) -> None:
    claims = {
        "user": "huisarts", "user_role": "huisarts", "role": "huisarts", "organization": "x", "client": "x",
        "organization_ura": "1", "organization_facility_type": "Z3", "mitz_consent": "true", "context": "x",
    }  # fmt: skip
    one = access(fakes, search(**DIRECTIVES), professional=Professional("h", "tuinman"), claims=claims)
    assert isinstance(await policy.evaluate(one, YES), Deny)


async def test_purposes_without_a_rule_are_refused(policy: BundlePolicy, fakes: Any) -> None:
    one = access(fakes, search(**DIRECTIVES), purpose=Purpose.COORDINATION)
    assert isinstance(await policy.evaluate(one, YES), Deny)


def test_no_bsn_enters_an_engine_wherever_it_stands(fakes: Any) -> None:
    who = Professional(OWN, f"rol {OWN}", OWN)
    organization = Organization(Ura("90000444"), "N6", f"Praktijk {OWN}")
    claims = {"x": OWN, "y": f"a{OWN}b", f"z{OWN}": "1"}
    patient = Patient(Bsn(OWN), OWN, Standing.KNOWN)
    for request in (search(patient=OWN), FhirRequest("read", "Patient", OWN), FhirRequest("read", "Goal", OWN)):
        one = access(fakes, request, patient, professional=who, organization=organization, claims=claims)
        assert OWN.encode() not in asked(one, fakes.CAPABILITY, fakes.HOSPITAL)


# --- consent that belongs to somebody else


class Citizen:
    """A consent source that notes each question and answers by the professional's id; it can be held up."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def ask(self, access: Access, /) -> Verdict:
        who = access.caller.professional
        assert who
        self.asked.append(who.id)
        await self.open.wait()
        outcome: Any = YES if who.id == "h-12" else Deny(Reason.MITZ_DENY)
        return Verdict(outcome, explicit=True, specificity=1, cacheable_for=60)

    def sameness(self, access: Access, /) -> bytes | None:
        return b"always the same, as a careless source would say"


def consent(source: Citizen) -> SharingConsent:
    return SharingConsent("nl-pzp-strict", (Ranked(source, required=True, authoritative=True),), Reuse())


async def test_a_verdict_serves_no_other_token_even_while_it_is_on_its_way(fakes: Any) -> None:
    source = Citizen()
    source.open.clear()
    room = consent(source)
    mine = asyncio.create_task(room.ask(access(fakes, search())))
    stranger = access(fakes, search(), professional=Professional("x-1", "huisarts"), token_digest=b"s" * 32)
    theirs = asyncio.create_task(room.ask(stranger))
    await asyncio.sleep(0)
    source.open.set()
    assert isinstance(await mine, Permit)
    assert isinstance(await theirs, Deny)
    assert sorted(source.asked) == ["h-12", "x-1"]


async def test_a_caller_without_a_token_borrows_no_verdict(fakes: Any) -> None:
    source = Citizen()
    room = consent(source)
    for _ in range(2):
        await room.ask(access(fakes, search(), token_digest=b""))
    assert len(source.asked) == 2


async def test_leaving_early_neither_stops_nor_permits_who_waits_along(fakes: Any) -> None:
    source = Citizen()
    source.open.clear()
    room = consent(source)
    first = asyncio.create_task(room.ask(access(fakes, search())))
    second = asyncio.create_task(room.ask(access(fakes, search())))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    room.purge(Bsn(OWN))
    source.open.set()
    await second
    assert source.asked == ["h-12", "h-12"], "what was on its way when the choice changed is asked anew"
    with pytest.raises(asyncio.CancelledError):
        await first


# --- pages


async def paged(holder: Any, fakes: Any) -> str:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"))
    holder.records.answers["Consent"] = fakes.answer(body, "/Consent?page=2")
    holder.records.answers["page /Consent?page=2"] = fakes.answer(fakes.searchset(fakes.consent("c9", "Patient/p2")))
    found = (await holder.disclose(fakes.get("/Consent", "patient=Patient/p1"))).content
    assert isinstance(found, Minimized)
    return found.body.decode().partition("_page=")[2].partition('"')[0]


async def test_a_further_page_of_another_patient_is_an_incident(holder: Any, fakes: Any) -> None:
    found = (await holder.disclose(fakes.get("/Consent", f"_page={await paged(holder, fakes)}"))).content
    assert isinstance(found, Stop)
    assert found.reason is Reason.SOURCE_OTHER_PATIENT


@pytest.mark.parametrize(
    "change",
    [
        {"professional": Professional("h-13", "01.015")},
        {"professional": None},
        {"organization": Organization(Ura("90000111"), "N6", "Huisartsenpost De Kade")},
        {"token_digest": b"u" * 32},
        {"token_digest": b""},
    ],
)
async def test_a_page_token_is_worth_nothing_to_anybody_else(change: dict[str, Any], holder: Any, fakes: Any) -> None:
    token = await paged(holder, fakes)
    holder.network.says = replace(fakes.CALLER, **change)
    holder.directory.says = holder.network.says.organization
    reply = await holder.disclose(fakes.get("/Consent", f"_page={token}"))
    assert isinstance(reply.content, Stop)
    assert reply.content.reason is Reason.PAGE_TOKEN
    assert [type(event) for event in holder.audit.events[2:]] == [Denied]


async def test_a_page_token_does_not_carry_yesterdays_yes(holder: Any, fakes: Any) -> None:
    token = await paged(holder, fakes)
    holder.policy.says = Deny(Reason.POLICY_DENY)
    assert isinstance((await holder.disclose(fakes.get("/Consent", f"_page={token}"))).content, Deny)


@pytest.mark.parametrize("tail", ["=", "==", "A", "%41", "&_page=x", "+", "/"])
async def test_a_page_token_has_one_spelling(tail: str, holder: Any, fakes: Any) -> None:
    token = await paged(holder, fakes)
    reply = await holder.disclose(fakes.get("/Consent", f"_page={token}{tail}"))
    assert isinstance(reply.content, Deny)


# --- what shows itself


def test_nothing_that_travels_shows_whose_it_is(fakes: Any) -> None:
    patient = Patient(Bsn(OWN), OWN, Standing.KNOWN)
    request = FhirRequest("read", "Patient", OWN, params=(("patient", (OWN,)),), continuation=f"/x?y={OWN}")
    who = replace(fakes.CALLER, claims={"bsn": OWN, "token": "secret-token"}, token_digest=b"secret-token")
    shown = replace(fakes.PRESENTED, url=f"https://gateway.example/m/fhir/Patient/{OWN}", dpop="secret-token")
    one = Access(who, request, patient)
    attempt = Attempt("MELD", who, request, patient)
    for value in (
        patient, request, shown, one, attempt, Allowed(attempt, one, (YES,)), Denied(attempt, Deny(Reason.MITZ_DENY)),
        RawRequest("GET", f"/Patient/{OWN}", f"a={OWN}", (("authorization", "secret-token"),), OWN.encode()),
        FhirAnswer(200, OWN.encode(), f"?{OWN}", OWN), Minimized(200, OWN.encode(), (), ()),
    ):  # fmt: skip
        assert OWN not in repr(value), type(value).__name__
        assert "secret-token" not in repr(value), type(value).__name__
