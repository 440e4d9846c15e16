"""From the wire to the verdict: what a consumer sends is parsed, listed and permitted; and the shipped files hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.authorization.judgement import BundlePolicy
from nuts_pzp.consult.queries import PZP, RESOLVED, Try, patient_by_bsn, read
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.capability import Capability
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest, encode, parse
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Ura
from nuts_pzp.outcome import Permit
from nuts_pzp.systems.regorus import RegorusJudge

BASE = "https://wilgenhof.example/fhir"
PERMIT = Permit("explicit-consent:mitz")
EVERY_COMMUNICATION = Try("Communication", ())


@pytest.fixture(scope="module")
def policy() -> BundlePolicy:
    bundle = load(shipped())
    return BundlePolicy(bundle, Organization(Ura("90000111"), "Z3", "De Wilgenhof"), RegorusJudge(bundle))


def access(request: FhirRequest) -> Access:
    user = Organization(Ura("90000444"), "N6", "De Kade")
    professional = Professional("e-17", "SEH-arts", "R. de Boer")
    caller = Caller(user, professional, frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-dpop")
    return Access(caller, request, Patient(Bsn("999911120"), "p1", Standing.KNOWN))


def wired(request: FhirRequest, capability: Capability) -> Any:
    return parse(encode(request), capability, BASE)


TRIES = [attempt for query in PZP for attempt in query.tries]


@pytest.mark.parametrize("attempt", TRIES)
async def test_every_query_of_the_consumer_is_permitted_by_the_holder(policy: BundlePolicy, attempt: Try) -> None:
    request = wired(attempt.about("p1"), policy.capability)
    assert isinstance(request, FhirRequest)
    assert isinstance(await policy.evaluate(access(request), PERMIT), Permit)


async def test_all_communications_are_not(policy: BundlePolicy) -> None:
    request = wired(EVERY_COMMUNICATION.about("p1"), policy.capability)
    assert not isinstance(await policy.evaluate(access(request), PERMIT), Permit)


async def test_the_patient_and_what_answers_refer_to_are_permitted(policy: BundlePolicy) -> None:
    requests = [patient_by_bsn(Bsn("999911120")), *(read(name, "x-1") for name in sorted(RESOLVED))]
    for request in requests:
        parsed = wired(request, policy.capability)
        assert isinstance(await policy.evaluate(access(parsed), PERMIT), Permit)


@pytest.mark.parametrize(
    "query",
    [
        # As the 0.1.3-beta3 guide writes them: the system of the first code only, the form with its version.
        "/Observation?patient=Patient/p1&code=http://snomed.info/sct|153851000146100,395091006,340171000146104",
        "/QuestionnaireResponse?subject=Patient/p1"
        "&questionnaire=https://fhir.iknl.nl/fhir/Questionnaire/ACP-zib2020|0.1.3-beta3",
        "/Goal?patient=Patient/p1&description:in=https://fhir.iknl.nl/fhir/ValueSet/ACP-MedicalPolicyGoal&_count=50",
        "/Procedure?patient=p1&code=http://snomed.info/sct|713603004&_format=json",
        f"/Goal?patient={BASE}/Patient/p1",
    ],
)
async def test_what_other_consumers_write_is_permitted(policy: BundlePolicy, query: str) -> None:
    path, _, rest = query.partition("?")
    request = parse(RawRequest("GET", path, rest, (), b""), policy.capability, BASE)
    assert isinstance(request, FhirRequest)
    assert isinstance(await policy.evaluate(access(request), PERMIT), Permit)


def test_every_listed_parameter_and_include_is_one_that_the_policy_knows() -> None:
    bundle = load(shipped())
    rego = bundle.modules[0].text
    assert bundle.stated is not None
    for name, listed in bundle.stated.resources.items():
        assert f'"{name}"' in rego
        for parameter in listed.params:
            assert f'"{parameter}"' in rego
        for include in listed.includes:
            assert f'"{include}"' in rego


NUTS = Path(str(shipped("nuts")))


def fields(definition: dict[str, Any]) -> list[dict[str, Any]]:
    return [field for one in definition["input_descriptors"] for field in one["constraints"]["fields"]]


def definitions() -> list[dict[str, Any]]:
    policy = json.loads((NUTS / "pzp-gf.json").read_text())["pzp-gf"]
    assert set(policy) == {"organization"}
    discovery = json.loads((NUTS / "discovery" / "pzp-gf.json").read_text())
    return [policy["organization"], discovery["presentation_definition"]]


def test_the_access_policy_of_the_node_demands_what_the_gateway_demands() -> None:
    names = {field["id"] for field in fields(definitions()[0]) if "id" in field}
    assert names == {
        "organization_name",
        "organization_city",
        "organization_ura",
        "organization_facility_type",
        "employee_identifier",
        "employee_role",
        "employee_name",
    }


@pytest.mark.parametrize("which", [0, 1])
def test_the_definitions_of_the_node_have_no_known_trap(which: int) -> None:
    definition = definitions()[which]
    assert set(definition["format"]) == {"ldp_vc", "jwt_vc", "jwt_vp"}
    ids = [field["id"] for field in fields(definition) if "id" in field]
    assert len(ids) == len(set(ids))
    for field in fields(definition):
        pattern = field["filter"].get("pattern", "^$")
        assert pattern.startswith("^")
        assert pattern.endswith("$")
        assert pattern.count("(") <= 1
        subject = [path for path in field["path"] if "credentialSubject" in path]
        assert not subject or {path.replace("[0]", "") for path in subject} == {subject[-1].replace("[0]", "")}
        assert not subject or len(subject) == 2
