"""Our policy on an OPA server that nobody here wrote: the same answers as the embedded engine.

Needs `NUTS_PZP_INTEROP_OPA_URL`, a server started with `policies/pzp/pzp.rego`, `policies/pzp/roles.yaml` and the two
policies in `tests/contract/authorization/published`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from nuts_pzp.consult.queries import PZP, patient_by_bsn, read
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny, Permit, Unavailable
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems import opa, regorus

URL = os.environ.get("NUTS_PZP_INTEROP_OPA_URL", "")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not URL, reason="NUTS_PZP_INTEROP_OPA_URL names no OPA server: see docs/how-to/interop-opa.md"),
]

HOLDER = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
USER = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
CONSENT = Permit("explicit-consent:mitz")
ROLES = ("huisarts", "01.015", "verpleegkundige", "tuinman", "medisch secretaresse", "", "HUISARTS ", "#patient")
IDS = ("p1", "p2", "1", "#patient", "a.b-c")

requests = some.one_of(
    some.builds(lambda query, at, who: query.tries[at % len(query.tries)].about(who), some.sampled_from(PZP),
                some.integers(0, 3), some.sampled_from(IDS)),
    some.builds(read, some.sampled_from(("Patient", "RelatedPerson", "Consent", "Device", "Condition", "Encounter")),
                some.sampled_from(IDS)),
    some.just(patient_by_bsn(Bsn("999900006"))),
    some.just(patient_by_bsn(Bsn("999900018"))),
    some.builds(
        lambda kind, names, values: FhirRequest(
            "search-type", kind, params=tuple(zip(names, ((value,) for value in values), strict=False))
        ),
        some.sampled_from(("Consent", "Goal", "Observation", "Patient", "Composition", "Procedure", "Coverage")),
        some.lists(some.sampled_from(("patient", "subject", "category", "scope", "code", "_include", "_count")),
                   max_size=4),
        some.lists(some.sampled_from(("Patient/p1", "Patient/p2", "Patient/#patient", "http://snomed.info/sct|129125009",
                                      "http://terminology.hl7.org/CodeSystem/consentscope|treatment", "", "é", "1")),
                   min_size=4, max_size=4),
    ),
)  # fmt: skip


MORE = (
    ("category", "http://snomed.info/sct|387713003"),
    ("category", "http://snomed.info/sct|129125009"),
    ("scope", "http://terminology.hl7.org/CodeSystem/consentscope|treatment"),
    ("_include", "Coverage:payor:Patient"),
    ("_include", "Coverage:payor:Organization"),
)


def about(kind: str, who: str, more: Sequence[tuple[str, str]]) -> FhirRequest:
    """A search of that type about one patient, as other use cases ask."""
    params = (("patient", f"Patient/{who}"), *more)
    return FhirRequest("search-type", kind, params=tuple((name, (value,)) for name, value in params))


def access(request: FhirRequest, role: str | None, purpose: Purpose, patient_id: str | None) -> Access:
    professional = None if role is None else Professional("e-17", role, "R. de Boer")
    caller = Caller(USER, professional, frozenset({"pzp-gf"}), purpose, None, {}, "nuts-bearer")
    return Access(caller, request, Patient(Bsn("999900006"), patient_id, Standing.KNOWN))


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(
        Tenant("meerwijck", HOLDER), Outbound((ipaddress.ip_network("127.0.0.0/8"),)), tmp_path, tmp_path
    )


@pytest.fixture
async def server(around: Surroundings) -> AsyncIterator[Any]:
    policy = opa.build({"url": URL}, around)
    yield policy
    await policy.stop()


async def test_every_pzp_query_is_permitted_for_its_own_patient(server: Any) -> None:
    for query in PZP:
        for one in query.tries:
            asked = access(one.about("p1"), "huisarts", Purpose.TREATMENT, "p1")
            assert isinstance(await server.evaluate(asked, CONSENT), Permit), (query.name, one)


async def test_another_patient_and_another_role_are_refused(server: Any) -> None:
    request = PZP[1].tries[0].about("p2")
    assert isinstance(await server.evaluate(access(request, "huisarts", Purpose.TREATMENT, "p1"), CONSENT), Deny)
    request = PZP[1].tries[0].about("p1")
    stop = await server.evaluate(access(request, "tuinman", Purpose.TREATMENT, "p1"), CONSENT)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.POLICY_ROLE


async def test_a_server_that_holds_another_policy_permits_nothing(around: Surroundings, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "policy.rego").write_text("package pzp\n\nimport rego.v1\n\nallow := true\n")
    policy = opa.build({"url": URL, "bundle_folder": str(folder)}, around)
    stop = await policy.evaluate(access(PZP[1].tries[0].about("p1"), "huisarts", Purpose.TREATMENT, "p1"), CONSENT)
    await policy.stop()
    assert isinstance(stop, Deny | Unavailable)


PUBLISHED = Path(__file__).parents[1] / "contract/authorization/published"
KINDS = ("Condition", "Procedure", "Coverage", "Consent")
EXACT = dict(zip(KINDS, ((), MORE[:1], MORE[3:], MORE[1:3]), strict=True))
OF_OTHERS = some.one_of(
    some.builds(lambda kind, who: about(kind, who, EXACT[kind]), some.sampled_from(KINDS), some.sampled_from(IDS)),
    some.builds(
        about, some.sampled_from(KINDS), some.sampled_from(IDS), some.lists(some.sampled_from(MORE), max_size=3)
    ),
    requests,
)
CIRCUMSTANCES = some.sampled_from((*ROLES, None)), some.sampled_from(list(Purpose)), some.sampled_from((*IDS, None))
# Chance alone does not always bring enough questions that are permitted: these often are.
LIKELY = some.sampled_from(ROLES[:3]), some.just(Purpose.TREATMENT), some.just("p1")
OURS = some.builds(
    lambda query, at: query.tries[at % len(query.tries)].about("p1"), some.sampled_from(PZP), some.integers(0, 3)
)
THEIRS = some.builds(lambda kind: about(kind, "p1", EXACT[kind]), some.sampled_from(KINDS))
QUESTIONS = some.one_of(some.tuples(requests, *CIRCUMSTANCES), some.tuples(OURS, *LIKELY))
QUESTIONS_OF_OTHERS = some.one_of(some.tuples(OF_OTHERS, *CIRCUMSTANCES), some.tuples(THEIRS, *LIKELY))


@pytest.mark.parametrize("folder", [None, "pzp_gf", "bgz"])
def test_both_engines_answer_alike(around: Surroundings, folder: str | None) -> None:
    permitted = 0
    bundle = {"bundle_folder": str(PUBLISHED / folder)} if folder else {}

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(QUESTIONS_OF_OTHERS if folder else QUESTIONS)
    def alike(question: tuple[FhirRequest, str | None, Purpose, str | None]) -> None:
        nonlocal permitted
        ours, theirs = runner.run(_both(access(*question)))
        assert type(ours) is type(theirs)
        permitted += isinstance(ours, Permit)

    async def _both(asked: Access) -> tuple[Any, Any]:
        return await embedded.evaluate(asked, CONSENT), await server.evaluate(asked, CONSENT)

    with asyncio.Runner() as runner:

        async def begin() -> tuple[Any, Any]:
            return regorus.build(bundle, around), opa.build({"url": URL, **bundle}, around)

        embedded, server = runner.run(begin())
        alike()
        runner.run(server.stop())
    assert permitted > 10, "the generated questions must include many that are permitted"
