"""Policies as others publish them load unchanged, on either engine, and are given the input that they were written for.

The two in `published/` have the shape of the policies for PZP and for the basic data set: one package, perhaps a
CapabilityStatement (also one that is no valid R4), no manifest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.authorization.bundle import load
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest, parse
from nuts_pzp.outcome import Deny, Permit

PUBLISHED = Path(__file__).parent / "published"
CONSENT = Permit("explicit-consent:mitz")
BASE = "https://gateway.example/meerwijck/fhir"
BSN = "http://fhir.nl/fhir/NamingSystem/bsn|999911120"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope|treatment"


def search(kind: str, *params: tuple[str, str], via: Any = "GET") -> FhirRequest:
    return FhirRequest("search-type", kind, params=tuple((name, (value,)) for name, value in params), via=via)


OWN = ("patient", "Patient/p1")
DIRECTIVES = search("Consent", OWN, ("scope", SCOPE), ("category", "http://snomed.info/sct|129125009"))
PATIENT = search("Patient", ("identifier", BSN), via="POST")
PROCEDURES = search("Procedure", OWN, ("category", "http://snomed.info/sct|387713003"))
COVERAGE = search("Coverage", OWN, ("_include", "Coverage:payor:Organization"), ("_include", "Coverage:payor:Patient"))

PERMITTED = {"pzp_gf": [DIRECTIVES, PATIENT], "bgz": [search("Condition", OWN), PROCEDURES, COVERAGE]}
REFUSED = {
    "pzp_gf": [
        search("Goal", OWN),
        search("Consent", OWN, ("scope", SCOPE)),
        search("Consent", OWN, ("scope", SCOPE), ("category", "http://snomed.info/sct|387713003")),
        FhirRequest("read", "Consent", "c1"),
    ],
    "bgz": [
        DIRECTIVES,
        search("Condition", OWN, ("code", "http://snomed.info/sct|1")),
        search("Procedure", OWN),
        search("Coverage", OWN, ("_include", "Coverage:payor:Patient")),
        FhirRequest("read", "Procedure", "p1"),
    ],
}


@pytest.mark.parametrize(("name", "at"), [(name, at) for name, some in PERMITTED.items() for at in range(len(some))])
async def test_its_queries_are_permitted(policy_of: Any, asking: Any, name: str, at: int) -> None:
    policy = await policy_of(PUBLISHED / name)
    permit = await policy.evaluate(asking(PERMITTED[name][at], role=None), CONSENT)
    assert isinstance(permit, Permit)
    assert permit.basis == f"policy:{name}"
    assert permit.evidence[0].digest == load(PUBLISHED / name).digest


@pytest.mark.parametrize(("name", "at"), [(name, at) for name, some in REFUSED.items() for at in range(len(some))])
async def test_what_it_does_not_list_is_refused(policy_of: Any, asking: Any, name: str, at: int) -> None:
    policy = await policy_of(PUBLISHED / name)
    assert isinstance(await policy.evaluate(asking(REFUSED[name][at], role=None), CONSENT), Deny)


async def test_what_its_own_statement_lists_can_be_asked_and_patient_stays_posted(policy_of: Any) -> None:
    policy = await policy_of(PUBLISHED / "bgz")
    read = parse(RawRequest("GET", "/Condition", "patient=Patient/p1", (), b""), policy.capability, BASE)
    assert read == search("Condition", OWN)
    refused = parse(
        RawRequest("GET", "/Patient", f"identifier={BSN.replace('|', '%7C')}", (), b""), policy.capability, BASE
    )
    assert isinstance(refused, Deny)


async def test_a_search_by_id_is_refused_where_the_patient_has_no_id(policy_of: Any, asking: Any) -> None:
    policy = await policy_of(PUBLISHED / "pzp_gf")
    assert isinstance(await policy.evaluate(asking(DIRECTIVES, patient_id=None), CONSENT), Deny)
