"""What every Policy keeps, whatever engine is behind it."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Purpose
from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.reasons import Reason

CONSENT = Permit("explicit-consent:mitz")
DIRECTIVES = FhirRequest(
    "search-type",
    "Consent",
    params=(
        ("patient", ("Patient/p1",)),
        ("scope", ("http://terminology.hl7.org/CodeSystem/consentscope|treatment",)),
        ("category", ("http://snomed.info/sct|129125009",)),
        ("_include", ("Consent:actor",)),
        ("_count", ("50",)),
    ),
)
PATIENT = FhirRequest(
    "search-type", "Patient", params=(("identifier", ("http://fhir.nl/fhir/NamingSystem/bsn|999911120",)),), via="POST"
)


async def test_treatment_directives_are_permitted_by_our_policy(policy_of: Any, asking: Any) -> None:
    permit = await (await policy_of()).evaluate(asking(DIRECTIVES), CONSENT)
    assert isinstance(permit, Permit)
    assert permit.basis == "policy:pzp"
    assert permit.evidence[0].digest == load(shipped()).digest


async def test_the_patient_is_found_by_bsn_while_not_known_by_id(policy_of: Any, asking: Any) -> None:
    assert isinstance(await (await policy_of()).evaluate(asking(PATIENT, patient_id=None), CONSENT), Permit)


async def test_a_read_for_the_patient_of_the_decision_is_permitted(policy_of: Any, asking: Any) -> None:
    policy = await policy_of()
    assert isinstance(await policy.evaluate(asking(FhirRequest("read", "RelatedPerson", "r1")), CONSENT), Permit)
    assert isinstance(await policy.evaluate(asking(FhirRequest("read", "Patient", "p1")), CONSENT), Permit)


async def test_another_patient_is_refused(policy_of: Any, asking: Any) -> None:
    policy = await policy_of()
    for request in (asking(DIRECTIVES, patient_id="p2"), asking(FhirRequest("read", "Patient", "p2"))):
        stop = await policy.evaluate(request, CONSENT)
        assert isinstance(stop, Deny)
        assert stop.reason is Reason.POLICY_DENY
        assert stop.detail == "request"


@pytest.mark.parametrize("role", ["tuinman", "medisch secretaresse", "", None])
async def test_an_unmapped_an_administrative_and_no_role_are_refused(policy_of: Any, asking: Any, role: Any) -> None:
    stop = await (await policy_of()).evaluate(asking(DIRECTIVES, role=role), CONSENT)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.POLICY_ROLE


@pytest.mark.parametrize("role", ["Huisarts", "01.015", "verpleegkundige", "Specialist ouderengeneeskunde", "81.000"])
async def test_treating_roles_are_permitted(policy_of: Any, asking: Any, role: str) -> None:
    assert isinstance(await (await policy_of()).evaluate(asking(DIRECTIVES, role=role), CONSENT), Permit)


async def test_emergency_is_as_treatment_and_coordination_is_not(policy_of: Any, asking: Any) -> None:
    policy = await policy_of()
    assert isinstance(await policy.evaluate(asking(DIRECTIVES, purpose=Purpose.EMERGENCY), CONSENT), Permit)
    assert isinstance(await policy.evaluate(asking(DIRECTIVES, purpose=Purpose.COORDINATION), CONSENT), Deny)


async def test_what_the_statement_does_not_list_is_refused(policy_of: Any, asking: Any) -> None:
    policy = await policy_of()
    extra = FhirRequest("search-type", "Consent", params=(*DIRECTIVES.params, ("date", ("gt2020",))))
    assert isinstance(await policy.evaluate(asking(extra), CONSENT), Deny)
    assert isinstance(await policy.evaluate(asking(FhirRequest("read", "Condition", "c1")), CONSENT), Deny)
    assert isinstance(await policy.evaluate(asking(FhirRequest("capabilities", "CapabilityStatement")), CONSENT), Deny)


async def test_the_capability_is_the_statement_where_it_is_enforced(policy_of: Any) -> None:
    policy = await policy_of()
    assert policy.capability == load(shipped()).stated
    assert policy.capability.resources["Patient"].post_only
    assert policy.digest == load(shipped()).digest


@pytest.mark.parametrize(
    "rule",
    [
        'allow := "true"',
        "allow := 1",
        "allow := [true]",
        'allow := {"allow": true}',
        "allow := null",
        "allow := false",
        "allow if input.context.nothing",
    ],
)
async def test_only_true_permits(policy_of: Any, asking: Any, write_policy: Any, rule: str) -> None:
    policy = await policy_of(write_policy(rule))
    stop = await policy.evaluate(asking(DIRECTIVES), CONSENT)
    assert isinstance(stop, Deny)


async def test_an_engine_that_fails_denies(policy_of: Any, asking: Any, write_policy: Any) -> None:
    policy = await policy_of(write_policy("allow if startswith(input.context.mitz_consent, `x`)"))
    stop = await policy.evaluate(asking(DIRECTIVES), CONSENT)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.POLICY_ERROR
    assert "999911120" not in repr(stop)


async def test_a_published_policy_works_unchanged(policy_of: Any, asking: Any, write_policy: Any) -> None:
    folder = write_policy(
        """default allow := false
allow if {
    input.context.mitz_consent == true
    input.resource.type == "Consent"
    input.context.patient_id != ""
    startswith(input.action.fhir_rest.search_params.patient[0][0], "Patient/")
    input.action.fhir_rest.capability_checked == false
}"""
    )
    policy = await policy_of(folder)
    assert isinstance(await policy.evaluate(asking(DIRECTIVES), CONSENT), Permit)
    assert policy.capability.resources["Goal"].params
    assert (await policy.evaluate(asking(DIRECTIVES), CONSENT)).basis == "policy:region_x"


async def test_a_policy_can_hold_a_claim_against_the_patient_it_never_sees(
    policy_of: Any, asking: Any, write_policy: Any
) -> None:
    folder = write_policy(
        "allow if concat(`|`, [`http://fhir.nl/fhir/NamingSystem/bsn`, input.context.patient_bsn]) "
        "== input.subject.enrolled"
    )
    policy = await policy_of(folder)
    bsn = "http://fhir.nl/fhir/NamingSystem/bsn|"
    assert isinstance(
        await policy.evaluate(asking(DIRECTIVES, claims={"enrolled": f"{bsn}999911120"}), CONSENT), Permit
    )
    assert isinstance(await policy.evaluate(asking(DIRECTIVES, claims={"enrolled": f"{bsn}900186021"}), CONSENT), Deny)
